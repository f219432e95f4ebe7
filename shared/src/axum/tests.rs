//! The layer before a small service, and what comes through it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    response::Response,
    routing::{get, post},
};
use http::{StatusCode, request::Builder};
use http_body_util::{BodyExt, Limited};

use tower::{Layer, Service, ServiceExt};
use uuid::Uuid;

use super::*;
use crate::{
    credential::Credential,
    identity::{Identity, Subject},
    mac::{MacKey, SharedSecret},
    seal::{self, Message, SealError, Tag, digest, nonce::NonceSource},
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn key() -> MacKey {
    SharedSecret::new([7; 32]).seal_key("demo")
}

fn layer(nonces: NoncePolicy, authority: Option<&str>) -> SealLayer {
    SealLayer::new(
        key().into(),
        Arc::new(|| NOW),
        nonces,
        authority.map(|authority| authority.parse().unwrap()),
    )
    .with_body_limit(100)
}

fn router() -> Router {
    let routes = Router::new()
        .route(
            "/who",
            get(async |identity: Identity| format!("{}", identity.subject.is_some()))
                .post(async |body: String| body),
        )
        .route("/mine", get(async |SignedIn(subject): SignedIn| subject.user.to_string()));
    Router::new().nest("/api", routes.clone()).merge(routes)
}

fn service() -> Router {
    router().layer(layer(NoncePolicy::Remember, None))
}

fn signed_in() -> Identity {
    let subject = Subject {
        user: Uuid::from_bytes([1; 16]).into(),
        roles: vec!["viewer".parse().unwrap()],
        session: Uuid::from_bytes([2; 16]).into(),
        credential: Credential::Bearer,
        issued: NOW,
        expires: NOW + Duration::from_secs(600),
    };
    Identity { subject: Some(subject), address: None }
}

/// A sealed request, each with a nonce of its own, ready for whatever a test adds to it.
fn sealed(method: &str, path_and_query: &str, identity: &Identity, body: Option<&[u8]>) -> Builder {
    static NONCES: NonceSource = NonceSource::new([9; 8]);
    let mut headers = identity.to_headers();
    headers.extend(body.map(|body| (digest::HEADER, digest::of(body))));
    let covered: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query, None),
    };
    let message = Message { method, authority: "demo.test", path, query, headers: &covered };
    let seal = seal::sign(&message, &key(), Tag::Request, NOW, seal::MAX_LIFETIME, NONCES.next()).unwrap();
    headers.extend([(seal::INPUT_HEADER, seal.input), (seal::SIGNATURE_HEADER, seal.signature)]);
    headers.into_iter().fold(
        Request::builder().method(method).uri(path_and_query).header("host", "Demo.test"),
        |request, (name, value)| request.header(name, value),
    )
}

fn empty(request: Builder) -> Request {
    request.body(Body::empty()).unwrap()
}

async fn ask(service: Router, request: Request) -> (StatusCode, String) {
    let response: Result<Response, Infallible> = service.oneshot(request).await;
    let (parts, body) = response.unwrap().into_parts();
    let body = String::from_utf8(to_bytes(body, 10_000).await.unwrap().to_vec()).unwrap();
    if parts.status == StatusCode::UNAUTHORIZED {
        assert_eq!(parts.headers["content-type"], "application/problem+json");
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert!(parts.headers.contains_key("www-authenticate"));
    }
    (parts.status, body)
}

/// Whether the answer is the refusal of a request that is not sealed.
fn is_bad_seal((status, body): &(StatusCode, String)) -> bool {
    *status == StatusCode::UNAUTHORIZED && body.contains(r#""type":"/problems/bad-seal""#)
}

#[tokio::test]
async fn a_sealed_identity_reaches_the_handler() {
    let user = Uuid::from_bytes([1; 16]).to_string();
    for path in ["/mine", "/mine?a=1&b", "/api/mine", "/mine?"] {
        let answer = ask(service(), empty(sealed("GET", path, &signed_in(), None))).await;
        assert_eq!(answer, (StatusCode::OK, user.clone()), "{path}");
    }
    // Inside a nested router the path is shorter, and the seal is over the whole one.
    let nested = Router::new().nest("/api", router().layer(layer(NoncePolicy::Remember, None)));
    assert_eq!(
        ask(nested, empty(sealed("GET", "/api/mine", &signed_in(), None))).await,
        (StatusCode::OK, user)
    );
}

#[tokio::test]
async fn a_sealed_request_without_a_subject_is_anonymous() {
    let anonymous = Identity::default();
    let answer = ask(service(), empty(sealed("GET", "/who", &anonymous, None))).await;
    assert_eq!(answer, (StatusCode::OK, "false".to_owned()));
    let (status, body) = ask(service(), empty(sealed("GET", "/mine", &anonymous, None))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("/problems/unauthenticated"), "{body}");
}

#[tokio::test]
async fn without_a_seal_nothing_gets_through() {
    let plain = || Request::builder().uri("/who").header("host", "demo.test");
    for request in [
        plain(),
        plain().header("authorization", "Bearer e30.e30.e30").header("cookie", "__Host-session=x"),
        plain().header("x-identity-subject", "admin"),
        plain().header("x_identity_subject", "admin"),
        plain().header("signature", "countersign=:AAAA:"),
        plain().header("signature-input", "countersign=()"),
        plain().header("content-digest", "\u{fc}"),
        sealed("GET", "/who", &signed_in(), None).uri("/mine"),
        sealed("GET", "/who", &signed_in(), None).uri("/who?a"),
        sealed("GET", "/who", &signed_in(), None).method("POST"),
        sealed("GET", "/who", &signed_in(), None).header("host", "other.test"),
        sealed("GET", "/who", &signed_in(), None).uri("http://other.test/who"),
        sealed("GET", "/who", &signed_in(), None).header("x-identity-address", "192.0.2.1"),
        sealed("GET", "/who", &signed_in(), None).header("x_identity_roles", "admin"),
        sealed("GET", "/who", &signed_in(), None).header("x-identity-roles", "admin"),
        sealed("GET", "/who", &signed_in(), None).header("x-identity-roles", "\u{fc}"),
        sealed("GET", "/who", &signed_in(), None).header("signature", "sig1=:AAAA:"),
    ] {
        let request = empty(request);
        let what = format!("{request:?}");
        assert!(is_bad_seal(&ask(service(), request).await), "{what}");
    }
}

#[tokio::test]
async fn a_path_that_does_not_exist_is_sealed_too() {
    assert!(is_bad_seal(&ask(service(), empty(Request::builder().uri("/nothing"))).await));
    let (status, _) = ask(service(), empty(sealed("GET", "/nothing", &signed_in(), None))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_seal_counts_once_unless_it_may_count_more() {
    let request = || {
        let sealed = empty(sealed("GET", "/who", &signed_in(), None));
        let again = sealed
            .headers()
            .iter()
            .fold(Request::builder().uri(sealed.uri()), |request, (name, value)| request.header(name, value));
        (sealed, empty(again))
    };
    let remembering = service();
    let (first, again) = request();
    assert_eq!(ask(remembering.clone(), first).await.0, StatusCode::OK);
    assert!(is_bad_seal(&ask(remembering, again).await));

    let forgetful = router().layer(layer(NoncePolicy::Off, None));
    let (first, again) = request();
    assert_eq!(ask(forgetful.clone(), first).await.0, StatusCode::OK);
    assert_eq!(ask(forgetful, again).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_host_that_a_proxy_changed_can_be_set_right() {
    let behind = || router().layer(layer(NoncePolicy::Remember, Some("demo.test")));
    let request = || empty(sealed("GET", "/who", &signed_in(), None));
    let mut changed = request();
    changed.headers_mut().insert("host", "10.0.0.7:9000".parse().unwrap());
    assert_eq!(ask(behind(), changed).await.0, StatusCode::OK);
    let elsewhere = router().layer(layer(NoncePolicy::Remember, Some("other.test")));
    assert!(is_bad_seal(&ask(elsewhere, request()).await));
    // As HTTP/2 has it: the authority in the request line, Host or none.
    let mut of_http_2 = request();
    *of_http_2.uri_mut() = "https://demo.test/who".parse().unwrap();
    assert_eq!(ask(service(), of_http_2).await.0, StatusCode::OK);
    let mut contradictory = request();
    *contradictory.uri_mut() = "https://demo.test/who".parse().unwrap();
    contradictory.headers_mut().insert("host", "other.test".parse().unwrap());
    assert!(is_bad_seal(&ask(service(), contradictory).await));
}

#[tokio::test]
async fn the_service_learns_why_a_seal_was_refused_and_the_caller_does_not() {
    let get = || sealed("GET", "/who", &signed_in(), None).body(Body::empty()).unwrap();
    let (once, elsewhere) = (service(), router().layer(layer(NoncePolicy::Remember, Some("other.test"))));
    let mut of = Vec::new();
    for (service, request) in [
        (once.clone(), get()),
        (elsewhere, get()),
        (once, Request::builder().uri("/who").body(Body::empty()).unwrap()),
    ] {
        let response = service.oneshot(request).await.unwrap();
        of.push((response.status(), response.extensions().get::<SealError>().copied()));
    }
    let refused = StatusCode::UNAUTHORIZED;
    assert_eq!(
        of,
        [
            (StatusCode::OK, None),
            (refused, Some(SealError::BadSignature)),
            (refused, Some(SealError::Missing))
        ]
    );
}

#[tokio::test]
async fn a_covered_body_is_checked_and_bounded() {
    let post = |covered: &[u8], sent: &str| {
        sealed("POST", "/who", &signed_in(), Some(covered)).body(Body::from(sent.to_owned())).unwrap()
    };
    assert_eq!(ask(service(), post(b"yes", "yes")).await, (StatusCode::OK, "yes".to_owned()));
    assert!(is_bad_seal(&ask(service(), post(b"yes", "no")).await));
    assert!(is_bad_seal(&ask(service(), post(b"yes", "")).await));
    let long = "x".repeat(101);
    assert_eq!(ask(service(), post(long.as_bytes(), &long)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = Limited::new(Body::from("yes"), 1).map_err(|_| "broken off");
    let broken = sealed("POST", "/who", &signed_in(), Some(b"yes")).body(Body::new(broken)).unwrap();
    assert_eq!(ask(service(), broken).await.0, StatusCode::BAD_REQUEST);
    // What is not covered streams through, however long.
    let unchecked = sealed("POST", "/who", &signed_in(), None).body(Body::from(long.clone())).unwrap();
    assert_eq!(ask(service(), unchecked).await, (StatusCode::OK, long));
}

#[tokio::test]
async fn a_service_that_sets_no_bound_to_bodies_has_one() {
    let length = post(async |body: Bytes| body.len().to_string());
    let layer = SealLayer::new(key().into(), Arc::new(|| NOW), NoncePolicy::Remember, None);
    let service = Router::new().route("/who", length).layer(layer);
    for (length, status) in [(1 << 20, StatusCode::OK), ((1 << 20) + 1, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = vec![b'x'; length];
        let request = sealed("POST", "/who", &signed_in(), Some(&body)).body(Body::from(body)).unwrap();
        assert_eq!(ask(service.clone(), request).await.0, status, "{length}");
    }
}

/// A service that never takes a request.
#[derive(Clone)]
struct Busy;

impl Service<Request> for Busy {
    type Response = Response;
    type Error = Infallible;
    type Future = Ready<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Pending
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Ok(Response::default()))
    }
}

#[test]
fn the_layer_takes_requests_when_its_service_does_and_prints_no_key() {
    let layer = layer(NoncePolicy::Remember, None);
    assert!(layer.layer(Busy).poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
    let printed = format!("{layer:?}");
    assert!(printed.starts_with("SealLayer { verifier: "), "{printed}");
    assert!(!printed.contains(key().to_text().split_once('.').unwrap().1), "{printed}");
}

#[tokio::test]
async fn a_handler_that_no_layer_protects_refuses() {
    assert!(is_bad_seal(&ask(router(), empty(sealed("GET", "/mine", &signed_in(), None))).await));
    assert!(is_bad_seal(&ask(router(), empty(sealed("GET", "/who", &signed_in(), None))).await));
}

#[test]
fn a_verifier_tells_none_from_bad() {
    let verifier = SealVerifier::new(key().into(), Tag::Request, NoncePolicy::Remember, None);
    let verify = |request: Builder| {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        verifier.verify(&parts, NOW).map(|verified| verified.map(|(identity, _)| identity))
    };
    assert_eq!(verify(sealed("GET", "/", &signed_in(), None)), Ok(Some(signed_in())));
    let plain = || Request::builder().uri("/").header("host", "a").header("host", "b");
    assert_eq!(verify(plain()), Ok(None));
    assert_eq!(
        verify(plain().header("content-digest", "sha-256=:AAAA:").header("x_user", "admin")),
        Ok(None)
    );
    assert_eq!(verify(plain().header("X-Identity-Roles", "admin")), Err(SealError::DuplicateHeader));
    let one_host = || Request::builder().uri("/").header("host", "a");
    assert_eq!(verify(one_host().header("X-Identity-Roles", "admin")), Err(SealError::UnsignedHeader));
    assert_eq!(verify(one_host().header("x_identity_roles", "\u{fc}")), Err(SealError::Unprintable));
    // A seal over headers that make no identity is no seal for anybody.
    let mut half = sealed("GET", "/", &Identity::default(), None);
    half.headers_mut().unwrap().insert("x-identity-roles", "admin".parse().unwrap());
    assert_eq!(verify(half), Err(SealError::UnsignedHeader));
}

#[test]
fn a_call_needs_a_seal_over_its_body() {
    let verifier = SealVerifier::new(key().into(), Tag::Request, NoncePolicy::Remember, None);
    let check = |request: Builder, body: &[u8]| {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        verifier.verify_call(&parts, body, NOW).map(|_| ())
    };
    let anonymous = Identity::default();
    assert_eq!(check(sealed("POST", "/edge/state", &anonymous, Some(b"{}")), b"{}"), Ok(()));
    assert_eq!(
        check(sealed("POST", "/edge/state", &anonymous, Some(b"{}")), b"[]"),
        Err(SealError::WrongBody)
    );
    assert_eq!(check(sealed("POST", "/edge/state", &anonymous, None), b"{}"), Err(SealError::WrongBody));
    assert_eq!(check(Request::builder().uri("/edge/state"), b"{}"), Err(SealError::Missing));
}
