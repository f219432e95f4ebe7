//! What is kept of passkeys. That their signatures are checked is shown end to end, with an authenticator.

use serde_json::json;

use super::*;
use crate::domain::passkeys::PasskeyAttempt;

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
