//! Removing what is over, a small batch at a time, so that nobody waits long for it, and it waits for nobody.

use shared::time::Timestamp;

use super::{Dialect, Error, Transaction};

/// What of a table is over at the time `$1`, and by what its rows are told apart.
struct Over {
    table: &'static str,
    key: &'static str,
    condition: &'static str,
}

impl Over {
    /// Removes at most so many of them. How many.
    async fn remove(
        &self,
        transaction: &mut Transaction,
        dialect: Dialect,
        at: Timestamp,
        batch: i64,
    ) -> Result<u64, Error> {
        let Self { table, key, condition } = self;
        let free = match dialect {
            // The transaction is the only one that writes.
            Dialect::Sqlite => "",
            // What somebody has just now is left for the next time. Who takes many rows and waits for one could be
            // waited for in turn.
            Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
        };
        // Looked for once, whatever the plan, or there could be more of them.
        let statement = format!(
            "WITH chosen AS MATERIALIZED (SELECT {key} FROM {table} WHERE {condition} LIMIT $2{free}) \
             DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM chosen)"
        );
        let deleted = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(at.millis())
            .bind(batch)
            .execute(&mut **transaction)
            .await?;
        Ok(deleted.rows_affected())
    }
}

/// Removes at most so many sessions that ended, or whose absolute time was over, before then. How many.
/// None of them can come to life again.
pub async fn sessions(
    transaction: &mut Transaction,
    dialect: Dialect,
    before: Timestamp,
    batch: u32,
) -> Result<u64, Error> {
    let mut removed = 0;
    // One after the other, each by its index.
    for condition in ["ended_at < $1", "absolute_expires_at < $1"] {
        let left = i64::from(batch).saturating_sub(i64::try_from(removed).unwrap_or(i64::MAX));
        let over = Over { table: "sessions", key: "id", condition };
        removed += over.remove(transaction, dialect, before, left).await?;
    }
    Ok(removed)
}

/// Removes at most so many of each kind of question that nobody answered before now: for a second step of a login, and
/// for a passkey. How many.
pub async fn unanswered(
    transaction: &mut Transaction,
    dialect: Dialect,
    now: Timestamp,
    batch: u32,
) -> Result<u64, Error> {
    let mut removed = 0;
    for table in ["login_challenges", "passkey_ceremonies"] {
        let over = Over { table, key: "digest", condition: "expires_at < $1" };
        removed += over.remove(transaction, dialect, now, batch.into()).await?;
    }
    Ok(removed)
}

/// Removes at most so many rows of the limits of attempts that count nothing any more. How many.
pub async fn attempts(
    transaction: &mut Transaction,
    dialect: Dialect,
    now: Timestamp,
    batch: u32,
) -> Result<u64, Error> {
    let condition = "forgiven_at < $1 AND allowed_at < $1";
    let over = Over { table: "attempts", key: "limit_key", condition };
    over.remove(transaction, dialect, now, batch.into()).await
}

/// Removes at most so many mails that were over before then. How many.
pub async fn mails(
    transaction: &mut Transaction,
    dialect: Dialect,
    before: Timestamp,
    batch: u32,
) -> Result<u64, Error> {
    let over = Over { table: "mails", key: "id", condition: "closed_at < $1" };
    over.remove(transaction, dialect, before, batch.into()).await
}

/// Removes at most so many tokens of mails that expired before then, but none whose mail still waits: its
/// time has not begun. How many.
pub async fn mail_tokens(
    transaction: &mut Transaction,
    dialect: Dialect,
    before: Timestamp,
    batch: u32,
) -> Result<u64, Error> {
    let condition = "expires_at < $1 AND NOT EXISTS (SELECT 1 FROM mails \
                     WHERE mails.id = mail_tokens.mail_id AND mails.closed_at IS NULL)";
    let over = Over { table: "mail_tokens", key: "digest", condition };
    over.remove(transaction, dialect, before, batch.into()).await
}
