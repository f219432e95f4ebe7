//! An address changes when both ends have agreed, or the new one where the old one was never verified.

use serde_json::json;

use super::{TAKEN, TO_NEW};
use crate::fixture::{Browser, Door, Mobile, System, User};

const TO_OLD: &str = "Confirm the change of your e-mail address";

#[tokio::test]
async fn an_address_changes_when_both_ends_have_agreed_and_other_sessions_end() {
    let system = System::shared().await;
    for door in [Door::Edge, Door::Origin] {
        let site = system.at(door);
        let (user, new) = (system.new_user().await, User::unknown().email);
        system.origin_command(&["user", "verify", "--email", &user.email]).succeeded();
        let mut other = Mobile::of(site, &user).await;
        let mut browser = Browser::of(site, &user).await;
        let change = |password: &str| json!({"email": new, "password": password});
        browser.post("/auth/email", &change("not the password")).await.refused(401, "invalid-credentials");
        browser.post("/auth/email", &change(&user.password)).await.is(202);

        let old_end = system.mail_to(&user.email, TO_OLD, 1).await;
        assert!(old_end.text.contains(&new), "{old_end:?}");
        let new_end = system.mail_to(&new, TO_NEW, 1).await;
        let confirm = async |token: &str| {
            Mobile::at(site).post("/auth/email/verify").json(&json!({"token": token})).send().await
        };
        confirm(new_end.token()).await.is(204);
        assert_eq!(browser.get("/auth/me").await.is(200).json()["user"]["email"], user.email.as_str());
        confirm(old_end.token()).await.is(204);

        let me = browser.get("/auth/me").await.is(200).json();
        assert_eq!((&me["user"]["email"], &me["email_verified"]), (&json!(new), &json!(true)));
        other.get("/auth/me").await.refused(401, "invalid-token");
        other.refresh().await.oauth_refused("invalid_grant");
        Mobile::at(site).log_in(&user).await.refused(401, "invalid-credentials");
        Mobile::of(site, &User { email: new.clone(), ..user.clone() }).await;
        system.mail_to(&user.email, "Your e-mail address was changed", 1).await;
    }
}

#[tokio::test]
async fn whoever_reads_an_address_that_was_never_verified_is_not_asked() {
    let system = System::shared().await;
    let (user, new) = (system.new_user().await, User::unknown().email);
    let mut browser = Browser::of(&system.edge, &user).await;
    let change = json!({"email": new, "password": user.password});
    browser.post("/auth/email", &change).await.is(202);
    let confirm = json!({"token": system.mail_to(&new, TO_NEW, 1).await.token()});
    Mobile::at(&system.edge).post("/auth/email/verify").json(&confirm).send().await.is(204);
    let me = browser.get("/auth/me").await.is(200).json();
    assert_eq!((&me["user"]["email"], &me["email_verified"]), (&json!(new), &json!(true)));
    system.mail_to(&user.email, "Your e-mail address was changed", 1).await;
    assert_eq!(system.mails_to(&user.email, TO_OLD).await.len(), 0);
}

#[tokio::test]
async fn an_address_that_is_anothers_is_answered_alike_and_never_taken() {
    let system = System::shared().await;
    let (user, victim) = (system.new_user().await, system.new_user().await);
    system.origin_command(&["user", "verify", "--email", &user.email]).succeeded();
    let mut browser = Browser::of(&system.edge, &user).await;
    let change = json!({"email": victim.email, "password": user.password});
    browser.post("/auth/email", &change).await.is(202);
    system.mail_to(&victim.email, TAKEN, 1).await;
    let old_end = system.mail_to(&user.email, TO_OLD, 1).await;
    let confirm = json!({"token": old_end.token()});
    Mobile::at(&system.edge).post("/auth/email/verify").json(&confirm).send().await.is(204);
    assert_eq!(browser.get("/auth/me").await.is(200).json()["user"]["email"], user.email.as_str());
    Mobile::of(&system.edge, &victim).await;
}
