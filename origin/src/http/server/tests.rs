//! Connections that cost what they may, and a stop that gives nothing up that was begun.

use std::io::Write as _;

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
};

use super::*;

const BOUNDS: Bounds =
    Bounds { connections: 8, idle: Duration::from_secs(10), answer: Duration::from_secs(10) };

/// A server of these routes, and its address.
async fn listening(router: Router, bounds: Bounds) -> (Server, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (Server::new(listener, router, bounds), address)
}

fn run(server: Server) {
    tokio::spawn(async move { server.run().await });
}

/// A server of one large answer, and its address.
async fn served(bounds: Bounds) -> SocketAddr {
    let large = || async { vec![b'x'; 32 * 1024 * 1024] };
    let router = Router::new().route("/", get(|| async { "small" })).route("/large", get(large));
    let (server, address) = listening(router, bounds).await;
    run(server);
    address
}

/// A route that says when it has begun, and waits until it may end.
fn slow() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inner_begun, inner_release) = (Arc::clone(&begun), Arc::clone(&release));
    let slow = move || async move {
        inner_begun.notify_one();
        inner_release.notified().await;
        "done"
    };
    (Router::new().route("/slow", get(slow)).route("/", get(|| async { "small" })), begun, release)
}

/// A server that is stopped while it answers a slow request, and that request's client.
async fn busy() -> (Server, SocketAddr, TcpStream, Arc<Notify>) {
    let (router, begun, release) = slow();
    let (server, address) = listening(router, BOUNDS).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/slow").await;
    tokio::select! {
        never = server.run() => match never {},
        () = begun.notified() => {}
    }
    (server, address, client, release)
}

async fn asked(client: &mut TcpStream, path: &str) {
    client.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
}

/// A client whose request is there whole before the server, which shares this thread, sees the connection: however busy
/// the machine is, it came in time.
fn asked_before_it_is_seen(address: SocketAddr, path: &str) -> TcpStream {
    let mut client = std::net::TcpStream::connect(address).unwrap();
    client.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).unwrap();
    client.set_nonblocking(true).unwrap();
    TcpStream::from_std(client).unwrap()
}

/// What comes until the connection ends, in whatever way.
async fn to_the_end(client: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut received)).await;
    let _ = end.expect("the end of the connection");
    received
}

#[tokio::test]
async fn an_answer_that_nobody_reads_is_given_up() {
    let answer = Duration::from_millis(300);
    let address = served(Bounds { answer, ..BOUNDS }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/large").await;
    // A byte now and then is not enough.
    let mut byte = [0];
    for _ in 0..6 {
        tokio::time::sleep(answer / 3).await;
        client.read_exact(&mut byte).await.unwrap();
    }
    assert!(to_the_end(&mut client).await.len() < 32 * 1024 * 1024);
}

#[tokio::test]
async fn an_answer_that_is_read_slowly_but_in_time_arrives() {
    let address = served(Bounds { answer: Duration::from_secs(4), ..BOUNDS }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        asked(&mut client, "/large").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let mut left = 32 * 1024 * 1024;
        let mut buffer = vec![0; 1024 * 1024];
        while left > 0 {
            let read = client.read(&mut buffer).await.unwrap();
            assert!(read > 0, "{left} bytes are missing");
            left -= read.min(left);
        }
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_whole_ends_the_connection() {
    let idle = Duration::from_millis(300);
    let address = served(Bounds { idle, ..BOUNDS }).await;
    for beginning in ["", "GET / HTT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(beginning.as_bytes()).await.unwrap();
        assert!(to_the_end(&mut client).await.is_empty(), "{beginning}");
    }
    let mut client = asked_before_it_is_seen(address, "/");
    assert!(to_the_end(&mut client).await.ends_with(b"small"), "one that was answered may idle no longer");
}

#[tokio::test]
async fn where_all_places_are_taken_whoever_waits_makes_room() {
    let address = served(Bounds { connections: 2, ..BOUNDS }).await;
    let mut waiting = Vec::new();
    for _ in 0..5 {
        waiting.push(TcpStream::connect(address).await.unwrap());
    }
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/").await;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    for client in waiting.iter_mut().take(4) {
        assert!(to_the_end(client).await.is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_is_going_out_makes_no_room_before_its_end() {
    let address = served(Bounds { connections: 1, ..BOUNDS }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/large").await;
    let mut beginning = [0; 12];
    client.read_exact(&mut beginning).await.unwrap();
    let mut newcomer = TcpStream::connect(address).await.unwrap();
    asked(&mut newcomer, "/").await;
    assert!(to_the_end(&mut client).await.len() > 32 * 1024 * 1024);
    newcomer.read_exact(&mut beginning).await.unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_request_under_way_finishes_after_the_signal_and_no_other_begins() {
    let (server, address, mut client, release) = busy().await;
    let server = tokio::spawn(server.finish(Instant::now() + Duration::from_secs(10)));
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    release.notify_one();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("done"), "{text}");
    server.await.unwrap();
}

#[tokio::test]
async fn a_request_that_is_hung_up_on_is_done_to_its_end_and_keeps_its_place() {
    let (router, begun, release) = slow();
    let (server, address) = listening(router, Bounds { connections: 1, ..BOUNDS }).await;
    run(server);
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/slow").await;
    begun.notified().await;
    drop(client);

    let mut newcomer = TcpStream::connect(address).await.unwrap();
    asked(&mut newcomer, "/").await;
    let mut answer = [0; 12];
    let early = tokio::time::timeout(Duration::from_millis(200), newcomer.read(&mut answer)).await;
    assert!(early.is_err(), "the place was free before the request was done");
    release.notify_one();
    newcomer.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_stop_waits_for_what_is_hung_up_on_and_no_longer_than_it_may() {
    for is_released in [true, false] {
        let (server, _, client, release) = busy().await;
        drop(client);
        let time = Duration::from_millis(if is_released { 10_000 } else { 500 });
        let until = Instant::now() + time;
        let stopped = tokio::spawn(server.finish(until));
        if is_released {
            release.notify_one();
        }
        tokio::time::timeout(Duration::from_secs(5), stopped).await.expect("the end").unwrap();
        assert_eq!(Instant::now() < until, is_released, "a request was under way");
    }
}

#[tokio::test]
async fn a_panic_ends_its_connection_alone() {
    async fn panics() -> &'static str {
        panic!("it fails as nobody foresaw")
    }
    let router = Router::new().route("/panic", get(panics)).route("/", get(|| async { "small" }));
    let (server, address) = listening(router, Bounds { connections: 1, ..BOUNDS }).await;
    run(server);
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        asked(&mut client, "/panic").await;
        assert!(to_the_end(&mut client).await.is_empty());
    }
    let mut client = TcpStream::connect(address).await.unwrap();
    asked(&mut client, "/").await;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn an_oversized_head_is_431() {
    let (server, address) = listening(Router::new(), BOUNDS).await;
    run(server);
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(LARGEST_HEAD));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}
