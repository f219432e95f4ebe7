//! How serving ends.

use std::sync::Arc;

use axum::{Router, routing::get};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Notify,
};

use super::*;

const BOUNDS: Bounds =
    Bounds { connections: 8, idle: Duration::from_secs(10), answer: Duration::from_secs(10) };

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);

fn tasks(delivery: Option<Delivery>) -> Tasks {
    let lasting = || tokio::spawn(pending());
    Tasks { metrics: lasting(), upkeep: lasting(), linking: lasting(), delivery }
}

/// A server with a request under way that ends when it may, and its client.
async fn busy(release: Arc<Notify>) -> (Server, TcpStream) {
    let begun = Arc::new(Notify::new());
    let handler = {
        let begun = Arc::clone(&begun);
        move || async move {
            begun.notify_one();
            release.notified().await;
            "done"
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let server = Server::new(listener, Router::new().route("/", get(handler)), BOUNDS);
    tokio::select! {
        never = server.run() => match never {},
        () = begun.notified() => {}
    }
    (server, client)
}

/// So many signals at once, and none after them.
fn signals(mut number: u32) -> impl AsyncFnMut() {
    async move || {
        if number == 0 {
            pending::<()>().await;
        }
        number -= 1;
    }
}

async fn panics(release: Arc<Notify>) {
    release.notify_one();
    panic!("it fails as nobody foresaw");
}

#[tokio::test]
async fn a_stop_takes_its_time_once() {
    let (server, _client) = busy(Arc::default()).await;
    let tasks = tasks(Some(Delivery::of(|_| pending())));
    // Long, so that what a busy machine adds to it is little beside a second time.
    let patience = Duration::from_secs(5);
    let began = Instant::now();
    until_stopped(server, tasks, signals(1), patience).await.unwrap();
    let took = began.elapsed();
    assert!(took >= patience && took < patience * 2, "{took:?}");
}

#[tokio::test]
async fn the_delivery_is_told_at_the_signal_and_not_after_the_last_request() {
    let release = Arc::new(Notify::new());
    let (server, mut client) = busy(Arc::clone(&release)).await;
    let delivery = Delivery::of(|stop| async move {
        stop.notified().await;
        release.notify_one();
    });
    let stopped = until_stopped(server, tasks(Some(delivery)), signals(1), LONG);
    timeout(LONG / 4, stopped).await.expect("the end").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let (server, _client) = busy(Arc::default()).await;
    let tasks = tasks(Some(Delivery::of(|_| pending())));
    timeout(LONG / 4, until_stopped(server, tasks, signals(2), LONG)).await.expect("the end").unwrap();
}

#[tokio::test]
async fn a_task_that_ends_ends_the_process_with_an_error_once_what_is_under_way_is_done() {
    for which in 0..4 {
        let release = Arc::new(Notify::new());
        let (server, mut client) = busy(Arc::clone(&release)).await;
        let (mut tasks, panics) = (tasks(None), panics(release));
        match which {
            0 => tasks.metrics = tokio::spawn(panics),
            1 => tasks.upkeep = tokio::spawn(panics),
            2 => tasks.linking = tokio::spawn(panics),
            _ => tasks.delivery = Some(Delivery::of(|_| panics)),
        }
        let stopped = until_stopped(server, tasks, signals(0), LONG);
        let failure = timeout(LONG / 4, stopped).await.expect("the end").unwrap_err();
        assert!(failure.to_string().contains("has ended"), "{failure}");
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("done"), "{answer}");
    }
}
