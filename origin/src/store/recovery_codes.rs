//! Recovery codes: the digests of those that are left. Each is used by being removed.

use shared::{id::UserId, secret::Digest, time::Timestamp};
use sqlx::any::AnyExecutor;

use super::{Error, Transaction, row::Columns};

/// Keeps these codes of the user, and no others any more. The caller has locked the user's row.
pub async fn replace(
    transaction: &mut Transaction,
    user: UserId,
    digests: &[Digest],
    now: Timestamp,
) -> Result<(), Error> {
    remove_all(transaction, user).await?;
    for digest in digests {
        sqlx::query("INSERT INTO recovery_codes (user_id, digest, created_at) VALUES ($1, $2, $3)")
            .bind(user.to_string())
            .bind(digest.as_bytes().to_vec())
            .bind(now.millis())
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Uses a code: of any number of uses at once one succeeds. False when it is none of the user's, or used.
pub async fn take(transaction: &mut Transaction, user: UserId, digest: Digest) -> Result<bool, Error> {
    let deleted = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1 AND digest = $2")
        .bind(user.to_string())
        .bind(digest.as_bytes().to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// How many codes the user has left.
pub async fn left<'e>(executor: impl AnyExecutor<'e>, user: UserId) -> Result<u64, Error> {
    sqlx::query("SELECT COUNT(*) AS left_over FROM recovery_codes WHERE user_id = $1")
        .bind(user.to_string())
        .fetch_one(executor)
        .await?
        .count("left_over")
}

/// Forgets the user's codes. How many there were.
pub async fn remove_all(transaction: &mut Transaction, user: UserId) -> Result<u64, Error> {
    let deleted = sqlx::query("DELETE FROM recovery_codes WHERE user_id = $1")
        .bind(user.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected())
}
