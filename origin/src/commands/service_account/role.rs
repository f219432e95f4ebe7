//! `origin service-account role`: grant, revoke.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::role::RoleName;

use super::Act;
use crate::commands::{Failure, Report, opened::Opened};

/// What there is to do with the roles of a service account.
#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Role {
    /// Give it a role.
    Grant(Change),
    /// Take a role from it.
    Revoke(Change),
}

/// Whose role, and which.
#[derive(Debug, Args)]
pub(in crate::commands) struct Change {
    #[command(flatten)]
    act: Act,
    /// The role.
    #[arg(long)]
    role: RoleName,
}

impl Role {
    pub(super) async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let has = matches!(self, Self::Grant(_));
        let (Self::Grant(change) | Self::Revoke(change)) = self;
        let Change { act, role } = change;
        let (Opened { domain, context }, account) = act.begin(opened).await?;
        let changed = if has {
            domain.grant_service_role(&context, account.id, &role).await?
        } else {
            domain.revoke_service_role(&context, account.id, &role).await?
        };
        let name = &account.name;
        let text = match (has, changed) {
            (true, true) => format!("{name} now has the role {role}"),
            (true, false) => format!("{name} has the role {role} already"),
            (false, true) => format!("{name} no longer has the role {role}"),
            (false, false) => format!("{name} has no role {role}"),
        };
        let json = json!({ "ok": true, "id": account.id.to_string(), "role": role, "changed": changed });
        Ok(Report::new(text, json).revoking(context.revoked.get()))
    }
}
