//! `origin role`: grant, revoke.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::role::RoleName;

use super::{Failure, Report, opened::Opened};
use crate::config::Source;

/// What there is to do with the roles of users.
#[derive(Debug, Subcommand)]
pub(super) enum Role {
    /// Give a user a role.
    Grant(Change),
    /// Take a role from a user.
    Revoke(Change),
}

/// Whose role, and which.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// The user's address.
    #[arg(long)]
    email: String,
    /// The role.
    #[arg(long)]
    role: RoleName,
}

impl Role {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        let Opened { domain, context } = &opened;
        let (Self::Grant(change) | Self::Revoke(change)) = &self;
        let Change { email, role } = change;
        let user = opened.user(email).await?;
        let changed = match &self {
            Self::Grant(_) => domain.grant_role(context, user.id, role).await?,
            Self::Revoke(_) => domain.revoke_role(context, user.id, role).await?,
        };
        let has = matches!(self, Self::Grant(_));
        let text = match (has, changed) {
            (true, true) => format!("{email} now has the role {role}"),
            (true, false) => format!("{email} has the role {role} already"),
            (false, true) => format!("{email} no longer has the role {role}"),
            (false, false) => format!("{email} has no role {role}"),
        };
        Ok(Report::new(
            text,
            json!({ "ok": true, "id": user.id.to_string(), "role": role, "changed": changed }),
        )
        .revoking(context.revoked.get()))
    }
}
