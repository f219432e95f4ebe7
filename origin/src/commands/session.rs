//! `origin session`: list, end.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::id::{SessionId, UserId};

use super::{
    Failure, Report,
    listing::{Listing, PAGE},
    opened::Opened,
    operator::Reason,
};
use crate::{
    config::Source,
    domain::{Error, Session as Live},
    http::rfc3339,
};

/// What there is to do with sessions.
#[derive(Debug, Subcommand)]
pub(super) enum Session {
    /// Show the live sessions of everybody, or of one user, the newest first.
    List {
        /// Only those of the user of this address.
        #[arg(long)]
        email: Option<String>,
    },
    /// End a session, all of a user, or all there are.
    End(Ending),
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
    /// All sessions of everybody, and all keys of service accounts; what signs and authenticates tokens is made
    /// anew.
    #[arg(long)]
    all: bool,
}

/// Which sessions to end, and why.
#[derive(Debug, Args)]
pub(super) struct Ending {
    #[command(flatten)]
    end: End,
    /// Needed with --all: everybody has to log in again, and every service needs a new key.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    why: Reason,
}

impl Session {
    pub(super) async fn run(self, source: &Source, as_json: bool) -> Result<Report, Failure> {
        if let Self::End(Ending { end: End { all: true, .. }, yes: false, .. }) = self {
            return Err(Failure::new(
                "everybody has to log in again, and every service account needs new keys",
                "say --yes if that is meant",
            ));
        }
        let opened = Opened::new(source).await?;
        match self {
            Self::List { email: None } => list(&opened, None, as_json).await,
            Self::List { email: Some(email) } => {
                list(&opened, Some(opened.user(&email).await?.id), as_json).await
            }
            Self::End(Ending { end, why, .. }) => end.run(&opened.because(why)).await,
        }
    }
}

async fn list(opened: &Opened, user: Option<UserId>, as_json: bool) -> Result<Report, Failure> {
    opened.shows("session list", user).await?;
    let head = &["id", "user", "kind", "device", "address", "created", "last seen"];
    let mut listing = Listing::new(head, "sessions", as_json);
    let mut after = None;
    loop {
        let page = opened.domain.find_sessions(user, after, PAGE, opened.context.now).await?;
        let entries = page.sessions.iter().map(|session| (row(session), json_of(session))).collect();
        after = page.next;
        if !listing.page(entries)? || after.is_none() {
            return listing.end();
        }
    }
}

fn row(session: &Live) -> Vec<String> {
    vec![
        session.id.to_string(),
        session.user.to_string(),
        session.kind.to_string(),
        session.device.clone().unwrap_or_default(),
        session.address.clone().unwrap_or_default(),
        rfc3339(session.created_at),
        rfc3339(session.last_seen_at),
    ]
}

fn json_of(session: &Live) -> Value {
    json!({
        "id": session.id.to_string(),
        "user": session.user.to_string(),
        "kind": session.kind.to_string(),
        "device": session.device,
        "address": session.address,
        "user_agent": session.user_agent,
        "created_at": rfc3339(session.created_at),
        "last_seen_at": rfc3339(session.last_seen_at),
        "expires_at": rfc3339(session.expires_at),
    })
}

impl End {
    async fn run(self, opened: &Opened) -> Result<Report, Failure> {
        let Opened { domain, context } = opened;
        let ended = match (self.id, self.email) {
            (Some(id), _) => {
                end_one(opened, id).await?;
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

async fn end_one(Opened { domain, context }: &Opened, id: SessionId) -> Result<(), Failure> {
    match domain.end_session(context, id).await {
        // The `sid` of a service account's token looks like that of anybody's.
        Err(Error::NotFound) if domain.find_service_key(id).await.is_ok() => Err(Failure::new(
            "this is no session but the key of a service account",
            format!("`origin service-account key withdraw {id}` makes it and its tokens worthless"),
        )),
        ended => Ok(ended?),
    }
}
