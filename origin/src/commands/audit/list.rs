//! `origin audit list`: events, the newest first.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use shared::{
    id::{SessionId, UserId},
    time::Timestamp,
};

use super::{Failure, Opened, Report, kind::kind, time};
use crate::{
    domain::{AuditSearch, audit::Kind},
    http::rfc3339,
};

/// Which events.
#[derive(Debug, Args)]
pub(in crate::commands) struct List {
    /// What happened, as `login` or `role.granted`.
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// Who did it: a user's id.
    #[arg(long)]
    actor: Option<UserId>,
    /// To whom it was done: a user's id.
    #[arg(long)]
    subject: Option<UserId>,
    /// In which session, or to which.
    #[arg(long)]
    session: Option<SessionId>,
    /// How it ended.
    #[arg(long)]
    outcome: Option<Outcome>,
    /// Not before this day or time (UTC), as 2026-01-31 or 2026-01-31T12:00:00Z.
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Before this day or time.
    #[arg(long, value_parser = time)]
    until: Option<Timestamp>,
    /// How many at most.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Outcome {
    Success,
    Failure,
}

impl List {
    pub(super) async fn run(self, opened: &Opened) -> Result<Report, Failure> {
        opened.shows("audit list", None).await?;
        let search = AuditSearch {
            kind: self.kind.map(|kind| kind.as_str().to_owned()),
            actor: self.actor,
            subject: self.subject,
            session: self.session,
            success: self.outcome.map(|outcome| outcome == Outcome::Success),
            from: self.from,
            until: self.until,
            before: None,
        };
        let events = opened.domain.search_audit(&search, self.limit).await?;
        let mut rows = Vec::with_capacity(events.len());
        let mut json: Vec<Value> = Vec::with_capacity(events.len());
        for (_, event) in events {
            let outcome = if event.success { "success" } else { "failure" };
            let details = event.details();
            rows.push(vec![
                rfc3339(event.at),
                event.kind.clone(),
                outcome.to_owned(),
                event.reason.clone().unwrap_or_default(),
                event.actor.map(|id| id.to_string()).unwrap_or_default(),
                event.subject.map(|id| id.to_string()).unwrap_or_default(),
                event.address.clone().unwrap_or_default(),
                shown(&details),
            ]);
            json.push(json!({
                "id": event.id,
                "at": rfc3339(event.at),
                "kind": event.kind,
                "outcome": outcome,
                "reason": event.reason,
                "actor": event.actor.map(|id| id.to_string()),
                "subject": event.subject.map(|id| id.to_string()),
                "session": event.session.map(|id| id.to_string()),
                "address": event.address,
                "user_agent": event.user_agent,
                "request_id": event.request_id,
                "details": details,
            }));
        }
        let head = ["at", "kind", "outcome", "reason", "by", "to", "from", "details"];
        Ok(Report::table(&head, &rows, json!({ "events": json })))
    }
}

/// Details in one line; what comes from outside stays JSON, and so in its quotes.
fn shown(details: &Map<String, Value>) -> String {
    let members: Vec<String> = details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    members.join(" ")
}
