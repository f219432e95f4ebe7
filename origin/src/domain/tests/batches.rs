//! Refreshes and renewals of many at once: each as if it were alone.

use std::collections::BTreeSet;

use shared::{id::SessionId, refresh::RefreshToken};

use super::*;
use crate::store::{
    Dialect, renewal,
    rotation::{self, Rotating},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_refreshes_at_once_gets_its_own_tokens_and_is_recorded() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let mut grants = Vec::new();
        for _ in 0..40 {
            grants.push(w.tokens(0).await);
        }
        for round in 1..=3 {
            let answers = at_once(40, |n| {
                let (w, token) = (w.clone(), grants[n].refresh_token.clone());
                Box::pin(async move { w.refresh(round, &token).await.unwrap() })
            });
            let fresh = answers.await;
            for (old, new) in grants.iter().zip(&fresh) {
                assert_eq!(old.session, new.session);
                let holder = w.domain.by_bearer(&w.at(round), &new.access_token).await.unwrap();
                assert_eq!(holder.session, new.session);
            }
            grants = fresh;
        }
        assert_eq!(recorded(&w, "refresh.rotated").await, (120, 40));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_renewals_at_once_is_its_own_sessions_and_is_recorded() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let mut logins = Vec::new();
        for _ in 0..40 {
            logins.push(w.browser(0).await);
        }
        let over = w.principal(0, &logins[7]).await;
        w.domain.logout(&w.at(1), &over).await.unwrap();
        let answers = at_once(40, |n| {
            let (w, handle) = (w.clone(), logins[n].credentials.handle.clone());
            Box::pin(async move { w.domain.renew_assertion(&w.at(HOUR), &handle).await.unwrap() })
        });
        for (login, renewed) in logins.iter().zip(answers.await) {
            let is_over = login.session == over.session;
            assert_eq!(renewed.map(|renewed| renewed.session), (!is_over).then_some(login.session));
            let session = w.domain.find_session(login.session).await.unwrap().unwrap();
            assert_eq!(session.last_seen_at, if is_over { time(0) } else { time(HOUR) });
        }
        let events = w.events("assertion.renewed").await;
        assert_eq!(events.iter().filter(|event| *event == "failure session_over").count(), 1);
        assert_eq!(recorded(&w, "assertion.renewed").await, (40, 40));
    }
}

/// How many events of a kind there are, and of how many sessions.
async fn recorded(w: &World, kind: &str) -> (usize, usize) {
    let log = w.log().await;
    let sessions: Vec<_> =
        log.iter().filter(|event| event.kind == kind).filter_map(|event| event.session).collect();
    (sessions.len(), sessions.iter().collect::<BTreeSet<_>>().len())
}

#[tokio::test]
async fn of_one_sessions_tokens_in_one_batch_only_the_current_one_is_exchanged_and_once() {
    for w in World::each().await {
        w.user(EMAIL, &["viewer"]).await;
        let first = w.tokens(0).await;
        let second = w.refresh(1, &first.refresh_token).await.unwrap();
        let [spent, current] = [counter(&w, &first).await, counter(&w, &second).await];
        assert_eq!(rotate_all(&w, second.session, &[spent]).await, [None]);
        let granted = rotate_all(&w, second.session, &[spent, current, current, current + 1]).await;
        assert_eq!(granted, [None, Some(current + 1), None, None]);
        assert_eq!(rotate_all(&w, second.session, &[current, current + 1]).await, [None, Some(current + 2)]);
    }
}

#[tokio::test]
async fn alone_and_together_it_is_told_when_the_session_ends() {
    for w in World::each_with(Settings { idle_token: Duration::from_secs(DAY), ..settings() }).await {
        w.user(EMAIL, &["viewer"]).await;
        let (phone, login) = (w.tokens(0).await, w.browser(0).await);
        let (session, current, dialect) = (phone.session, counter(&w, &phone).await, w.store.dialect());
        let mut transaction = w.store.begin_batch().await.unwrap();
        let alone = rotation::rotate(&mut transaction, session, current, time(1)).await.unwrap();
        let asked = [Rotating { session, current: current + 1, now: time(2) }];
        let together = rotation::rotate_all(&mut transaction, dialect, &asked).await.unwrap();
        let ends = [alone, together.into_iter().next().unwrap()].map(|grant| grant.unwrap().ends);
        assert_eq!(ends, [time(DAY + 1), time(DAY + 2)]);

        let handle = login.credentials.handle.digest();
        let alone = renewal::renew(&mut *transaction, handle, time(1)).await.unwrap();
        let together = renewal::renew_all(&mut transaction, dialect, &[(handle, time(2))]).await.unwrap();
        let ends = [alone, together.into_iter().next().unwrap()].map(|renewed| renewed.unwrap().ends);
        assert_eq!(ends, [time(7 * DAY + 1), time(7 * DAY + 2)]);
        transaction.commit().await.unwrap();
    }
}

async fn counter(w: &World, grant: &TokenGrant) -> u64 {
    let keys = w.domain.keys(time(0)).await.unwrap();
    RefreshToken::parse(&grant.refresh_token, &keys.refresh).unwrap().counter
}

/// The counters that come of these.
async fn rotate_all(w: &World, session: SessionId, counters: &[u64]) -> Vec<Option<u64>> {
    let mut transaction = w.store.begin_batch().await.unwrap();
    let asked: Vec<_> =
        counters.iter().map(|current| Rotating { session, current: *current, now: time(2) }).collect();
    let granted = rotation::rotate_all(&mut transaction, w.store.dialect(), &asked).await.unwrap();
    transaction.commit().await.unwrap();
    granted.into_iter().map(|grant| grant.map(|grant| grant.counter)).collect()
}

/// Whoever holds one session and waits for another could be waited for by somebody who ends both.
#[tokio::test]
async fn a_session_that_somebody_else_is_changing_is_left_out_and_nobody_waits_for_it() {
    for w in World::each().await {
        if w.store.dialect() == Dialect::Sqlite {
            continue; // One writes after the other.
        }
        w.user(EMAIL, &["viewer"]).await;
        let (held, free) = (w.browser(0).await, w.browser(0).await);
        let (token, phone) = (w.tokens(0).await, w.tokens(0).await);
        let mut elsewhere = w.store.begin().await.unwrap();
        for session in [held.session, token.session] {
            let change = sqlx::query("UPDATE sessions SET device = 'elsewhere' WHERE id = $1");
            change.bind(session.to_string()).execute(&mut *elsewhere).await.unwrap();
        }

        let mut batch = w.store.begin_batch().await.unwrap();
        let handles = [&held, &free].map(|login| (login.credentials.handle.digest(), time(1)));
        let renewed = renewal::renew_all(&mut batch, Dialect::Postgres, &handles).await.unwrap();
        let sessions: Vec<_> = renewed.iter().map(|renewed| renewed.as_ref().map(|it| it.session)).collect();
        assert_eq!(sessions, [None, Some(free.session)]);
        let current = [counter(&w, &token).await, counter(&w, &phone).await];
        let asked = [(token.session, current[0]), (phone.session, current[1])];
        let asked = asked.map(|(session, current)| Rotating { session, current, now: time(1) });
        let granted = rotation::rotate_all(&mut batch, Dialect::Postgres, &asked).await.unwrap();
        assert_eq!(granted.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
        batch.commit().await.unwrap();
        elsewhere.rollback().await.unwrap();

        // Whoever was left out goes on alone.
        assert!(w.domain.renew_assertion(&w.at(2), &held.credentials.handle).await.unwrap().is_some());
        w.refresh(2, &token.refresh_token).await.unwrap();
    }
}
