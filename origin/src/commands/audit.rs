//! `origin audit`: list, verify, export; the key that all of it is checked with.

mod export;
mod kind;
mod line;
mod list;
mod restart;
mod verify;

use clap::Subcommand;
use serde_json::json;
use shared::time::Timestamp;

use self::{export::Export, list::List, restart::Restart, verify::Verify};
use super::{Failure, Report, opened::Opened, report::say};
use crate::config::Source;

/// What there is to do with the audit log.
#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show events, the newest first.
    List(List),
    /// Find out whether anything was altered, removed, inserted or reordered, and name the first.
    ///
    /// Every event is held against the chain, and the chain against what was signed. The exit code is 1 when
    /// something is wrong; what was found in a chain that has been closed since is said, and no fault any more. An export
    /// is verified on any machine, with the public key alone.
    Verify(Verify),
    /// Write the log as JSON lines, with all that is needed to verify it. It ends where something is found to be wrong.
    Export(Export),
    /// Close a chain that was found not to be intact, and begin another.
    ///
    /// All that stands in the closed chain stays, sealed as evidence. What was found, who closed the chain and why is
    /// signed, and said by every verification from then on. What waits and is origin's goes into the new chain; other
    /// events are kept apart. Without it nothing may be linked any more, and nothing is removed.
    Restart(Restart),
    /// Print the public key that the log is signed by, as a JWK. Keep it apart from the database.
    Key,
    /// Print the last checkpoint. Kept elsewhere, it shows later that the log was not set back.
    Checkpoint,
}

impl Audit {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        match self {
            Self::List(list) => list.run(&Opened::new(source).await?).await,
            Self::Verify(verify) => verify.run(source).await,
            Self::Export(export) => export.run(&Opened::new(source).await?).await,
            Self::Restart(restart) => restart.run(source).await,
            Self::Key => {
                let key = json!(Opened::new(source).await?.domain.audit_key().to_jwk());
                Ok(Report::new(key.to_string(), key))
            }
            Self::Checkpoint => {
                let (statement, checkpoint) = Opened::new(source).await?.domain.audit_checkpoint().await?;
                let json = json!({ "statement": statement, "checkpoint": checkpoint });
                Ok(Report::new(statement, json))
            }
        }
    }
}

/// A moment as an operator writes it: a day in UTC, or RFC 3339.
fn time(text: &str) -> Result<Timestamp, String> {
    let at = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
    at.map(|at| Timestamp::from_millis(at.as_millisecond()))
        .map_err(|_| "a day as 2026-01-31 is wanted, or a time as 2026-01-31T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        assert_eq!(time("2023-11-14"), time("2023-11-14T00:00:00Z"));
        assert_eq!(time("2023-11-14T22:13:20Z"), Ok(Timestamp::from_seconds(1_700_000_000)));
        assert_eq!(time("2023-11-14T23:13:20+01:00"), Ok(Timestamp::from_seconds(1_700_000_000)));
        assert!(time("yesterday").is_err());
    }
}
