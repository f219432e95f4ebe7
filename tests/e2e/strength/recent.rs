//! A login grows old, and is made recent again in the session that lives.

use std::time::Duration;

use serde_json::json;

use super::{EXPORT, wants};
use crate::fixture::{Browser, Mobile, System, User};

/// Longer than the example's routes take a login for recent.
const TOO_LONG: Duration = Duration::from_secs(301);

/// A browser and an app that logged in too long ago. Origin's clock is moved for that; the edge's is the machine's.
async fn logged_in_long_ago(system: &System, user: &User) -> (Browser, Mobile) {
    let milliseconds = i64::try_from(TOO_LONG.as_millis()).expect("a time");
    let back = json!({"advance_ms": -milliseconds});
    Mobile::at(&system.origin).post("/test/clock").json(&back).send().await.is(200);
    let clients = (Browser::of(&system.edge, user).await, Mobile::of(&system.edge, user).await);
    system.advance(TOO_LONG).await;
    clients
}

#[tokio::test]
async fn an_old_login_is_refused_until_its_user_proves_anew_who_they_are() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user().await;
    let (mut browser, mut app) = logged_in_long_ago(&system, &user).await;
    let (mut other_browser, other_app) = logged_in_long_ago(&system, &user).await;
    wants(browser.get(EXPORT).await, false, 300);
    wants(app.get(EXPORT).await, false, 300);
    browser.get("/api/reports").await.is(200);
    app.get("/api/reports").await.is(200);

    let wrong = User { password: "not the password of anybody".to_owned(), ..user.clone() };
    browser.reauthenticate(&wrong).await.refused(401, "invalid-credentials");
    app.reauthenticate(&wrong).await.refused(401, "invalid-credentials");
    wants(browser.get(EXPORT).await, false, 300);

    let before = (browser.clone(), app.clone());
    browser.reauthenticate(&user).await.is(200);
    app.reauthenticate(&user).await.is(200);
    browser.get(EXPORT).await.is(200);
    app.get(EXPORT).await.is(200);
    // It is the same session, under another credential; who holds the one before has gained nothing.
    let (mut old_browser, old_app) = before;
    wants(old_app.get(EXPORT).await, false, 300);
    old_browser.get(EXPORT).await.refused(401, "unauthenticated");
    // Nor at origin, which knows of the new login, by either door.
    app.get("/auth/account/export").await.is(200);
    for door in [&system.edge, &system.origin] {
        let answer = old_app.through(door).get("/auth/account/export").await;
        answer.refused(401, "insufficient-user-authentication");
    }
    assert_eq!(
        app.get("/auth/me").await.is(200).json()["session"],
        old_app.get("/auth/me").await.is(200).json()["session"]
    );
    // What was proven in one session says nothing of another.
    wants(other_browser.get(EXPORT).await, false, 300);
    wants(other_app.get(EXPORT).await, false, 300);
}

#[tokio::test]
async fn a_step_up_takes_what_a_login_takes() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let browser = Browser::of(&system.edge, &user).await;
    let shown = json!({"password": user.password});
    let foreign = browser.foreign_request(reqwest::Method::POST, "/auth/reauthenticate").json(&shown);
    foreign.send().await.refused(403, "cross-site");
    let mut without_token = browser.clone();
    without_token.csrf_token = None;
    without_token.post("/auth/reauthenticate", &shown).await.refused(403, "csrf-token");
    let app = Mobile::of(&system.edge, &user).await;
    app.post("/auth/reauthenticate").json(&json!({})).send().await.refused(400, "malformed-request");
}

#[tokio::test]
async fn a_page_for_a_recent_login_sends_a_browser_to_log_in_and_back() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user().await;
    let (mut browser, _) = logged_in_long_ago(&system, &user).await;
    let sent = browser.navigate(EXPORT).await.is(303);
    assert_eq!(sent.header("location"), Some("/login?return_to=/api/exports/all"));
    let fields = [("email", &*user.email), ("password", &*user.password), ("return_to", EXPORT)];
    let back = browser.submit("/auth/sessions", &fields).await.is(303);
    assert_eq!(back.header("location"), Some(EXPORT));
    browser.navigate(EXPORT).await.is(200);
}
