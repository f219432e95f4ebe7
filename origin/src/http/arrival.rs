//! How a request's body arrives: in time, or the request is given up; and to its end, also what a handler leaves
//! unread of it. An answer that comes before the body is read would be lost: to close a connection with bytes unread
//! resets it, and whoever still writes, the edge above all, sees the reset and not the answer (RFC 9112 §9.6).

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use hyper::body::{Frame, SizeHint};
use shared::problem::{Kind, Problem};
use tokio::time::Sleep;

use crate::app::App;

/// The most bytes that are thrown away for the sake of an answer.
const MOST: usize = 16 * 1024 * 1024;

/// The longest time that a client has to send them.
const TIME: Duration = Duration::from_secs(5);

/// Answers once the rest of the request's body has come, or too much of it. A body that does not come within half of
/// the time that a request may take is 408, whatever its reader made of that: slowness is the client's, and no error
/// of ours.
pub(super) async fn await_all(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Who waits for our word before sending the body need not send it (RFC 9110 §10.1.1).
    let waits_for_our_word = request.headers().contains_key(header::EXPECT);
    let (parts, body) = request.into_parts();
    let rest = Arriving::within(app.request_time / 2, body);
    let response = next.run(Request::from_parts(parts, Body::new(rest.clone()))).await;
    if rest.is_late() {
        let detail = "The body has to come sooner after the request's head.";
        let mut response = Problem::new(Kind::RequestTimeout).with_detail(detail).into_response();
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return response;
    }
    if !waits_for_our_word {
        // Whether it ends, breaks off or takes too long: there is an answer, and it goes out.
        let _ = tokio::time::timeout(TIME, rest.drain()).await;
    }
    response
}

/// A body with two readers: the handler, and after it whoever throws the rest away.
#[derive(Clone)]
struct Arriving(Arc<Mutex<Arrival>>);

struct Arrival {
    body: Body,
    deadline: Pin<Box<Sleep>>,
    is_late: bool,
}

/// The body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body took too long")]
struct Late;

impl Arriving {
    fn within(time: Duration, body: Body) -> Self {
        let deadline = Box::pin(tokio::time::sleep(time));
        Self(Arc::new(Mutex::new(Arrival { body, deadline, is_late: false })))
    }

    fn is_late(&self) -> bool {
        self.arrival().is_late
    }

    async fn drain(mut self) {
        let mut left = MOST;
        while let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let Some(remaining) = left.checked_sub(length) else { return };
            left = remaining;
        }
    }

    fn arrival(&self) -> MutexGuard<'_, Arrival> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut arrival = self.arrival();
        let frame = Pin::new(&mut arrival.body).poll_frame(context);
        if frame.is_pending() && arrival.deadline.as_mut().poll(context).is_ready() {
            arrival.is_late = true;
            return Poll::Ready(Some(Err(axum::Error::new(Late))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.arrival().body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.arrival().body.size_hint()
    }
}
