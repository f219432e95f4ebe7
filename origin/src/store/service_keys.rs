//! The keys of service accounts: each is a session that nobody logged in to, and the digest that it is known by.

use std::time::Duration;

use shared::{
    authentication::Authentication,
    id::{SessionId, UserId},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    clauses::{enabled, live, of_the_user},
    row::Columns,
    sessions::{EndReason, duration_number},
};

/// When a key ends that has no end: the last millisecond that RFC 3339 can write.
pub const NO_END: Timestamp = Timestamp::from_millis(253_402_300_799_999);

/// A key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    /// The id: the `sid` of the tokens that it is exchanged for.
    pub id: SessionId,
    /// What it is called.
    pub label: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was exchanged last, if it ever was.
    pub last_used_at: Option<Timestamp>,
    /// When it ends, if it has an end.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn and why, if it was.
    pub end: Option<(Timestamp, EndReason)>,
    /// Who made it.
    pub maker: Maker,
}

/// Who made a key. It outlives them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maker {
    /// The user, if it was one.
    pub user: Option<UserId>,
    /// Their address, for as long as they have an account.
    pub email: Option<String>,
    /// Who gave the command, if it was one.
    pub operator: Option<String>,
}

/// A key to be.
#[derive(Debug)]
pub struct NewServiceKey<'a> {
    /// The id.
    pub id: SessionId,
    /// Whose it is.
    pub account: UserId,
    /// By what it is known again.
    pub digest: Digest,
    /// What it is called.
    pub label: Option<&'a str>,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends; none for [`NO_END`].
    pub expires_at: Option<Timestamp>,
    /// The user who makes it, if it is one.
    pub created_by: Option<UserId>,
    /// Who gives the command, if it is one.
    pub operator: Option<&'a str>,
}

/// What a key's token tells of, read in the statement that allowed it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The service account's roles.
    pub roles: Vec<RoleName>,
    /// Its epoch.
    pub epoch: u64,
    /// Nothing: nobody has logged in.
    pub authentication: Authentication,
    /// When the key ends.
    pub expires_at: Timestamp,
}

/// Makes a key. The caller has the account's row.
pub async fn insert(transaction: &mut Transaction, key: &NewServiceKey<'_>) -> Result<(), Error> {
    let ends = key.expires_at.unwrap_or(NO_END);
    // A token session whose refresh token nobody ever had. It does not lie idle: its end is its only limit.
    sqlx::query(
        "INSERT INTO sessions (id, user_id, kind, device, created_at, last_seen_at, idle_limit, \
         idle_expires_at, absolute_expires_at, current_counter, issued_at) \
         VALUES ($1, $2, 'token', $3, $4, $4, $5, $6, $6, 1, $4)",
    )
    .bind(key.id.to_string())
    .bind(key.account.to_string())
    .bind(key.label)
    .bind(key.created_at.millis())
    .bind(duration_number(ends.since(key.created_at)))
    .bind(ends.millis())
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "INSERT INTO service_keys (session_id, digest, created_by, operator) VALUES ($1, $2, $3, $4)",
    )
    .bind(key.id.to_string())
    .bind(key.digest.as_bytes().to_vec())
    .bind(key.created_by.map(|id| id.to_string()))
    .bind(key.operator)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Marks the key of this digest as used. None unless it is alive, and its account is this one and enabled.
pub async fn exchange(
    transaction: &mut Transaction,
    id: SessionId,
    digest: Digest,
    account: UserId,
    now: Timestamp,
) -> Result<Option<Exchange>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE sessions SET last_seen_at = $2 WHERE sessions.id = $1 AND sessions.user_id = $4 AND ",
        "EXISTS (SELECT 1 FROM service_keys AS k WHERE k.session_id = $1 AND k.digest = $3) AND ",
        live!("$2"),
        " AND ",
        enabled!(),
        " RETURNING ",
        of_the_user!()
    ))
    .bind(id.to_string())
    .bind(now.millis())
    .bind(digest.as_bytes().to_vec())
    .bind(account.to_string())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| {
        Ok(Exchange {
            roles: row.roles("roles")?,
            epoch: row.count("epoch")?,
            authentication: row.authentication()?,
            expires_at: row.time("absolute_expires_at")?,
        })
    })
    .transpose()
}

macro_rules! key_columns {
    ($condition:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.device, s.created_at, s.last_seen_at, s.absolute_expires_at, s.ended_at, ",
            "s.end_reason, k.created_by, k.operator, (SELECT m.email FROM users AS m WHERE m.id = k.created_by ",
            "AND m.kind = 'person') AS maker_email ",
            "FROM sessions AS s JOIN service_keys AS k ON k.session_id = s.id WHERE ",
            $condition
        )
    };
}

/// The account of a key, and the key, alive or not.
pub async fn by_id<'e>(
    executor: impl AnyExecutor<'e>,
    id: SessionId,
) -> Result<Option<(UserId, ServiceKey)>, Error> {
    let row = sqlx::query(key_columns!("s.id = $1")).bind(id.to_string()).fetch_optional(executor).await?;
    row.as_ref().map(owned_key).transpose()
}

/// The keys of an account, those that are over too, the oldest first, from after the given one.
pub async fn of_account<'e>(
    executor: impl AnyExecutor<'e>,
    account: UserId,
    after: Option<SessionId>,
    limit: u32,
) -> Result<Vec<ServiceKey>, Error> {
    let rows = sqlx::query(key_columns!("s.user_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3"))
        .bind(account.to_string())
        .bind(after.map(|id| id.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(key).collect()
}

/// The keys that a user made and that were not withdrawn, whichever account they are of, the oldest first, from
/// after the given one; with their accounts.
pub async fn made_by<'e>(
    executor: impl AnyExecutor<'e>,
    maker: UserId,
    after: Option<SessionId>,
    limit: u32,
) -> Result<Vec<(UserId, ServiceKey)>, Error> {
    let rows = sqlx::query(key_columns!(
        "k.created_by = $1 AND k.session_id > $2 AND s.ended_at IS NULL ORDER BY k.session_id LIMIT $3"
    ))
    .bind(maker.to_string())
    .bind(after.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(owned_key).collect()
}

/// How many keys of an account are alive.
pub async fn count_live(
    transaction: &mut Transaction,
    account: UserId,
    now: Timestamp,
) -> Result<u64, Error> {
    let row = sqlx::query(concat!(
        "SELECT COUNT(*) AS keys FROM sessions WHERE sessions.user_id = $1 AND ",
        live!("$2")
    ))
    .bind(account.to_string())
    .bind(now.millis())
    .fetch_one(&mut **transaction)
    .await?;
    row.count("keys")
}

/// Lets a live key of an account end after this time, which is no later than it did. False when there is none
/// that can.
pub async fn limit(
    transaction: &mut Transaction,
    id: SessionId,
    account: UserId,
    lifetime: Duration,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(concat!(
        "UPDATE sessions SET absolute_expires_at = $4, idle_expires_at = $4 ",
        "WHERE sessions.id = $1 AND sessions.user_id = $2 AND sessions.absolute_expires_at >= $4 AND ",
        "EXISTS (SELECT 1 FROM service_keys AS k WHERE k.session_id = sessions.id) AND ",
        live!("$3")
    ))
    .bind(id.to_string())
    .bind(account.to_string())
    .bind(now.millis())
    .bind((now + lifetime).millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn owned_key(row: &AnyRow) -> Result<(UserId, ServiceKey), Error> {
    Ok((row.parsed("user_id")?, key(row)?))
}

fn key(row: &AnyRow) -> Result<ServiceKey, Error> {
    let (created_at, last_seen_at) = (row.time("created_at")?, row.time("last_seen_at")?);
    let ends = row.time("absolute_expires_at")?;
    Ok(ServiceKey {
        id: row.parsed("id")?,
        label: row.text_or_null("device")?,
        created_at,
        last_used_at: Some(last_seen_at).filter(|seen| *seen > created_at),
        expires_at: Some(ends).filter(|ends| *ends < NO_END),
        end: row.time_or_null("ended_at")?.zip(row.parsed_or_null("end_reason")?),
        maker: Maker {
            user: row.parsed_or_null("created_by")?,
            email: row.text_or_null("maker_email")?,
            operator: row.text_or_null("operator")?,
        },
    })
}
