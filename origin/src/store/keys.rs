//! Signing keys and origin's own secrets, their secret part encrypted by the caller.

use shared::time::Timestamp;
use sqlx::any::{AnyExecutor, AnyRow};

use super::{Error, Transaction, row::Columns, words::words};

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
    /// The private part, encrypted.
    pub private: Vec<u8>,
    /// Where it stands.
    pub state: KeyState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its state changed.
    pub changed_at: Timestamp,
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
        "SELECT kid, algorithm, public, private, state, created_at, changed_at FROM signing_keys \
         ORDER BY created_at, kid",
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
    })
}

/// A secret as it is kept.
#[derive(Clone, Debug)]
pub struct SecretRow {
    /// The id, to which the encryption is bound.
    pub id: String,
    /// What it is for.
    pub purpose: String,
    /// Whether it is used, or only still accepted.
    pub is_current: bool,
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Keeps a new secret. False when there is one of this purpose in this state.
pub async fn insert_secret(transaction: &mut Transaction, secret: &SecretRow) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO secrets (id, purpose, state, sealed, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT DO NOTHING",
    )
    .bind(&secret.id)
    .bind(&secret.purpose)
    .bind(if secret.is_current { "current" } else { "previous" })
    .bind(&secret.sealed)
    .bind(secret.created_at.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The secrets of this purpose: one that is used, perhaps one that is still accepted.
pub async fn secrets<'e>(executor: impl AnyExecutor<'e>, purpose: &str) -> Result<Vec<SecretRow>, Error> {
    let rows = sqlx::query("SELECT id, purpose, state, sealed, created_at FROM secrets WHERE purpose = $1")
        .bind(purpose)
        .fetch_all(executor)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(SecretRow {
                id: row.text("id")?,
                purpose: row.text("purpose")?,
                is_current: row.text("state")? == "current",
                sealed: row.bytes("sealed")?,
                created_at: row.time("created_at")?,
            })
        })
        .collect()
}
