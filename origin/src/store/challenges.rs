//! Logins that wait for their second step: what was proven, what it becomes, and how often a code was tried.

use shared::{id::UserId, secret::Digest, time::Timestamp};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    row::{Columns, as_number, corrupt},
    sessions::Kind,
};

/// A login that waits.
#[derive(Clone, Debug)]
pub struct WaitingLogin {
    /// Who it is.
    pub user: UserId,
    /// The kind of session that it becomes.
    pub kind: Kind,
    /// The digest of the hash that the password was verified against.
    pub verified: Digest,
    /// The epoch at which that was.
    pub epoch: u64,
    /// What the client calls its device.
    pub device: Option<String>,
}

/// Keeps a login that waits, under the digest of its challenge.
pub async fn insert(
    transaction: &mut Transaction,
    challenge: Digest,
    waiting: &WaitingLogin,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO login_challenges \
         (digest, user_id, kind, verified, epoch, device, created_at, expires_at, tries) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
    )
    .bind(challenge.as_bytes().to_vec())
    .bind(waiting.user.to_string())
    .bind(waiting.kind.as_str())
    .bind(waiting.verified.as_bytes().to_vec())
    .bind(as_number(waiting.epoch))
    .bind(waiting.device.as_deref())
    .bind(now.millis())
    .bind(expires_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// The login of this kind that waits under this challenge. None when its time is over.
pub async fn find<'e>(
    executor: impl AnyExecutor<'e>,
    challenge: Digest,
    kind: Kind,
    now: Timestamp,
) -> Result<Option<WaitingLogin>, Error> {
    let row = sqlx::query(
        "SELECT user_id, kind, verified, epoch, device FROM login_challenges \
         WHERE digest = $1 AND kind = $2 AND expires_at > $3",
    )
    .bind(challenge.as_bytes().to_vec())
    .bind(kind.as_str())
    .bind(now.millis())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(waiting).transpose()
}

/// Counts a try on this challenge: exactly, however many try at once. False when its time is over, or it was
/// tried `most` times.
pub async fn try_once(
    transaction: &mut Transaction,
    challenge: Digest,
    most: u32,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE login_challenges SET tries = tries + 1 WHERE digest = $1 AND expires_at > $2 AND tries < $3",
    )
    .bind(challenge.as_bytes().to_vec())
    .bind(now.millis())
    .bind(i64::from(most))
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn waiting(row: &AnyRow) -> Result<WaitingLogin, Error> {
    Ok(WaitingLogin {
        user: row.parsed("user_id")?,
        kind: row.parsed("kind")?,
        verified: row.digest_or_null("verified")?.ok_or_else(|| corrupt("verified", "it is NULL"))?,
        epoch: row.count("epoch")?,
        device: row.text_or_null("device")?,
    })
}

/// Ends the waiting: whoever does this makes the session. False when somebody else did.
pub async fn consume(transaction: &mut Transaction, challenge: Digest) -> Result<bool, Error> {
    let deleted = sqlx::query("DELETE FROM login_challenges WHERE digest = $1")
        .bind(challenge.as_bytes().to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected() == 1)
}
