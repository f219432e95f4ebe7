//! `origin user delete` and `origin user export`: what whoever leaves asks for.

use clap::Args;
use serde_json::{Value, json};

use super::{
    Failure, Report,
    opened::Opened,
    user::{self, Act},
};
use crate::{
    domain::leaving::AccountCopy,
    http::{leaving::Copy, rfc3339},
};

/// An account that is to go.
#[derive(Debug, Args)]
pub(super) struct Delete {
    #[command(flatten)]
    act: Act,
    /// Do it: there is no way back.
    #[arg(long)]
    yes: bool,
}

impl Delete {
    pub(super) async fn run(self, opened: Opened) -> Result<Report, Failure> {
        if !self.yes {
            return Err(Failure::new("a deleted account does not come back", "say --yes if that is meant"));
        }
        let (Opened { domain, context }, account) = self.act.begin(opened).await?;
        domain.delete_account(&context, account.id).await?;
        let report = Report::new(
            format!("{}: deleted; all sessions have ended, and the address is free", account.email),
            json!({ "ok": true, "id": account.id.to_string() }),
        );
        Ok(report.revoking(context.revoked.get()).noting(user::untold(&domain)))
    }
}

/// Prints a copy of what is kept about an account, in one document however many parts it has.
pub(super) async fn export(act: Act, opened: Opened) -> Result<Report, Failure> {
    let (Opened { domain, context }, user) = act.begin(opened).await?;
    let (mut document, mut from) = part(domain.copy_account(&context, user.id, None).await?)?;
    while let Some(position) = from {
        let (next, after) = part(domain.copy_account(&context, user.id, Some(&position)).await?)?;
        for list in ["sessions", "events"] {
            if let (Some(Value::Array(all)), Some(Value::Array(more))) =
                (document.get_mut(list), next.get(list).cloned())
            {
                all.extend(more);
            }
        }
        from = after;
    }
    document["exported_at"] = rfc3339(context.now).into();
    let text = serde_json::to_string_pretty(&document);
    Ok(Report::new(text.map_err(unwritable)?, document))
}

/// A part as it is printed, and where the next one begins.
fn part(copy: AccountCopy) -> Result<(Value, Option<String>), Failure> {
    let mut copy = Copy::from(copy);
    let next = copy.next.take();
    Ok((serde_json::to_value(copy).map_err(unwritable)?, next))
}

fn unwritable(error: serde_json::Error) -> Failure {
    Failure::unforeseen("the copy could not be written", &error)
}
