//! `origin audit restart`: closes a chain that is not intact, and begins another.

use clap::Args;
use serde_json::{Value, json};
use shared::time::Timestamp;

use super::{Failure, Opened, Report, verify::progress};
use crate::{
    config::Source,
    domain::{AuditRestart, Note},
    http::rfc3339,
    printable,
};

/// Why, and whether it is meant.
#[derive(Debug, Args)]
pub(in crate::commands) struct Restart {
    /// Why, for good: one line, such as the number of a ticket.
    #[arg(long, value_name = "TEXT")]
    reason: Note,
    /// Do it: the chain that is closed is never gone on with.
    #[arg(long)]
    yes: bool,
}

impl Restart {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let Opened { domain, context } = Opened::new(source).await?;
        let intact = || Failure::new("the log is intact", "there is nothing to begin anew");
        if !self.yes {
            let fault = domain.verify_audit(progress()).await?.err().ok_or_else(intact)?;
            return Err(Failure::new(
                format!("the log is NOT intact: {}", printable::line(&fault.to_string())),
                "make a backup, find out who could write there, and say --yes to close this chain and begin another",
            ));
        }
        let context = context.because(Some(self.reason));
        let restart = domain.restart_audit(&context, progress()).await?.ok_or_else(intact)?;
        let chain = restart.chain + 1;
        let text = format!("{}\nchain {chain} begins; `origin serve` goes on with it", described(&restart));
        Ok(Report::new(text, json!({ "ok": true, "chain": chain, "closed": as_json(&restart) })))
    }
}

/// A closed chain, in a line for a person.
pub(super) fn described(restart: &AuditRestart) -> String {
    let good = match &restart.good {
        Some(good) => format!("it is good up to number {}", good.number),
        None => "nothing of it could be verified".to_owned(),
    };
    let at = rfc3339(Timestamp::from_millis(restart.at));
    let text = format!(
        "chain {}, up to number {}, was closed at {at} by {} ({}): {}; {good}, {} links after that and {} events apart \
         are kept as they were",
        restart.chain,
        restart.number - 1,
        restart.by,
        restart.reason,
        restart.fault,
        restart.evidence.count,
        restart.apart.count
    );
    printable::line(&text).into_owned()
}

/// The same for a program.
pub(super) fn as_json(restart: &AuditRestart) -> Value {
    let AuditRestart { chain, number, at, good, after, evidence, apart, fault, by, reason } = restart;
    json!({
        "chain": chain, "last": number - 1, "at": rfc3339(Timestamp::from_millis(*at)), "by": by, "reason": reason,
        "good": good.as_ref().map(|good| good.number), "after": after, "evidence": evidence.count,
        "apart": apart.count,
        "fault": { "number": fault.number, "event": fault.event, "problem": fault.problem },
    })
}
