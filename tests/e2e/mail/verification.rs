//! An address is verified by the link in a mail, by script or by the page that the link leads to.

use serde_json::json;

use super::{TAKEN, VERIFY, path};
use crate::fixture::{Browser, Door, Mobile, System, User, until};

#[tokio::test]
async fn whoever_registers_verifies_the_address_by_the_page_of_the_link() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mail = system.mail_to(&user.email, VERIFY, 1).await;
    let html = mail.html.clone().expect("HTML");
    assert!(html.contains(&format!("<a href=\"{}\">", mail.link())), "{html}");
    let page = path(mail.link(), &system.edge);

    let mut app = Mobile::of(&system.edge, &user).await;
    let mut browser = Browser::of(&system.edge, &user).await;
    let mut visitor = Browser::at(&system.edge);
    // Scanners open links before people do.
    for _ in 0..2 {
        let opened = visitor.navigate(page).await.is(200);
        assert!(opened.text().contains("action=\"/auth/email/verify\""), "{}", opened.text());
        assert_eq!(opened.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(opened.header("cache-control"), Some("no-store"));
    }
    assert_eq!(app.get("/auth/me").await.is(200).json()["email_verified"], false);

    let confirmed = visitor.submit("/auth/email/verify", &[("token", mail.token())]).await.is(200);
    assert!(confirmed.text().contains("is verified"), "{}", confirmed.text());
    // What tells of an address that is not verified is outdated; no session ends by that.
    until("the edge refuses it", async || app.get("/auth/me").await.status == 401).await;
    app.refresh().await.is(200);
    for answer in [app.get("/auth/me").await, browser.get("/auth/me").await] {
        assert_eq!(answer.is(200).json()["email_verified"], true);
    }
    // Whoever clicks twice is told the same.
    let again = visitor.submit("/auth/email/verify", &[("token", mail.token())]).await.is(200);
    assert!(again.text().contains("is verified"), "{}", again.text());
}

#[tokio::test]
async fn a_script_verifies_by_the_last_link_that_was_asked_for() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let first = system.mail_to(&user.email, VERIFY, 1).await;
        let anybody = Mobile::at(system.at(door));
        let request = json!({"email": user.email});
        anybody.post("/auth/email/verify/request").json(&request).send().await.is(202);
        let second = system.mail_to(&user.email, VERIFY, 2).await;
        let confirm = async |token: &str| {
            anybody.post("/auth/email/verify").json(&json!({"token": token})).send().await
        };
        confirm(first.token()).await.refused(422, "invalid-link");
        confirm("made up").await.refused(422, "invalid-link");
        // Sent again, as by an app that lost the answer, it is answered alike.
        for _ in 0..2 {
            confirm(second.token()).await.is(204);
        }
        // There is nothing to verify any more; the answer is the same.
        anybody.post("/auth/email/verify/request").json(&request).send().await.is(202);
    }
}

#[tokio::test]
async fn where_it_is_wanted_nobody_logs_in_with_an_address_that_is_not_verified() {
    let system = System::own(&["--set", "COUNTERSIGN_EMAIL_VERIFICATION=login"]).await;
    // Whoever starts a system can administer it.
    Mobile::of(&system.edge, &system.admin).await.get("/auth/me").await.is(200);
    let user = system.new_user().await;
    let wrong = User { password: "not the password at all".to_owned(), ..user.clone() };
    for door in [Door::Edge, Door::Origin] {
        Mobile::at(system.at(door)).log_in(&user).await.refused(403, "email-unverified");
        Browser::at(system.at(door)).log_in(&user).await.refused(403, "email-unverified");
        Mobile::at(system.at(door)).log_in(&wrong).await.refused(401, "invalid-credentials");
        let fields = [("email", user.email.as_str()), ("password", user.password.as_str())];
        let page = Browser::at(system.at(door)).submit("/auth/sessions", &fields).await.is(403).text();
        assert!(page.contains("<a href=\"/verify\">"), "{page}");
    }
    let token = system.mail_to(&user.email, VERIFY, 1).await.token().to_owned();
    let anybody = Mobile::at(&system.edge);
    anybody.post("/auth/email/verify").json(&json!({"token": token})).send().await.is(204);
    Mobile::of(&system.edge, &user).await.get("/auth/me").await.is(200);
    Browser::of(&system.edge, &user).await.get("/auth/me").await.is(200);
}

#[tokio::test]
async fn an_address_that_has_an_account_is_registered_alike_and_its_owner_told() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let user = system.new_user().await;
        let anybody = Mobile::at(system.at(door));
        let register =
            async |user: &User| anybody.post("/auth/register").json(&user.credentials()).send().await.is(202);
        let (known, new) = (register(&user).await, register(&User::unknown()).await);
        assert_eq!(known.body, new.body);
        let names = |answer: &crate::fixture::Answer| {
            answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&known), names(&new));
        let mail = system.mail_to(&user.email, TAKEN, 1).await;
        assert!(!mail.text.contains("token"), "{mail:?}");
    }
}
