//! Signing keys, their private part encrypted by the caller.
//!
//! Whoever changes keys or secrets begins with [`begin_change`], so that two never do at once.

use shared::time::Timestamp;
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    clauses::live,
    meta,
    row::{Columns, corrupt},
    words::words,
};

words! {
    /// Where a signing key stands in its life.
    KeyState {
        /// Published, not signing yet.
        Next = "next",
        /// Signs.
        Current = "current",
        /// Signs no more; what it signed is still good.
        Retiring = "retiring",
        /// What it signed is good no more.
        Withdrawn = "withdrawn",
    }
}

/// A signing key as it is kept.
#[derive(Clone, Debug)]
pub struct SigningKeyRow {
    /// The key's id in tokens and in the key set.
    pub kid: String,
    /// `ES256` or `EdDSA`.
    pub algorithm: String,
    /// The public part.
    pub public: Vec<u8>,
    /// The private part, encrypted; nothing of it is left of a key that was withdrawn.
    pub private: Vec<u8>,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state changed.
    pub changed_at: Timestamp,
    /// When it goes, of a retiring one.
    pub expires_at: Option<Timestamp>,
}

/// Begins a change of keys or secrets: others that begin one wait until this transaction ends, and every
/// origin will notice. What is read after this, no other change is under way to.
pub async fn begin_change(transaction: &mut Transaction) -> Result<(), Error> {
    let updated = sqlx::query(
        "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'key_generation'",
    )
    .execute(&mut **transaction)
    .await?;
    if updated.rows_affected() == 1 { Ok(()) } else { Err(no_generation()) }
}

/// Another number means that keys or secrets have changed.
pub async fn generation<'e>(executor: impl AnyExecutor<'e>) -> Result<String, Error> {
    meta::get(executor, meta::KEY_GENERATION).await?.ok_or_else(no_generation)
}

fn no_generation() -> Error {
    corrupt("meta.value", "there is no key generation")
}

/// Keeps a new signing key. False when there is one in a state that only one key can have.
pub async fn insert(transaction: &mut Transaction, key: &SigningKeyRow) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO signing_keys (kid, algorithm, public, private, state, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(&key.kid)
    .bind(&key.algorithm)
    .bind(&key.public)
    .bind(&key.private)
    .bind(key.state.as_str())
    .bind(key.created_at.millis())
    .bind(key.changed_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// All signing keys, the oldest first.
pub async fn all<'e>(executor: impl AnyExecutor<'e>) -> Result<Vec<SigningKeyRow>, Error> {
    let rows = sqlx::query(
        "SELECT kid, algorithm, public, private, state, created_at, changed_at, expires_at \
         FROM signing_keys ORDER BY created_at, kid",
    )
    .fetch_all(executor)
    .await?;
    rows.iter().map(signing_key).collect()
}

fn signing_key(row: &AnyRow) -> Result<SigningKeyRow, Error> {
    Ok(SigningKeyRow {
        kid: row.text("kid")?,
        algorithm: row.text("algorithm")?,
        public: row.bytes("public")?,
        private: row.bytes("private")?,
        state: row.parsed("state")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
        expires_at: row.time_or_null("expires_at")?,
    })
}

/// Lets the current key sign no more; what it signed is good until it goes. False when it is not current.
pub async fn retire(
    transaction: &mut Transaction,
    kid: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE signing_keys SET state = 'retiring', changed_at = $2, expires_at = $3 \
         WHERE kid = $1 AND state = 'current'",
    )
    .bind(kid)
    .bind(now.millis())
    .bind(expires_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Lets the next key sign. False when it is not the next one.
pub async fn promote(transaction: &mut Transaction, kid: &str, now: Timestamp) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE signing_keys SET state = 'current', changed_at = $2 WHERE kid = $1 AND state = 'next'",
    )
    .bind(kid)
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Makes everything that a key signed worthless, and the key unable to sign. False when it was withdrawn
/// before, or there is none.
pub async fn withdraw(transaction: &mut Transaction, kid: &str, now: Timestamp) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE signing_keys SET state = 'withdrawn', changed_at = $2, expires_at = NULL, private = $3 \
         WHERE kid = $1 AND state <> 'withdrawn'",
    )
    .bind(kid)
    .bind(now.millis())
    .bind(Vec::<u8>::new())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Removes retiring keys of which nothing is good any more, and what is left of those that were withdrawn
/// before then. The ids of those that went.
pub async fn remove(
    transaction: &mut Transaction,
    now: Timestamp,
    withdrawn_before: Timestamp,
) -> Result<Vec<String>, Error> {
    let rows = sqlx::query(
        "DELETE FROM signing_keys WHERE (state = 'retiring' AND expires_at <= $1) \
         OR (state = 'withdrawn' AND changed_at < $2) RETURNING kid",
    )
    .bind(now.millis())
    .bind(withdrawn_before.millis())
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter().map(|row| row.text("kid")).collect()
}

/// Replaces the encrypted private part by the same under another master key.
pub async fn reseal(transaction: &mut Transaction, kid: &str, private: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE signing_keys SET private = $2 WHERE kid = $1")
        .bind(kid)
        .bind(private.to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// How many live sessions were last seen within this time, and so may hold a token from then.
pub async fn sessions_seen<'e>(
    executor: impl AnyExecutor<'e>,
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
) -> Result<u64, Error> {
    sqlx::query(concat!(
        "SELECT COUNT(*) AS sessions FROM sessions WHERE last_seen_at >= $1 AND last_seen_at <= $2 AND ",
        live!("$3")
    ))
    .bind(from.millis())
    .bind(until.millis())
    .bind(now.millis())
    .fetch_one(executor)
    .await?
    .count("sessions")
}
