//! Passwords: the hash that a user has, and what one does by it.

use std::fmt;

use shared::{id::UserId, time::Timestamp};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    row::Columns,
    users::{User, user, user_columns},
};

/// A password's hash as a PHC string, or as the system has it that it was imported from. It does not print: it is what
/// an attacker would guess against.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes its text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// A user and the hash that a password is verified against.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The user.
    pub user: User,
    /// The hash, if the user has a password.
    pub password_hash: Option<PasswordHash>,
    /// Whether a login needs a second step.
    pub has_second_factor: bool,
}

macro_rules! credentials {
    () => {
        concat!(
            "SELECT u.password_hash, ",
            "(SELECT COUNT(*) FROM totp_factors AS t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL) + ",
            "(SELECT COUNT(*) FROM passkeys AS p WHERE p.user_id = u.id) AS second_factors, ",
            user_columns!(),
            " FROM users AS u "
        )
    };
}

fn credentials(row: &AnyRow) -> Result<Credentials, Error> {
    let password_hash = row.text_or_null("password_hash")?.map(PasswordHash::new);
    let has_second_factor = row.count("second_factors")? > 0;
    Ok(Credentials { user: user(row)?, password_hash, has_second_factor })
}

/// The user of this address in its lookup form, and the hash, disabled users too.
pub async fn credentials_by_email<'e>(
    executor: impl AnyExecutor<'e>,
    lookup: &str,
) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query(concat!(credentials!(), "WHERE u.email_lookup = $1"))
        .bind(lookup)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(credentials).transpose()
}

/// The user of this id, and the hash, disabled users too.
pub async fn credentials_by_id<'e>(
    executor: impl AnyExecutor<'e>,
    id: UserId,
) -> Result<Option<Credentials>, Error> {
    let row = sqlx::query(concat!(credentials!(), "WHERE u.id = $1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(credentials).transpose()
}

/// Takes the row of a user who is not disabled and still has the hash that was verified, so that neither
/// changes before the transaction ends. False when it is not so any more.
pub async fn lock_if_current(
    transaction: &mut Transaction,
    dialect: Dialect,
    id: UserId,
    verified: &PasswordHash,
) -> Result<bool, Error> {
    macro_rules! lock {
        ($lock:literal) => {
            concat!(
                "SELECT id FROM users WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
                $lock
            )
        };
    }
    let statement = match dialect {
        Dialect::Sqlite => lock!(""),
        Dialect::Postgres => lock!(" FOR SHARE"),
    };
    let row = sqlx::query(statement)
        .bind(id.to_string())
        .bind(verified.expose())
        .fetch_optional(&mut **transaction)
        .await?;
    Ok(row.is_some())
}

/// Replaces the hash that was verified, at a new epoch. The epoch; none when that hash is no longer the
/// user's, or the user is disabled.
pub async fn change_password(
    transaction: &mut Transaction,
    id: UserId,
    verified: &PasswordHash,
    new: &PasswordHash,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "UPDATE users SET password_hash = $3, epoch = epoch + 1 \
         WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL RETURNING epoch",
    )
    .bind(id.to_string())
    .bind(verified.expose())
    .bind(new.expose())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// Writes a stronger hash of the same password over the hash it was made from, and over no other.
pub async fn rehash(
    transaction: &mut Transaction,
    id: UserId,
    verified: &PasswordHash,
    stronger: &PasswordHash,
) -> Result<bool, Error> {
    let updated = sqlx::query("UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2")
        .bind(id.to_string())
        .bind(verified.expose())
        .bind(stronger.expose())
        .execute(&mut **transaction)
        .await?;
    Ok(updated.rows_affected() == 1)
}

/// Sets a password whatever there was, and takes the address for proven, at a new epoch. The epoch; none
/// when there is no such user, or the user is disabled.
pub async fn reset_password(
    transaction: &mut Transaction,
    id: UserId,
    new: &PasswordHash,
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "UPDATE users SET password_hash = $2, verified_at = COALESCE(verified_at, $3), epoch = epoch + 1 \
         WHERE id = $1 AND disabled_at IS NULL RETURNING epoch",
    )
    .bind(id.to_string())
    .bind(new.expose())
    .bind(now.millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// Sets a password whatever there was, of a disabled user too, at a new epoch. The epoch; none when there is no such
/// user.
pub async fn set_password(
    transaction: &mut Transaction,
    id: UserId,
    new: &PasswordHash,
) -> Result<Option<u64>, Error> {
    let row =
        sqlx::query("UPDATE users SET password_hash = $2, epoch = epoch + 1 WHERE id = $1 RETURNING epoch")
            .bind(id.to_string())
            .bind(new.expose())
            .fetch_optional(&mut **transaction)
            .await?;
    row.map(|row| row.count("epoch")).transpose()
}
