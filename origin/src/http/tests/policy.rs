//! What the policy's routes ask, asked at origin's own door too.

use axum::http::StatusCode;
use serde_json::json;

use super::world::{EMAIL, EXAMPLE_POLICY, PASSWORD, World};

/// An origin whose policy says more of one call than the example does.
async fn world_where(call: &str, was: &str, says: &str) -> World {
    let of_call = format!("path = \"{call}\"");
    let (before, after) = EXAMPLE_POLICY.split_once(&of_call).unwrap();
    assert_eq!(after.find(was).map(|at| after[..at].contains("[[routes]]")), Some(false), "{call} {was}");
    World::under(&[before, &of_call, &after.replacen(was, says, 1)].concat()).await
}

#[tokio::test]
async fn a_route_takes_no_other_kind_of_credential() {
    let bearer_only = "allow = \"signed_in\"\ncredentials = [\"bearer\"]";
    let world = world_where("/auth/me", "allow = \"signed_in\"", bearer_only).await;
    let (browser, (token, _)) = (world.log_in(EMAIL).await, world.tokens(EMAIL).await);
    let refused = world.call("GET", "/auth/me", &browser.headers()).await;
    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::FORBIDDEN, "/problems/credential-kind")
    );
    assert_eq!(world.call("GET", "/auth/me", &[("authorization", &token)]).await.status, StatusCode::OK);
    assert_eq!(world.call("GET", "/auth/sessions", &browser.headers()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_route_asks_for_a_stronger_login_than_its_call_does() {
    let stronger = "allow = \"signed_in\"\nrequire = \"second_factor\"";
    let world = world_where("/auth/me", "allow = \"signed_in\"", stronger).await;
    let (token, _) = world.tokens(EMAIL).await;
    let refused = world.call("GET", "/auth/me", &[("authorization", &token)]).await;
    assert_eq!(refused.problem(), "/problems/insufficient-user-authentication");
    assert!(refused.header("www-authenticate").contains("insufficient_user_authentication"), "{refused:?}");
    assert_eq!(world.call("HEAD", "/auth/me", &[("authorization", &token)]).await.status, 401);
    let log = world.app.domain.list_audit(0, 100).await.unwrap();
    let denied = log.iter().filter(|(_, event)| event.kind == "request.denied");
    assert_eq!(denied.count(), 2);
}

#[tokio::test]
async fn a_route_closes_what_the_call_would_leave_open() {
    let world = world_where("/auth/register", "\"public\"", "\"users:create\"").await;
    world.create("root@example.test", &["admin"]).await;
    let (viewer, _) = world.tokens(EMAIL).await;
    let (admin, _) = world.tokens("root@example.test").await;
    let body = json!({ "email": "eve@example.test", "password": PASSWORD });
    let register = async |headers: &[(&str, &str)]| world.post("/auth/register", headers, body.clone()).await;
    assert_eq!(register(&[]).await.problem(), "/problems/unauthenticated");
    assert_eq!(register(&[("authorization", &viewer)]).await.problem(), "/problems/insufficient-scope");
    assert_eq!(register(&[("authorization", &admin)]).await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_route_that_looks_at_no_credential_frees_no_cookie_from_its_proof() {
    let world = world_where("/auth/password", "\"signed_in\"", "\"public\"").await;
    let browser = world.log_in(EMAIL).await;
    let change = json!({ "current": PASSWORD, "new": "looms follow the cards" });
    let bare = [("cookie", browser.cookies.as_str())];
    assert_eq!(world.post("/auth/password", &bare, change.clone()).await.problem(), "/problems/cross-site");
    let proven = world.post("/auth/password", &browser.headers(), change).await;
    assert_eq!(proven.status, StatusCode::NO_CONTENT);
}
