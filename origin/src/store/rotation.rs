//! The refresh token's rotation on the session's row. Each change is one conditional UPDATE on the
//! counters that were read, so of several callers one wins and the others read again.

use shared::{
    authentication::{Authentication, Methods},
    id::{SessionId, UserId},
    role::RoleName,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    clauses::{Together, enabled, ends, live, of_the_user, proven, seen},
    row::{Columns, as_count, as_number, corrupt},
    sessions::EndReason,
    values::{each, padded, places},
};

/// A token session's counters, and whether anything can still be had for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Whose session it is.
    pub user: UserId,
    /// Whether the session is alive and its user enabled.
    pub alive: bool,
    /// The counter of the newest refresh token.
    pub current: u64,
    /// When that token was issued.
    pub issued_at: Timestamp,
    /// The counter that was exchanged last, if one was.
    pub spent: Option<Spent>,
    /// Whether the current token was given for a [`step_up`]. Then any from the spent one on may be the newest that the
    /// client got.
    pub stepped_up: bool,
}

/// A refresh token that was exchanged for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Its counter.
    pub counter: u64,
    /// When it was exchanged; after a [`step_up`], when that was.
    pub rotated_at: Timestamp,
}

/// What new tokens tell of, read in the statement that allowed them.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The user.
    pub user: UserId,
    /// The user's roles.
    pub roles: Vec<RoleName>,
    /// The user's epoch.
    pub epoch: u64,
    /// How well it is known who the user is.
    pub authentication: Authentication,
    /// When the session ends if nothing happens before.
    pub ends: Timestamp,
    /// The counter of the refresh token that goes with them.
    pub counter: u64,
    /// The generation of the keys that they are to be signed by.
    pub key_generation: String,
}

/// What makes the current token the spent one, and its successor the current.
macro_rules! exchanged {
    ($now:literal) => {
        concat!("spent_counter = current_counter, ", succeeded!($now, $now))
    };
}
/// What puts its successor in the place of the current token, as of a moment.
macro_rules! succeeded {
    ($at:expr, $now:literal) => {
        concat!(
            "current_counter = current_counter + 1, rotated_at = ",
            $at,
            ", issued_at = ",
            $at,
            ", ",
            seen!($now)
        )
    };
}

/// The conditions that are always asked, and what is told of those that meet them.
macro_rules! granted {
    ($now:literal, $enabled:expr, $of_the_user:expr) => {
        concat!(
            "sessions.kind = 'token' AND ",
            live!($now),
            " AND ",
            $enabled,
            " RETURNING sessions.id, current_counter, ",
            $of_the_user
        )
    };
}
macro_rules! granting {
    ($($part:expr),+) => {
        concat!($($part,)+ " AND ", granted!("$2", enabled!(), of_the_user!()))
    };
}

/// Exchanges the current token: it becomes the spent one and its successor the current. None when it is
/// not the current one, or nothing can be had for it.
pub async fn rotate(
    transaction: &mut Transaction,
    session: SessionId,
    current: u64,
    now: Timestamp,
) -> Result<Option<Grant>, Error> {
    let row = sqlx::query(granting!(
        "UPDATE sessions SET ",
        exchanged!("$2"),
        " WHERE sessions.id = $1 AND current_counter = $3"
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(as_number(current))
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(grant).transpose()
}

/// What is asked of [`rotate_all`].
#[derive(Clone, Copy, Debug)]
pub struct Rotating {
    /// The session.
    pub session: SessionId,
    /// The counter of the token that was presented.
    pub current: u64,
    /// When that was.
    pub now: Timestamp,
}

/// Does the same for many tokens, and answers each. It waits for nobody: a session that somebody else is changing is
/// left out, as is a token that is presented twice, the second time.
pub async fn rotate_all(
    transaction: &mut Transaction,
    dialect: Dialect,
    asked: &[Rotating],
) -> Result<Vec<Option<Grant>>, Error> {
    let asked_for = padded(asked);
    let together = Together::on(dialect);
    let statement = format!(
        concat!(
            "WITH asked (session, counter, now) AS (VALUES {asked}), ",
            "free AS (SELECT sessions.{row} AS place, counter, now ",
            "FROM asked JOIN sessions ON sessions.id = session{free}) ",
            "UPDATE sessions SET ",
            exchanged!("now"),
            " FROM free{users} WHERE sessions.{row} = place AND current_counter = counter AND ",
            granted!("now", "{enabled}", "{of_the_user}")
        ),
        asked = places(asked_for.len(), 3),
        row = together.row,
        free = together.free,
        users = together.users,
        enabled = together.enabled,
        of_the_user = together.of_the_user,
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for asked in asked_for {
        query = query
            .bind(asked.map(|asked| asked.session.to_string()))
            .bind(asked.map(|asked| as_number(asked.current)))
            .bind(asked.map(|asked| asked.now.millis()));
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    let granted = rows.iter().map(|row| {
        let grant = grant(row)?;
        Ok(((row.parsed::<SessionId>("id")?, grant.counter), grant))
    });
    let granted = granted.collect::<Result<Vec<_>, Error>>()?;
    each(asked, granted, |asked| (asked.session, asked.current.saturating_add(1)))
}

/// Gives the current token again, to who shows the spent one, or another that is [as good](Rotation::stepped_up) and is
/// the spent one from then on: it is marked as seen, nothing rotates. None when the counters are no longer the ones
/// that were read, or nothing can be had for them.
pub async fn repeat(
    transaction: &mut Transaction,
    session: SessionId,
    shown: u64,
    read: &Rotation,
    now: Timestamp,
) -> Result<Option<Grant>, Error> {
    let row = sqlx::query(granting!(
        "UPDATE sessions SET spent_counter = $5, ",
        seen!("$2"),
        " WHERE sessions.id = $1 AND current_counter = $3 AND spent_counter = $4"
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(as_number(read.current))
    .bind(read.spent.map(|spent| as_number(spent.counter)))
    .bind(as_number(shown))
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(grant).transpose()
}

/// Puts a fresh token in the place of the current one that was never used, for who shows the spent one, or another that
/// is [as good](Rotation::stepped_up) and is the spent one from then on. None when the counters are no longer the ones
/// that were read, or nothing can be had for them.
///
/// Where the spent one was exchanged by a [`step_up`], the session tells nothing of that any more: what told of it was
/// the token that is displaced, and whoever shows the one before need not be who has proven anything.
pub async fn displace(
    transaction: &mut Transaction,
    session: SessionId,
    shown: u64,
    read: &Rotation,
    now: Timestamp,
) -> Result<Option<Grant>, Error> {
    let row = sqlx::query(granting!(
        "UPDATE sessions SET spent_counter = $5, current_counter = current_counter + 1, issued_at = $2, ",
        // Only a step up writes both at one moment.
        "amr = CASE WHEN authenticated_at = rotated_at THEN NULL ELSE amr END, ",
        "authenticated_at = NULLIF(authenticated_at, rotated_at), ",
        seen!("$2"),
        " WHERE sessions.id = $1 AND current_counter = $3 AND spent_counter = $4"
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(as_number(read.current))
    .bind(read.spent.map(|spent| as_number(spent.counter)))
    .bind(as_number(shown))
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(grant).transpose()
}

/// Marks that the user has proven anew who they are, and puts another token in the place of the current one: an answer
/// that is lost is asked for again like any. None when nothing can be had. The caller has taken the user's row.
///
/// The current one is spent only if the client has it. That is told by when the access token was issued, in whole
/// seconds, by which the client asks: one from before came with an earlier refresh token, and the answer with the current
/// one may be lost.
pub async fn step_up(
    transaction: &mut Transaction,
    session: SessionId,
    access_issued: Timestamp,
    methods: &Methods,
    now: Timestamp,
) -> Result<Option<Grant>, Error> {
    let row = sqlx::query(granting!(
        "UPDATE sessions SET authenticated_at = ",
        proven!("$2"),
        ", amr = $3, ",
        "spent_counter = CASE WHEN spent_counter IS NULL OR issued_at < $4 THEN current_counter ",
        "ELSE spent_counter END, ",
        succeeded!(proven!("$2"), "$2"),
        " WHERE sessions.id = $1"
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(methods.to_string())
    .bind(Timestamp::from_seconds(access_issued.seconds().saturating_add(1)).millis())
    .fetch_optional(&mut **transaction)
    .await?;
    row.as_ref().map(grant).transpose()
}

/// Ends the session over a token that no honest client shows. False when the counters are no longer the
/// ones that were read, or it had ended. The caller has locked the user's row.
pub async fn end_for_theft(
    transaction: &mut Transaction,
    session: SessionId,
    read: &Rotation,
    now: Timestamp,
) -> Result<bool, Error> {
    let updated = sqlx::query(concat!(
        "UPDATE sessions SET ended_at = $2, end_reason = $3 ",
        "WHERE id = $1 AND kind = 'token' AND current_counter = $4 AND COALESCE(spent_counter, -1) = $5 AND ",
        live!("$2"),
        " AND ",
        enabled!()
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(EndReason::RefreshReuse.as_str())
    .bind(as_number(read.current))
    .bind(read.spent.map_or(-1, |spent| as_number(spent.counter)))
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// The counters of a token session, whether alive or not.
pub async fn read<'e>(
    executor: impl AnyExecutor<'e>,
    session: SessionId,
    now: Timestamp,
) -> Result<Option<Rotation>, Error> {
    let row = sqlx::query(concat!(
        "SELECT user_id, current_counter, issued_at, spent_counter, rotated_at, ",
        "CASE WHEN authenticated_at = rotated_at THEN 1 ELSE 0 END AS stepped_up, CASE WHEN ",
        live!("$2"),
        " AND ",
        enabled!(),
        " THEN 1 ELSE 0 END AS alive FROM sessions WHERE sessions.id = $1 AND sessions.kind = 'token'"
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(rotation).transpose()
}

fn rotation(row: &AnyRow) -> Result<Rotation, Error> {
    let spent = match (row.number_or_null("spent_counter")?, row.time_or_null("rotated_at")?) {
        (Some(counter), Some(rotated_at)) => {
            Some(Spent { counter: as_count("spent_counter", counter)?, rotated_at })
        }
        (None, None) => None,
        _ => return Err(corrupt("rotated_at", "a spent counter has a time")),
    };
    Ok(Rotation {
        user: row.parsed("user_id")?,
        alive: row.count("alive")? == 1,
        current: row.count("current_counter")?,
        issued_at: row.time("issued_at")?,
        spent,
        stepped_up: row.count("stepped_up")? == 1,
    })
}

fn grant(row: &AnyRow) -> Result<Grant, Error> {
    Ok(Grant {
        user: row.parsed("user_id")?,
        roles: row.roles("roles")?,
        epoch: row.count("epoch")?,
        authentication: row.authentication()?,
        ends: ends(row)?,
        counter: row.count("current_counter")?,
        key_generation: row.text("key_generation")?,
    })
}
