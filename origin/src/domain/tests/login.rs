//! Login, and everything that must not be one.

use super::{second_factors::app, *};
use crate::domain::{Proof, SecondAttempt};

#[tokio::test]
async fn a_browser_gets_a_handle_that_nobody_has_seen() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (first, second) = (w.browser(0).await, w.browser(0).await);
        assert_ne!(first.credentials.handle.to_text(), second.credentials.handle.to_text());
        assert_ne!(first.session, second.session);
        let principal = w.principal(1, &first).await;
        assert_eq!((principal.user, principal.session), (user, first.session));
        assert_eq!(principal.credential, Credential::Session);
        assert_eq!(principal.csrf_token(w.domain.secrets()), Some(first.credentials.csrf_token.clone()));
        assert_eq!(first.credentials.handle_max_age, Duration::from_secs(30 * DAY));
        let sessions = w.domain.list_sessions(user, time(1)).await.unwrap();
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions[0].device.as_deref(), Some("laptop"));
        assert_eq!(sessions[0].address.as_deref(), Some("192.0.2.1"));
        assert_eq!(sessions[0].user_agent.as_deref(), Some("test/1"));
        assert_eq!(w.events("login").await, ["success browser"; 2]);
    }
}

#[tokio::test]
async fn an_access_token_is_its_users() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["editor"]).await;
        let grant = w.tokens(0).await;
        let principal = w.domain.by_bearer(&w.at(1), &grant.access_token).await.unwrap();
        assert_eq!((principal.user, principal.session), (user, grant.session));
        assert_eq!(principal.credential, Credential::Bearer);
        assert_eq!(principal.roles, ["editor".parse().unwrap()]);
        assert_eq!(principal.csrf_token(w.domain.secrets()), None);
        assert_eq!(grant.expires_in, Duration::from_secs(600));

        let expired = w.domain.by_bearer(&w.at(630), &grant.access_token).await;
        assert!(matches!(expired, Err(Error::ExpiredToken)));
        let mut changed = grant.access_token.clone();
        changed.replace_range(60..61, if &changed[60..61] == "A" { "B" } else { "A" });
        let (head, _) = grant.access_token.rsplit_once('.').unwrap();
        for token in ["", "x.y.z", &changed, head, &format!("{head}.{}", "A".repeat(86))] {
            assert!(matches!(w.domain.by_bearer(&w.at(1), token).await, Err(Error::InvalidToken)), "{token}");
        }
    }
}

#[tokio::test]
async fn an_assertion_is_no_bearer() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let bearer = w.domain.by_bearer(&w.at(1), &login.credentials.assertion).await;
        assert!(matches!(bearer, Err(Error::InvalidToken)));
        let context = w.at(1);
        let as_bearer =
            w.domain.by_session(&context, login.session, Credential::Bearer, context.now).await.unwrap();
        assert!(as_bearer.is_none());
    }
}

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same_and_the_log_says_why() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let disabled = w.user("off@example.test", &[]).await;
        w.domain.disable(&w.at(0), disabled).await.unwrap();
        let nul = "correct horse\0battery";
        let long = "p".repeat(10 << 20);
        let attempts = [
            (EMAIL, "wrong", "wrong_password"),
            (EMAIL, "", "wrong_password"),
            (EMAIL, " correct horse battery", "wrong_password"),
            (EMAIL, "correct horse batter", "wrong_password"),
            ("nobody@example.test", PASSWORD, "unknown_address"),
            ("off@example.test", PASSWORD, "user_disabled"),
            ("ada", PASSWORD, "invalid_address"),
            ("ada\u{ff20}example.test", PASSWORD, "invalid_address"),
            ("ad\0a@example.test", PASSWORD, "invalid_address"),
            (EMAIL, nul, "unusable_password"),
            (EMAIL, &long, "unusable_password"),
        ];
        for (email, password, _) in attempts {
            let login = w.domain.login_browser(&w.at(0), &Attempt::new(email, password)).await;
            assert!(matches!(login, Err(Error::InvalidCredentials)), "{email} {login:?}");
        }
        let wanted: Vec<String> = attempts.iter().map(|(.., reason)| format!("failure {reason}")).collect();
        assert_eq!(w.events("login").await, wanted);
        let log = w.log().await;
        let wrong = log.iter().find(|event| event.reason.as_deref() == Some("wrong_password")).unwrap();
        assert_eq!((wrong.subject, wrong.actor), (Some(user), None));
        let invalid = log.iter().find(|event| event.reason.as_deref() == Some("invalid_address")).unwrap();
        assert_eq!(invalid.detail.as_deref(), Some(r#"{"operator":"tester"}"#));
        // An address that nobody has may be a password as well, or that of somebody who has left.
        for event in &log {
            assert_eq!(
                event.personal.is_some(),
                event.kind == "login" && event.subject.is_some(),
                "{event:?}"
            );
        }
        assert_eq!(w.domain.list_sessions(user, time(0)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_login_costs_one_hash_whatever_is_wrong_with_it() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let disabled = w.user("off@example.test", &[]).await;
        w.domain.disable(&w.at(0), disabled).await.unwrap();
        w.domain.create_user(&w.at(0), "none@example.test", None, &[]).await.unwrap();
        for (email, password) in [
            (EMAIL, PASSWORD),
            (EMAIL, "wrong"),
            (EMAIL, ""),
            ("off@example.test", PASSWORD),
            ("none@example.test", PASSWORD),
            ("nobody@example.test", PASSWORD),
            ("ada", PASSWORD),
        ] {
            let before = w.domain.hashing_load().begun;
            drop(w.domain.login_token(&w.at(0), &Attempt::new(email, password)).await);
            assert_eq!(w.domain.hashing_load().begun, before + 1, "{email} {password:?}");
        }
    }
}

#[tokio::test]
async fn a_password_is_the_same_however_its_accents_are_composed() {
    for w in World::each().await {
        let decomposed = "cafe\u{301} au lait, s'il vous plai\u{302}t";
        w.domain.create_user(&w.at(0), EMAIL, Some(decomposed), &[]).await.unwrap();
        let composed = "caf\u{e9} au lait, s'il vous pla\u{ee}t";
        assert!(w.domain.login_token(&w.at(0), &Attempt::new(EMAIL, composed)).await.is_ok());
    }
}

#[tokio::test]
async fn a_hash_of_older_parameters_is_replaced_at_login() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let hash = async || {
            let found =
                crate::store::passwords::credentials_by_id(w.store.reads(), user).await.unwrap().unwrap();
            found.password_hash.unwrap().expose().to_owned()
        };
        let before = hash().await;
        w.tokens(0).await;
        assert_eq!(hash().await, before);

        let stronger = Hashing { memory_kib: 16, iterations: 2, ..settings().hashing };
        let stronger =
            open(&w.store, Settings { hashing: stronger, ..settings() }, MASTER_KEY, 1).await.unwrap();
        stronger.login_token(&w.at(1), &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        let after = hash().await;
        assert!(before.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{before}");
        assert!(after.starts_with("$argon2id$v=19$m=16,t=2,p=1$"), "{after}");
        assert!(stronger.login_token(&w.at(2), &Attempt::new(EMAIL, PASSWORD)).await.is_ok());
        assert_eq!(w.events("password.rehashed").await, ["success"]);
        // Nothing of it is a change of rights.
        assert_eq!(w.domain.find_user(user).await.unwrap().unwrap().epoch, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_logins_at_once_that_find_an_older_hash_each_goes_on_to_its_second_step() {
    // All have verified the old hash long before the first has computed the new one.
    let slower = Hashing { memory_kib: 16 * 1024, iterations: 8, parallel: 4, ..settings().hashing };
    for w in World::each().await {
        let app = app(&w).await;
        let origin = Settings { hashing: slower.clone(), ..settings() };
        let w = World { domain: open(&w.store, origin, MASTER_KEY, 1).await.unwrap(), ..w };
        let asked = at_once(4, |_| {
            let w = w.clone();
            Box::pin(async move { w.domain.login_token(&w.at(1), &Attempt::new(EMAIL, PASSWORD)).await })
        });
        for (login, code) in asked.await.into_iter().zip(&app.codes) {
            let Err(Error::SecondFactorRequired(asked)) = login else { panic!("{login:?}") };
            let (challenge, code) = (asked.challenge(), code.to_text());
            let attempt = SecondAttempt::new(&challenge, Proof::RecoveryCode(&code));
            w.domain.second_step_token(&w.at(2), &attempt).await.unwrap();
        }
        assert_eq!(w.events("password.rehashed").await, ["success"]);
    }
}

#[tokio::test]
async fn no_secret_is_written_down() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (login, grant) = (w.browser(0).await, w.tokens(0).await);
        let next = w.refresh(1, &grant.refresh_token).await.unwrap();
        w.domain.renew_assertion(&w.at(1), &login.credentials.handle).await.unwrap().unwrap();
        drop(w.domain.login_token(&w.at(1), &Attempt::new(PASSWORD, PASSWORD)).await);
        let principal = w.principal(1, &login).await;
        w.domain.change_password(&w.at(2), &principal, PASSWORD, NEW_PASSWORD).await.unwrap();
        let written = format!("{:?} {:?} {login:?} {grant:?} {principal:?}", w.log().await, w.domain);
        let secrets = [
            PASSWORD,
            NEW_PASSWORD,
            &login.credentials.handle.to_text(),
            &login.credentials.assertion,
            &login.credentials.csrf_token,
            &grant.access_token,
            &grant.refresh_token,
            &next.refresh_token,
            "$argon2id$",
        ];
        for secret in secrets {
            assert!(!written.contains(secret), "{secret} in {written}");
        }
    }
}
