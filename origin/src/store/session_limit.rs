//! Ending what a user has too many of: the sessions seen longest ago.

use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};

use super::{
    Dialect, Error, Transaction,
    clauses::{Together, live},
    row::Columns,
    sessions::EndReason,
};

/// How many sessions a login ends at most that are too many; a limit that was higher may have left more.
const SURPLUS: i64 = 100;

/// Ends the user's live sessions beyond so many, those seen longest ago first, but never the one that is given; at
/// most [`SURPLUS`] at once. Which. It waits for nobody: a session that somebody else is changing is in use, and left
/// out.
pub async fn end_surplus(
    transaction: &mut Transaction,
    dialect: Dialect,
    user: UserId,
    but: SessionId,
    kept: u32,
    now: Timestamp,
) -> Result<Vec<SessionId>, Error> {
    let statement = format!(
        concat!(
            "UPDATE sessions SET ended_at = $3, end_reason = $4 WHERE id IN (SELECT sessions.id FROM sessions ",
            "WHERE sessions.ended_at IS NULL AND sessions.id IN (SELECT beyond.id FROM (",
            "SELECT sessions.id, sessions.last_seen_at FROM sessions ",
            "WHERE sessions.user_id = $1 AND sessions.id <> $2 AND ",
            live!("$3"),
            " ORDER BY sessions.last_seen_at DESC, sessions.id DESC LIMIT $5 OFFSET $6) AS beyond ",
            "ORDER BY beyond.last_seen_at, beyond.id LIMIT $7){free}) RETURNING id"
        ),
        free = Together::on(dialect).free,
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(user.to_string())
        .bind(but.to_string())
        .bind(now.millis())
        .bind(EndReason::Ended.as_str())
        .bind(i64::MAX)
        .bind(i64::from(kept.saturating_sub(1)))
        .bind(SURPLUS)
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter().map(|row| row.parsed("id")).collect()
}
