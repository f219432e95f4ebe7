//! The listening socket: HTTP/1.1 with a limit on everything a client can draw out, and a graceful stop.

use std::{
    convert::Infallible,
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
    http::{Request, Response},
};
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tower::ServiceExt as _;

use super::{
    outflow::Outflow,
    places::{Place, Places},
};

#[cfg(test)]
mod tests;

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
}

/// What listens, and all that has come there and is not done.
pub struct Server {
    listener: TcpListener,
    router: Router,
    bounds: Bounds,
    graceful: GracefulShutdown,
    places: Places,
}

impl Server {
    /// Of nobody yet.
    #[must_use]
    pub fn new(listener: TcpListener, router: Router, bounds: Bounds) -> Self {
        let (graceful, places) = (GracefulShutdown::new(), Places::new(bounds.connections));
        Self { listener, router, bounds, graceful, places }
    }

    /// Answers connections until this is dropped; those that are open then go on.
    pub async fn run(&self) -> Infallible {
        loop {
            match accept(&self.listener, &self.places).await {
                Ok((place, stream, peer)) => {
                    answer(place, stream, peer, self.router.clone(), &self.graceful, self.bounds);
                }
                Err(error) => recover(&error).await,
            }
        }
    }

    /// Takes no more connections, and lets the requests under way finish until this moment, those too whose clients
    /// have hung up.
    pub async fn finish(self, until: Instant) {
        let Self { listener, graceful, places, .. } = self;
        // Closed before the wait, so that a load balancer sees at once that nobody listens any more.
        drop(listener);
        let open = graceful.count();
        tracing::info!(open, "stopping: no new connections, the requests under way finish");
        let finished = async {
            graceful.shutdown().await;
            places.all_free().await;
        };
        if timeout_at(until, finished).await.is_err() {
            tracing::warn!("stopping: some requests did not finish in time");
        }
    }
}

/// The next connection, with a place for it. Until there is one, those that come wait with the kernel.
async fn accept(listener: &TcpListener, places: &Places) -> io::Result<(Place, TcpStream, SocketAddr)> {
    let (stream, peer) = listener.accept().await?;
    Ok((places.take().await, stream, peer))
}

/// Why a request has no answer, and its connection ends.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    /// Its place was another's by the time that the request had come: nothing of it was begun.
    #[error("displaced by another connection")]
    Displaced,
    /// The log has what it said, on standard error.
    #[error("the request ended in a panic")]
    Panicked,
}

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
                return Err(Unanswered::Displaced);
            }
            match handle(router, request, Arc::clone(&place)).await {
                Some(answer) => Ok(answer.map(|body| Departing { body, place })),
                None => Err(Unanswered::Panicked),
            }
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

/// Answers in a task of its own, which a client that hangs up does not end: what it has begun is done to the end and
/// recorded, and keeps its place until then. Else a guess would leave no trace that is hung up on. None when it panics.
async fn handle(router: Router, request: Request<Body>, place: Arc<Place>) -> Option<Response<Body>> {
    let handled = tokio::spawn(async move {
        let answer = router.oneshot(request).await.unwrap_or_else(|never| match never {});
        drop(place);
        answer
    });
    handled.await.inspect_err(|_| tracing::error!("a request ended in a panic")).ok()
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
