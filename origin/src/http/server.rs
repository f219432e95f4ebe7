//! The listening socket: HTTP/1.1 with a limit on everything a client can draw out, and a graceful stop.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, HttpBody},
    extract::ConnectInfo,
    http::Request,
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use super::{
    outflow::Outflow,
    places::{Place, Places},
};

/// The most bytes that a head may have; longer ones are 431.
const LARGEST_HEAD: usize = 32 * 1024;

/// What clients may cost by their connections alone, whatever they ask for.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How many connections are open at once.
    pub connections: usize,
    /// How long a connection may be open without the whole head of a request having come.
    pub idle: Duration,
    /// How long a client may take to let an answer out.
    pub answer: Duration,
    /// How long requests may go on after the signal to stop.
    pub drain: Duration,
}

/// Answers connections until `stop` is ready, then lets the requests under way finish.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>, bounds: Bounds) {
    let graceful = GracefulShutdown::new();
    let places = Places::new(bounds.connections);
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => match accepted {
                Ok((place, stream, peer)) => answer(place, stream, peer, router.clone(), &graceful, bounds),
                Err(error) => recover(&error).await,
            },
        }
    }
    // Closed before the wait, so that a load balancer sees at once that nobody listens any more.
    drop(listener);
    let open = graceful.count();
    tracing::info!(open, "stopping: no new connections, the requests under way finish");
    if tokio::time::timeout(bounds.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = bounds.drain.as_secs(), "stopping: some requests did not finish in time");
    }
}

/// The next connection, with a place for it. Until there is one, those that come wait with the kernel.
async fn accept(listener: &TcpListener, places: &Places) -> io::Result<(Place, TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    Ok((places.take().await, stream, peer))
}

/// The connection's place was another's by the time its request had come: nothing of it was begun.
#[derive(Debug, thiserror::Error)]
#[error("displaced by another connection")]
struct Displaced;

fn answer(
    place: Place,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    graceful: &GracefulShutdown,
    bounds: Bounds,
) {
    // Answers are small and complete; waiting to join them with later ones only delays them.
    let _ = stream.set_nodelay(true);
    let place = Arc::new(place);
    let served = Arc::clone(&place);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (place, router) = (Arc::clone(&served), router.clone());
        async move {
            if !place.begin() {
                return Err(Displaced);
            }
            let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
            Ok(answer.map(|body| Departing { body, place }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.idle)
        .max_header_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Outflow::new(stream, Arc::clone(&place), bounds.answer)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = place.displaced() => tracing::debug!("a connection that waited was closed to make room"),
            ended = connection => if let Err(error) = ended {
                // A client that hangs up or speaks no HTTP is its own affair.
                tracing::debug!(%error, "a connection ended early");
            },
        }
    });
}

/// The body of an answer, which is dropped when all of it is on its way, or it is given up.
struct Departing {
    body: Body,
    place: Arc<Place>,
}

impl HttpBody for Departing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Departing {
    fn drop(&mut self) {
        self.place.answered();
    }
}

/// What failed was one connection, or there are too many open files: then a moment's rest helps, and
/// ending the process would not.
async fn recover(error: &io::Error) {
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        tracing::warn!(%error, "no connection could be accepted; trying again");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::{Notify, oneshot},
    };

    use super::*;

    const BOUNDS: Bounds = Bounds {
        connections: 8,
        idle: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        drain: Duration::from_secs(10),
    };

    /// A server of one large answer, and its address.
    async fn served(bounds: Bounds) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let large = || async { vec![b'x'; 32 * 1024 * 1024] };
        let router = Router::new().route("/", get(|| async { "small" })).route("/large", get(large));
        tokio::spawn(serve(listener, router, std::future::pending(), bounds));
        address
    }

    async fn asked(client: &mut TcpStream, path: &str) {
        client.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
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
        let mut client = TcpStream::connect(address).await.unwrap();
        asked(&mut client, "/").await;
        assert!(
            to_the_end(&mut client).await.ends_with(b"small"),
            "one that was answered may idle no longer"
        );
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (begun, release) = (std::sync::Arc::new(Notify::new()), std::sync::Arc::new(Notify::new()));
        let (inner_begun, inner_release) = (begun.clone(), release.clone());
        let slow = move || async move {
            inner_begun.notify_one();
            inner_release.notified().await;
            "done"
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().route("/slow", get(slow));
        let until = async move { drop(stopped.await) };
        let server = tokio::spawn(serve(listener, router, until, BOUNDS));

        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        begun.notified().await;
        stop.send(()).unwrap();
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
    async fn an_oversized_head_is_431() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Router::new(), std::future::pending(), BOUNDS));
        let mut client = TcpStream::connect(address).await.unwrap();
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(LARGEST_HEAD));
        client.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
}
