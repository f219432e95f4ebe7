//! Proving anew who one is, in a session that lives.

use shared::authentication::Authentication;

use super::{
    authentication::{by_password, execute, told},
    *,
};
use crate::{
    domain::{Reauthentication, SteppedUp},
    store::passwords,
};

async fn step_up(w: &World, seconds: u64, principal: &Principal) -> Result<SteppedUp, Error> {
    let shown = Reauthentication { password: PASSWORD, second: None };
    w.domain.reauthenticate(&w.at(seconds).by(principal.user), principal, &shown).await
}

async fn bearer(w: &World, seconds: u64, token: &str) -> Principal {
    w.domain.by_bearer(&w.at(seconds), token).await.unwrap()
}

#[tokio::test]
async fn a_browsers_session_goes_on_with_a_login_of_now_and_another_handle() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let me = w.principal(599, &login).await;
        let SteppedUp::Browser(now) = step_up(&w, 600, &me).await.unwrap() else { unreachable!() };

        assert_eq!(told(&now.assertion), by_password(600));
        assert_eq!(now.handle_max_age, Duration::from_secs(30 * DAY - 600));
        assert!(w.by_handle(601, &login.credentials.handle).await.is_none(), "the handle before is dead");
        let after = w.by_handle(601, &now.handle).await.unwrap();
        assert_eq!((after.session, after.authentication), (me.session, by_password(600)));
        assert_ne!(now.csrf_token, login.credentials.csrf_token);
        let event = w.log().await.into_iter().rfind(|event| event.kind == "session.reauthenticated").unwrap();
        assert_eq!((event.actor, event.session), (Some(me.user), Some(me.session)));
        assert!(event.detail.unwrap().contains(r#""amr":"pwd""#));
    }
}

#[tokio::test]
async fn a_token_session_gets_tokens_that_tell_of_it() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let before = w.tokens(0).await;
        let me = bearer(&w, 300, &before.access_token).await;
        let SteppedUp::Token(now) = step_up(&w, 300, &me).await.unwrap() else { unreachable!() };

        assert_eq!(told(&now.access_token), by_password(300));
        assert_eq!(now.session, before.session);
        assert_ne!(now.refresh_token, before.refresh_token);
        // Had the answer been lost, the token before would still do, and no later than any other.
        let again = w.refresh(310, &before.refresh_token).await.unwrap();
        assert_eq!(again.refresh_token, now.refresh_token);
        let next = w.refresh(400, &now.refresh_token).await.unwrap();
        assert_eq!(told(&next.access_token), by_password(300));
        assert!(matches!(w.refresh(500, &before.refresh_token).await, Err(Error::InvalidGrant)));
    }
}

/// Whoever has copied it before the step has proven nothing.
#[tokio::test]
async fn the_token_of_before_gives_none_that_tells_of_the_step() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let before = w.tokens(0).await;
        let me = bearer(&w, 300, &before.access_token).await;
        let SteppedUp::Token(now) = step_up(&w, 300, &me).await.unwrap() else { unreachable!() };

        let tells_nothing = async |seconds, grant: &TokenGrant| {
            let principal = bearer(&w, seconds, &grant.access_token).await;
            let nothing = Authentication::default();
            assert_eq!((told(&grant.access_token), principal.authentication), (nothing.clone(), nothing));
        };
        // While the answer may be on its way it is the same child. Whoever was told of the step still is.
        let repeated = w.refresh(330, &before.refresh_token).await.unwrap();
        assert_eq!(repeated.refresh_token, now.refresh_token);
        assert_eq!(repeated.expires_in, Duration::from_secs(10 * MINUTE - 31));
        tells_nothing(330, &repeated).await;
        assert_eq!(bearer(&w, 330, &now.access_token).await.authentication, by_password(300));

        let fresh = w.refresh(340, &before.refresh_token).await.unwrap();
        assert_ne!(fresh.refresh_token, now.refresh_token);
        tells_nothing(340, &fresh).await;
        tells_nothing(350, &w.refresh(350, &before.refresh_token).await.unwrap()).await;
        let next = w.refresh(400, &fresh.refresh_token).await.unwrap();
        tells_nothing(400, &next).await;

        // An honest client whose answer was lost proves it once more.
        let me = bearer(&w, 401, &next.access_token).await;
        let SteppedUp::Token(again) = step_up(&w, 401, &me).await.unwrap() else { unreachable!() };
        assert_eq!(told(&again.access_token), by_password(401));
    }
}

/// A step begins when it is asked for, and is done once the password is hashed.
#[tokio::test]
async fn what_was_issued_while_the_password_was_hashed_tells_nothing_of_the_step() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (app, browser) = (w.tokens(0).await, w.browser(0).await);
        let (by_app, by_browser) =
            (bearer(&w, 300, &app.access_token).await, w.principal(300, &browser).await);
        let meanwhile = w.refresh(301, &app.refresh_token).await.unwrap();
        let handle = &browser.credentials.handle;
        let assertion = w.domain.renew_assertion(&w.at(301), handle).await.unwrap().unwrap().assertion;
        let SteppedUp::Token(token) = step_up(&w, 300, &by_app).await.unwrap() else { unreachable!() };
        let SteppedUp::Browser(cookies) = step_up(&w, 300, &by_browser).await.unwrap() else {
            unreachable!()
        };

        assert_eq!(told(&assertion), by_password(0));
        assert_eq!(bearer(&w, 303, &meanwhile.access_token).await.authentication, Authentication::default());
        assert_eq!(bearer(&w, 303, &token.access_token).await.authentication, by_password(302));
        assert_eq!(
            (told(&token.access_token), told(&cookies.assertion)),
            (by_password(302), by_password(302))
        );
        // And an answer that is lost is no theft.
        step_up(&w, 303, &bearer(&w, 303, &meanwhile.access_token).await).await.unwrap();
        assert!(w.refresh(304, &meanwhile.refresh_token).await.is_ok());
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn steps_whose_answers_are_lost_make_nobody_a_thief() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let first = w.tokens(0).await;
        let me = bearer(&w, 300, &first.access_token).await;
        for seconds in [300, 310, 400] {
            step_up(&w, seconds, &me).await.unwrap();
        }
        let second = w.refresh(500, &first.refresh_token).await.unwrap();
        assert_eq!(told(&second.access_token), Authentication::default());
        // The same of one who has refreshed before: what came is known to have come by its access token.
        let me = bearer(&w, 500, &second.access_token).await;
        for seconds in [510, 600] {
            step_up(&w, seconds, &me).await.unwrap();
        }
        let third = w.refresh(700, &second.refresh_token).await.unwrap();
        assert!(w.refresh(800, &third.refresh_token).await.is_ok());
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_step_between_two_refreshes_by_one_token_makes_nobody_a_thief() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let first = w.tokens(0).await;
        let me = bearer(&w, 100, &first.access_token).await;
        let child = w.refresh(100, &first.refresh_token).await.unwrap();
        let SteppedUp::Token(now) = step_up(&w, 101, &me).await.unwrap() else { unreachable!() };
        // Whichever of them the client got last; none of before tells of the step.
        for token in [&first.refresh_token, &child.refresh_token] {
            let again = w.refresh(102, token).await.unwrap();
            assert_eq!(again.refresh_token, now.refresh_token);
            assert_eq!(told(&again.access_token), Authentication::default());
        }
        let next = w.refresh(103, &now.refresh_token).await.unwrap();
        assert_eq!(told(&next.access_token), by_password(101));
        assert_eq!(w.events("refresh.theft").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_step_leaves_every_token_stolen_that_was_before_what_its_client_had() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        // By the access token that came with the second.
        let first = w.tokens(0).await;
        let second = w.refresh(100, &first.refresh_token).await.unwrap();
        let me = bearer(&w, 101, &second.access_token).await;
        step_up(&w, 101, &me).await.unwrap();
        assert!(matches!(w.refresh(102, &first.refresh_token).await, Err(Error::InvalidGrant)));

        // By the one before: then what came is known as soon as it is used.
        let first = w.tokens(200).await;
        let me = bearer(&w, 201, &first.access_token).await;
        let second = w.refresh(202, &first.refresh_token).await.unwrap();
        step_up(&w, 203, &me).await.unwrap();
        w.refresh(204, &second.refresh_token).await.unwrap();
        assert!(matches!(w.refresh(205, &first.refresh_token).await, Err(Error::InvalidGrant)));
        assert_eq!(w.events("refresh.theft").await, ["failure successor_used"; 2]);
    }
}

/// Or a stolen session could be made to look like one by two factors of just now.
#[tokio::test]
async fn what_was_proven_before_does_not_become_recent() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        execute(&w, "UPDATE sessions SET amr = 'pwd,otp,mfa'").await;
        let me = w.principal(60, &login).await;
        assert!(me.authentication.methods.have_second_factor());
        let SteppedUp::Browser(now) = step_up(&w, 60, &me).await.unwrap() else { unreachable!() };
        assert_eq!(told(&now.assertion), by_password(60));
    }
}

#[tokio::test]
async fn a_wrong_password_changes_nothing_and_is_recorded() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let login = w.browser(0).await;
        let me = w.principal(60, &login).await;
        for password in ["", "wrong horse battery", "nul\0"] {
            let shown = Reauthentication { password, second: None };
            let refused = w.domain.reauthenticate(&w.at(60), &me, &shown).await;
            assert!(matches!(refused, Err(Error::InvalidCredentials)), "{password}");
        }
        assert_eq!(w.principal(61, &login).await.authentication, by_password(0));
        assert_eq!(w.events("session.reauthenticated").await, ["failure wrong_password"; 3]);
    }
}

#[tokio::test]
async fn a_session_that_is_over_is_not_stepped_up() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let (login, tokens) = (w.browser(0).await, w.tokens(0).await);
        let (me, app) = (w.principal(1, &login).await, bearer(&w, 1, &tokens.access_token).await);
        w.domain.end_all_sessions(&w.at(1), user).await.unwrap();
        for principal in [&me, &app] {
            assert!(matches!(step_up(&w, 2, principal).await, Err(Error::Unauthenticated)));
        }
        assert_eq!(w.events("session.reauthenticated").await, [""; 0]);
        let later = w.browser(3).await;
        let me = w.principal(3, &later).await;
        w.domain.disable(&w.at(4), user).await.unwrap();
        assert!(matches!(step_up(&w, 5, &me).await, Err(Error::Unauthenticated)));
    }
}

#[tokio::test]
async fn a_password_that_changed_meanwhile_has_proven_nothing() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let found = passwords::credentials_by_id(w.store.reads(), user).await.unwrap().unwrap();
        let verified = found.password_hash.unwrap();
        let holds = async || {
            let mut transaction = w.store.begin().await.unwrap();
            passwords::lock_if_current(&mut transaction, w.store.dialect(), user, &verified).await.unwrap()
        };
        assert!(holds().await);
        let me = w.principal(1, &w.browser(0).await).await;
        w.domain.change_password(&w.at(1), &me, PASSWORD, NEW_PASSWORD).await.unwrap();
        assert!(!holds().await);
    }
}

#[tokio::test]
async fn of_many_steps_at_once_each_is_whole() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let tokens = w.tokens(0).await;
        let me = bearer(&w, 60, &tokens.access_token).await;
        let outcomes = at_once(8, |_| {
            let (w, me) = (w.clone(), me.clone());
            Box::pin(async move { step_up(&w, 60, &me).await.is_ok() })
        })
        .await;
        assert_eq!(outcomes, [true; 8]);
        let later = w.at(61);
        let session = w.domain.by_session(&later, tokens.session, Credential::Bearer, time(61));
        let after = session.await.unwrap().unwrap().authentication;
        // What the first of them gave is of the second 60.
        assert_eq!(after, by_password(61));
        // Whoever holds what was issued before has proven nothing.
        let before = bearer(&w, 61, &tokens.access_token).await.authentication;
        assert_eq!(before, Authentication::default());
    }
}

#[tokio::test]
async fn guesses_in_a_session_are_counted_and_only_there() {
    let limits = Limits { device: "3/4/10/40".parse().unwrap(), ..generous() };
    for w in World::each_with(Settings { limits, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let (here, there) = (w.browser(0).await, w.browser(0).await);
        let (me, other) = (w.principal(0, &here).await, w.principal(0, &there).await);
        let wrong = Reauthentication { password: "a wrong password", second: None };
        for _ in 0..3 {
            let guess = w.domain.reauthenticate(&w.at(0), &me, &wrong).await;
            assert!(matches!(guess, Err(Error::InvalidCredentials)));
        }
        let hashed = w.domain.hashing_load().begun;
        assert!(matches!(step_up(&w, 0, &me).await, Err(Error::TooManyAttempts { .. })));
        assert_eq!(w.domain.hashing_load().begun, hashed, "a refused guess is not hashed");
        step_up(&w, 0, &other).await.unwrap();
        // What is right is no guess.
        let mut me = me;
        for seconds in [10, 11, 12, 13, 14] {
            let SteppedUp::Browser(now) = step_up(&w, seconds, &me).await.unwrap() else { unreachable!() };
            me = w.by_handle(seconds, &now.handle).await.unwrap();
        }
    }
}
