//! `origin database`: what an operator has to tell it.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Report, opened::Opened};
use crate::{config::Source, domain::Restored};

/// What there is to do with the database.
#[derive(Debug, Subcommand)]
pub(super) enum Database {
    /// Say that the database was restored from a backup: nothing that was issued before is good any more.
    Restored {
        /// Do it: everybody has to log in again.
        #[arg(long)]
        yes: bool,
    },
}

impl Database {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let Self::Restored { yes } = self;
        if !yes {
            return Err(Failure::new(
                "all keys are withdrawn and all sessions end",
                "say --yes if the database was restored",
            ));
        }
        let Opened { domain, context } = Opened::new(source).await?;
        if let Some(damage) = domain.store().damage().await? {
            return Err(Failure::new(
                format!("the database file is damaged: {damage}"),
                "restore the backup again, and remove the -wal and -shm files of the database before it first",
            ));
        }
        let Restored { incarnation, keys, sessions, number } = domain.restored(&context).await?;
        let text = format!(
            "the database begins anew as {incarnation}: keys withdrawn: {keys}, sessions ended: {sessions}"
        );
        let json = json!({ "ok": true, "incarnation": incarnation, "keys": keys, "sessions": sessions });
        Ok(Report::new(text, json).revoking(Some(number)))
    }
}
