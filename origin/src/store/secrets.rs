//! Origin's own secrets, encrypted by the caller: of each purpose one that is used and perhaps the one
//! before, still accepted.

use shared::time::Timestamp;
use sqlx::any::AnyExecutor;

use super::{Error, Transaction, row::Columns};

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
pub async fn insert(transaction: &mut Transaction, secret: &SecretRow) -> Result<bool, Error> {
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
pub async fn of<'e>(executor: impl AnyExecutor<'e>, purpose: &str) -> Result<Vec<SecretRow>, Error> {
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

/// The one that is used becomes the one that is still accepted; there is none of those left.
pub async fn make_previous(transaction: &mut Transaction, purpose: &str) -> Result<(), Error> {
    sqlx::query("UPDATE secrets SET state = 'previous' WHERE purpose = $1 AND state = 'current'")
        .bind(purpose)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Forgets the one that was still accepted. False when there is none.
pub async fn remove_previous(transaction: &mut Transaction, purpose: &str) -> Result<bool, Error> {
    let deleted = sqlx::query("DELETE FROM secrets WHERE purpose = $1 AND state = 'previous'")
        .bind(purpose)
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Forgets all of this purpose.
pub async fn remove_all(transaction: &mut Transaction, purpose: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM secrets WHERE purpose = $1").bind(purpose).execute(&mut **transaction).await?;
    Ok(())
}

/// Replaces the encrypted secret by the same under another master key.
pub async fn reseal(transaction: &mut Transaction, id: &str, sealed: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE secrets SET sealed = $2 WHERE id = $1")
        .bind(id)
        .bind(sealed.to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
