//! Ending the session that a browser leaves behind: it had its handle before it logged in anew.

use shared::{
    id::{SessionId, UserId},
    secret::Digest,
    time::Timestamp,
};

use super::{Error, Transaction, clauses::live, row::Columns, sessions::EndReason};

/// Ends the live session of this handle, if it is this user's. Which. The caller has locked the user's row.
pub async fn end(
    transaction: &mut Transaction,
    handle: Digest,
    user: UserId,
    now: Timestamp,
) -> Result<Option<SessionId>, Error> {
    let row = sqlx::query(concat!(
        "UPDATE sessions SET ended_at = $2, end_reason = $3 WHERE sessions.handle_digest = $1 \
         AND sessions.user_id = $4 AND ",
        live!("$2"),
        " RETURNING id"
    ))
    .bind(handle.as_bytes().to_vec())
    .bind(now.millis())
    .bind(EndReason::Logout.as_str())
    .bind(user.to_string())
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| row.parsed("id")).transpose()
}
