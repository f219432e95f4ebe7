//! What is kept of passkeys. That their signatures are checked is shown end to end, with an authenticator.

use serde_json::json;
use shared::id::{PasskeyId, UserId};

use super::*;
use crate::{
    domain::passkeys::{Passkey, PasskeyAttempt},
    store::{passkeys, recovery_codes},
};

/// Keeps a passkey that no browser has made.
async fn registered(w: &World, user: UserId, byte: u8) -> PasskeyId {
    let passkey = Passkey {
        id: PasskeyId::new(time(0), [byte; 10]),
        user,
        credential_id: vec![byte; 16],
        credential: "{}".to_owned(),
        sign_count: 0,
        synchronised: false,
        backed_up: false,
        label: "Phone".to_owned(),
        created_at: time(0),
        last_used_at: None,
    };
    let mut transaction = w.store.begin().await.unwrap();
    assert!(passkeys::insert(&mut transaction, &passkey).await.unwrap());
    transaction.commit().await.unwrap();
    passkey.id
}

#[tokio::test]
async fn recovery_codes_go_with_the_last_passkey() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let (first, last) = (registered(&w, user, 1).await, registered(&w, user, 2).await);
        w.domain.replace_recovery_codes(&w.at(0), &me).await.unwrap();
        w.domain.remove_passkey(&w.at(1), &me, first).await.unwrap();
        assert_eq!(recovery_codes::left(w.store.reads(), user).await.unwrap(), 10);
        w.domain.remove_passkey(&w.at(1), &me, last).await.unwrap();
        assert_eq!(recovery_codes::left(w.store.reads(), user).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_was_sent_in_a_session_that_has_ended_changes_no_way_to_log_in() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let passkey = registered(&w, user, 1).await;
        w.domain.end_all_sessions(&w.at(1), user).await.unwrap();
        let refused = |outcome: Result<(), Error>| assert!(matches!(outcome, Err(Error::Unauthenticated)));
        refused(w.domain.replace_recovery_codes(&w.at(1), &me).await.map(drop));
        refused(w.domain.remove_passkey(&w.at(1), &me, passkey).await);
        let mut transaction = w.store.begin().await.unwrap();
        refused(w.domain.lock_signed_in(&mut transaction, &w.at(1), &me).await);
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn questions_to_a_passkey_have_a_limit_for_each_address_of_a_client() {
    let limits = Limits { ceremonies: "3/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        let from = |address: &str| Context { address: Some(address.parse().unwrap()), ..w.at(0) };
        for _ in 0..3 {
            w.domain.ask_for_passkey(&from("192.0.2.1")).await.unwrap();
        }
        let refused = w.domain.ask_for_passkey(&from("192.0.2.1")).await.unwrap_err();
        assert!(matches!(refused, Error::TooManyAttempts { .. }), "{refused:?}");
        w.domain.ask_for_passkey(&from("192.0.2.2")).await.unwrap();
        // A guess at a password is counted by itself.
        w.user(EMAIL, &["viewer"]).await;
        w.domain.login_token(&from("192.0.2.1"), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
    }
}

#[tokio::test]
async fn a_question_that_nobody_answers_is_purged() {
    for w in World::each().await {
        w.domain.ask_for_passkey(&w.at(0)).await.unwrap();
        let kept = async || -> i64 {
            let statement = "SELECT COUNT(*) FROM passkey_ceremonies";
            sqlx::query_scalar(statement).fetch_one(w.store.reads()).await.unwrap()
        };
        w.domain.upkeep(&w.at(5 * 60 - 1)).await.unwrap();
        assert_eq!(kept().await, 1);
        w.domain.upkeep(&w.at(5 * 60 + 1)).await.unwrap();
        assert_eq!(kept().await, 0);
    }
}

#[tokio::test]
async fn a_site_without_a_name_of_its_own_has_no_passkeys() {
    for w in World::each_with(Settings { passkeys: None, ..settings() }).await {
        let refused = w.domain.ask_for_passkey(&w.at(0)).await.unwrap_err();
        assert!(matches!(refused, Error::NoPasskeys), "{refused:?}");
        let attempt = PasskeyAttempt { answer: &json!({}), device: None, known_device: None };
        let refused = w.domain.passkey_login_token(&w.at(0), &attempt).await.unwrap_err();
        assert!(matches!(refused, Error::NoPasskeys), "{refused:?}");
    }
}
