//! Who runs a command, and why: it is recorded with what the command does.

use std::os::unix::fs::MetadataExt as _;

use clap::Args;

use crate::domain::{Authority, Note};

/// Why something is done.
#[derive(Clone, Debug, Args)]
pub(super) struct Reason {
    /// Why, for the audit log: one line, such as the number of a ticket.
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<Note>,
}

/// The authority of whoever runs this: by the name under which they came to be root, by their own, or by their
/// number.
pub(super) fn authority() -> Authority {
    let named = |variable: &str| std::env::var(variable).ok().and_then(|name| Note::parse(&name).ok());
    let name = named("SUDO_USER").or_else(|| named("USER")).map(|name| name.as_str().to_owned());
    Authority::Operator { name: name.unwrap_or_else(by_number) }
}

fn by_number() -> String {
    match std::fs::metadata("/proc/self") {
        Ok(process) => format!("uid {}", process.uid()),
        Err(_) => "unknown".to_owned(),
    }
}
