//! What is kept of passkeys. That their signatures are checked is shown end to end, with an authenticator.

use serde_json::json;
use shared::{
    authentication::Method,
    id::{PasskeyId, UserId},
};

use super::{second_factors::app, *};
use crate::{
    domain::{
        Reauthentication, SecondFactors,
        login::Proven,
        passkeys::{NewPasskey, Passkey, PasskeyAttempt},
    },
    store::{passkeys, passwords, recovery_codes},
};

/// A passkey that no browser has made.
pub(super) fn made_up(user: UserId, byte: u8) -> Passkey {
    Passkey {
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
    }
}

/// Keeps such a passkey, and changes nothing else.
pub(super) async fn registered(w: &World, user: UserId, byte: u8) -> PasskeyId {
    let passkey = made_up(user, byte);
    let mut transaction = w.store.begin().await.unwrap();
    assert!(passkeys::insert(&mut transaction, &passkey).await.unwrap());
    transaction.commit().await.unwrap();
    passkey.id
}

#[tokio::test]
async fn with_a_first_passkey_the_sessions_without_it_end_and_there_are_recovery_codes() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (other, mine, phone) = (w.browser(0).await, w.browser(0).await, w.tokens(0).await);
        let me = w.principal(0, &mine).await;
        let NewPasskey { enrolled, .. } =
            w.domain.add_passkey(&w.at(0), &me, made_up(user, 1)).await.unwrap();
        let enrolled = enrolled.unwrap();
        assert_eq!(enrolled.recovery_codes.len(), 10);
        assert!(w.by_handle(0, &other.credentials.handle).await.is_none());
        assert!(!w.is_alive(0, &phone).await);
        let ended = w.domain.find_session(other.session).await.unwrap().unwrap().end.unwrap();
        assert_eq!(ended.1.as_str(), "second_factor_changed");
        assert!(w.by_handle(0, &mine.credentials.handle).await.is_none(), "its handle has changed");
        let handle = enrolled.credentials.unwrap().handle;
        let me = w.by_handle(0, &handle).await.unwrap();
        assert_eq!((me.session, me.epoch), (mine.session, 2));

        // Another beside it changes nothing of what a login needs.
        let another = w.domain.add_passkey(&w.at(0), &me, made_up(user, 2)).await.unwrap();
        assert!(another.enrolled.is_none());
        assert_eq!(w.by_handle(0, &handle).await.unwrap().epoch, 2);
        let factors = w.domain.second_factors(user).await.unwrap();
        assert_eq!(factors, SecondFactors { totp: None, passkeys: 2, recovery_codes: 10 });
        assert_eq!(w.events("passkey.registered").await, ["success"; 2]);
    }
}

#[tokio::test]
async fn beside_an_app_a_passkey_is_no_first_second_factor() {
    for w in World::each().await {
        let app = app(&w).await;
        let me = w.principal(0, &app.login).await;
        let added = w.domain.add_passkey(&w.at(0), &me, made_up(app.user, 1)).await.unwrap();
        assert!(added.enrolled.is_none());
        assert!(w.by_handle(0, &app.login.credentials.handle).await.is_some());
    }
}

#[tokio::test]
async fn a_login_that_read_the_account_before_its_first_passkey_makes_no_session() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let found = passwords::credentials_by_id(w.store.reads(), user).await.unwrap().unwrap();
        assert!(!found.has_second_factor);
        let me = w.principal(0, &w.browser(0).await).await;
        w.domain.add_passkey(&w.at(0), &me, made_up(user, 1)).await.unwrap();

        let (hash, methods) = (found.password_hash.unwrap(), [Method::Password].into());
        let proven = Proven { user: found.user, hash, methods, has_second_factor: false };
        let mut transaction = w.store.begin().await.unwrap();
        let opened = w.domain.begin_session(&mut transaction, &w.at(0), &proven.entrant(None), None).await;
        assert!(opened.unwrap().is_none());
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_by_the_password_alone_outlives_the_first_passkey() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for round in 0..5 {
            let now = u64::from(round) * 90;
            let me = w.principal(now, &w.browser(now).await).await;
            let logins = at_once(8, |_| {
                let w = w.clone();
                Box::pin(
                    async move { w.domain.login_token(&w.at(now), &Attempt::new(EMAIL, PASSWORD)).await },
                )
            });
            let (context, passkey) = (w.at(now), made_up(user, round));
            let (logins, added) = tokio::join!(logins, w.domain.add_passkey(&context, &me, passkey));
            for outcome in logins {
                assert!(matches!(outcome, Ok(_) | Err(Error::SecondFactorRequired(_))), "{outcome:?}");
            }
            let left = w.domain.list_sessions(user, time(now)).await.unwrap();
            assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [me.session]);
            w.domain.remove_passkey(&context, &me, added.unwrap().passkey.id).await.unwrap();
            w.domain.end_all_sessions(&context, user).await.unwrap();
        }
    }
}

#[tokio::test]
async fn nobody_fills_the_audit_log_with_what_is_no_passkey_or_no_code() {
    let limit = "5/1/60/60".parse().unwrap();
    let limits = Limits { records: limit, device: limit, ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let (here, junk) = (w.at(0), json!({}));
        let elsewhere = Context { address: Some([198, 51, 100, 7].into()), ..w.at(0) };
        w.domain.enrol_totp(&elsewhere, &me).await.unwrap();
        for n in 0..300 {
            let refused = w.domain.register_passkey(&here, &me, &junk, None).await;
            assert!(matches!(refused, Err(Error::PasskeyUnusable)), "{refused:?}");
            let refused = w.domain.confirm_totp(&elsewhere, &me, "").await;
            assert!(matches!(refused, Err(Error::InvalidCode)), "{refused:?}");
            let refused = w.domain.reauthenticate_by_passkey(&here, &me, &junk).await;
            match refused {
                Err(Error::InvalidPasskey) if n < 5 => {}
                Err(Error::TooManyAttempts { .. }) if n >= 5 => {}
                other => panic!("{n} {other:?}"),
            }
        }
        assert_eq!(w.events("passkey.registered").await, ["failure unknown_challenge"; 5]);
        assert_eq!(w.events("second_factor.enrolled").await, ["failure wrong_code"; 5]);
        assert_eq!(w.events("session.reauthenticated").await, ["failure unknown_challenge"; 5]);
        // The password is guessed at by itself.
        let shown = Reauthentication { password: PASSWORD, second: None };
        w.domain.reauthenticate(&here, &me, &shown).await.unwrap();
    }
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
        let attempt = PasskeyAttempt { answer: &json!({}), device: None, known_device: None, held: &[] };
        let refused = w.domain.passkey_login_token(&w.at(0), &attempt).await.unwrap_err();
        assert!(matches!(refused, Error::NoPasskeys), "{refused:?}");
    }
}
