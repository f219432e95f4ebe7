//! The audit log: appended to, never changed.

use shared::{
    id::{EventId, RequestId, SessionId, UserId},
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    row::{Columns, as_number},
};

/// One event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The id.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Whether it succeeded.
    pub success: bool,
    /// Why it failed, or why it was done.
    pub reason: Option<String>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// Whom it was done to.
    pub subject: Option<UserId>,
    /// The session it was done in, or to.
    pub session: Option<SessionId>,
    /// From where.
    pub address: Option<String>,
    /// By what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: RequestId,
    /// More, as a JSON object.
    pub detail: Option<String>,
}

/// Appends an event. It counts when the transaction commits, together with what it tells of.
pub async fn insert(transaction: &mut Transaction, event: &AuditRow) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO audit_events (id, at, kind, outcome, reason, actor, subject, session, address, \
         user_agent, request_id, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(event.id.to_string())
    .bind(event.at.millis())
    .bind(&event.kind)
    .bind(if event.success { "success" } else { "failure" })
    .bind(event.reason.as_deref())
    .bind(event.actor.map(|id| id.to_string()))
    .bind(event.subject.map(|id| id.to_string()))
    .bind(event.session.map(|id| id.to_string()))
    .bind(event.address.as_deref())
    .bind(event.user_agent.as_deref())
    .bind(event.request_id.to_string())
    .bind(event.detail.as_deref())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// Events with their numbers, in the order of the log, from after the given number.
pub async fn list<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, AuditRow)>, Error> {
    let rows = sqlx::query("SELECT * FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2")
        .bind(as_number(after))
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| Ok((row.count("seq")?, event(row)?))).collect()
}

fn event(row: &AnyRow) -> Result<AuditRow, Error> {
    Ok(AuditRow {
        id: row.parsed("id")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        success: row.text("outcome")? == "success",
        reason: row.text_or_null("reason")?,
        actor: row.parsed_or_null("actor")?,
        subject: row.parsed_or_null("subject")?,
        session: row.parsed_or_null("session")?,
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        request_id: row.parsed("request_id")?,
        detail: row.text_or_null("detail")?,
    })
}
