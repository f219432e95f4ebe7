//! What holds for every answer: nobody keeps it, frames it or guesses its type, and it comes in time.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use shared::problem::{Kind, Problem};

use super::problems;
use crate::{app::App, domain};

/// Headers for every answer that does not set them itself.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Sets the headers that protect an answer.
pub(super) async fn headers(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    protect(response.headers_mut(), app.issuer().starts_with("https://"));
    response
}

fn protect(headers: &mut HeaderMap, secure: bool) {
    // A cookie in an answer that somebody keeps is somebody else's session (CVE-2026-24472).
    if headers.contains_key(header::SET_COOKIE) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    for (name, value) in HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if secure {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
}

/// Refuses a body whose end two readers could see in two places: its coding is `chunked`, said once, or there is
/// none (RFC 9112 §6.1). The connection ends with the answer, for what follows on it may be a request or a body.
pub(super) async fn framing(request: Request, next: Next) -> Response {
    if is_framed_plainly(request.headers()) {
        return next.run(request).await;
    }
    let detail = "The only transfer coding is chunked, in one header.";
    let mut response = Problem::new(Kind::MalformedRequest).with_detail(detail).into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn is_framed_plainly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    codings.next().is_none_or(is_chunked) && codings.next().is_none()
}

/// Answers 503 while the database was restored from a backup and nobody has said so. That a database cannot be
/// reached is for those to answer who need it. Operators are not made to wait for it here: whether it may be relied
/// on is what readiness asks itself.
pub(super) async fn reliance(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path.starts_with("/health/") || path == "/metrics" {
        return next.run(request).await;
    }
    match app.domain.must_have_been_current(app.clock.now()).await {
        Err(error @ domain::Error::WentBack { .. }) => problems::of(error).into_response(),
        _ => next.run(request).await,
    }
}

/// Answers 503 for a request that takes longer than is allowed. What it had begun in the database is
/// rolled back, unless it was being committed, or done together with what others asked for.
pub(super) async fn time(State(app): State<App>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(app.request_time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!("the request took too long and was given up");
            Problem::new(Kind::Unavailable).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_chunked_once_or_not_at_all() {
        let framed = |codings: &[&'static str]| {
            let values = codings.iter().map(|coding| HeaderValue::from_static(coding));
            is_framed_plainly(&values.map(|value| (header::TRANSFER_ENCODING, value)).collect())
        };
        assert!(framed(&[]) && framed(&["chunked"]) && framed(&["Chunked"]));
        for codings in
            [&["identity", "chunked"][..], &["chunked", "chunked"], &["gzip, chunked"], &["identity"]]
        {
            assert!(!framed(codings), "{codings:?}");
        }
    }

    #[test]
    fn an_answer_with_a_cookie_is_never_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("a=b"));
        protect(&mut headers, false);
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn what_an_answer_says_itself_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        protect(&mut headers, true);
        assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=300");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY));
    }
}
