//! What origin asks of a login on its own routes, and the way to a better one.

use axum::{body::Body, extract::FromRequestParts as _, http::StatusCode};
use serde_json::json;
use shared::problem::Problem;

use super::world::{Answer, EMAIL, EXAMPLE_POLICY, PASSWORD, World, request};
use crate::http::guard::{FreshLogin, SignedIn};

/// Whether a route that asks for a fresh login lets these headers in.
async fn fresh(world: &World, headers: &[(&str, &str)]) -> Result<(), Problem> {
    let (mut parts, _) = request("GET", "/fresh", headers, Body::empty()).into_parts();
    let fresh = FreshLogin::from_request_parts(&mut parts, &world.app).await;
    fresh.map(|FreshLogin(SignedIn { principal, context })| {
        assert_eq!(principal.email, EMAIL);
        assert_eq!(context.actor, Some(principal.user));
    })
}

async fn execute(world: &World, statement: &'static str) {
    let mut transaction = world.app.domain.store().begin().await.unwrap();
    sqlx::query(statement).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Lets all logins have been this long ago.
async fn grow_old(world: &World) {
    execute(world, "UPDATE sessions SET authenticated_at = authenticated_at - 301000").await;
}

#[tokio::test]
async fn a_route_that_asks_for_a_fresh_login_takes_no_old_one() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let (token, _) = world.tokens(EMAIL).await;
    let (cookie, bearer) = ([("cookie", browser.cookies.as_str())], [("authorization", token.as_str())]);
    assert_eq!(fresh(&world, &cookie).await, Ok(()));
    assert_eq!(fresh(&world, &bearer).await, Ok(()));
    assert_eq!(fresh(&world, &[]).await.unwrap_err().status(), 401);

    grow_old(&world).await;
    for headers in [&cookie, &bearer] {
        let refused = fresh(&world, headers).await.unwrap_err();
        let challenge = refused.www_authenticate().unwrap();
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.ends_with("max_age=\"300\""), "{challenge}");
    }
    execute(&world, "UPDATE sessions SET authenticated_at = NULL").await;
    assert!(fresh(&world, &cookie).await.is_err(), "a session of an earlier version");
}

#[tokio::test]
async fn how_old_a_fresh_login_may_be_is_a_setting() {
    let world = World::with(&[("COUNTERSIGN_FRESH_LOGIN_SECONDS", "600")]).await;
    let browser = world.log_in(EMAIL).await;
    grow_old(&world).await;
    assert_eq!(fresh(&world, &[("cookie", &browser.cookies)]).await, Ok(()));
    grow_old(&world).await;
    assert!(fresh(&world, &[("cookie", &browser.cookies)]).await.is_err());
}

#[tokio::test]
async fn a_browser_that_steps_up_goes_on_with_other_cookies() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    grow_old(&world).await;
    let answer =
        world.post("/auth/reauthenticate", &browser.headers(), json!({ "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(world.call("GET", "/auth/me", &[("cookie", &browser.cookies)]).await.status, 401);
    let cookies = answer.cookies();
    assert_eq!(fresh(&world, &[("cookie", &cookies)]).await, Ok(()));
    let me = world.call("GET", "/auth/me", &[("cookie", &cookies)]).await.json();
    assert_eq!(me["csrf_token"], answer.json()["csrf_token"]);
    assert_eq!((&me["amr"], &me["email_verified"]), (&json!(["pwd"]), &json!(false)));
    assert!(me["auth_time"].is_u64(), "{me}");
    assert_eq!(me["session"]["id"], browser.session.as_str());
}

#[tokio::test]
async fn another_client_that_steps_up_goes_on_with_other_tokens() {
    let world = World::new().await;
    let (token, _) = world.tokens(EMAIL).await;
    grow_old(&world).await;
    let bearer = [("authorization", token.as_str())];
    let answer = world.post("/auth/reauthenticate", &bearer, json!({ "password": PASSWORD })).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
    let tokens = answer.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(600)));
    let stepped_up = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    assert_eq!(fresh(&world, &[("authorization", &stepped_up)]).await, Ok(()));
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    assert_eq!(world.submit("/oauth/token", &[], &form).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_step_up_needs_the_password_and_by_cookie_both_proofs() {
    let world = World::new().await;
    let browser = world.log_in(EMAIL).await;
    let wrong = world.post("/auth/reauthenticate", &browser.headers(), json!({ "password": "wrong" })).await;
    assert_eq!((wrong.status.as_u16(), wrong.problem().as_str()), (401, "/problems/invalid-credentials"));
    for body in [json!({}), json!({ "password": 1 })] {
        let answer = world.post("/auth/reauthenticate", &browser.headers(), body).await;
        assert_eq!(answer.problem(), "/problems/malformed-request");
    }
    let bare = [("cookie", browser.cookies.as_str())];
    let foreign = world.post("/auth/reauthenticate", &bare, json!({ "password": PASSWORD })).await;
    assert_eq!(foreign.problem(), "/problems/cross-site");
    assert_eq!(world.call("GET", "/auth/me", &bare).await.status, 200, "nothing changed");
}

#[tokio::test]
async fn a_permission_asks_of_a_login_what_the_policy_says() {
    let asked = "\n[permissions.\"users:read\"]\nrequire = [\"second_factor\", \"verified_email\"]\n";
    let world = World::under(&[EXAMPLE_POLICY, asked].concat()).await;
    world.create("admin@example.test", &["admin"]).await;
    let (token, _) = world.tokens("admin@example.test").await;
    let get = async |path: &str| -> Answer { world.call("GET", path, &[("authorization", &token)]).await };

    assert_eq!(get("/admin/users").await.problem(), "/problems/email-unverified");
    execute(&world, "UPDATE users SET verified_at = created_at").await;
    let refused = get("/admin/users").await;
    assert_eq!(refused.problem(), "/problems/insufficient-user-authentication");
    assert!(refused.header("www-authenticate").ends_with("acr_values=\"second_factor\""), "{refused:?}");
    execute(&world, "UPDATE sessions SET amr = 'pwd,otp,mfa'").await;
    assert_eq!(get("/admin/users").await.status, StatusCode::OK);
    let (viewer, _) = world.tokens(EMAIL).await;
    let refused = world.call("GET", "/admin/users", &[("authorization", &viewer)]).await;
    assert_eq!(refused.problem(), "/problems/insufficient-scope", "who may not is not sent for a login");
    let log = world.app.domain.list_audit(0, 100).await.unwrap();
    let denials: Vec<_> = log.into_iter().filter(|(_, event)| event.kind == "request.denied").collect();
    assert_eq!(denials.len(), 3, "{denials:?}");
    let metadata = world.call("GET", "/.well-known/oauth-authorization-server", &[]).await.json();
    assert_eq!(metadata["acr_values_supported"], json!(["second_factor"]));
}
