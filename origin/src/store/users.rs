//! Users, their roles, and the epoch that grows when rights change.

use shared::{id::UserId, role::RoleName, time::Timestamp};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{Dialect, Error, Transaction, meta, passwords::PasswordHash, row::Columns, words::words};

/// A user's roles as one column, so that they are read in one statement with whatever goes with them.
macro_rules! roles {
    ($user:literal) => {
        concat!(
            "(SELECT string_agg(r.role, ',' ORDER BY r.role) FROM user_roles AS r WHERE r.user_id = ",
            $user,
            ") AS roles"
        )
    };
}
pub(super) use roles;

words! {
    /// What a user is.
    Kind {
        /// A person, who logs in.
        Person = "person",
        /// A service account: a program, which presents keys.
        Service = "service",
        /// Nobody any more: what was kept of the account is being erased.
        Deleted = "deleted",
    }
}

/// A user, without what proves to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// What it is.
    pub kind: Kind,
    /// The address as it was given; of a service account its name.
    pub email: String,
    /// The roles, sorted.
    pub roles: Vec<RoleName>,
    /// Grows when rights change.
    pub epoch: u64,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the address was proven, if it was.
    pub verified_at: Option<Timestamp>,
    /// When the account was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// A user to be.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The id.
    pub id: UserId,
    /// The address as it was given.
    pub email: &'a str,
    /// The address as it is looked up.
    pub email_lookup: &'a str,
    /// The hash, if there is a password.
    pub password_hash: Option<&'a PasswordHash>,
    /// Since when there is the account.
    pub created_at: Timestamp,
    /// When the address was proven, if it was.
    pub verified_at: Option<Timestamp>,
    /// When the account was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
}

/// Makes a user without roles, at epoch 1. False when the address belongs to one already.
pub async fn insert(transaction: &mut Transaction, user: &NewUser<'_>) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, email, email_lookup, password_hash, epoch, created_at, verified_at, disabled_at) \
         VALUES ($1, $2, $3, $4, 1, $5, $6, $7) ON CONFLICT (email_lookup) DO NOTHING",
    )
    .bind(user.id.to_string())
    .bind(user.email)
    .bind(user.email_lookup)
    .bind(user.password_hash.map(PasswordHash::expose))
    .bind(user.created_at.millis())
    .bind(user.verified_at.map(Timestamp::millis))
    .bind(user.disabled_at.map(Timestamp::millis))
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// What [`user`] reads of a row of `users` that is called `u`.
macro_rules! user_columns {
    () => {
        concat!(
            "u.id, u.kind, u.email, u.epoch, u.created_at, u.verified_at, u.disabled_at, ",
            $crate::store::users::roles!("u.id")
        )
    };
}
pub(super) use user_columns;

pub(super) fn user(row: &AnyRow) -> Result<User, Error> {
    Ok(User {
        id: row.parsed("id")?,
        kind: row.parsed("kind")?,
        email: row.text("email")?,
        roles: row.roles("roles")?,
        epoch: row.count("epoch")?,
        created_at: row.time("created_at")?,
        verified_at: row.time_or_null("verified_at")?,
        disabled_at: row.time_or_null("disabled_at")?,
    })
}

/// The user of this id.
pub async fn by_id<'e>(executor: impl AnyExecutor<'e>, id: UserId) -> Result<Option<User>, Error> {
    let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users AS u WHERE u.id = $1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(user).transpose()
}

/// The user of this address in its lookup form.
pub async fn by_email<'e>(executor: impl AnyExecutor<'e>, lookup: &str) -> Result<Option<User>, Error> {
    let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users AS u WHERE u.email_lookup = $1"))
        .bind(lookup)
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(user).transpose()
}

/// Takes the user's row for this transaction, so that what ends sessions and what begins them cannot
/// cross. False when there is no such user.
pub async fn lock(transaction: &mut Transaction, dialect: Dialect, id: UserId) -> Result<bool, Error> {
    let statement = match dialect {
        // The transaction is the only one that writes.
        Dialect::Sqlite => "SELECT id FROM users WHERE id = $1",
        // What an UPDATE of the row would take: keys that refer to it may still be checked.
        Dialect::Postgres => "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE",
    };
    let row = sqlx::query(statement).bind(id.to_string()).fetch_optional(&mut **transaction).await?;
    Ok(row.is_some())
}

/// The same of whoever has this address, in its lookup form, if anybody has.
pub async fn lock_by_email(
    transaction: &mut Transaction,
    dialect: Dialect,
    lookup: &str,
) -> Result<bool, Error> {
    let statement = match dialect {
        Dialect::Sqlite => "SELECT id FROM users WHERE email_lookup = $1",
        Dialect::Postgres => "SELECT id FROM users WHERE email_lookup = $1 FOR NO KEY UPDATE",
    };
    let row = sqlx::query(statement).bind(lookup).fetch_optional(&mut **transaction).await?;
    Ok(row.is_some())
}

/// Makes every token that is out tell of outdated rights. The new epoch; none without such a user.
pub async fn grow_epoch(transaction: &mut Transaction, id: UserId) -> Result<Option<u64>, Error> {
    let row = sqlx::query("UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch")
        .bind(id.to_string())
        .fetch_optional(&mut **transaction)
        .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// The condition that a person other than user `$1` who is enabled has the role `admin`. Whoever relies on it
/// holds [`lock_admins`].
macro_rules! another_admin {
    () => {
        concat!(
            "EXISTS (SELECT 1 FROM user_roles AS o JOIN users AS a ON a.id = o.user_id ",
            "WHERE o.role = 'admin' AND o.user_id <> $1 AND a.kind = 'person' AND a.disabled_at IS NULL)"
        )
    };
}

pub(super) use another_admin;

/// Waits for whoever takes an administrator away, so that no two do at once: each would see the other's.
/// It comes before any user's row.
pub async fn lock_admins(transaction: &mut Transaction, dialect: Dialect) -> Result<(), Error> {
    meta::lock(transaction, dialect, meta::ADMINISTRATORS).await
}

/// Disables a user who is not, and is not the last administrator, at a new epoch. The epoch; none when
/// there is no such user. The caller holds [`lock_admins`].
pub async fn disable(
    transaction: &mut Transaction,
    id: UserId,
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE users SET disabled_at = $2, epoch = epoch + 1 WHERE id = $1 AND disabled_at IS NULL ",
        "AND (NOT EXISTS (SELECT 1 FROM user_roles AS r WHERE r.user_id = $1 AND r.role = 'admin') OR ",
        another_admin!(),
        ") RETURNING epoch"
    ))
    .bind(id.to_string())
    .bind(now.millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// Enables a user who is disabled. False when there is no such user.
pub async fn enable(transaction: &mut Transaction, id: UserId) -> Result<bool, Error> {
    let updated =
        sqlx::query("UPDATE users SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL")
            .bind(id.to_string())
            .execute(&mut **transaction)
            .await?;
    Ok(updated.rows_affected() == 1)
}

/// Gives a role. False when the user has it.
pub async fn insert_role(
    transaction: &mut Transaction,
    id: UserId,
    role: &RoleName,
    now: Timestamp,
) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO user_roles (user_id, role, granted_at) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id, role) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(role.as_str())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Takes a role away, unless it makes the last administrator. False when the user does not have it. The
/// caller holds [`lock_admins`].
pub async fn delete_role(transaction: &mut Transaction, id: UserId, role: &RoleName) -> Result<bool, Error> {
    let deleted = sqlx::query(concat!(
        "DELETE FROM user_roles WHERE user_id = $1 AND role = $2 AND (role <> 'admin' OR ",
        // Whoever is disabled is no administrator any more, and no service account is the one that is left.
        "EXISTS (SELECT 1 FROM users AS u WHERE u.id = $1 AND (u.disabled_at IS NOT NULL OR u.kind = 'service')) OR ",
        another_admin!(),
        ")"
    ))
    .bind(id.to_string())
    .bind(role.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

/// Takes the address for proven, at a new epoch. The epoch; none when it was proven already.
pub async fn verify(transaction: &mut Transaction, id: UserId, now: Timestamp) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "UPDATE users SET verified_at = $2, epoch = epoch + 1 \
         WHERE id = $1 AND verified_at IS NULL RETURNING epoch",
    )
    .bind(id.to_string())
    .bind(now.millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// What an address runs against that somebody else takes at the same moment.
pub const ADDRESS_UNIQUE: &str = "users_email_lookup_unique";

/// Gives a user another address, which was proven at this moment or never, at a new epoch. The epoch; none when the
/// address is somebody else's. A violation of [`ADDRESS_UNIQUE`] when it became that at this moment.
pub async fn change_email(
    transaction: &mut Transaction,
    id: UserId,
    email: &str,
    email_lookup: &str,
    verified_at: Option<Timestamp>,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "UPDATE users SET email = $2, email_lookup = $3, verified_at = $4, epoch = epoch + 1 WHERE id = $1 \
         AND NOT EXISTS (SELECT 1 FROM users AS o WHERE o.email_lookup = $3 AND o.id <> $1) RETURNING epoch",
    )
    .bind(id.to_string())
    .bind(email)
    .bind(email_lookup)
    .bind(verified_at.map(Timestamp::millis))
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}
