//! The session that a browser had before it logged in anew.

use shared::{edge_state::Rule, secret::Digest};

use super::{second_factors::app, *};
use crate::domain::{EndReason, Proof, SecondAttempt};

/// The login of a browser that has these handles.
async fn again(w: &World, seconds: u64, held: &[Digest]) -> BrowserLogin {
    let attempt = Attempt { held, ..Attempt::new(EMAIL, PASSWORD) };
    w.domain.login_browser(&w.at(seconds), &attempt).await.unwrap()
}

#[tokio::test]
async fn a_login_ends_the_session_that_the_browser_had() {
    for w in World::each().await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let (first, elsewhere) = (w.browser(0).await, w.browser(0).await);
        let held = [first.credentials.handle.digest()];
        let wrong = Attempt { held: &held, ..Attempt::new(EMAIL, "a wrong password") };
        w.domain.login_browser(&w.at(1), &wrong).await.unwrap_err();
        assert!(w.by_handle(1, &first.credentials.handle).await.is_some(), "that was no login");

        let context = w.at(2);
        let right = Attempt { password: PASSWORD, ..wrong };
        let second = w.domain.login_browser(&context, &right).await.unwrap();
        assert!(w.by_handle(2, &first.credentials.handle).await.is_none());
        let left = w.domain.list_sessions(ada, time(2)).await.unwrap();
        let left: Vec<_> = left.iter().map(|session| session.id).collect();
        assert_eq!(left, [second.session, elsewhere.session]);
        let ended = w.domain.find_session(first.session).await.unwrap().unwrap();
        assert_eq!(ended.end, Some((time(2), EndReason::Logout)));

        assert_eq!(w.pull(2, None).await.rules().unwrap(), [Rule::Session(first.session)]);
        assert_eq!(context.revoked.get(), Some(1));
        let event = w.log().await.into_iter().find(|event| event.kind == "session.ended").unwrap();
        assert_eq!(event.reason.as_deref(), Some("logout"));
        assert_eq!((event.actor, event.subject), (Some(ada), Some(ada)));
        assert_eq!(event.session, Some(first.session));
    }
}

#[tokio::test]
async fn a_login_in_two_steps_ends_it_too() {
    for w in World::each().await {
        let app = app(&w).await;
        let asked = w.domain.login_browser(&w.at(60), &Attempt::new(EMAIL, PASSWORD)).await;
        let Err(Error::SecondFactorRequired(asked)) = asked else { panic!("{asked:?}") };
        let (challenge, code) = (asked.challenge(), app.secret.code_at(time(90)));
        let held = [app.login.credentials.handle.digest()];
        let attempt = SecondAttempt { held: &held, ..SecondAttempt::new(&challenge, Proof::Code(&code)) };
        let login = w.domain.second_step_browser(&w.at(90), &attempt).await.unwrap();
        let left = w.domain.list_sessions(app.user, time(90)).await.unwrap();
        assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [login.session]);
        assert_eq!(w.events("session.ended").await, ["success logout"]);
    }
}

#[tokio::test]
async fn the_session_of_another_user_ends_as_by_a_logout_of_theirs() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let eve = w.user("eve@example.test", &["viewer"]).await;
        let hers = Attempt::new("eve@example.test", PASSWORD);
        let hers = w.domain.login_browser(&w.at(0), &hers).await.unwrap();
        let mine = w.browser(0).await;
        let held = [&hers, &mine].map(|login| login.credentials.handle.digest());
        let login = again(&w, 1, &held).await;
        for over in [&hers, &mine] {
            assert!(w.by_handle(1, &over.credentials.handle).await.is_none());
        }
        assert!(w.by_handle(1, &login.credentials.handle).await.is_some());
        let rules = w.pull(1, None).await.rules().unwrap();
        assert_eq!(rules, [Rule::Session(mine.session), Rule::Session(hers.session)]);
        let event = w.log().await.into_iter().find(|event| event.session == Some(hers.session)).unwrap();
        assert_eq!((event.actor, event.subject), (Some(eve), Some(eve)));
        assert_eq!(w.events("session.ended").await, ["success logout"; 2]);
    }
}

#[tokio::test]
async fn a_handle_that_is_dead_or_made_up_changes_nothing_of_the_login() {
    for w in World::each().await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let (ended, expired) = (w.browser(0).await, w.browser(0).await);
        let me = w.principal(0, &ended).await;
        w.domain.logout(&w.at(0), &me).await.unwrap();
        let handles = [&ended, &expired].map(|login| login.credentials.handle.digest());
        let held = [&handles[..], &[Digest::of(b"made up")]].concat();
        let late = 7 * DAY;
        let login = again(&w, late, &held).await;
        let left = w.domain.list_sessions(ada, time(late)).await.unwrap();
        assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [login.session]);
        assert_eq!(w.pull(late, None).await.number, 1);
        assert_eq!(w.events("session.ended").await, ["success logout"]);
    }
}

#[tokio::test]
async fn a_browser_that_logs_in_again_and_again_takes_the_place_of_no_phone() {
    for w in World::each_with(Settings { sessions_per_user: 2, ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let phone = w.tokens(0).await;
        let mut browser = w.browser(1).await;
        for seconds in 2..5 {
            browser = again(&w, seconds, &[browser.credentials.handle.digest()]).await;
        }
        assert!(w.is_alive(5, &phone).await);
        assert_eq!(w.events("session.ended").await, ["success logout"; 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_logins_at_once_in_one_browser_one_ends_the_session_before() {
    for w in World::each().await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let held = [w.browser(0).await.credentials.handle.digest()];
        let logins = at_once(8, |_| {
            let w = w.clone();
            Box::pin(async move { again(&w, 1, &held).await })
        });
        logins.await;
        assert_eq!(w.domain.list_sessions(ada, time(1)).await.unwrap().len(), 8);
        assert_eq!(w.pull(1, None).await.number, 1);
        assert_eq!(w.events("session.ended").await, ["success logout"]);
    }
}

/// Whoever waits for one session and holds another would be waited for in turn, by what ends everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waits_for_a_session_that_the_browser_had_holds_no_other() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let (one, other) = (w.browser(0).await, w.browser(0).await);
        let held = [&one, &other].map(|login| login.credentials.handle.digest());
        let mut holder = w.store.begin().await.unwrap();
        let take = "UPDATE sessions SET last_seen_at = last_seen_at WHERE id = $1";
        sqlx::query(take).bind(other.session.to_string()).execute(&mut *holder).await.unwrap();
        let login = tokio::spawn({
            let w = w.clone();
            async move { again(&w, 1, &held).await }
        });
        w.until_waited_for(&mut holder, 1).await;
        sqlx::query(take).bind(one.session.to_string()).execute(&mut *holder).await.unwrap();
        holder.commit().await.unwrap();
        login.await.unwrap();
        assert_eq!(w.pull(1, None).await.number, 2);
        assert_eq!(w.events("session.ended").await, ["success logout"; 2]);
    }
}
