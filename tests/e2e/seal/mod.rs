//! The sealed identity, where it arrives: two services behind the edge, one with `shared`'s layer and one in Node with
//! a published library of RFC 9421, take what the edge has sealed and nothing else.

mod captured;
mod forged;
mod node;
mod origin;

use reqwest::Method;
use serde_json::{Value, json};
use shared::mac::{MacKey, SharedSecret};

use self::node::NodeService;
use crate::fixture::{Browser, Mobile, System};

/// The secret of the systems here, in the form of the setting; it is zero in all its bits but the first six.
const SECRET: &str = "_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The key of one service in those systems.
fn seal_key(upstream: &str) -> MacKey {
    SharedSecret::from_base64url(SECRET).expect("a secret").seal_key(upstream)
}

#[tokio::test]
async fn the_service_sees_exactly_the_sealed_identity() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let app = Mobile::of(&system.edge, &user).await;
    let me = app.get("/auth/me").await.is(200).json();
    let echo = app.get("/api/echo").await.is(200).echo();

    let mut identity: Vec<&str> = echo
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("x-identity-") || name.starts_with("signature"))
        .collect();
    identity.sort_unstable();
    let expected = [
        "signature",
        "signature-input",
        "x-identity-address",
        "x-identity-credential",
        "x-identity-expires",
        "x-identity-issued",
        "x-identity-roles",
        "x-identity-session",
        "x-identity-subject",
    ];
    assert_eq!(identity, expected);
    assert_eq!(echo.values("x-identity-subject"), [me["user"]["id"].as_str().expect("an id")]);
    assert_eq!(echo.values("x-identity-session"), [me["session"]["id"].as_str().expect("an id")]);
    let mut roles: Vec<&str> = echo.values("x-identity-roles")[0].split(',').collect();
    roles.sort_unstable();
    assert_eq!(roles, ["editor", "viewer"]);
    assert_eq!(echo.values("x-identity-credential"), ["bearer"]);
    assert_eq!(echo.values("x-identity-address"), ["127.0.0.1"]);

    let public = Mobile::at(&system.edge).get("/public/page").await.is(200).echo();
    assert_eq!(public.identity, None);
    assert!(public.values("x-identity-subject").is_empty());
    assert_eq!(public.values("signature").len(), 1, "public routes are sealed too");
}

#[tokio::test]
async fn an_independent_library_accepts_what_the_edge_has_sealed() {
    // Another beside it, as while the secret changes.
    let service = NodeService::start(&[seal_key("another"), seal_key("demo")]);
    let (secret, upstream) =
        (format!("COUNTERSIGN_SECRET={SECRET}"), format!("UPSTREAM_DEMO={}", service.url));
    let system = System::own(&["--set", &secret, "--set", &upstream]).await;
    let user = system.new_user_with("editor").await;
    let app = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let me = app.get("/auth/me").await.is(200).json();

    for path in ["/api/echo", "/api/echo?", "/api/echo?a=b&a=%20c", "/api/reports/a%20b/%C3%A9"] {
        let seen = app.get(path).await.is(200).json();
        assert_eq!(seen["identity"]["subject"], me["user"]["id"], "{path}");
        assert_eq!(seen["identity"]["session"], me["session"]["id"], "{path}");
        assert_eq!(seen["identity"]["credential"], "bearer", "{path}");
    }
    app.post("/api/reports").json(&json!({"title": "new"})).send().await.is(200);
    let seen = browser.post("/api/reports", &json!({"title": "new"})).await.is(200).json();
    assert_eq!(seen["identity"]["credential"], "session");
    assert_eq!(Mobile::at(&system.edge).get("/public/x").await.is(200).json()["identity"], Value::Null);
    Mobile::at(&service.url).get("/api/echo").await.is(401);
}

#[tokio::test]
async fn what_the_edge_has_sealed_counts_once_and_there_alone() {
    let system = System::shared().await;
    let app = Mobile::of(&system.edge, &system.new_user().await).await;
    let echo = app.get("/api/echo").await.is(200).echo();
    let relevant = |name: &str| name.starts_with("x-identity-") || name.starts_with("signature");
    let again = |path: &'static str| {
        let request = Mobile::at(&system.upstream).request(Method::GET, path);
        let headers = echo.headers.iter().filter(|(name, _)| relevant(name));
        headers.fold(request, |request, (name, value)| request.header(name, value)).send()
    };
    again("/api/echo").await.refused(401, "bad-seal");
    again("/api/reports/1").await.refused(401, "bad-seal");
}
