//! The audit log: appended to, never changed but for what names a person, which can be erased.

use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Dialect, Error, Transaction,
    row::{Columns, as_number},
    values::{padded, places},
};

/// The version of what [`insert`] writes. 0 is what earlier versions wrote: their details were not parted, and
/// had no mac.
pub const VERSION: u64 = 1;

/// One event, column by column as it is kept: also one that somebody has tampered with can be read so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The version of its form.
    pub version: u64,
    /// The id.
    pub id: String,
    /// When it happened, in milliseconds since the epoch.
    pub at: i64,
    /// What happened.
    pub kind: String,
    /// `success` or `failure`.
    pub outcome: String,
    /// Why it failed, or why it was done.
    pub reason: Option<String>,
    /// Who did it.
    pub actor: Option<String>,
    /// Whom it was done to.
    pub subject: Option<String>,
    /// The session it was done in, or to.
    pub session: Option<String>,
    /// From where.
    pub address: Option<String>,
    /// By what.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: String,
    /// More, as a JSON object.
    pub detail: Option<String>,
    /// What of that names a person, as a JSON object.
    pub personal: Option<String>,
    /// By which an origin knows that an origin wrote it.
    pub mac: Option<Vec<u8>>,
}

/// One event, read as far as it can be: whatever somebody has put in is shown with the rest. Verifying names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The id.
    pub id: String,
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
    pub request_id: String,
    /// More, as a JSON object.
    pub detail: Option<String>,
    /// What of that names a person, as a JSON object.
    pub personal: Option<String>,
}

impl AuditRow {
    /// All details, those that name a person among them.
    #[must_use]
    pub fn details(&self) -> serde_json::Map<String, serde_json::Value> {
        let parts = [&self.detail, &self.personal];
        let objects = parts.into_iter().flatten().filter_map(|text| serde_json::from_str(text).ok());
        objects.flat_map(|object: serde_json::Map<_, _>| object).collect()
    }
}

/// What [`record`] reads, with the event's number, by name: see `session_columns`.
macro_rules! event_columns {
    () => {
        "audit_events.seq, audit_events.version, audit_events.id, audit_events.at, audit_events.kind, \
         audit_events.outcome, audit_events.reason, audit_events.actor, audit_events.subject, audit_events.session, \
         audit_events.address, audit_events.user_agent, audit_events.request_id, audit_events.detail, \
         audit_events.personal, audit_events.mac"
    };
}
pub(super) use event_columns;

/// Appends events. They count when the transaction commits, together with what they tell of.
pub async fn insert(transaction: &mut Transaction, events: &[Record]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let events = padded(events);
    let statement = format!(
        "WITH events (id, at, kind, outcome, reason, actor, subject, session, address, user_agent, request_id, \
         detail, personal, mac, version) AS (VALUES {}) \
         INSERT INTO audit_events (id, at, kind, outcome, reason, actor, subject, session, address, user_agent, \
         request_id, detail, personal, mac, version) SELECT * FROM events WHERE id IS NOT NULL",
        places(events.len(), 15)
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for event in events {
        query = query
            .bind(event.map(|event| event.id.as_str()))
            .bind(event.map(|event| event.at))
            .bind(event.map(|event| event.kind.as_str()))
            .bind(event.map(|event| event.outcome.as_str()))
            .bind(event.and_then(|event| event.reason.as_deref()))
            .bind(event.and_then(|event| event.actor.as_deref()))
            .bind(event.and_then(|event| event.subject.as_deref()))
            .bind(event.and_then(|event| event.session.as_deref()))
            .bind(event.and_then(|event| event.address.as_deref()))
            .bind(event.and_then(|event| event.user_agent.as_deref()))
            .bind(event.map(|event| event.request_id.as_str()))
            .bind(event.and_then(|event| event.detail.as_deref()))
            .bind(event.and_then(|event| event.personal.as_deref()))
            .bind(event.and_then(|event| event.mac.as_deref()))
            .bind(event.map(|event| as_number(event.version)));
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Whether nothing is recorded.
pub async fn is_empty<'e>(executor: impl AnyExecutor<'e>) -> Result<bool, Error> {
    let event = sqlx::query("SELECT seq FROM audit_events LIMIT 1").fetch_optional(executor).await?;
    Ok(event.is_none())
}

/// Events with their numbers, in the order of the log, from after the given number.
pub async fn list<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, AuditRow)>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        " FROM audit_events WHERE seq > $1 ORDER BY seq LIMIT $2"
    ))
    .bind(as_number(after))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(|row| Ok((row.count("seq")?, event(row)?))).collect()
}

/// Events about a user with their numbers, in the order of the log, from after the given number.
pub async fn of_subject<'e>(
    executor: impl AnyExecutor<'e>,
    subject: UserId,
    after: u64,
    limit: u32,
) -> Result<Vec<(u64, AuditRow)>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        " FROM audit_events WHERE subject = $1 AND seq > $2 ORDER BY seq LIMIT $3"
    ))
    .bind(subject.to_string())
    .bind(as_number(after))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(|row| Ok((row.count("seq")?, event(row)?))).collect()
}

/// The newest successes about a user of a kind of which there are few, whomever they are about.
pub async fn rare<'e>(
    executor: impl AnyExecutor<'e>,
    dialect: Dialect,
    kind: &str,
    subject: UserId,
    limit: u32,
) -> Result<Vec<AuditRow>, Error> {
    let rows = sqlx::query(rare_by_kind(dialect))
        .bind(kind)
        .bind(subject.to_string())
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(event).collect()
}

/// By which [`rare`] finds those of the kind `$1` about `$2`.
#[must_use]
pub const fn rare_by_kind(dialect: Dialect) -> &'static str {
    macro_rules! rare {
        ($subject:literal) => {
            concat!(
                "SELECT ",
                event_columns!(),
                " FROM audit_events WHERE kind = $1 AND ",
                $subject,
                " = $2 AND outcome = 'success' ORDER BY at DESC, seq DESC LIMIT $3"
            )
        };
    }
    match dialect {
        // It knows nothing of how many there are, and would read all that ever happened to the user.
        Dialect::Sqlite => rare!("+subject"),
        Dialect::Postgres => rare!("subject"),
    }
}

/// What is looked for in the log. What is not said does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// What happened.
    pub kind: Option<String>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// Whom it was done to.
    pub subject: Option<UserId>,
    /// The session it was done in, or to.
    pub session: Option<SessionId>,
    /// Whether it succeeded.
    pub success: Option<bool>,
    /// When it happened, at the earliest.
    pub from: Option<Timestamp>,
    /// When it happened, before this.
    pub until: Option<Timestamp>,
    /// Older than the event of this time and number.
    pub before: Option<(Timestamp, u64)>,
}

/// The newest events that are looked for, with their numbers.
pub async fn search<'e>(
    executor: impl AnyExecutor<'e>,
    search: &Search,
    limit: u32,
) -> Result<Vec<(u64, AuditRow)>, Error> {
    // Only what is asked for stands in the statement, so that it finds its index; all of it is text of this
    // program.
    let mut conditions: Vec<String> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    let ids = [
        ("kind", search.kind.clone()),
        ("actor", search.actor.map(|id| id.to_string())),
        ("subject", search.subject.map(|id| id.to_string())),
        ("session", search.session.map(|id| id.to_string())),
    ];
    for (column, word) in ids {
        if let Some(word) = word {
            words.push(word);
            conditions.push(format!("{column} = ${}", words.len()));
        }
    }
    if let Some(success) = search.success {
        let outcome = if success { "success" } else { "failure" };
        conditions.push(format!("outcome = '{outcome}'"));
    }
    let mut numbers: Vec<i64> = Vec::new();
    let mut place = |number: i64| {
        numbers.push(number);
        format!("${}", words.len() + numbers.len())
    };
    if let Some(from) = search.from {
        conditions.push(format!("at >= {}", place(from.millis())));
    }
    if let Some(until) = search.until {
        conditions.push(format!("at < {}", place(until.millis())));
    }
    if let Some((at, seq)) = search.before {
        conditions.push(format!("(at, seq) < ({}, {})", place(at.millis()), place(as_number(seq))));
    }
    let limit = place(i64::from(limit));
    let conditions = if conditions.is_empty() { "1 = 1".to_owned() } else { conditions.join(" AND ") };
    let statement = format!(
        "SELECT {} FROM audit_events WHERE {conditions} ORDER BY at DESC, seq DESC LIMIT {limit}",
        event_columns!()
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(statement));
    let query = words.into_iter().fold(query, |query, word| query.bind(word));
    let query = numbers.into_iter().fold(query, |query, number| query.bind(number));
    let rows = query.fetch_all(executor).await?;
    rows.iter().map(|row| Ok((row.count("seq")?, event(row)?))).collect()
}

fn event(row: &AnyRow) -> Result<AuditRow, Error> {
    Ok(AuditRow {
        id: row.text("id")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        success: row.text("outcome")? == "success",
        reason: row.text_or_null("reason")?,
        // What is no id is nobody's.
        actor: row.text_or_null("actor")?.and_then(|id| id.parse().ok()),
        subject: row.text_or_null("subject")?.and_then(|id| id.parse().ok()),
        session: row.text_or_null("session")?.and_then(|id| id.parse().ok()),
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        request_id: row.text("request_id")?,
        detail: row.text_or_null("detail")?,
        personal: row.text_or_null("personal")?,
    })
}

/// An event as it is kept.
pub(super) fn record(row: &AnyRow) -> Result<Record, Error> {
    Ok(Record {
        // One that nobody has written is none, and not one to fail at.
        version: u64::try_from(row.number("version")?).unwrap_or(u64::MAX),
        id: row.text("id")?,
        at: row.number("at")?,
        kind: row.text("kind")?,
        outcome: row.text("outcome")?,
        reason: row.text_or_null("reason")?,
        actor: row.text_or_null("actor")?,
        subject: row.text_or_null("subject")?,
        session: row.text_or_null("session")?,
        address: row.text_or_null("address")?,
        user_agent: row.text_or_null("user_agent")?,
        request_id: row.text("request_id")?,
        detail: row.text_or_null("detail")?,
        personal: row.text_or_null("personal")?,
        mac: row.bytes_or_null("mac")?,
    })
}
