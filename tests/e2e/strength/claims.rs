//! What a session tells of its login reaches the edge: with a browser's next request that needs it, with an app's next
//! token. What it does not tell opens nothing.

use serde_json::json;

use super::{EXPORT, INVITATION, PAYOUT, change, used_a_second_factor, wants};
use crate::fixture::{Browser, Mobile, System};

#[tokio::test]
async fn a_password_alone_pays_nothing_out() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let (mut browser, app) = (Browser::of(&system.edge, &user).await, Mobile::of(&system.edge, &user).await);
    wants(browser.get(PAYOUT).await, true, 300);
    wants(app.get(PAYOUT).await, true, 300);
    // Nothing else is closed, and nobody is logged out.
    for path in ["/api/payments/7", EXPORT, "/auth/me"] {
        browser.get(path).await.is(200);
        app.get(path).await.is(200);
    }
    // Whom a login would not help is not sent for one.
    let viewer = Mobile::of(&system.edge, &system.new_user().await).await;
    viewer.get(PAYOUT).await.refused(403, "insufficient-scope");
    Mobile::at(&system.edge).get(PAYOUT).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_second_factor_opens_at_once_for_a_browser_and_with_its_next_token_for_an_app() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let (mut browser, mut app) =
        (Browser::of(&system.edge, &user).await, Mobile::of(&system.edge, &user).await);
    wants(browser.get(PAYOUT).await, true, 300);
    used_a_second_factor(system, &user).await;

    let answer = browser.get(PAYOUT).await.is(200);
    let cookies = answer.headers("set-cookie");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-assertion=ey")), "{cookies:?}");
    // The new assertion is kept, and so not asked for again.
    assert_eq!(browser.get(PAYOUT).await.is(200).headers("set-cookie"), [""; 0]);
    wants(app.get(PAYOUT).await, true, 300);
    app.refresh().await.is(200);
    app.get(PAYOUT).await.is(200);
    let me = app.get("/auth/me").await.is(200).json();
    assert_eq!(me["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn a_password_makes_no_older_second_factor_recent() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    let (mut browser, mut app) =
        (Browser::of(&system.edge, &user).await, Mobile::of(&system.edge, &user).await);
    used_a_second_factor(system, &user).await;
    browser.get(PAYOUT).await.is(200);
    browser.reauthenticate(&user).await.is(200);
    app.reauthenticate(&user).await.is(200);
    wants(browser.get(PAYOUT).await, true, 300);
    wants(app.get(PAYOUT).await, true, 300);
}

#[tokio::test]
async fn an_address_that_was_verified_elsewhere_opens_without_another_login() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let (mut browser, mut app) =
        (Browser::of(&system.edge, &user).await, Mobile::of(&system.edge, &user).await);
    browser.get(INVITATION).await.refused(403, "email-unverified");
    app.get(INVITATION).await.refused(403, "email-unverified");

    let mail = system.mail_to(&user.email, "Confirm your e-mail address", 1).await;
    let elsewhere = Mobile::at(&system.edge);
    let token = json!({"token": mail.token()});
    elsewhere.post("/auth/email/verify").json(&token).send().await.is(204);
    browser.get(INVITATION).await.is(200);
    app.refresh().await.is(200);
    app.get(INVITATION).await.is(200);
    assert_eq!(app.get("/auth/me").await.is(200).json()["email_verified"], true);
}

/// As what the previous version issued, and as what a database whose clock went astray holds.
#[tokio::test]
async fn a_login_of_which_nothing_is_known_or_that_lies_ahead_is_not_recent() {
    let system = System::shared().await;
    let user = system.new_user_with("editor").await;
    for statement in [
        "UPDATE sessions SET authenticated_at = NULL, amr = NULL WHERE user_id = $1",
        "UPDATE sessions SET authenticated_at = created_at + 86400000 WHERE user_id = $1",
    ] {
        let mut app = Mobile::of(&system.edge, &user).await;
        let mut browser = Browser::of(&system.edge, &user).await;
        change(system, statement, &user).await;
        browser.cookies.remove("__Host-assertion");
        app.refresh().await.is(200);
        wants(browser.get(EXPORT).await, false, 300);
        wants(app.get(EXPORT).await, false, 300);
        app.get("/api/echo").await.is(200);
        app.reauthenticate(&user).await.is(200);
        app.get(EXPORT).await.is(200);
    }
}
