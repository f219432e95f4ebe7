//! `origin role`: list, grant, revoke.

use clap::{Args, Subcommand};
use serde_json::json;
use shared::role::{Permission, RoleName};

use super::{Failure, Report, opened::Opened, operator::Reason, user::Which};
use crate::config::Source;

/// What there is to do with roles.
#[derive(Debug, Subcommand)]
pub(super) enum Role {
    /// Show the policy's roles, what each grants, and how many users have it.
    List,
    /// Give a user a role.
    Grant(Change),
    /// Take a role from a user.
    Revoke(Change),
}

/// Whose role, and which.
#[derive(Debug, Args)]
pub(super) struct Change {
    #[command(flatten)]
    which: Which,
    /// The role.
    #[arg(long)]
    role: RoleName,
    #[command(flatten)]
    why: Reason,
}

impl Role {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        let (change, has) = match self {
            Self::List => return list(&opened).await,
            Self::Grant(change) => (change, true),
            Self::Revoke(change) => (change, false),
        };
        let Change { which, role, why } = change;
        let user = which.of(&opened).await?;
        let Opened { domain, context } = opened.because(why);
        let changed = if has {
            domain.grant_role(&context, user.id, &role).await?
        } else {
            domain.revoke_role(&context, user.id, &role).await?
        };
        let email = &user.email;
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

async fn list(opened: &Opened) -> Result<Report, Failure> {
    opened.shows("role list", None).await?;
    let policy = opened.domain.policy();
    let counted = opened.domain.count_roles().await?;
    let mut names: Vec<RoleName> = policy.roles().cloned().collect();
    // A role that only users have grants nothing.
    names.extend(counted.iter().map(|(role, _)| role.clone()));
    names.sort();
    names.dedup();
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for role in names {
        let users = counted.iter().find(|(counted, _)| *counted == role).map_or(0, |(_, users)| *users);
        let granted = policy.permissions(std::slice::from_ref(&role));
        let granted: Vec<&str> = granted.iter().map(Permission::as_str).collect();
        let is_known = policy.has_role(&role);
        json.push(json!({ "role": role, "permissions": granted, "users": users, "in_policy": is_known }));
        let granted = if is_known { granted.join(" ") } else { "(not in the policy)".to_owned() };
        rows.push(vec![role.to_string(), users.to_string(), granted]);
    }
    Ok(Report::table(&["role", "users", "grants"], &rows, json!({ "roles": json })))
}
