//! The second step of a login: what it takes, and everything that must not be one.

use super::{
    second_factors::{App, app},
    *,
};
use crate::domain::{Limits, Proof, Reauthentication, SecondAttempt, SecondStep, SecondStepAsked, SteppedUp};

/// The first step of a login, which is not enough.
async fn asked(w: &World, kind: &str, password: &str, seconds: u64) -> SecondStepAsked {
    let attempt = Attempt::new(EMAIL, password).on("phone");
    let context = w.at(seconds);
    let login = match kind {
        "browser" => w.domain.login_browser(&context, &attempt).await.map(drop),
        _ => w.domain.login_token(&context, &attempt).await.map(drop),
    };
    match login {
        Err(Error::SecondFactorRequired(asked)) => *asked,
        other => panic!("{other:?}"),
    }
}

/// The second step of a token login by the code of this time.
async fn step(w: &World, app: &App, asked: &SecondStepAsked, seconds: u64) -> Result<TokenGrant, Error> {
    let code = app.secret.code_at(time(seconds));
    let challenge = asked.challenge();
    let attempt = SecondAttempt::new(&challenge, Proof::Code(&code));
    w.domain.second_step_token(&w.at(seconds), &attempt).await
}

/// How many sessions are alive, the one that the app was enrolled in among them.
async fn alive(w: &World, app: &App, seconds: u64) -> usize {
    w.domain.list_sessions(app.user, time(seconds)).await.unwrap().len()
}

/// The reason of the last failed login.
async fn last_failure(w: &World) -> String {
    let failures = w.events("login").await;
    failures.into_iter().rfind(|event| event.starts_with("failure")).unwrap_or_default()
}

#[tokio::test]
async fn the_password_alone_makes_a_challenge_and_the_code_a_session() {
    for w in World::each().await {
        let app = app(&w).await;
        let asked = asked(&w, "browser", PASSWORD, 60).await;
        assert_eq!(asked.methods, [SecondStep::Totp, SecondStep::RecoveryCode]);
        assert_eq!(asked.expires_in, Duration::from_secs(300));
        assert_eq!(alive(&w, &app, 60).await, 1);

        let code = app.secret.code_at(time(90));
        let challenge = asked.challenge();
        let attempt = SecondAttempt::new(&challenge, Proof::Code(&code));
        let login = w.domain.second_step_browser(&w.at(90), &attempt).await.unwrap();
        let me = w.principal(91, &login).await;
        assert_eq!((me.user, me.session), (app.user, login.session));
        assert_eq!(me.authentication.at, Some(time(90)));
        assert_eq!(me.authentication.methods.to_string(), "pwd,otp,mfa");
        let session = w.domain.find_session(login.session).await.unwrap().unwrap();
        assert_eq!(session.device.as_deref(), Some("phone"));
        assert_eq!(w.events("login.challenged").await, ["success browser"]);
        let log = w.log().await;
        let event = log.iter().rfind(|event| event.kind == "login").unwrap();
        assert_eq!((event.success, event.actor, event.session), (true, Some(app.user), Some(login.session)));
        assert!(event.detail.as_deref().unwrap_or_default().contains(r#""second_step":"totp""#));
    }
}

#[tokio::test]
async fn whoever_lost_the_phone_has_a_recovery_code() {
    for w in World::each().await {
        let app = app(&w).await;
        let asked = asked(&w, "token", PASSWORD, 60).await;
        let code = app.codes[3].to_text();
        let challenge = asked.challenge();
        let attempt = SecondAttempt::new(&challenge, Proof::RecoveryCode(&code));
        let grant = w.domain.second_step_token(&w.at(60), &attempt).await.unwrap();
        let me = w.domain.by_bearer(&w.at(61), &grant.access_token).await.unwrap();
        assert!(me.authentication.methods.have_second_factor());
        let mails = w.domain.take_mail(&w.at(60)).await.unwrap();
        let mut subjects: Vec<_> = mails.iter().map(|mail| mail.letter.subject).collect();
        subjects.sort_unstable();
        assert_eq!(subjects, ["A recovery code was used", "Your account has a second factor"]);
        assert!(mails.iter().all(|mail| mail.to == EMAIL && !mail.letter.text.contains(&code)), "{mails:?}");
        // It is signed in by two factors, and can set up another phone.
        w.domain.remove_totp(&w.at(62), &me).await.unwrap();
        let fresh = w.refresh(63, &grant.refresh_token).await.unwrap();
        let me = w.domain.by_bearer(&w.at(63), &fresh.access_token).await.unwrap();
        assert_eq!(me.authentication.methods.to_string(), "pwd");
        w.domain.enrol_totp(&w.at(63), &me).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_second_step_is_said_to_the_log_alone() {
    for w in World::each().await {
        let app = app(&w).await;
        let browser = asked(&w, "browser", PASSWORD, 60).await;
        let token = asked(&w, "token", PASSWORD, 60).await;
        let (code, used) = (app.secret.code_at(time(60)), app.secret.code_at(time(0)));
        let (made_up, recovery) = ("A".repeat(43), app.codes[0].to_text());
        let mut changed = token.challenge();
        changed.replace_range(..1, if changed.starts_with('A') { "B" } else { "A" });
        for (challenge, proof, reason) in [
            (token.challenge(), Proof::Code("000000"), "wrong_code"),
            (token.challenge(), Proof::Code(&recovery), "wrong_code"),
            (token.challenge(), Proof::RecoveryCode(&code), "wrong_recovery_code"),
            (token.challenge(), Proof::Code(&app.secret.code_at(time(150))), "wrong_code"),
            (browser.challenge(), Proof::Code(&code), "unknown_challenge"),
            (made_up, Proof::Code(&code), "unknown_challenge"),
            (changed, Proof::Code(&code), "unknown_challenge"),
            (String::new(), Proof::Code(&code), "unknown_challenge"),
        ] {
            let attempt = SecondAttempt::new(&challenge, proof);
            let refused = w.domain.second_step_token(&w.at(60), &attempt).await;
            assert!(matches!(refused, Err(Error::InvalidCode)), "{reason} {refused:?}");
            assert_eq!(last_failure(&w).await, format!("failure {reason}"));
        }
        let early = asked(&w, "token", PASSWORD, 0).await;
        let challenge = early.challenge();
        let attempt = SecondAttempt::new(&challenge, Proof::Code(&used));
        let refused = w.domain.second_step_token(&w.at(0), &attempt).await;
        assert!(matches!(refused, Err(Error::InvalidCode)), "{refused:?}");
        assert_eq!(last_failure(&w).await, "failure used_code");
        assert_eq!(alive(&w, &app, 60).await, 1);
        // After all that, the good one is still good.
        step(&w, &app, &token, 60).await.unwrap();
    }
}

#[tokio::test]
async fn a_challenge_makes_one_session_within_five_minutes() {
    for w in World::each().await {
        let app = app(&w).await;
        let (first, second) =
            (asked(&w, "token", PASSWORD, 60).await, asked(&w, "token", PASSWORD, 60).await);
        step(&w, &app, &first, 359).await.unwrap();
        // With another code too.
        assert!(matches!(step(&w, &app, &first, 390).await, Err(Error::InvalidCode)));
        assert_eq!(last_failure(&w).await, "failure unknown_challenge");
        assert!(matches!(step(&w, &app, &second, 360).await, Err(Error::InvalidCode)));
        assert_eq!(last_failure(&w).await, "failure unknown_challenge");
        assert_eq!(alive(&w, &app, 360).await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_second_steps_at_once_one_makes_a_session() {
    for w in World::each().await {
        let app = app(&w).await;
        for round in 1..=3 {
            let asked = asked(&w, "token", PASSWORD, round * 30).await.challenge();
            let code = app.secret.code_at(time(round * 30));
            let outcomes = at_once(32, |_| {
                let (w, asked, code) = (w.clone(), asked.clone(), code.clone());
                Box::pin(async move {
                    let attempt = SecondAttempt::new(&asked, Proof::Code(&code));
                    w.domain.second_step_token(&w.at(round * 30), &attempt).await.map(drop)
                })
            });
            let outcomes = outcomes.await;
            assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
            let refused = outcomes.iter().filter(|outcome| matches!(outcome, Err(Error::InvalidCode)));
            assert_eq!(refused.count(), 31, "{outcomes:?}");
            assert_eq!(alive(&w, &app, round * 30).await, 1 + usize::try_from(round).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_tries_at_once_or_not_are_all_that_a_challenge_takes() {
    for w in World::each().await {
        let app = app(&w).await;
        let asked = asked(&w, "token", PASSWORD, 60).await;
        let outcomes = at_once(32, |_| {
            let (w, challenge) = (w.clone(), asked.challenge());
            Box::pin(async move {
                let attempt = SecondAttempt::new(&challenge, Proof::Code("000000"));
                w.domain.second_step_token(&w.at(60), &attempt).await.map(drop)
            })
        });
        assert!(outcomes.await.iter().all(|outcome| matches!(outcome, Err(Error::InvalidCode))));
        let failures = w.events("login").await;
        let looked_at = failures.iter().filter(|event| *event == "failure wrong_code").count();
        assert_eq!(looked_at, 5, "{failures:?}");
        assert!(matches!(step(&w, &app, &asked, 60).await, Err(Error::InvalidCode)));
        assert_eq!(last_failure(&w).await, "failure challenge_over");
    }
}

#[tokio::test]
async fn codes_are_counted_against_the_account_whatever_the_challenge() {
    let account = "3/1/60/60".parse().unwrap();
    let limits = Limits { account, ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        let app = app(&w).await;
        for _ in 0..3 {
            let challenge = asked(&w, "token", PASSWORD, 60).await.challenge();
            let attempt = SecondAttempt::new(&challenge, Proof::Code("000000"));
            let wrong = w.domain.second_step_token(&w.at(60), &attempt).await;
            assert!(matches!(wrong, Err(Error::InvalidCode)), "{wrong:?}");
        }
        // A right password at the first step gives none of them back.
        let waiting = asked(&w, "token", PASSWORD, 60).await;
        let refused = step(&w, &app, &waiting, 60).await;
        assert!(matches!(refused, Err(Error::TooManyAttempts { .. })), "{refused:?}");
        step(&w, &app, &waiting, 120).await.unwrap();
        // A right code does.
        step(&w, &app, &asked(&w, "token", PASSWORD, 150).await, 150).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_proven_has_to_hold_to_the_end() {
    for w in World::each().await {
        let app = app(&w).await;
        let editor = "editor".parse().unwrap();
        let (mut password, mut now) = (PASSWORD, 60);
        for change in ["password", "role", "end_all", "disable"] {
            let asked = asked(&w, "token", password, now).await;
            let context = w.at(now);
            match change {
                "password" => {
                    let me = w.principal(now, &app.login).await;
                    w.domain.change_password(&context, &me, password, NEW_PASSWORD).await.map(drop).unwrap();
                    password = NEW_PASSWORD;
                }
                "role" => assert!(w.domain.grant_role(&context, app.user, &editor).await.unwrap()),
                "end_all" => drop(w.domain.end_all_sessions(&context, app.user).await.unwrap()),
                _ => w.domain.disable(&context, app.user).await.unwrap(),
            }
            let refused = step(&w, &app, &asked, now).await;
            assert!(matches!(refused, Err(Error::InvalidCode)), "{change} {refused:?}");
            assert_eq!(last_failure(&w).await, "failure challenge_outdated", "{change}");
            if change == "disable" {
                w.domain.enable(&context, app.user).await.unwrap();
                assert!(matches!(step(&w, &app, &asked, now).await, Err(Error::InvalidCode)), "{change}");
            }
            now += 30;
        }
        // The code of that time was not used by what was refused.
        let asked = asked(&w, "token", password, now).await;
        step(&w, &app, &asked, now).await.unwrap();
    }
}

#[tokio::test]
async fn without_a_second_factor_a_login_is_as_it_was() {
    for w in World::each().await {
        let app = app(&w).await;
        let wrong = w.domain.login_token(&w.at(60), &Attempt::new(EMAIL, "wrong")).await;
        assert!(matches!(wrong, Err(Error::InvalidCredentials)), "{wrong:?}");
        let me = w.principal(60, &app.login).await;
        w.domain.remove_totp(&w.at(60), &me).await.unwrap();
        let me = w.principal(60, &w.browser(60).await).await;
        assert_eq!(me.authentication.methods.to_string(), "pwd");
        assert_eq!(w.events("login.challenged").await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_login_by_the_password_alone_outlives_the_enrolment() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        for round in 0..5 {
            let now = round * 90;
            let mut login = w.browser(now).await;
            let me = w.principal(now, &login).await;
            let secret = w.domain.enrol_totp(&w.at(now), &me).await.unwrap().secret;
            let logins = at_once(8, |_| {
                let w = w.clone();
                Box::pin(
                    async move { w.domain.login_token(&w.at(now), &Attempt::new(EMAIL, PASSWORD)).await },
                )
            });
            let (context, code) = (w.at(now), secret.code_at(time(now)));
            let (logins, enrolled) = tokio::join!(logins, w.domain.confirm_totp(&context, &me, &code));
            for outcome in logins {
                assert!(matches!(outcome, Ok(_) | Err(Error::SecondFactorRequired(_))), "{outcome:?}");
            }
            let left = w.domain.list_sessions(user, time(now)).await.unwrap();
            assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [me.session]);
            login.credentials = enrolled.unwrap().credentials.unwrap();
            let me = w.principal(now, &login).await;
            w.domain.remove_totp(&w.at(now), &me).await.unwrap();
            w.domain.end_all_sessions(&w.at(now), user).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_step_up_asks_for_what_a_login_asks_for() {
    for w in World::each().await {
        let app = app(&w).await;
        let me = w.principal(30, &app.login).await;
        let step_up = async |second: Option<Proof<'_>>| {
            let shown = Reauthentication { password: PASSWORD, second };
            w.domain.reauthenticate(&w.at(30), &me, &shown).await
        };
        let missing = step_up(None).await;
        let Err(Error::SecondFactorMissing(methods)) = missing else { panic!("{missing:?}") };
        assert_eq!(methods, [SecondStep::Totp, SecondStep::RecoveryCode]);
        let used = app.secret.code_at(time(0));
        assert!(matches!(step_up(Some(Proof::Code(&used))).await, Err(Error::InvalidCode)));
        assert!(w.by_handle(30, &app.login.credentials.handle).await.is_some(), "nothing changed");
        let code = app.secret.code_at(time(30));
        let SteppedUp::Browser(now) = step_up(Some(Proof::Code(&code))).await.unwrap() else {
            unreachable!()
        };
        let me = w.by_handle(30, &now.handle).await.unwrap();
        assert_eq!(me.authentication.methods.to_string(), "pwd,otp,mfa");
        let events = w.events("session.reauthenticated").await;
        assert_eq!(events, ["failure second_factor_missing", "failure used_code", "success"]);
    }
}

#[tokio::test]
async fn a_right_password_in_a_session_forgives_no_guess_at_the_code() {
    let limits = Limits { device: "3/1/60/60".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        let app = app(&w).await;
        let me = w.principal(30, &app.login).await;
        let step_up = async |second: Option<Proof<'_>>| {
            let shown = Reauthentication { password: PASSWORD, second };
            w.domain.reauthenticate(&w.at(30), &me, &shown).await
        };
        for _ in 0..2 {
            assert!(matches!(step_up(Some(Proof::Code("000000"))).await, Err(Error::InvalidCode)));
        }
        assert!(matches!(step_up(None).await, Err(Error::SecondFactorMissing(_))));
        let code = app.secret.code_at(time(30));
        assert!(matches!(step_up(Some(Proof::Code(&code))).await, Err(Error::TooManyAttempts { .. })));
    }
}

#[tokio::test]
async fn an_outdated_hash_is_replaced_at_the_first_step() {
    for w in World::each().await {
        let app = app(&w).await;
        let stronger = Hashing { memory_kib: 16, iterations: 2, ..settings().hashing };
        let domain =
            open(&w.store, Settings { hashing: stronger, ..settings() }, MASTER_KEY, 1).await.unwrap();
        let w = World { domain, ..w };
        let asked = asked(&w, "token", PASSWORD, 60).await;
        assert_eq!(w.events("password.rehashed").await, ["success"]);
        step(&w, &app, &asked, 60).await.unwrap();
    }
}

#[tokio::test]
async fn what_waited_in_vain_is_removed() {
    for w in World::each().await {
        app(&w).await;
        asked(&w, "token", PASSWORD, 60).await;
        let kept = async || {
            let rows = sqlx::query("SELECT digest FROM login_challenges").fetch_all(w.store.reads()).await;
            rows.unwrap().len()
        };
        w.domain.upkeep(&w.at(359)).await.unwrap();
        assert_eq!(kept().await, 1);
        w.domain.upkeep(&w.at(361)).await.unwrap();
        assert_eq!(kept().await, 0);
    }
}

#[tokio::test]
async fn nothing_of_a_second_step_is_written_down() {
    for w in World::each().await {
        let app = app(&w).await;
        let asked = asked(&w, "token", PASSWORD, 60).await;
        let (challenge, code, recovery) =
            (asked.challenge(), app.secret.code_at(time(60)), app.codes[0].to_text());
        let attempts = [Proof::RecoveryCode(&recovery), Proof::Code(&code)]
            .map(|proof| SecondAttempt::new(&challenge, proof));
        let written = format!("{attempts:?} {asked:?}");
        for attempt in attempts {
            drop(w.domain.second_step_token(&w.at(60), &attempt).await);
        }
        let written =
            format!("{written} {:?} {:?}", w.log().await, Error::SecondFactorRequired(Box::new(asked)));
        for secret in [challenge, code, recovery] {
            assert!(!written.contains(&secret), "{secret} in {written}");
        }
    }
}
