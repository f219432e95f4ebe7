//! Apps that make one-time codes (RFC 6238), encrypted by the caller: at most one a user, which counts once
//! it is confirmed.

use shared::{id::UserId, time::Timestamp};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    row::{Columns, as_count, as_number},
};

/// An app as it is kept.
#[derive(Clone, Debug)]
pub struct TotpFactor {
    /// The id; the encryption is bound to it and to the user.
    pub id: String,
    /// Whose it is.
    pub user: UserId,
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it was confirmed, and the newest step of which a code was used; none while it counts for nothing.
    pub confirmed: Option<Confirmed>,
}

/// That an app counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Since when.
    pub at: Timestamp,
    /// The newest step of which a code was used.
    pub last_step: u64,
}

/// Keeps an app that is yet to be confirmed, in the place of another such one. False when the user has one
/// that counts.
pub async fn enrol(
    transaction: &mut Transaction,
    id: &str,
    user: UserId,
    sealed: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    let kept = sqlx::query(
        "INSERT INTO totp_factors (id, user_id, sealed, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (user_id) DO UPDATE SET id = $1, sealed = $3, created_at = $4 \
         WHERE totp_factors.confirmed_at IS NULL",
    )
    .bind(id)
    .bind(user.to_string())
    .bind(sealed.to_vec())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(kept.rows_affected() == 1)
}

/// What [`factor`] reads, by name: see `session_columns`.
macro_rules! factor_columns {
    () => {
        "id, user_id, sealed, created_at, confirmed_at, last_step"
    };
}

/// The user's app, confirmed or not.
pub async fn of<'e>(executor: impl AnyExecutor<'e>, user: UserId) -> Result<Option<TotpFactor>, Error> {
    let row = sqlx::query(concat!("SELECT ", factor_columns!(), " FROM totp_factors WHERE user_id = $1"))
        .bind(user.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(factor).transpose()
}

fn factor(row: &AnyRow) -> Result<TotpFactor, Error> {
    let confirmed = match (row.time_or_null("confirmed_at")?, row.number_or_null("last_step")?) {
        (Some(at), Some(step)) => Some(Confirmed { at, last_step: as_count("last_step", step)? }),
        _ => None,
    };
    Ok(TotpFactor {
        id: row.text("id")?,
        user: row.parsed("user_id")?,
        sealed: row.bytes("sealed")?,
        created_at: row.time("created_at")?,
        confirmed,
    })
}

/// Lets an app count from now on; the step of the code that confirms it is used by this. False when it
/// counted already, or is no longer there.
pub async fn confirm(
    transaction: &mut Transaction,
    id: &str,
    step: u64,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE totp_factors SET confirmed_at = $3, last_step = $2 WHERE id = $1 AND confirmed_at IS NULL",
    )
    .bind(id)
    .bind(as_number(step))
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Uses the code of a step: of any number of uses at once one succeeds, and no older step counts after it.
/// False when this step or a later one was used, or the app is no longer there.
pub async fn use_step(transaction: &mut Transaction, id: &str, step: u64) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE totp_factors SET last_step = $2 \
         WHERE id = $1 AND confirmed_at IS NOT NULL AND last_step < $2",
    )
    .bind(id)
    .bind(as_number(step))
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Forgets the user's app. False when there was none that counted.
pub async fn remove(transaction: &mut Transaction, user: UserId) -> Result<bool, Error> {
    let row = sqlx::query("DELETE FROM totp_factors WHERE user_id = $1 RETURNING confirmed_at")
        .bind(user.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(match row {
        Some(row) => row.time_or_null("confirmed_at")?.is_some(),
        None => false,
    })
}

/// Apps in the order of their ids, from after the given one.
pub async fn list(transaction: &mut Transaction, after: &str, limit: u32) -> Result<Vec<TotpFactor>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        factor_columns!(),
        " FROM totp_factors WHERE id > $1 ORDER BY id LIMIT $2"
    ))
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter().map(factor).collect()
}

/// Replaces the encrypted secret by the same under another master key.
pub async fn reseal(transaction: &mut Transaction, id: &str, sealed: &[u8]) -> Result<(), Error> {
    sqlx::query("UPDATE totp_factors SET sealed = $2 WHERE id = $1")
        .bind(id)
        .bind(sealed.to_vec())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}
