//! Each act does what it says, and leaves an event that says who did what to whom, from where and why.

use serde_json::json;

use super::{BECAUSE, Desk, Event, POLICY, Person, WHY, newest, session_of, system};
use crate::fixture::{Browser, Mobile, System, User, until};
use crate::second_factor::enrol;

/// Wants the newest event of a kind to say all that is known of an act of this desk.
async fn recorded(system: &System, desk: &Desk, kind: &str, subject: Option<&str>) -> Event {
    let event = newest(system, kind, subject).await;
    assert_eq!((event.kind.as_str(), event.outcome.as_str()), (kind, "success"), "{event:?}");
    assert_eq!(event.actor.as_deref(), Some(desk.person.id.as_str()), "{event:?}");
    assert_eq!(event.subject.as_deref(), subject, "{event:?}");
    assert_eq!(event.address.as_deref(), Some("127.0.0.1"), "{event:?}");
    assert_eq!(event.detail["note"], WHY, "{event:?}");
    let in_session = event.detail["actor_session"].as_str().or(event.session.as_deref());
    assert_eq!(in_session, Some(desk.session.as_str()), "{event:?}");
    event
}

#[tokio::test]
async fn an_account_is_made_verified_given_a_role_disabled_and_enabled() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let email = User::unknown().email;
    let new = json!({"email": email, "password": "made_up", "roles": ["viewer"]});
    let made = desk.post("/admin/users", new.clone()).await.is(201);
    assert!(made.header("cache-control").is_some_and(|value| value.contains("no-store")));
    let made = made.json();
    let user = User { email: email.clone(), password: made["password"].as_str().expect("one").to_owned() };
    let user = Person { id: made["user"]["id"].as_str().expect("an id").to_owned(), user };
    recorded(system, &desk, "account.created", Some(&user.id)).await;
    desk.post("/admin/users", new).await.refused(409, "conflict");

    let mut app = Mobile::of(&system.edge, &user.user).await;
    desk.post(&user.path("/verify"), json!({})).await.is(204);
    assert!(desk.get(&user.path("")).await.is(200).json()["verified_at"].is_string());
    recorded(system, &desk, "email.verified", Some(&user.id)).await;

    desk.grant(&user, "helpdesk").await.is(204);
    let event = recorded(system, &desk, "role.granted", Some(&user.id)).await;
    assert_eq!(event.detail["role"], "helpdesk");
    let shown = desk.get(&user.path("")).await.is(200).json();
    assert_eq!(shown["roles"], json!(["helpdesk", "viewer"]));
    assert_eq!(shown["second_factors"], json!({"totp": null, "passkeys": 0, "recovery_codes": 0}));
    desk.revoke(&user, "helpdesk").await.is(204);
    recorded(system, &desk, "role.revoked", Some(&user.id)).await;
    desk.grant(&user, "emperor").await.refused(422, "unknown-role");

    app.refresh().await.is(200);
    let disabled = desk.post(&user.path("/disable"), json!({})).await.is(204);
    assert!(disabled.header("revocation-number").is_some());
    recorded(system, &desk, "account.disabled", Some(&user.id)).await;
    app.refresh().await.oauth_refused("invalid_grant");
    Mobile::at(&system.edge).log_in(&user.user).await.refused(401, "invalid-credentials");
    desk.post(&user.path("/enable"), json!({})).await.is(204);
    recorded(system, &desk, "account.enabled", Some(&user.id)).await;
    Mobile::of(&system.edge, &user.user).await;
    desk.get("/admin/users/018f0000-0000-7000-8000-000000000000").await.refused(404, "not-found");
}

#[tokio::test]
async fn who_gets_an_account_chooses_the_password_by_mail() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let user = User { password: "one that I chose myself".to_owned(), ..User::unknown() };
    let made = desk.post("/admin/users", json!({"email": user.email})).await.is(201).json();
    assert!(made.get("password").is_none(), "{made}");
    assert_eq!(made["user"]["roles"], json!(["viewer"]));
    let mail = system.mail_to(&user.email, "An account was made for you", 1).await;
    let chosen = json!({"token": mail.token(), "password": user.password});
    Mobile::at(&system.origin).post("/auth/password/reset").json(&chosen).send().await.is(204);
    Mobile::of(&system.edge, &user).await;
}

#[tokio::test]
async fn sessions_are_seen_and_ended() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let user = Person::new(system).await;
    let (first, mut second) =
        (Mobile::of(&system.edge, &user.user).await, Browser::of(&system.edge, &user.user).await);
    let listed = desk.get(&user.path("/sessions")).await.is(200).json();
    let sessions = listed["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2);
    // The newest first.
    assert_eq!((&sessions[0]["kind"], &sessions[1]["kind"]), (&json!("browser"), &json!("token")));
    assert!(sessions.iter().all(|session| session["user"] == user.id.as_str()), "{listed}");

    let id = session_of(&first.get("/auth/me").await.is(200).json());
    desk.delete(&format!("/admin/sessions/{id}")).await.is(204);
    let event = recorded(system, &desk, "session.ended", Some(&user.id)).await;
    assert_eq!(event.session.as_deref(), Some(id.as_str()));
    first.through(&system.origin).get("/auth/me").await.is(401);
    desk.delete(&format!("/admin/sessions/{id}")).await.refused(404, "not-found");

    second.get("/auth/me").await.is(200);
    desk.delete(&user.path("/sessions")).await.is(204);
    recorded(system, &desk, "sessions.ended", Some(&user.id)).await;
    second.through(&system.origin).get("/auth/me").await.is(401);
    assert_eq!(desk.get(&user.path("/sessions")).await.is(200).json()["sessions"], json!([]));
}

#[tokio::test]
async fn a_second_factor_is_reset_and_its_owner_told() {
    let system = system().await;
    let desk = Desk::with(system, "admin").await;
    let user = Person::new(system).await;
    let mut browser = Browser::of(&system.edge, &user.user).await;
    enrol(&mut browser).await;
    let shown = desk.get(&user.path("")).await.is(200).json();
    assert!(shown["second_factors"]["totp"]["confirmed_at"].is_string(), "{shown}");
    desk.delete(&user.path("/second-factors")).await.is(204);
    system.mail_to(&user.user.email, "Your account has no second factor any more", 1).await;
    recorded(system, &desk, "second_factor.reset", Some(&user.id)).await;
    browser.through(&system.origin).get("/auth/me").await.is(401);
    desk.delete(&user.path("/second-factors")).await.refused(404, "not-found");
}

#[tokio::test]
async fn keys_are_seen_rotated_and_withdrawn() {
    let system = System::own(&["--policy", POLICY, "--set", "COUNTERSIGN_KEY_PUBLISH_SECONDS=1"]).await;
    let desk = Desk::with(&system, "admin").await;
    let kid_in = |keys: &serde_json::Value, state: &str| {
        let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["state"] == state);
        key.expect("a key")["kid"].as_str().expect("its id").to_owned()
    };
    let keys = desk.get("/admin/keys").await.is(200);
    assert!(!keys.text().contains("private"), "{}", keys.text());
    let (current, next) = (kid_in(&keys.json(), "current"), kid_in(&keys.json(), "next"));
    let mut rotated = desk.post("/admin/keys/rotate", json!({})).await;
    until("the next key may sign", async || {
        if rotated.status == 409 {
            rotated = desk.post("/admin/keys/rotate", json!({})).await;
        }
        rotated.status != 409
    })
    .await;
    assert_eq!(rotated.is(200).json(), json!({"current": next, "retiring": current}));
    recorded(&system, &desk, "key.rotated", None).await;

    let withdrawn = desk.delete(&format!("/admin/keys/{current}")).await.is(200);
    assert!(withdrawn.header("revocation-number").is_some());
    assert_eq!(withdrawn.json()["promoted"], json!(null));
    let event = recorded(&system, &desk, "key.withdrawn", None).await;
    assert_eq!(event.detail["key"], current);
    // The administrator's own token was signed by it.
    desk.app.through(&system.origin).get("/admin/keys").await.is(401);
    let again = Mobile::of(&system.edge, &desk.person.user).await;
    again.delete(&format!("/admin/keys/{current}{BECAUSE}")).await.refused(404, "not-found");
}

#[tokio::test]
async fn what_is_dangerous_wants_a_recent_login() {
    let system = System::with_movable_clock(&["--policy", POLICY]).await;
    let mut desk = Desk::with(&system, "admin").await;
    let user = Person::new(&system).await;
    system.advance(std::time::Duration::from_secs(301)).await;
    desk.post(&user.path("/disable"), json!({})).await.refused(401, "insufficient-user-authentication");
    desk.grant(&user, "viewer").await.refused(401, "insufficient-user-authentication");
    // What can be made good again does not.
    desk.delete(&user.path("/sessions")).await.is(204);
    desk.get("/admin/users").await.is(200);
    desk.app = desk.app.through(&system.origin);
    desk.app.reauthenticate(&desk.person.user).await.is(200);
    desk.post(&user.path("/disable"), json!({})).await.is(204);
}
