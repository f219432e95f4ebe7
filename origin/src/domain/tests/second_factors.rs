//! Second factors: what counts, how often, and what changes with them.

use super::{authentication::execute, passkeys::made_up, *};
use crate::{
    domain::{Enrolled, Proof, RecoveryCode, SecondFactors, TotpSecret},
    store,
};

/// An app that counts from [`time`]`(0)` on, whose owner is signed in.
pub(super) struct App {
    pub(super) user: UserId,
    pub(super) secret: TotpSecret,
    pub(super) codes: Vec<RecoveryCode>,
    pub(super) login: BrowserLogin,
}

/// Enrols and confirms an app by the code of time 0.
pub(super) async fn app(w: &World) -> App {
    let user = w.user(EMAIL, &["viewer"]).await;
    let login = w.browser(0).await;
    let me = w.principal(0, &login).await;
    let secret = w.domain.enrol_totp(&w.at(0), &me).await.unwrap().secret;
    let enrolled = w.domain.confirm_totp(&w.at(0), &me, &secret.code_at(time(0))).await.unwrap();
    let Enrolled { recovery_codes, credentials } = enrolled;
    let login = BrowserLogin { credentials: credentials.unwrap(), ..login };
    App { user, secret, codes: recovery_codes, login }
}

/// Uses a proof by itself.
async fn used(w: &World, user: UserId, proof: Proof<'_>, seconds: u64) -> Result<(), &'static str> {
    let mut transaction = w.store.begin().await.unwrap();
    let outcome = w.domain.use_proof(&mut transaction, user, proof, time(seconds)).await.unwrap();
    transaction.commit().await.unwrap();
    outcome
}

/// Uses the code of a time at another time.
async fn used_code(w: &World, app: &App, of: u64, seconds: u64) -> Result<(), &'static str> {
    used(w, app.user, Proof::Code(&app.secret.code_at(time(of))), seconds).await
}

#[tokio::test]
async fn an_app_counts_once_it_is_confirmed() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let me = w.principal(0, &w.browser(0).await).await;
        let first = w.domain.enrol_totp(&w.at(0), &me).await.unwrap();
        let second = w.domain.enrol_totp(&w.at(0), &me).await.unwrap();
        assert_ne!(first.secret, second.secret);
        assert!(second.uri.starts_with("otpauth://totp/id.example.test:Ada%40example.test?secret="));
        assert_eq!(w.domain.second_factors(user).await.unwrap(), SecondFactors::default());
        assert_eq!(w.domain.second_steps(user).await.unwrap(), []);
        let code = second.secret.code_at(time(0));
        assert_eq!(used(&w, user, Proof::Code(&code), 0).await, Err("no_second_factor"));
        w.tokens(0).await;

        // The one that was begun first is forgotten.
        let old = w.domain.confirm_totp(&w.at(0), &me, &first.secret.code_at(time(0))).await;
        assert!(matches!(old, Err(Error::InvalidCode)), "{old:?}");
        let enrolled = w.domain.confirm_totp(&w.at(0), &me, &code).await.unwrap();
        assert_eq!(enrolled.recovery_codes.len(), 10);
        let factors = w.domain.second_factors(user).await.unwrap();
        assert_eq!(factors, SecondFactors { totp: Some(time(0)), passkeys: 0, recovery_codes: 10 });
        let again = w.domain.enrol_totp(&w.at(1), &me).await;
        assert!(matches!(again, Err(Error::SecondFactorExists)), "{again:?}");
        let again = w.domain.confirm_totp(&w.at(1), &me, &code).await;
        assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
        assert_eq!(w.events("second_factor.begun").await, ["success totp"; 2]);
        assert_eq!(w.events("second_factor.enrolled").await, ["failure wrong_code", "success totp"]);
    }
}

#[tokio::test]
async fn with_a_second_factor_the_sessions_without_it_end() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (other, mine, phone) = (w.browser(0).await, w.browser(0).await, w.tokens(0).await);
        let me = w.principal(0, &mine).await;
        let secret = w.domain.enrol_totp(&w.at(0), &me).await.unwrap().secret;
        assert!(w.by_handle(0, &other.credentials.handle).await.is_some());
        let enrolled = w.domain.confirm_totp(&w.at(0), &me, &secret.code_at(time(0))).await.unwrap();
        assert!(w.by_handle(0, &other.credentials.handle).await.is_none());
        assert!(!w.is_alive(0, &phone).await);
        assert!(w.by_handle(0, &mine.credentials.handle).await.is_none(), "its handle has changed");
        let me = w.by_handle(0, &enrolled.credentials.unwrap().handle).await.unwrap();
        assert_eq!((me.session, me.epoch), (mine.session, 2));
        let ended = w.domain.find_session(other.session).await.unwrap().unwrap().end.unwrap();
        assert_eq!(ended.1.as_str(), "second_factor_changed");
        assert_eq!(w.domain.list_sessions(user, time(0)).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn each_step_counts_once_and_none_before_it() {
    for w in World::each().await {
        let app = app(&w).await;
        // The code that confirmed the app is used.
        assert_eq!(used_code(&w, &app, 0, 0).await, Err("used_code"));
        assert_eq!(used_code(&w, &app, 30, 0).await, Ok(()), "a clock that is ahead");
        assert_eq!(used_code(&w, &app, 30, 30).await, Err("used_code"));
        assert_eq!(used_code(&w, &app, 90, 119).await, Ok(()));
        assert_eq!(used_code(&w, &app, 60, 60).await, Err("used_code"), "older than one that was used");
        assert_eq!(used_code(&w, &app, 120, 150).await, Ok(()), "a clock that is behind");
        assert_eq!(used_code(&w, &app, 150, 210).await, Err("wrong_code"), "too late");
        assert_eq!(used_code(&w, &app, 270, 210).await, Err("wrong_code"), "too soon");
        for none in ["", "000000000", "١٢٣٤٥٦", "12345", &app.codes[0].to_text()] {
            assert_eq!(used(&w, app.user, Proof::Code(none), 210).await, Err("wrong_code"), "{none}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_two_uses_of_a_code_at_once_one_succeeds() {
    for w in World::each().await {
        let app = app(&w).await;
        // Another origin on the same database takes half of them.
        let other = World { domain: open(&w.store, settings(), MASTER_KEY, 0).await.unwrap(), ..w.clone() };
        for round in 1..=5 {
            let code = app.secret.code_at(time(round * 30));
            let recovery = app.codes[usize::try_from(round).unwrap()].to_text();
            for (is_code, text, late) in [(true, code, "used_code"), (false, recovery, "wrong_recovery_code")]
            {
                let outcomes = at_once(32, |n| {
                    let (w, text, user) =
                        (if n % 2 == 0 { &w } else { &other }.clone(), text.clone(), app.user);
                    Box::pin(async move {
                        let proof = if is_code { Proof::Code(&text) } else { Proof::RecoveryCode(&text) };
                        used(&w, user, proof, round * 30).await
                    })
                });
                let (good, bad): (Vec<_>, Vec<_>) = outcomes.await.into_iter().partition(Result::is_ok);
                assert_eq!((good.len(), bad), (1, vec![Err(late); 31]), "{round}");
            }
        }
    }
}

#[tokio::test]
async fn a_use_that_does_not_commit_is_none() {
    for w in World::each().await {
        let app = app(&w).await;
        let (code, recovery) = (app.secret.code_at(time(30)), app.codes[0].to_text());
        for proof in [Proof::Code(&code), Proof::RecoveryCode(&recovery)] {
            let mut transaction = w.store.begin().await.unwrap();
            assert_eq!(
                w.domain.use_proof(&mut transaction, app.user, proof, time(30)).await.unwrap(),
                Ok(())
            );
            transaction.rollback().await.unwrap();
            assert_eq!(used(&w, app.user, proof, 30).await, Ok(()));
        }
    }
}

#[tokio::test]
async fn recovery_codes_are_the_users_own_and_new_ones_replace_the_old() {
    for w in World::each().await {
        let app = app(&w).await;
        let stranger = w.user("eve@example.test", &[]).await;
        let code = app.codes[0].to_text();
        assert_eq!(used(&w, stranger, Proof::RecoveryCode(&code), 0).await, Err("no_second_factor"));
        assert_eq!(used(&w, app.user, Proof::RecoveryCode(&code.to_uppercase()), 0).await, Ok(()));
        assert_eq!(used(&w, app.user, Proof::RecoveryCode(&code), 0).await, Err("wrong_recovery_code"));
        assert_eq!(w.domain.second_factors(app.user).await.unwrap().recovery_codes, 9);

        let me = w.principal(0, &app.login).await;
        let new = w.domain.replace_recovery_codes(&w.at(0), &me).await.unwrap();
        assert_eq!(w.domain.second_factors(app.user).await.unwrap().recovery_codes, 10);
        let old = app.codes[1].to_text();
        assert_eq!(used(&w, app.user, Proof::RecoveryCode(&old), 0).await, Err("wrong_recovery_code"));
        assert_eq!(used(&w, app.user, Proof::RecoveryCode(&new[0].to_text()), 0).await, Ok(()));
        assert_eq!(w.events("recovery_codes.replaced").await, ["success"]);
        assert!(w.by_handle(0, &app.login.credentials.handle).await.is_some(), "the session goes on");
    }
}

#[tokio::test]
async fn what_is_removed_counts_no_more_and_ends_the_others() {
    for w in World::each().await {
        let app = app(&w).await;
        let me = w.principal(0, &app.login).await;
        let credentials = w.domain.remove_totp(&w.at(1), &me).await.unwrap().unwrap();
        assert!(w.by_handle(1, &app.login.credentials.handle).await.is_none(), "its handle has changed");
        let me = w.by_handle(1, &credentials.handle).await.unwrap();
        assert_eq!((me.session, me.epoch), (app.login.session, 3));
        assert_eq!(w.domain.second_factors(app.user).await.unwrap(), SecondFactors::default());
        assert_eq!(used_code(&w, &app, 30, 30).await, Err("no_second_factor"));
        let recovery = app.codes[0].to_text();
        assert_eq!(used(&w, app.user, Proof::RecoveryCode(&recovery), 30).await, Err("no_second_factor"));
        assert!(matches!(w.domain.remove_totp(&w.at(1), &me).await, Err(Error::NotFound)));
        assert!(matches!(w.domain.replace_recovery_codes(&w.at(1), &me).await, Err(Error::NotFound)));
        assert_eq!(w.events("second_factor.removed").await, ["success totp"]);
        let mails = w.domain.take_mail(&w.at(1)).await.unwrap();
        let told = |subject| mails.iter().any(|mail| mail.to == EMAIL && mail.letter.subject == subject);
        assert!(told("Your account has no second factor any more"), "{mails:?}");
        w.tokens(1).await;
        // Nothing is left that would be in the way of another.
        w.domain.enrol_totp(&w.at(2), &me).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_removes_the_app_and_has_a_passkey_keeps_what_belongs_to_the_passkey() {
    for (before, after) in [
        ("UPDATE sessions SET amr = 'hwk,user,mfa'", "hwk,user,mfa"),
        ("UPDATE sessions SET amr = 'pwd,hwk,user,mfa'", "pwd,hwk,user,mfa"),
        ("UPDATE sessions SET amr = 'pwd,otp,mfa'", "pwd"),
    ] {
        for w in World::each().await {
            let app = app(&w).await;
            let me = w.principal(0, &app.login).await;
            w.domain.add_passkey(&w.at(0), &me, made_up(app.user, 1)).await.unwrap();
            execute(&w, before).await;
            let me = w.principal(1, &app.login).await;
            let credentials = w.domain.remove_totp(&w.at(1), &me).await.unwrap().unwrap();
            let me = w.by_handle(1, &credentials.handle).await.unwrap();
            assert_eq!(me.authentication.methods.to_string(), after);
            let factors = w.domain.second_factors(app.user).await.unwrap();
            assert_eq!(factors, SecondFactors { totp: None, passkeys: 1, recovery_codes: 10 });
            let mails = w.domain.take_mail(&w.at(1)).await.unwrap();
            let told = |subject| mails.iter().any(|mail| mail.to == EMAIL && mail.letter.subject == subject);
            assert!(told("The app of your account was removed"), "{mails:?}");
            assert!(!told("Your account has no second factor any more"), "{mails:?}");
        }
    }
}

#[tokio::test]
async fn an_operator_takes_all_of_it_away() {
    for w in World::each().await {
        let app = app(&w).await;
        assert_eq!(w.domain.reset_second_factors(&w.at(1), app.user).await.unwrap(), 1);
        assert!(w.by_handle(1, &app.login.credentials.handle).await.is_none());
        assert_eq!(w.domain.second_factors(app.user).await.unwrap(), SecondFactors::default());
        let ended = w.domain.find_session(app.login.session).await.unwrap().unwrap().end.unwrap();
        assert_eq!(ended.1.as_str(), "second_factor_changed");
        assert_eq!(w.events("second_factor.reset").await, ["success"]);
        let again = w.domain.reset_second_factors(&w.at(1), app.user).await;
        assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
        // Nothing was changed by that.
        assert_eq!(w.domain.find_user(app.user).await.unwrap().unwrap().epoch, 3);
    }
}

#[tokio::test]
async fn what_is_kept_gives_no_code_away() {
    for w in World::each().await {
        let app = app(&w).await;
        let kept = store::totp::of(w.store.reads(), app.user).await.unwrap().unwrap();
        assert!(!kept.sealed.windows(20).any(|window| window == app.secret.expose()));
        // In another user's row it opens nothing.
        let stranger = w.user("eve@example.test", &[]).await;
        let mut transaction = w.store.begin().await.unwrap();
        sqlx::query("UPDATE totp_factors SET user_id = $1")
            .bind(stranger.to_string())
            .execute(&mut *transaction)
            .await
            .unwrap();
        let code = app.secret.code_at(time(30));
        let moved = w.domain.use_proof(&mut transaction, stranger, Proof::Code(&code), time(30)).await;
        assert!(matches!(moved, Err(Error::MasterKey { .. })), "{moved:?}");

        let written = format!("{:?} {:?} {:?} {kept:?}", w.log().await, app.codes, app.secret);
        for secret in [code, app.secret.to_base32(), app.codes[0].to_text()] {
            assert!(!written.contains(&secret), "{secret} in {written}");
        }
    }
}
