//! What a handler leaves unread of a request's body. An answer that comes before the body is read would be
//! lost: to close a connection with bytes unread resets it, and whoever still writes, the edge above all, sees
//! the reset and not the answer (RFC 9112 §9.6).

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::header,
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};

/// The most bytes that are thrown away for the sake of an answer.
const MOST: usize = 16 * 1024 * 1024;

/// The longest time that a client has to send them.
const TIME: Duration = Duration::from_secs(5);

/// Answers once the rest of the request's body has come, or too much of it.
pub(super) async fn discard(request: Request, next: Next) -> Response {
    // Who waits for our word before sending the body need not send it (RFC 9110 §10.1.1).
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let rest = Shared(Arc::new(Mutex::new(body)));
    let response = next.run(Request::from_parts(parts, Body::new(rest.clone()))).await;
    // Whether it ends, breaks off or takes too long: there is an answer, and it goes out.
    let _ = tokio::time::timeout(TIME, rest.drain()).await;
    response
}

/// A body with two readers: the handler, and after it whoever throws the rest away.
#[derive(Clone)]
struct Shared(Arc<Mutex<Body>>);

impl Shared {
    async fn drain(mut self) {
        let mut left = MOST;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(remaining) = left.checked_sub(length) else { return };
            left = remaining;
        }
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
