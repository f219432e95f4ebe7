//! Service accounts: users that are programs, found by their name.

use shared::{id::UserId, role::RoleName, time::Timestamp};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{Error, Transaction, row::Columns, users::roles};

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// The id: its `client_id`, and the `sub` of its tokens.
    pub id: UserId,
    /// What it is called.
    pub name: String,
    /// The roles, sorted.
    pub roles: Vec<RoleName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was disabled, if it is.
    pub disabled_at: Option<Timestamp>,
    /// When a key of it that is kept was exchanged last, if one ever was.
    pub last_used_at: Option<Timestamp>,
}

macro_rules! account_columns {
    () => {
        concat!(
            "SELECT u.id, u.email AS name, u.created_at, u.disabled_at, ",
            "(SELECT MAX(s.last_seen_at) FROM sessions AS s WHERE s.user_id = u.id ",
            "AND s.last_seen_at > s.created_at) AS last_used_at, ",
            roles!("u.id"),
            " FROM users AS u WHERE u.kind = 'service' AND "
        )
    };
}

/// How a name is looked up: no address is like this.
fn lookup(name: &str) -> String {
    format!("service:{name}")
}

/// Makes a service account without roles, at epoch 1. False when the name is taken.
pub async fn insert(
    transaction: &mut Transaction,
    id: UserId,
    name: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO users (id, email, email_lookup, epoch, created_at, kind) \
         VALUES ($1, $2, $3, 1, $4, 'service') ON CONFLICT (email_lookup) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(name)
    .bind(lookup(name))
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The service account of this id.
pub async fn by_id<'e>(executor: impl AnyExecutor<'e>, id: UserId) -> Result<Option<ServiceAccount>, Error> {
    let row = sqlx::query(concat!(account_columns!(), "u.id = $1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(account).transpose()
}

/// The service account of this name.
pub async fn by_name<'e>(
    executor: impl AnyExecutor<'e>,
    name: &str,
) -> Result<Option<ServiceAccount>, Error> {
    let row = sqlx::query(concat!(account_columns!(), "u.email_lookup = $1"))
        .bind(lookup(name))
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(account).transpose()
}

/// Service accounts in the order in which they were made, from after the given one.
pub async fn list<'e>(
    executor: impl AnyExecutor<'e>,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<ServiceAccount>, Error> {
    let rows = sqlx::query(concat!(account_columns!(), "u.id > $1 ORDER BY u.id LIMIT $2"))
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(account).collect()
}

/// Disables a service account that is not, at a new epoch; its keys stay. The epoch; none when there is none
/// to disable.
pub async fn disable(
    transaction: &mut Transaction,
    id: UserId,
    now: Timestamp,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "UPDATE users SET disabled_at = $2, epoch = epoch + 1 \
         WHERE id = $1 AND kind = 'service' AND disabled_at IS NULL RETURNING epoch",
    )
    .bind(id.to_string())
    .bind(now.millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.count("epoch")).transpose()
}

/// Deletes a service account with its keys, of which there are few.
pub async fn delete(transaction: &mut Transaction, id: UserId) -> Result<(), Error> {
    sqlx::query("DELETE FROM users WHERE id = $1 AND kind = 'service'")
        .bind(id.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn account(row: &AnyRow) -> Result<ServiceAccount, Error> {
    Ok(ServiceAccount {
        id: row.parsed("id")?,
        name: row.text("name")?,
        roles: row.roles("roles")?,
        created_at: row.time("created_at")?,
        disabled_at: row.time_or_null("disabled_at")?,
        last_used_at: row.time_or_null("last_used_at")?,
    })
}
