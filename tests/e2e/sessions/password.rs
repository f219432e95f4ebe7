//! A change of password: the others end, this one goes on under another handle.

use serde_json::json;

use super::{ASSERTION, HANDLE, alive, session_in, session_of};
use crate::fixture::{Browser, Door, Mobile, System, User};

const NEW: &str = "a new password, long enough";

#[tokio::test]
async fn a_change_of_password_ends_the_others_and_changes_the_handle() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut app = Mobile::of(system.at(door), &user).await;
        let mut other = Browser::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let session = session_in(&mut browser).await;
        let before = browser.clone();

        browser.post("/auth/password", &json!({"current": user.password, "new": NEW})).await.is(204);
        assert_ne!(browser.cookies[HANDLE], before.cookies[HANDLE], "{door:?}");
        assert_ne!(browser.cookies[ASSERTION], before.cookies[ASSERTION], "{door:?}");
        let me = browser.get("/auth/me").await.is(200).json();
        assert_eq!(me["session"]["id"], session, "the session is the same");
        assert_ne!(
            me["csrf_token"].as_str(),
            before.csrf_token.as_deref(),
            "the CSRF token belongs to the handle"
        );
        browser.csrf_token = me["csrf_token"].as_str().map(str::to_owned);

        // Whoever has a copy of the old handle has nothing, wherever they try.
        for elsewhere in [Door::Edge, Door::Origin] {
            let mut thief = Browser::at(system.at(elsewhere));
            thief.cookies.insert(HANDLE.to_owned(), before.cookies[HANDLE].clone());
            thief.get("/auth/me").await.refused(401, "unauthenticated");
        }
        other.get("/auth/me").await.refused(401, "unauthenticated");
        app.get("/auth/me").await.refused(401, "invalid-token");
        app.refresh().await.oauth_refused("invalid_grant");
        assert_eq!(alive(system, &user.email).await, 1, "{door:?}");
        browser.delete("/auth/sessions/current").await.is(204);
    }
}

#[tokio::test]
async fn the_old_password_is_over_and_the_new_one_counts() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let app = Mobile::of(system.at(door), &user).await;
        app.post("/auth/password").json(&json!({"current": user.password, "new": NEW})).send().await.is(204);

        Mobile::at(system.at(door)).log_in(&user).await.refused(401, "invalid-credentials");
        Browser::at(system.at(door)).log_in(&user).await.refused(401, "invalid-credentials");
        let user = User { password: NEW.to_owned(), ..user };
        Mobile::of(system.at(door), &user).await.get("/auth/me").await.is(200);
        Browser::of(system.at(door), &user).await.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn an_app_that_changes_the_password_goes_on_by_its_refresh_token() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    let session = session_of(&app);
    app.post("/auth/password").json(&json!({"current": user.password, "new": NEW})).send().await.is(204);
    app.refresh().await.is(200);
    assert_eq!(session_of(&app), session);
    app.get("/auth/me").await.is(200);
    assert_eq!(alive(system, &user.email).await, 1);
}

#[tokio::test]
async fn without_the_current_password_nothing_changes() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let other = Mobile::of(system.at(door), &user).await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let cookies = browser.cookies.clone();
        for (current, new, status, problem) in [
            ("not the current password", NEW, 401, "invalid-credentials"),
            ("", NEW, 401, "invalid-credentials"),
            (user.password.as_str(), "too short", 422, "password-too-short"),
            (user.password.as_str(), "long enough but\0with a NUL", 422, "password-unusable"),
            (user.password.as_str(), user.email.as_str(), 422, "password-too-common"),
        ] {
            let change = json!({"current": current, "new": new});
            browser.post("/auth/password", &change).await.refused(status, problem);
        }
        assert_eq!(browser.cookies, cookies);
        browser.get("/auth/me").await.is(200);
        other.get("/auth/me").await.is(200);
        Mobile::of(system.at(door), &user).await.get("/auth/me").await.is(200);
    }
}

#[tokio::test]
async fn another_site_cannot_change_the_password() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let mut browser = Browser::of(system.at(door), &user).await;
        let change = json!({"current": user.password, "new": NEW});
        let post = reqwest::Method::POST;
        let foreign = browser.foreign_request(post.clone(), "/auth/password").json(&change);
        browser.send(foreign).await.refused(403, "cross-site");
        let token = browser.csrf_token.take();
        browser.post("/auth/password", &change).await.refused(403, "csrf-token");
        browser.csrf_token = token.map(|token| token.chars().rev().collect());
        browser.post("/auth/password", &change).await.refused(403, "csrf-token");
        Mobile::of(system.at(door), &user).await;
    }
}
