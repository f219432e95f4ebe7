//! What is refused without being theft: a made-up token, and any token of a session that is over.

use super::{end_reason, recorded, session_of, token_of};
use crate::fixture::{Browser, Door, Mobile, System};

#[tokio::test]
async fn a_made_up_token_is_refused_and_harms_nobody() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let other = Mobile::of(&system.origin, &user).await;
    let (session, token) = (session_of(&app), token_of(&app));
    let mac = token.rsplit('.').next().expect("a mac").to_owned();
    let last = if mac.ends_with('A') { 'E' } else { 'A' };

    for made_up in [
        "x".to_owned(),
        "..".to_owned(),
        "\0".to_owned(),
        "ünïcode".to_owned(),
        session.clone(),
        format!("{session}.1"),
        format!("{session}.1."),
        format!("{session}.2.{mac}"),
        format!("{session}.01.{mac}"),
        format!("{session}.-1.{mac}"),
        format!("{session}.18446744073709551616.{mac}"),
        format!("{}.1.{mac}", session_of(&other)),
        format!("{}.1.{mac}", session.to_uppercase()),
        format!("{session}.1.{}", "A".repeat(43)),
        format!("{}{last}", &token[..token.len() - 1]),
        format!("{token}="),
        format!("{token} "),
        format!("{token}.{mac}"),
        "a".repeat(20_000),
        app.access_token.clone().expect("a login"),
    ] {
        for door in [Door::Edge, Door::Origin] {
            let answer = Mobile::at(system.at(door)).present(&made_up).await.oauth_refused("invalid_grant");
            assert!(made_up.len() < 4 || !answer.text().contains(&made_up), "it is not repeated");
        }
    }
    let events = system.recorded_of_session(&session).await;
    assert_eq!(events.len(), 1, "nothing but the login: {events:?}");
    app.refresh().await.is(200);
}

/// What a session is ended by, at origin.
async fn ended(system: &System, how: &str) -> (Mobile, String) {
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.origin, &user).await;
    let first = token_of(&app);
    app.refresh().await.is(200);
    app.refresh().await.is(200);
    match how {
        "logout" => {
            app.delete("/auth/sessions/current").await.is(204);
        }
        "ended" => {
            let mut browser = Browser::of(&system.origin, &user).await;
            browser.delete(&format!("/auth/sessions/{}", session_of(&app))).await.is(204);
        }
        "revoked" => {
            app.post("/oauth/revoke").form(&[("token", token_of(&app))]).send().await.is(200);
        }
        "password_changed" => {
            let mut browser = Browser::of(&system.origin, &user).await;
            let change = serde_json::json!({"current": user.password, "new": "another password than before"});
            browser.post("/auth/password", &change).await.is(204);
        }
        "user_disabled" => system.disable(&user),
        _ => panic!("no session ends by {how}"),
    }
    (app, first)
}

#[tokio::test]
async fn no_token_of_an_ended_session_counts_and_none_is_called_stolen() {
    let system = System::shared().await;
    for how in ["logout", "ended", "revoked", "password_changed", "user_disabled"] {
        let (mut app, first) = ended(system, how).await;
        let session = session_of(&app);
        app.refresh().await.oauth_refused("invalid_grant");
        app.present(&first).await.oauth_refused("invalid_grant");
        app.get("/auth/me").await.refused(401, "invalid-token");
        assert_eq!(end_reason(system, &session).await.as_deref(), Some(how));
        assert_eq!(recorded(system, &session, "refresh.theft").await, 0, "{how}");
        assert_eq!(recorded(system, &session, "refresh.refused").await, 2, "{how}");
    }
}

#[tokio::test]
async fn a_user_who_is_enabled_again_has_to_log_in_again() {
    let system = System::shared().await;
    let user = system.new_user().await;
    let mut app = Mobile::of(&system.edge, &user).await;
    system.disable(&user);
    app.refresh().await.oauth_refused("invalid_grant");
    app.log_in(&user).await.refused(401, "invalid-credentials");

    system.origin_command(&["user", "enable", "--email", &user.email]).succeeded();
    app.refresh().await.oauth_refused("invalid_grant");
    app.log_in(&user).await.is(200);
    app.refresh().await.is(200);
}
