//! The OAuth paths where something refuses before their handlers do, or in their place.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

use super::world::{EMAIL, World, request};

/// A body that does not come.
struct Never;

impl HttpBody for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

#[tokio::test]
async fn whatever_refuses_on_the_oauth_paths_does_it_in_the_shape_of_rfc_6749() {
    let world = World::with(&[("COUNTERSIGN_REQUEST_SECONDS", "1")]).await;
    let (_, refresh) = world.tokens(EMAIL).await;
    let wrong_method = world.call("GET", "/oauth/token", &[]).await;
    assert_eq!(wrong_method.header("allow"), "POST");
    let elsewhere = world.call("GET", "/auth/tokens", &[]).await;
    assert_eq!(elsewhere.problem(), "/problems/method-not-allowed");
    let badly_framed = world.call("POST", "/oauth/revoke", &[("transfer-encoding", "gzip")]).await;
    assert_eq!(badly_framed.header("connection"), "close");
    assert!(badly_framed.text.contains("chunked"), "{badly_framed:?}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let late = world.send(request("POST", "/oauth/token", &form, Body::new(Never))).await;
    // Whoever needs the database waits for it longer than a request may take.
    let (reads, mut taken) = (world.app.domain.store().reads(), Vec::new());
    for _ in 0..reads.options().get_max_connections() {
        taken.push(reads.acquire().await.unwrap());
    }
    let slow = world.submit("/oauth/revoke", &[], &[("token", &refresh)]).await;
    assert_eq!(slow.header("retry-after"), "1");
    for (answer, status, error) in [
        (wrong_method, 405, "invalid_request"),
        (badly_framed, 400, "invalid_request"),
        (late, 408, "invalid_request"),
        (slow, 503, "temporarily_unavailable"),
    ] {
        assert_eq!(answer.status, status, "{answer:?}");
        let json = answer.json();
        assert_eq!(json["error"], error, "{answer:?}");
        assert!(json["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{answer:?}");
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(2), "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
        assert_eq!(answer.header("content-length"), answer.text.len().to_string());
    }
}
