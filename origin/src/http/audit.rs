//! The audit log, for whoever may read it: what is looked for, the newest first, and what was last signed.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    problem::{Kind, Problem},
    time::Timestamp,
};
use utoipa::{IntoParams, ToSchema};

use super::{
    admin::{LARGEST_PAGE, USUAL_PAGE},
    guard::{AuditRead, Permitted},
    problems,
    time::Time,
};
use crate::{
    app::App,
    domain::{AuditRow, AuditSearch},
};

/// Which events, and which page of them.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// What happened, as `login` or `role.granted`.
    kind: Option<String>,
    /// Who did it: a user's id.
    #[param(format = "uuid")]
    actor: Option<String>,
    /// To whom it was done: a user's id.
    #[param(format = "uuid")]
    subject: Option<String>,
    /// In which session, or to which.
    #[param(format = "uuid")]
    session: Option<String>,
    /// `success` or `failure`.
    #[param(pattern = "^(success|failure)$")]
    outcome: Option<String>,
    /// Not before this time, in RFC 3339.
    #[param(format = "date-time")]
    from: Option<String>,
    /// Before this time, in RFC 3339.
    #[param(format = "date-time")]
    until: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
    /// How many, at most 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// A page of events.
#[derive(Serialize, ToSchema)]
pub(super) struct Events {
    events: Vec<AuditEvent>,
    /// The `after` of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One event.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditEvent {
    #[schema(format = "uuid")]
    id: String,
    at: Time,
    /// What happened.
    kind: String,
    /// `success` or `failure`.
    outcome: &'static str,
    /// Why it failed, or why it was done.
    reason: Option<String>,
    /// Who did it.
    #[schema(format = "uuid")]
    actor: Option<String>,
    /// To whom it was done.
    #[schema(format = "uuid")]
    subject: Option<String>,
    /// In which session, or to which.
    #[schema(format = "uuid")]
    session: Option<String>,
    /// From where; erased with the person.
    address: Option<String>,
    /// By what; erased with the person.
    user_agent: Option<String>,
    /// In which request.
    #[schema(format = "uuid")]
    request_id: String,
    /// More.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

impl From<AuditRow> for AuditEvent {
    fn from(event: AuditRow) -> Self {
        let details = event.details();
        Self {
            id: event.id,
            at: Time(event.at),
            kind: event.kind,
            outcome: if event.success { "success" } else { "failure" },
            reason: event.reason,
            actor: event.actor.map(|id| id.to_string()),
            subject: event.subject.map(|id| id.to_string()),
            session: event.session.map(|id| id.to_string()),
            address: event.address,
            user_agent: event.user_agent,
            request_id: event.request_id,
            details,
        }
    }
}

/// The audit log
#[utoipa::path(
    get, path = "/admin/audit", tag = "admin", params(Page),
    responses((status = 200, description = "A page of events, the newest first.", body = Events))
)]
pub(super) async fn list(
    _: Permitted<AuditRead>,
    State(app): State<App>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<Events>, Problem> {
    let malformed = || {
        Problem::new(Kind::MalformedRequest).with_detail(
            "Filters are kind, actor, subject and session (ids), outcome (success or failure), from and until \
             (RFC 3339); limit is a number from 1 to 200, after the next of the page before.",
        )
    };
    let Query(page) = page.map_err(|_| malformed())?;
    let (search, limit) = page.search().ok_or_else(malformed)?;
    let mut events = app.domain.search_audit(&search, limit + 1).await.map_err(problems::of)?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|(seq, event)| cursor(event.at, *seq));
    Ok(Json(Events { events: events.into_iter().map(|(_, event)| event.into()).collect(), next }))
}

impl Page {
    fn search(self) -> Option<(AuditSearch, u32)> {
        fn id<T: std::str::FromStr>(text: Option<String>) -> Option<Option<T>> {
            text.map(|text| text.parse()).transpose().ok()
        }
        let time = |text: Option<String>| {
            let at: Option<jiff::Timestamp> = text.map(|text| text.parse()).transpose().ok()?;
            Some(at.map(|at| Timestamp::from_millis(at.as_millisecond())))
        };
        let success = match self.outcome.as_deref() {
            None => None,
            Some("success") => Some(true),
            Some("failure") => Some(false),
            Some(_) => return None,
        };
        let before = match self.after {
            Some(after) => Some(read_cursor(&after)?),
            None => None,
        };
        // A NUL is nothing that a database takes.
        if self.kind.as_ref().is_some_and(|kind| kind.contains('\0')) {
            return None;
        }
        let limit = self.limit.unwrap_or(USUAL_PAGE);
        let search = AuditSearch {
            kind: self.kind,
            actor: id(self.actor)?,
            subject: id(self.subject)?,
            session: id(self.session)?,
            success,
            from: time(self.from)?,
            until: time(self.until)?,
            before,
        };
        (1..=LARGEST_PAGE).contains(&limit).then_some((search, limit))
    }
}

fn cursor(at: Timestamp, seq: u64) -> String {
    Base64UrlUnpadded::encode_string(format!("{}.{seq}", at.millis()).as_bytes())
}

fn read_cursor(text: &str) -> Option<(Timestamp, u64)> {
    let text = String::from_utf8(Base64UrlUnpadded::decode_vec(text).ok()?).ok()?;
    let (at, seq) = text.split_once('.')?;
    Some((Timestamp::from_millis(at.parse().ok()?), seq.parse().ok()?))
}

/// What was last signed of the log.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedCheckpoint {
    /// How many events the log had when it was signed.
    number: u64,
    /// The hash of the last of them, in base64url.
    hash: String,
    at: Time,
    /// All of that, signed by the audit key, in the compact form of RFC 7515. Kept elsewhere, it shows later that the
    /// log was not set back.
    statement: String,
    /// The public audit key (RFC 7517).
    #[schema(value_type = Object)]
    key: Value,
}

/// The last checkpoint
#[utoipa::path(
    get, path = "/admin/audit/checkpoint", tag = "admin",
    responses((status = 200, description = "As it was signed.", body = SignedCheckpoint))
)]
pub(super) async fn checkpoint(
    _: Permitted<AuditRead>,
    State(app): State<App>,
) -> Result<Json<SignedCheckpoint>, Problem> {
    let (statement, checkpoint) = app.domain.audit_checkpoint().await.map_err(problems::of)?;
    let key = serde_json::to_value(app.domain.audit_key().to_jwk()).map_err(|_| Kind::Internal)?;
    let at = Time(Timestamp::from_millis(checkpoint.at));
    Ok(Json(SignedCheckpoint { number: checkpoint.number, hash: checkpoint.hash, at, statement, key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(read_cursor(&cursor(at, 7)), Some((at, 7)));
        for text in ["", "7", "%", &cursor(at, 7)[1..], &Base64UrlUnpadded::encode_string(b"1.-1")] {
            assert_eq!(read_cursor(text), None, "{text}");
        }
    }
}
