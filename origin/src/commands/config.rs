//! `origin config`: check the settings.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, Report};
use crate::config::{self, Source};

/// What there is to do with the settings.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Read all settings and report every fault with its remedy; print what holds, without secrets.
    Check,
}

impl Config {
    pub(super) fn run(self, source: &Source) -> Result<Report, Failure> {
        let Self::Check = self;
        let config = config::Config::load(source)?;
        let settings = config.table();
        let notes = source.notes();
        let mut lines = vec!["the settings are good".to_owned()];
        lines.extend(settings.iter().map(|(name, value)| format!("  {name} = {value}")));
        lines.extend(notes.iter().map(|note| format!("  note: {note}")));
        let members: serde_json::Map<_, _> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(Report::new(lines.join("\n"), json!({ "ok": true, "settings": members, "notes": notes })))
    }
}
