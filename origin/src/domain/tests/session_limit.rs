//! A user has so many live sessions and no more.

use shared::edge_state::Rule;

use super::{second_factors::app, *};
use crate::domain::{EndReason, Proof, SecondAttempt};

fn three() -> Settings {
    Settings { sessions_per_user: 3, ..settings() }
}

#[tokio::test]
async fn a_login_beyond_the_limit_ends_the_session_seen_longest_ago() {
    for w in World::each_with(three()).await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        w.user("eve@example.test", &["viewer"]).await;
        let eve = w.domain.login_token(&w.at(0), &Attempt::new("eve@example.test", PASSWORD)).await.unwrap();
        let (first, forgotten, third) = (w.tokens(0).await, w.browser(1).await, w.tokens(2).await);
        w.refresh(3, &first.refresh_token).await.unwrap();
        assert_eq!(w.pull(3, None).await.number, 0);

        let context = w.at(4);
        let fourth = w.domain.login_token(&context, &Attempt::new(EMAIL, PASSWORD)).await.unwrap();
        let left = w.domain.list_sessions(ada, time(4)).await.unwrap();
        let left: Vec<_> = left.iter().map(|session| session.id).collect();
        assert_eq!(left, [fourth.session, first.session, third.session]);
        let ended = w.domain.find_session(forgotten.session).await.unwrap().unwrap();
        assert_eq!(ended.end, Some((time(4), EndReason::Ended)));
        assert!(w.is_alive(4, &eve).await);

        // Edges are told, and whoever logged in can know when they know.
        assert_eq!(w.pull(4, None).await.rules().unwrap(), [Rule::Session(forgotten.session)]);
        assert_eq!(context.revoked.get(), Some(1));
        let event = w.log().await.into_iter().find(|event| event.kind == "session.ended").unwrap();
        assert_eq!(event.reason.as_deref(), Some("session_limit"));
        assert_eq!((event.actor, event.subject), (Some(ada), Some(ada)));
        assert_eq!(event.session, Some(forgotten.session));
    }
}

#[tokio::test]
async fn sessions_that_are_over_take_no_place() {
    let short = Settings { idle_token: Duration::from_secs(60), ..three() };
    for w in World::each_with(short).await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let browser = w.browser(0).await;
        for _ in 0..2 {
            w.tokens(0).await;
        }
        for _ in 0..2 {
            w.tokens(60).await;
        }
        assert_eq!(w.domain.list_sessions(ada, time(60)).await.unwrap().len(), 3);
        assert!(w.by_handle(60, &browser.credentials.handle).await.is_some());
        assert_eq!(w.events("session.ended").await, [""; 0]);
    }
}

#[tokio::test]
async fn a_login_in_two_steps_counts_as_well() {
    let one = Settings { sessions_per_user: 1, ..settings() };
    for w in World::each_with(one).await {
        let app = app(&w).await;
        let asked = w.domain.login_token(&w.at(60), &Attempt::new(EMAIL, PASSWORD)).await;
        let Err(Error::SecondFactorRequired(asked)) = asked else { panic!("{asked:?}") };
        let (challenge, code) = (asked.challenge(), app.secret.code_at(time(90)));
        let attempt = SecondAttempt::new(&challenge, Proof::Code(&code));
        let login = w.domain.second_step_token(&w.at(90), &attempt).await.unwrap();
        let left = w.domain.list_sessions(app.user, time(90)).await.unwrap();
        assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [login.session]);
        assert_eq!(w.events("session.ended").await, ["success session_limit"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_at_once_leave_no_more_than_the_limit() {
    for w in World::each_with(three()).await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        let logins = at_once(8, |_| {
            let w = w.clone();
            Box::pin(async move { w.tokens(0).await })
        });
        logins.await;
        assert_eq!(w.domain.list_sessions(ada, time(0)).await.unwrap().len(), 3);
        assert_eq!(w.pull(0, None).await.number, 5);
        assert_eq!(w.events("session.ended").await, ["success session_limit"; 5]);
    }
}

#[tokio::test]
async fn of_many_left_by_a_higher_limit_those_seen_longest_ago_end_first() {
    for w in World::each_with(three()).await {
        let ada = w.user(EMAIL, &["viewer"]).await;
        w.tokens(1000).await;
        // Two hundred of before, the later the higher their number.
        let copied = "INSERT INTO sessions (id, user_id, kind, created_at, last_seen_at, idle_limit, \
            idle_expires_at, absolute_expires_at, current_counter, issued_at, authenticated_at, amr) \
            WITH RECURSIVE n (n) AS (SELECT 100 UNION ALL SELECT n + 1 FROM n WHERE n < 299) \
            SELECT '018f0000-0000-7000-8000-000000000' || n.n, user_id, kind, created_at, \
            last_seen_at - 300000 + 1000 * n.n, idle_limit, idle_expires_at, absolute_expires_at, \
            current_counter, issued_at, authenticated_at, amr FROM sessions, n";
        let mut transaction = w.store.begin().await.unwrap();
        assert_eq!(sqlx::query(copied).execute(&mut *transaction).await.unwrap().rows_affected(), 200);
        transaction.commit().await.unwrap();

        let alive = async || {
            let sessions = w.domain.list_sessions(ada, time(1001)).await.unwrap();
            sessions.iter().map(|session| session.id.to_string().split_off(33)).collect::<Vec<_>>()
        };
        w.tokens(1001).await;
        let left = alive().await;
        assert_eq!((left.len(), left.last().map(String::as_str)), (102, Some("200")));
        w.tokens(1001).await;
        assert_eq!(alive().await.len(), 3);
    }
}
