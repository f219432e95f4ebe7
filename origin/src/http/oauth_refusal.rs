//! What is refused on an OAuth path before its handler is asked, or while it is: in the shape of RFC 6749 §5.2, as its
//! handler refuses. Clients there read that and nothing else.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};
use serde::Deserialize;
use serde_json::json;
use shared::problem;

/// More bytes than any problem of ours has.
const LARGEST: usize = 64 * 1024;

/// What a problem says.
#[derive(Default, Deserialize)]
struct Told {
    title: String,
    detail: Option<String>,
}

/// Gives a problem on an OAuth path its shape there. Its status and what else its headers say stay.
pub(super) async fn reshape(request: Request, next: Next) -> Response {
    let is_oauth = request.uri().path().starts_with("/oauth/");
    let response = next.run(request).await;
    let is_problem =
        response.headers().get(header::CONTENT_TYPE).is_some_and(|of| of == problem::CONTENT_TYPE);
    if !is_oauth || !is_problem {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, LARGEST).await.unwrap_or_default();
    let Told { title, detail } = serde_json::from_slice(&body).unwrap_or_default();
    let error = json!({ "error": error(parts.status), "error_description": detail.unwrap_or(title) });
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    Response::from_parts(parts, Body::from(error.to_string()))
}

/// The error by its name; those of our own failures are of §4.1.2.1.
fn error(status: StatusCode) -> &'static str {
    match status.as_u16() {
        503 => "temporarily_unavailable",
        500.. => "server_error",
        _ => "invalid_request",
    }
}
