//! A forgotten password is replaced by the link in a mail: it counts once and not for long, and ends all sessions.

use std::time::Duration;

use serde_json::json;

use super::{CHANGED, RESET, path};
use crate::fixture::{Answer, Browser, Door, Mobile, System, User};

const NEW: &str = "a new password, long enough";

async fn forget(site: &str, email: &str) -> Answer {
    Mobile::at(site).post("/auth/password/forgot").json(&json!({"email": email})).send().await
}

async fn reset(site: &str, token: &str, password: &str) -> Answer {
    let reset = json!({"token": token, "password": password});
    Mobile::at(site).post("/auth/password/reset").json(&reset).send().await
}

#[tokio::test]
async fn a_reset_ends_all_sessions_and_the_old_password() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let site = system.at(door);
        let (mut app, mut browser) = (Mobile::of(site, &user).await, Browser::of(site, &user).await);
        forget(site, &user.email).await.is(202);
        let token = system.mail_to(&user.email, RESET, 1).await.token().to_owned();

        // A password that cannot be used leaves the link good.
        reset(site, &token, "too short").await.refused(422, "password-too-short");
        reset(site, &token, NEW).await.is(204);
        reset(site, &token, NEW).await.refused(422, "invalid-link");

        browser.get("/auth/me").await.refused(401, "unauthenticated");
        app.get("/auth/me").await.refused(401, "invalid-token");
        app.refresh().await.oauth_refused("invalid_grant");
        Mobile::at(site).log_in(&user).await.refused(401, "invalid-credentials");
        let user = User { password: NEW.to_owned(), ..user };
        let me = Mobile::of(site, &user).await.get("/auth/me").await.is(200).json();
        assert_eq!(me["email_verified"], true, "whoever reads the mail has proven it");
        system.mail_to(&user.email, CHANGED, 1).await;
    }
}

#[tokio::test]
async fn the_pages_do_it_without_a_script() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut browser = Browser::at(&system.edge);
    let login = browser.navigate("/login").await.is(200).text();
    assert!(login.contains("<a href=\"/forgot\">"), "{login}");
    let page = browser.navigate("/forgot").await.is(200).text();
    assert!(page.contains("action=\"/auth/password/forgot\""), "{page}");
    browser.submit("/auth/password/forgot", &[("email", &user.email)]).await.is(202);
    let mail = system.mail_to(&user.email, RESET, 1).await;

    let page = browser.navigate(path(mail.link(), &system.edge)).await.is(200);
    assert!(page.text().contains(&format!("value=\"{}\"", mail.token())), "{}", page.text());
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let fields = [("token", mail.token()), ("password", "too short")];
    let again = browser.submit("/auth/password/reset", &fields).await.is(422).text();
    assert!(again.contains("role=\"alert\"") && again.contains(mail.token()), "{again}");
    let fields = [("token", mail.token()), ("password", NEW)];
    browser.submit("/auth/password/reset", &fields).await.is(200);
    let again = browser.submit("/auth/password/reset", &fields).await.is(422).text();
    assert!(again.contains("action=\"/auth/password/forgot\""), "{again}");
    Browser::of(&system.edge, &User { password: NEW.to_owned(), ..user }).await;
}

#[tokio::test]
async fn an_address_that_nobody_has_is_answered_alike() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let known = forget(system.at(door), &user.email).await.is(202);
        let unknown = forget(system.at(door), &User::unknown().email).await.is(202);
        assert_eq!(known.body, unknown.body);
        let names =
            |answer: &Answer| answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        assert_eq!(names(&known), names(&unknown));
    }
}

#[tokio::test]
async fn of_two_who_use_the_link_at_once_one_does() {
    let system = System::shared().await;
    let user = system.new_user().await;
    forget(&system.edge, &user.email).await.is(202);
    let token = system.mail_to(&user.email, RESET, 1).await.token().to_owned();
    let passwords = ["the first of two passwords", "the second of two passwords"];
    let (first, second) =
        tokio::join!(reset(&system.edge, &token, passwords[0]), reset(&system.origin, &token, passwords[1]),);
    let mut statuses = [first.status, second.status];
    let winner = passwords[usize::from(second.status == 204)];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 422]);
    Mobile::of(&system.edge, &User { password: winner.to_owned(), ..user }).await;
}

#[tokio::test]
async fn a_link_that_is_too_old_is_refused() {
    let system = System::with_movable_clock(&[]).await;
    let user = system.new_user().await;
    forget(&system.edge, &user.email).await.is(202);
    let token = system.mail_to(&user.email, RESET, 1).await.token().to_owned();
    system.advance(Duration::from_secs(30 * 60)).await;
    reset(&system.edge, &token, NEW).await.refused(422, "invalid-link");
    Mobile::of(&system.origin, &user).await;
}
