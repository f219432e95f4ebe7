//! Removing what is over, a small batch at a time, so that nobody waits long for it.

use shared::time::Timestamp;

use super::{Error, Transaction};

/// Removes at most so many sessions that ended, or whose absolute time was over, before then. How many.
/// None of them can come to life again, so no lock is needed to judge it.
pub async fn sessions(transaction: &mut Transaction, before: Timestamp, batch: u32) -> Result<u64, Error> {
    let mut removed = 0;
    // Two statements, one for each index.
    for statement in [
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < $1 LIMIT $2)",
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE absolute_expires_at < $1 LIMIT $2)",
    ] {
        let left = i64::from(batch).saturating_sub(i64::try_from(removed).unwrap_or(i64::MAX));
        let deleted =
            sqlx::query(statement).bind(before.millis()).bind(left).execute(&mut **transaction).await?;
        removed += deleted.rows_affected();
    }
    Ok(removed)
}

/// Removes at most so many of each kind of question that nobody answered before now: for a second step of a login, and
/// for a passkey. How many.
pub async fn unanswered(transaction: &mut Transaction, now: Timestamp, batch: u32) -> Result<u64, Error> {
    let mut removed = 0;
    for table in ["login_challenges", "passkey_ceremonies"] {
        let statement = format!(
            "DELETE FROM {table} WHERE digest IN (SELECT digest FROM {table} WHERE expires_at < $1 LIMIT $2)"
        );
        let deleted = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(now.millis())
            .bind(i64::from(batch))
            .execute(&mut **transaction)
            .await?;
        removed += deleted.rows_affected();
    }
    Ok(removed)
}

/// Removes at most so many rows of the limits of attempts that count nothing any more. How many.
pub async fn attempts(transaction: &mut Transaction, now: Timestamp, batch: u32) -> Result<u64, Error> {
    // Judged once more where it is removed: an attempt may have been counted since it was chosen.
    let deleted = sqlx::query(
        "DELETE FROM attempts WHERE forgiven_at < $1 AND allowed_at < $1 AND limit_key IN \
         (SELECT limit_key FROM attempts WHERE forgiven_at < $1 AND allowed_at < $1 LIMIT $2)",
    )
    .bind(now.millis())
    .bind(i64::from(batch))
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected())
}

/// Removes at most so many mails that were over before then. How many.
pub async fn mails(transaction: &mut Transaction, before: Timestamp, batch: u32) -> Result<u64, Error> {
    let statement = "DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE closed_at < $1 LIMIT $2)";
    let deleted = sqlx::query(statement)
        .bind(before.millis())
        .bind(i64::from(batch))
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// Removes at most so many tokens of mails that expired before then, but none whose mail still waits: its
/// time has not begun. How many.
pub async fn mail_tokens(transaction: &mut Transaction, before: Timestamp, batch: u32) -> Result<u64, Error> {
    let deleted = sqlx::query(
        "DELETE FROM mail_tokens WHERE digest IN (SELECT digest FROM mail_tokens WHERE expires_at < $1 \
         AND NOT EXISTS (SELECT 1 FROM mails WHERE mails.id = mail_tokens.mail_id \
         AND mails.closed_at IS NULL) LIMIT $2)",
    )
    .bind(before.millis())
    .bind(i64::from(batch))
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected())
}
