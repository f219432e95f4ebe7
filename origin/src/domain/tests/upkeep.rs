//! What is over goes, in small batches; what lives stays.

use sqlx::Row as _;

use super::*;
use crate::{
    domain::administration::Act,
    store::{Dialect, purge},
};

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

/// Who waits for a row while holding others could be waited for in turn.
#[tokio::test]
async fn what_somebody_has_in_hand_is_left_to_the_next_purge() {
    for w in World::each().await {
        // Of one writer after the other nobody has anything in hand.
        if w.store.dialect() == Dialect::Sqlite {
            continue;
        }
        let user = w.user(EMAIL, &["viewer"]).await;
        let user = user.to_string();
        let mut transaction = w.store.begin().await.unwrap();
        for (n, id) in
            [(1_u8, "00000000-0000-4000-8000-000000000001"), (2, "00000000-0000-4000-8000-000000000002")]
        {
            for statement in [
                "INSERT INTO attempts (limit_key, forgiven_at, allowed_at, recorded_at, source_streak) \
                 SELECT $1, 0, 0, 0, 0 WHERE $2 <> $3",
                "INSERT INTO login_challenges (digest, user_id, kind, verified, epoch, created_at, expires_at, tries) \
                 SELECT $1, $2, 'token', $1, 1, 0, 0, 0 WHERE $2 <> $3",
                "INSERT INTO passkey_ceremonies (digest, purpose, state, expires_at) \
                 SELECT $1, 'authentication', '', 0 WHERE $2 <> $3",
                "INSERT INTO mail_tokens (digest, purpose, user_id, mail_id, email_lookup, created_at, lifetime, \
                 expires_at) SELECT $1, 'reset', $3, $2, '', 0, 0, 0 WHERE $2 <> $3",
                "INSERT INTO mails (id, kind, recipient, created_at, due_at, attempts, closed_at, outcome, sealed_token) \
                 SELECT $3, 'reset_password', '', 0, 0, 1, 0, 'sent', $1 WHERE $2 <> $3",
                "INSERT INTO sessions (id, user_id, kind, created_at, last_seen_at, idle_limit, idle_expires_at, \
                 absolute_expires_at, ended_at, end_reason, handle_digest) \
                 SELECT $3, $2, 'browser', 0, 0, 1, 0, 0, 0, 'logout', $1",
            ] {
                let insert = sqlx::query(statement).bind(vec![n; 32]).bind(&user).bind(id);
                insert.execute(&mut *transaction).await.unwrap();
            }
        }
        transaction.commit().await.unwrap();

        let mut holding = w.store.begin().await.unwrap();
        let tables = [
            "attempts WHERE limit_key",
            "login_challenges WHERE digest",
            "passkey_ceremonies WHERE digest",
            "mail_tokens WHERE digest",
            "mails WHERE sealed_token",
            "sessions WHERE handle_digest",
        ];
        for table in tables {
            let lock = sqlx::AssertSqlSafe(format!("SELECT 1 AS held FROM {table} = $1 FOR UPDATE"));
            sqlx::query(lock).bind(vec![1_u8; 32]).fetch_one(&mut *holding).await.unwrap();
        }
        let purge = async || {
            let (dialect, now) = (w.store.dialect(), time(0));
            let mut purging = w.store.begin().await.unwrap();
            let removed = [
                purge::attempts(&mut purging, dialect, now, 10).await.unwrap(),
                purge::unanswered(&mut purging, dialect, now, 10).await.unwrap(),
                purge::mail_tokens(&mut purging, dialect, now, 10).await.unwrap(),
                purge::mails(&mut purging, dialect, now, 10).await.unwrap(),
                purge::sessions(&mut purging, dialect, now, 10).await.unwrap(),
            ];
            purging.commit().await.unwrap();
            removed
        };
        let removed =
            tokio::time::timeout(Duration::from_secs(5), purge()).await.expect("it waits for nobody");
        assert_eq!(removed, [1, 2, 1, 1, 1]);
        holding.rollback().await.unwrap();
        assert_eq!(purge().await, [1, 2, 1, 1, 1]);
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
