//! `origin session`: list, end.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::id::SessionId;

use super::{Failure, Report, opened::Opened};
use crate::{config::Source, http::rfc3339};

/// What there is to do with sessions.
#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// Show the live sessions of a user.
    List {
        /// The user's address.
        #[arg(long)]
        email: String,
    },
    /// End a session, all of a user, or all there are.
    End(End),
}

/// Which sessions to end.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct End {
    /// The session's id.
    #[arg(long)]
    id: Option<SessionId>,
    /// All sessions of the user of this address.
    #[arg(long)]
    email: Option<String>,
    /// All sessions of everybody; all keys that sign are withdrawn.
    #[arg(long)]
    all: bool,
}

impl Session {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        match self {
            Self::List { email } => list(&opened, &email).await,
            Self::End(end) => end.run(&opened).await,
        }
    }
}

async fn list(opened: &Opened, email: &str) -> Result<Report, Failure> {
    let user = opened.user(email).await?;
    let sessions = opened.domain.list_sessions(user.id, opened.context.now).await?;
    let mut rows = Vec::with_capacity(sessions.len());
    let mut json: Vec<Value> = Vec::with_capacity(sessions.len());
    for session in sessions {
        rows.push(vec![
            session.id.to_string(),
            session.kind.to_string(),
            session.device.clone().unwrap_or_default(),
            session.address.clone().unwrap_or_default(),
            rfc3339(session.created_at),
            rfc3339(session.last_seen_at),
        ]);
        json.push(json!({
            "id": session.id.to_string(),
            "kind": session.kind.to_string(),
            "device": session.device,
            "address": session.address,
            "user_agent": session.user_agent,
            "created_at": rfc3339(session.created_at),
            "last_seen_at": rfc3339(session.last_seen_at),
            "expires_at": rfc3339(session.expires_at),
        }));
    }
    let head = ["id", "kind", "device", "address", "created", "last seen"];
    Ok(Report::table(&head, &rows, json!({ "sessions": json })))
}

impl End {
    async fn run(self, opened: &Opened) -> Result<Report, Failure> {
        let Opened { domain, context } = opened;
        let ended = match (self.id, self.email) {
            (Some(id), _) => {
                domain.end_session(context, id).await?;
                1
            }
            (None, Some(email)) => {
                let user = opened.user(&email).await?;
                domain.end_all_sessions(context, user.id).await?
            }
            // The command line asks for one of the three.
            (None, None) if self.all => domain.end_everybodys_sessions(context).await?,
            (None, None) => 0,
        };
        let report = Report::new(format!("sessions ended: {ended}"), json!({ "ok": true, "ended": ended }));
        Ok(report.revoking(context.revoked.get()))
    }
}
