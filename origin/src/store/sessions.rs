//! Sessions: one row for each login of either kind.

use std::time::Duration;

use shared::{
    authentication::Methods,
    id::{PasskeyId, SessionId, UserId},
    secret::Digest,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    clauses::{ends, key_generation, live},
    passwords::PasswordHash,
    row::{Columns, as_number, corrupt},
    words::words,
};

words! {
    /// How the client holds its session.
    Kind {
        /// By a cookie.
        Browser = "browser",
        /// By an access token and a refresh token.
        Token = "token",
    }
}

words! {
    /// Why a session ended before its time.
    EndReason {
        /// The client logged out.
        Logout = "logout",
        /// The user ended it from another session, an administrator did, or a login made it one too many.
        Ended = "ended",
        /// The user's password changed in another session.
        PasswordChanged = "password_changed",
        /// What the user logs in with changed in another session, or was reset.
        SecondFactorChanged = "second_factor_changed",
        /// The user was disabled, or the account deleted.
        UserDisabled = "user_disabled",
        /// The client gave its refresh token back (RFC 7009).
        Revoked = "revoked",
        /// A refresh token was used that no honest client uses.
        RefreshReuse = "refresh_reuse",
        /// The database was restored from a backup.
        Restored = "restored",
        /// It was a key of a service account, and was withdrawn.
        KeyWithdrawn = "key_withdrawn",
    }
}

/// A session as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The id: the `sid` of every token.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How the client holds it.
    pub kind: Kind,
    /// What the client calls its device.
    pub device: Option<String>,
    /// Where it was made from.
    pub address: Option<String>,
    /// By what it was made.
    pub user_agent: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last renewed or refreshed.
    pub last_seen_at: Timestamp,
    /// When it ends if nothing happens before.
    pub expires_at: Timestamp,
    /// When it was ended and why, if it was.
    pub end: Option<(Timestamp, EndReason)>,
}

/// What somebody has proven to be who they are by: it still has to be the user's when the session is made.
#[derive(Clone, Copy, Debug)]
pub enum Verified<'a> {
    /// The very hash that the password was verified against.
    Password(&'a PasswordHash),
    /// A passkey.
    Passkey(PasskeyId),
}

/// A session to be.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// The id.
    pub id: SessionId,
    /// Whose it is, read together with the epoch and the hash.
    pub user: UserId,
    /// The epoch at which roles were read.
    pub epoch: u64,
    /// What was verified.
    pub verified: Verified<'a>,
    /// The digest of a browser's handle; none makes a token session, with refresh counter 1.
    pub handle: Option<Digest>,
    /// What the client calls its device.
    pub device: Option<&'a str>,
    /// Where it comes from.
    pub address: Option<String>,
    /// By what.
    pub user_agent: Option<&'a str>,
    /// Now, which is also when the user proved to be who they are.
    pub created_at: Timestamp,
    /// How they proved it.
    pub methods: &'a Methods,
    /// How long it lives unused.
    pub idle: Duration,
    /// How long it lives.
    pub absolute: Duration,
}

/// Where SQLite lays a new session of the user `u`: behind their others, so that a list of them reads a page or two and not
/// one for each, which tells once there are millions. Each user has a million rowids. Where they are used up, and for what
/// says nothing, SQLite takes one that is free.
macro_rules! beside {
    () => {
        "(SELECT NULLIF(COALESCE(MAX(s.rowid), u.rowid << 20) + 1, (u.rowid + 1) << 20) FROM sessions AS s \
         WHERE s.rowid BETWEEN u.rowid << 20 AND ((u.rowid + 1) << 20) - 1), "
    };
}

/// Makes the session, if the user still has the hash that was verified and the epoch that was read, and
/// is not disabled; the generation of the keys that its tokens are to be signed by. None otherwise: something
/// changed while the password was being verified.
pub async fn insert(
    transaction: &mut Transaction,
    dialect: Dialect,
    session: &NewSession<'_>,
) -> Result<Option<String>, Error> {
    macro_rules! insert {
        ($column:literal, $place:expr, $lock:literal) => {
            concat!(
                "INSERT INTO sessions (",
                $column,
                "id, user_id, kind, device, address, user_agent, created_at, ",
                "last_seen_at, idle_limit, idle_expires_at, absolute_expires_at, handle_digest, ",
                "current_counter, issued_at, authenticated_at, amr) ",
                "SELECT ",
                $place,
                "$1, u.id, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, $12, $6, $13 FROM users AS u ",
                "WHERE u.id = $14 AND u.epoch = $16 AND u.disabled_at IS NULL AND (u.password_hash = $15 OR ",
                "EXISTS (SELECT 1 FROM passkeys AS p WHERE p.id = $17 AND p.user_id = u.id))",
                $lock,
                " RETURNING ",
                key_generation!()
            )
        };
    }
    let statement = match dialect {
        Dialect::Sqlite => insert!("rowid, ", beside!(), ""),
        // A password change that is under way is waited for, and one that begins now waits for this; so does another
        // login, which then sees this session.
        Dialect::Postgres => insert!("", "", " FOR NO KEY UPDATE OF u"),
    };
    let (password, passkey) = match session.verified {
        Verified::Password(hash) => (Some(hash), None),
        Verified::Passkey(id) => (None, Some(id)),
    };
    let is_token = session.handle.is_none();
    let now = session.created_at;
    let inserted = sqlx::query(statement)
        .bind(session.id.to_string())
        .bind(if is_token { Kind::Token } else { Kind::Browser }.as_str())
        .bind(session.device)
        .bind(session.address.as_deref())
        .bind(session.user_agent)
        .bind(now.millis())
        .bind(duration_number(session.idle))
        .bind((now + session.idle).millis())
        .bind((now + session.absolute).millis())
        .bind(session.handle.map(|digest| digest.as_bytes().to_vec()))
        .bind(is_token.then_some(1_i64))
        .bind(is_token.then_some(now.millis()))
        .bind(session.methods.to_string())
        .bind(session.user.to_string())
        .bind(password.map(PasswordHash::expose))
        .bind(as_number(session.epoch))
        .bind(passkey.map(|id| id.to_string()))
        .fetch_optional(&mut **transaction)
        .await?;
    inserted.map(|row| row.text("key_generation")).transpose()
}

/// What [`session`] reads, by name: a column that a later version adds must not change what a prepared statement
/// returns, or PostgreSQL refuses it from then on.
macro_rules! session_columns {
    () => {
        "sessions.id, sessions.user_id, sessions.kind, sessions.device, sessions.address, sessions.user_agent, \
         sessions.created_at, sessions.last_seen_at, sessions.idle_expires_at, sessions.absolute_expires_at, \
         sessions.ended_at, sessions.end_reason"
    };
}
pub(super) use session_columns;

/// The session of this id, whether alive or not.
pub async fn by_id<'e>(executor: impl AnyExecutor<'e>, id: SessionId) -> Result<Option<Session>, Error> {
    let row = sqlx::query(concat!("SELECT ", session_columns!(), " FROM sessions WHERE sessions.id = $1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(session).transpose()
}

/// The user's sessions that are alive, the one seen last first.
pub async fn live_of<'e>(
    executor: impl AnyExecutor<'e>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<Session>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE sessions.user_id = $1 AND ",
        live!("$2"),
        " ORDER BY sessions.last_seen_at DESC, sessions.id DESC"
    ))
    .bind(user.to_string())
    .bind(now.millis())
    .fetch_all(executor)
    .await?;
    rows.iter().map(session).collect()
}

/// The user's sessions, those that are over too, in the order in which they were made, from after the given one.
pub async fn all_of<'e>(
    executor: impl AnyExecutor<'e>,
    user: UserId,
    after: Option<SessionId>,
    limit: u32,
) -> Result<Vec<Session>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        session_columns!(),
        " FROM sessions WHERE sessions.user_id = $1 AND sessions.id > $2 ORDER BY sessions.id LIMIT $3"
    ))
    .bind(user.to_string())
    .bind(after.map(|id| id.to_string()).unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(session).collect()
}

pub(super) fn session(row: &AnyRow) -> Result<Session, Error> {
    let end = match (row.time_or_null("ended_at")?, row.parsed_or_null("end_reason")?) {
        (Some(at), Some(reason)) => Some((at, reason)),
        (None, None) => None,
        _ => return Err(corrupt("end_reason", "an end has a time and a reason")),
    };
    Ok(Session {
        id: row.parsed("id")?,
        user: row.parsed("user_id")?,
        kind: row.parsed("kind")?,
        device: row.text_or_null("device")?,
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        created_at: row.time("created_at")?,
        last_seen_at: row.time("last_seen_at")?,
        expires_at: ends(row)?,
        end,
    })
}

/// Ends a session of this user that has not ended. False when there is none. The caller has locked the
/// user's row.
pub async fn end(
    transaction: &mut Transaction,
    id: SessionId,
    user: UserId,
    reason: EndReason,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(
        "UPDATE sessions SET ended_at = $3, end_reason = $4 \
         WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
    )
    .bind(id.to_string())
    .bind(user.to_string())
    .bind(now.millis())
    .bind(reason.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Ends all sessions of the user that have not ended, but one. How many. The caller has locked the
/// user's row.
pub async fn end_all(
    transaction: &mut Transaction,
    user: UserId,
    but: Option<SessionId>,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, Error> {
    let updated = sqlx::query(
        "UPDATE sessions SET ended_at = $3, end_reason = $4 \
         WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL",
    )
    .bind(user.to_string())
    .bind(but.map(|id| id.to_string()).unwrap_or_default())
    .bind(now.millis())
    .bind(reason.as_str())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected())
}

/// Ends all sessions there are that have not ended, for as long as that takes. How many.
pub async fn end_everybodys(
    transaction: &mut Transaction,
    dialect: Dialect,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, Error> {
    if dialect == Dialect::Postgres {
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut **transaction).await?;
    }
    let updated = sqlx::query("UPDATE sessions SET ended_at = $1, end_reason = $2 WHERE ended_at IS NULL")
        .bind(now.millis())
        .bind(reason.as_str())
        .execute(&mut **transaction)
        .await?;
    Ok(updated.rows_affected())
}

/// Gives a live browser session another handle; the old one is dead. False when it is not alive.
pub async fn change_handle(
    transaction: &mut Transaction,
    id: SessionId,
    handle: Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(concat!(
        "UPDATE sessions SET handle_digest = $3 WHERE sessions.id = $1 AND sessions.kind = 'browser' AND ",
        live!("$2")
    ))
    .bind(id.to_string())
    .bind(now.millis())
    .bind(handle.as_bytes().to_vec())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Says anew how the user of a session proved to be who they are.
pub async fn set_methods(
    transaction: &mut Transaction,
    id: SessionId,
    methods: &Methods,
) -> Result<(), Error> {
    sqlx::query("UPDATE sessions SET amr = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(methods.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Brings the user's sessions within shorter limits; none is made longer. The keys of a service account have
/// limits of their own.
pub async fn shorten(
    transaction: &mut Transaction,
    user: UserId,
    idle: Duration,
    absolute: Duration,
) -> Result<(), Error> {
    sqlx::query(
        "UPDATE sessions SET idle_limit = $2, idle_expires_at = last_seen_at + $2 \
         WHERE user_id = $1 AND ended_at IS NULL AND idle_limit > $2 \
         AND NOT EXISTS (SELECT 1 FROM service_keys AS k WHERE k.session_id = sessions.id)",
    )
    .bind(user.to_string())
    .bind(duration_number(idle))
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "UPDATE sessions SET absolute_expires_at = created_at + $2 \
         WHERE user_id = $1 AND ended_at IS NULL AND absolute_expires_at > created_at + $2 \
         AND NOT EXISTS (SELECT 1 FROM service_keys AS k WHERE k.session_id = sessions.id)",
    )
    .bind(user.to_string())
    .bind(duration_number(absolute))
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

pub(super) fn duration_number(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
