//! What is seen of every request from outside: one log line with its ids, one count, one duration.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use shared::id::RequestId;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use super::trace::TraceParent;
use crate::{app::App, metrics, telemetry::Outside};

/// The request's id: taken from the edge, given back on the answer, and in every log line between.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Wraps a request in a span that names it, and tells of its end.
pub(super) async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    // Not of the clock, which is set now and then: then a request would have taken hours, or nothing.
    let began = Instant::now();
    let id = given_id(&request)
        .unwrap_or_else(|| RequestId::new(app.clock.now(), app.random.bytes().unwrap_or_default()));
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    // The pattern, never the path: a path would make a series of its own for every id in it.
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = span(&request, id);

    let mut response = next.run(request).instrument(span.clone()).await;

    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let status = response.status();
    let took = began.elapsed();
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| {
        if status.is_server_error() {
            tracing::error!(status = status.as_u16(), ms, "request failed");
        } else {
            tracing::info!(status = status.as_u16(), ms, "request answered");
        }
    });
    let method = counted(&method);
    let status = status.as_u16().to_string();
    ::metrics::counter!(metrics::REQUESTS, "method" => method, "route" => route.clone(), "status" => status)
        .increment(1);
    ::metrics::histogram!(metrics::REQUEST_SECONDS, "method" => method, "route" => route)
        .record(took.as_secs_f64());
    response
}

/// The method as it is counted: anybody can make up methods, and each would be a series.
fn counted(method: &Method) -> &'static str {
    const COUNTED: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
    ];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    COUNTED.iter().position(|counted| counted == method).map_or("other", |at| NAMES[at])
}

/// The id that the edge gave the request, if it is one. Only its form counts: it decides nothing.
fn given_id(request: &Request) -> Option<RequestId> {
    request.headers().get(REQUEST_ID)?.to_str().ok()?.parse().ok()
}

fn span(request: &Request, id: RequestId) -> Span {
    let span = tracing::info_span!(
        "request",
        request_id = %id,
        method = %Outside(request.method().as_str()),
        path = %Outside(request.uri().path()),
        trace_id = field::Empty,
        traceparent = field::Empty,
        address = field::Empty,
        user = field::Empty,
        session = field::Empty,
    );
    let parent = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok());
    if let Some(parent) = parent.and_then(TraceParent::parse) {
        span.record("trace_id", parent.trace_id());
        span.record("traceparent", field::display(&parent));
    }
    span
}
