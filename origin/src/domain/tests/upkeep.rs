//! What is over goes, in small batches; what lives stays.

use sqlx::Row as _;

use super::*;
use crate::domain::administration::Act;

/// Long enough for everything that is over to go: the retention time, and a little.
const GONE: u64 = 30 * DAY + 1;

async fn sessions_kept(w: &World) -> i64 {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM sessions").fetch_one(w.store.reads()).await.unwrap();
    row.get("n")
}

#[tokio::test]
async fn a_purge_leaves_live_sessions_and_those_lately_over_alone() {
    for w in World::each_with(Settings { absolute: Duration::from_secs(90 * DAY), ..settings() }).await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let ended = w.browser(0).await;
        w.domain.logout(&w.at(0), &w.principal(0, &ended).await).await.unwrap();
        let mut live = w.tokens(0).await;
        let _idle = w.tokens(0).await;

        live = w.refresh(20 * DAY, &live.refresh_token).await.unwrap();
        assert_eq!(w.domain.upkeep(&w.at(30 * DAY)).await.unwrap().sessions_removed, 0);
        assert_eq!(w.domain.upkeep(&w.at(GONE)).await.unwrap().sessions_removed, 1);
        assert_eq!(w.domain.upkeep(&w.at(GONE)).await.unwrap().sessions_removed, 0);
        assert_eq!(sessions_kept(&w).await, 2);
        live = w.refresh(45 * DAY, &live.refresh_token).await.unwrap();
        assert!(w.is_alive(45 * DAY, &live).await);

        // Its absolute time being over, it goes too, and so does the one that nobody used.
        assert_eq!(w.domain.upkeep(&w.at(120 * DAY)).await.unwrap().sessions_removed, 0);
        assert_eq!(w.domain.upkeep(&w.at(120 * DAY + 1)).await.unwrap().sessions_removed, 2);
        assert_eq!(w.domain.list_sessions(user, time(0)).await.unwrap(), []);
        assert!(matches!(w.refresh(120 * DAY + 2, &live.refresh_token).await, Err(Error::InvalidGrant)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_go_in_batches_while_origins_share_the_work() {
    const OVER: u32 = 1_203;
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        let live = w.tokens(20 * DAY).await;
        let mut transaction = w.store.begin().await.unwrap();
        for n in 0..OVER {
            sqlx::query(
                "INSERT INTO sessions (id, user_id, kind, created_at, last_seen_at, idle_limit, idle_expires_at, \
                 absolute_expires_at, ended_at, end_reason, current_counter, issued_at) \
                 VALUES ($1, $2, 'token', $3, $3, 1, $3, $3, $3, 'logout', 1, $3)",
            )
            .bind(format!("00000000-0000-4000-8000-{n:012}"))
            .bind(user.to_string())
            .bind(time(0).millis())
            .execute(&mut *transaction)
            .await
            .unwrap();
        }
        transaction.commit().await.unwrap();
        let removed = at_once(3, |_| {
            let w = w.clone();
            Box::pin(async move { w.domain.upkeep(&w.at(GONE)).await.unwrap().sessions_removed })
        });
        assert_eq!(removed.await.into_iter().sum::<u64>(), u64::from(OVER));
        assert_eq!(sessions_kept(&w).await, 1);
        assert!(w.events("sessions.purged").await.len() >= 3, "in batches");
        assert!(w.refresh(GONE, &live.refresh_token).await.is_ok());
    }
}

#[tokio::test]
async fn what_fails_keeps_nothing_of_the_rest_from_being_done() {
    for w in World::each().await {
        let user = w.user(EMAIL, &["viewer"]).await;
        w.browser(0).await;
        let context = w.at(1);
        let transaction = w.domain.administer(&context, Act::Account(user)).await.unwrap();
        w.domain.delete_in(transaction, &context, user).await.unwrap();
        let alter = async |statement: &'static str| {
            let mut transaction = w.store.begin().await.unwrap();
            sqlx::query(statement).execute(&mut *transaction).await.unwrap();
            transaction.commit().await.unwrap();
        };
        let erased = async || {
            let row = sqlx::query("SELECT MAX(after_seq) AS n, MAX(is_last) AS m FROM erasures");
            let row = row.fetch_one(w.store.reads()).await.unwrap();
            row.get::<i64, _>("n") + row.get::<i64, _>("m") > 0
        };
        assert_eq!((sessions_kept(&w).await, erased().await), (1, false));

        // Of the steps before it and after it, one each is looked at.
        alter("ALTER TABLE attempts RENAME TO attempts_elsewhere").await;
        let failed = w.domain.upkeep(&w.at(GONE)).await;
        assert!(matches!(failed, Err(Error::Store(_))), "{failed:?}");
        assert_eq!((sessions_kept(&w).await, erased().await), (0, true));
        alter("ALTER TABLE attempts_elsewhere RENAME TO attempts").await;
        w.domain.upkeep(&w.at(GONE)).await.unwrap();
    }
}
