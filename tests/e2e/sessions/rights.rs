//! What a user may do, changed while the user is signed in: felt at once at origin, and at once on strict routes.

use serde_json::json;

use super::{HANDLE, alive};
use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn disabling_a_user_ends_every_session_at_once() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user_with("editor").await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        system.disable(&user);

        assert_eq!(alive(system, &user.email).await, 0);
        app.get("/auth/me").await.refused(401, "invalid-token");
        browser.get("/auth/me").await.refused(401, "unauthenticated");
        if door == Door::Edge {
            app.get("/api/payments/1").await.is(401);
            browser.get("/api/payments/1").await.is(401);
        }
        app.refresh().await.oauth_refused("invalid_grant");
        app.log_in(&user).await.refused(401, "invalid-credentials");
        browser.log_in(&user).await.refused(401, "invalid-credentials");

        system.origin_command(&["user", "enable", "--email", &user.email]).succeeded();
        browser.get("/auth/me").await.refused(401, "unauthenticated");
        app.log_in(&user).await.is(200);
    }
}

#[tokio::test]
async fn a_role_counts_at_origin_from_the_moment_it_is_granted_to_the_moment_it_is_taken_away() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.origin, &user).await;
    let mut app = Mobile::of(&system.origin, &user).await;
    browser.get("/admin/users").await.refused(403, "insufficient-scope");

    system.grant(&user, "support");
    browser.get("/admin/users").await.is(200);
    assert_eq!(browser.get("/auth/me").await.is(200).json()["user"]["roles"], json!(["support", "viewer"]));
    // A token that tells of other roles than there are is out of date.
    app.get("/admin/users").await.refused(401, "invalid-token");
    app.refresh().await.is(200);
    app.get("/admin/users").await.is(200);

    system.revoke(&user, "support");
    browser.get("/admin/users").await.refused(403, "insufficient-scope");
    app.get("/admin/users").await.refused(401, "invalid-token");
    app.refresh().await.is(200);
    app.get("/admin/users").await.refused(403, "insufficient-scope");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_origin_whatever_the_edge_still_believes() {
    let system = System::shared().await;
    let user = system.new_user_with("support").await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let app = Mobile::of(&system.edge, &user).await;
    browser.get("/admin/users").await.is(200);
    app.get("/admin/users").await.is(200);

    system.revoke(&user, "support");
    browser.get("/admin/users").await.refused(403, "insufficient-scope");
    // By now the edge may have heard of it, and then the token is out of date.
    let answer = app.get("/admin/users").await;
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_at_once_on_a_strict_route() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let mut app = Mobile::of(&system.edge, &user).await;
    browser.get("/api/payments/1").await.is(200);
    app.get("/api/payments/1").await.is(200);

    system.revoke(&user, "editor");
    browser.get("/api/payments/1").await.refused(403, "insufficient-scope");
    app.get("/api/payments/1").await.refused(401, "invalid-token");
    app.refresh().await.is(200);
    app.get("/api/payments/1").await.refused(403, "insufficient-scope");
    browser.cookies.retain(|name, _| name == HANDLE);
    browser.get("/api/payments/1").await.refused(403, "insufficient-scope");
}

#[tokio::test]
async fn a_role_that_was_granted_counts_at_once_on_a_strict_route() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let mut app = Mobile::of(&system.edge, &user).await;
    browser.get("/api/payments/1").await.refused(403, "insufficient-scope");
    app.get("/api/payments/1").await.refused(403, "insufficient-scope");

    system.grant(&user, "editor");
    // The browser notices nothing; an app has its way to new tokens.
    browser.get("/api/payments/1").await.is(200);
    app.get("/api/payments/1").await.refused(401, "invalid-token");
    app.refresh().await.is(200);
    app.get("/api/payments/1").await.is(200);
}
