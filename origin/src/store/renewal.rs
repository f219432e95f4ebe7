//! Renewing a browser's assertion: one statement that succeeds only on a live session of an enabled user.

use shared::{
    authentication::{Authentication, Methods},
    id::{SessionId, UserId},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    clauses::{Together, enabled, ends, live, of_the_user, proven, seen},
    row::Columns,
    values::{each, padded, places},
};

/// What an assertion tells of, as it was when the session was seen.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The session.
    pub session: SessionId,
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
    /// The generation of the keys that it is to be signed by.
    pub key_generation: String,
}

/// The session that this handle belongs to, whether alive or not, and whose it is.
pub async fn find<'e>(
    executor: impl AnyExecutor<'e>,
    handle: Digest,
) -> Result<Option<(SessionId, UserId)>, Error> {
    let row = sqlx::query("SELECT id, user_id FROM sessions WHERE handle_digest = $1")
        .bind(handle.as_bytes().to_vec())
        .fetch_optional(executor)
        .await?;
    row.map(|row| Ok((row.parsed("id")?, row.parsed("user_id")?))).transpose()
}

/// Marks the session of this handle as seen, from which its idle limit counts anew. None when there is
/// no such live session of an enabled user.
pub async fn renew<'e>(
    executor: impl AnyExecutor<'e>,
    handle: Digest,
    now: Timestamp,
) -> Result<Option<Renewed>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE sessions SET ",
        seen!("$2"),
        " WHERE sessions.handle_digest = $1 AND ",
        live!("$2"),
        " AND ",
        enabled!(),
        " RETURNING id, ",
        of_the_user!()
    ))
    .bind(handle.as_bytes().to_vec())
    .bind(now.millis())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(renewed).transpose()
}

/// Does the same for many handles, each at its time, and answers each. It waits for nobody: a session that somebody else
/// is changing is left out, as is one that is asked for twice, the second time.
pub async fn renew_all(
    transaction: &mut Transaction,
    dialect: Dialect,
    asked: &[(Digest, Timestamp)],
) -> Result<Vec<Option<Renewed>>, Error> {
    let asked_for = padded(asked);
    let together = Together::on(dialect);
    let statement = format!(
        concat!(
            "WITH asked (handle, now) AS (VALUES {asked}), ",
            "free AS (SELECT sessions.{row} AS place, handle, now ",
            "FROM asked JOIN sessions ON handle_digest = handle{free}) ",
            "UPDATE sessions SET ",
            seen!("now"),
            " FROM free{users} WHERE sessions.{row} = place AND handle_digest = handle AND ",
            live!("now"),
            " AND {enabled} RETURNING sessions.id, handle_digest, {of_the_user}"
        ),
        asked = places(asked_for.len(), 2),
        row = together.row,
        free = together.free,
        users = together.users,
        enabled = together.enabled,
        of_the_user = together.of_the_user,
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for asked in asked_for {
        query = query
            .bind(asked.map(|(handle, _)| handle.as_bytes().to_vec()))
            .bind(asked.map(|(_, now)| now.millis()));
    }
    let rows = query.fetch_all(&mut **transaction).await?;
    let seen = rows.iter().map(|row| Ok((row.digest_or_null("handle_digest")?, renewed(row)?)));
    each(asked, seen.collect::<Result<Vec<_>, Error>>()?, |(handle, _)| Some(*handle))
}

/// Marks that the user of a browser's session has proven anew who they are, under another handle; the old one
/// is dead. When the session ends whatever happens goes with it. None when there is no such live session of
/// an enabled user. The caller has taken the user's row.
pub async fn step_up<'e>(
    executor: impl AnyExecutor<'e>,
    session: SessionId,
    handle: Digest,
    methods: &Methods,
    now: Timestamp,
) -> Result<Option<(Renewed, Timestamp)>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE sessions SET authenticated_at = ",
        proven!("$2"),
        ", amr = $3, handle_digest = $4, ",
        seen!("$2"),
        " WHERE sessions.id = $1 AND sessions.kind = 'browser' AND ",
        live!("$2"),
        " AND ",
        enabled!(),
        " RETURNING id, ",
        of_the_user!()
    ))
    .bind(session.to_string())
    .bind(now.millis())
    .bind(methods.to_string())
    .bind(handle.as_bytes().to_vec())
    .fetch_optional(executor)
    .await?;
    row.map(|row| Ok((renewed(&row)?, row.time("absolute_expires_at")?))).transpose()
}

fn renewed(row: &AnyRow) -> Result<Renewed, Error> {
    Ok(Renewed {
        session: row.parsed("id")?,
        user: row.parsed("user_id")?,
        roles: row.roles("roles")?,
        epoch: row.count("epoch")?,
        authentication: row.authentication()?,
        ends: ends(row)?,
        key_generation: row.text("key_generation")?,
    })
}
