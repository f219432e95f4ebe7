//! That somebody waits for what another transaction holds, by the database's own word: a task that has not come that far
//! looks the same from outside.

use tokio::time::{Instant, sleep};

use super::*;
use crate::store::{Dialect, Transaction};

/// Shorter than the database lets anybody hold something without doing anything.
const SOON: Duration = Duration::from_secs(8);

impl World {
    /// Goes on once so many wait for what this transaction holds, or for somebody who does. Nothing can be seen of that on
    /// SQLite, where whoever writes waits for whoever writes: there it goes on after a moment in which they mostly do.
    pub(super) async fn until_waited_for(&self, holder: &mut Transaction, waiting: i64) {
        if self.store.dialect() == Dialect::Sqlite {
            sleep(Duration::from_millis(50)).await;
            return;
        }
        let holder: i32 =
            sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut **holder).await.unwrap();
        let began = Instant::now();
        loop {
            let seen: i64 = sqlx::query_scalar(
                "WITH RECURSIVE waiting(pid) AS (SELECT $1 UNION SELECT a.pid FROM pg_stat_activity AS a \
                 JOIN waiting AS w ON w.pid = ANY (pg_blocking_pids(a.pid)) \
                 WHERE a.datname = current_database() AND a.wait_event_type = 'Lock') \
                 SELECT COUNT(*) - 1 FROM waiting",
            )
            .bind(holder)
            .fetch_one(self.store.reads())
            .await
            .unwrap();
            if seen >= waiting {
                return;
            }
            assert!(began.elapsed() < SOON, "{seen} of {waiting} wait");
            sleep(Duration::from_millis(10)).await;
        }
    }
}
