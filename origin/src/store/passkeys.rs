//! Passkeys: the public keys that users have registered, each with the counter of its authenticator.

use shared::{
    id::{PasskeyId, UserId},
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    row::{Columns, as_number},
};

/// A passkey. The public key is no secret; nothing else of it is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The id.
    pub id: PasskeyId,
    /// Whose it is.
    pub user: UserId,
    /// The authenticator's name for it.
    pub credential_id: Vec<u8>,
    /// The public key and what else was said at registration, as JSON.
    pub credential: String,
    /// The authenticator's counter when it was last used; 0 for those that do not count.
    pub sign_count: u64,
    /// Whether it can be copied to other devices.
    pub synchronised: bool,
    /// Whether it was.
    pub backed_up: bool,
    /// What its owner calls it.
    pub label: String,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was used last.
    pub last_used_at: Option<Timestamp>,
}

/// Keeps a new passkey. False when there is one of this credential id, whosever it is.
pub async fn insert(transaction: &mut Transaction, passkey: &Passkey) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO passkeys (id, user_id, credential_id, credential, sign_count, synchronised, backed_up, \
         label, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         ON CONFLICT (credential_id) DO NOTHING",
    )
    .bind(passkey.id.to_string())
    .bind(passkey.user.to_string())
    .bind(passkey.credential_id.clone())
    .bind(&passkey.credential)
    .bind(as_number(passkey.sign_count))
    .bind(i64::from(passkey.synchronised))
    .bind(i64::from(passkey.backed_up))
    .bind(&passkey.label)
    .bind(passkey.created_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What [`passkey`] reads, by name: see `session_columns`.
macro_rules! passkey_columns {
    () => {
        "id, user_id, credential_id, credential, sign_count, synchronised, backed_up, label, created_at, last_used_at"
    };
}

/// The passkey of this credential id.
pub async fn by_credential<'e>(
    executor: impl AnyExecutor<'e>,
    credential_id: &[u8],
) -> Result<Option<Passkey>, Error> {
    let row = sqlx::query(concat!("SELECT ", passkey_columns!(), " FROM passkeys WHERE credential_id = $1"))
        .bind(credential_id.to_vec())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(passkey).transpose()
}

/// The passkeys of a user, in the order in which they were registered.
pub async fn of<'e>(executor: impl AnyExecutor<'e>, user: UserId) -> Result<Vec<Passkey>, Error> {
    let rows =
        sqlx::query(concat!("SELECT ", passkey_columns!(), " FROM passkeys WHERE user_id = $1 ORDER BY id"))
            .bind(user.to_string())
            .fetch_all(executor)
            .await?;
    rows.iter().map(passkey).collect()
}

/// Gives a passkey of this user another name. False when they have no such passkey.
pub async fn rename(
    transaction: &mut Transaction,
    user: UserId,
    id: PasskeyId,
    label: &str,
) -> Result<bool, Error> {
    let updated = sqlx::query("UPDATE passkeys SET label = $3 WHERE id = $1 AND user_id = $2")
        .bind(id.to_string())
        .bind(user.to_string())
        .bind(label)
        .execute(&mut **transaction)
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Removes a passkey of this user, unless they could not log in without it. False when it is that, or they
/// have no such passkey. The caller holds the user's row.
pub async fn remove(transaction: &mut Transaction, user: UserId, id: PasskeyId) -> Result<bool, Error> {
    let deleted = sqlx::query(
        "DELETE FROM passkeys WHERE id = $1 AND user_id = $2 AND \
         (EXISTS (SELECT 1 FROM users AS u WHERE u.id = $2 AND u.password_hash IS NOT NULL) OR \
         EXISTS (SELECT 1 FROM passkeys AS o WHERE o.user_id = $2 AND o.id <> $1))",
    )
    .bind(id.to_string())
    .bind(user.to_string())
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// How many there are.
pub async fn count<'e>(executor: impl AnyExecutor<'e>) -> Result<u64, Error> {
    sqlx::query("SELECT COUNT(*) AS passkeys FROM passkeys").fetch_one(executor).await?.count("passkeys")
}

/// Users who have a passkey, so many at most.
pub async fn owners<'e>(executor: impl AnyExecutor<'e>, limit: u32) -> Result<Vec<UserId>, Error> {
    let rows = sqlx::query("SELECT DISTINCT user_id FROM passkeys ORDER BY user_id LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| row.parsed("user_id")).collect()
}

/// Removes all passkeys of a user. How many.
pub async fn remove_all(transaction: &mut Transaction, user: UserId) -> Result<u64, Error> {
    let deleted = sqlx::query("DELETE FROM passkeys WHERE user_id = $1")
        .bind(user.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// Notes a use with the counter that came with it. False when the counter did not grow, though it counts,
/// or there is no such passkey any more: of two uses with one counter, one is noted.
pub async fn note_use(
    transaction: &mut Transaction,
    id: PasskeyId,
    sign_count: u64,
    backed_up: bool,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE passkeys SET sign_count = $2, backed_up = $3, last_used_at = $4 \
         WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))",
    )
    .bind(id.to_string())
    .bind(as_number(sign_count))
    .bind(i64::from(backed_up))
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn passkey(row: &AnyRow) -> Result<Passkey, Error> {
    Ok(Passkey {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        credential_id: row.bytes("credential_id")?,
        credential: row.text("credential")?,
        sign_count: row.count("sign_count")?,
        synchronised: row.number("synchronised")? != 0,
        backed_up: row.number("backed_up")? != 0,
        label: row.text("label")?,
        created_at: row.time("created_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
    })
}
