//! `origin service-account`: create, list, disable, enable, delete; what is done with roles and keys is in
//! [`role`] and [`key`].

mod key;
mod role;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use shared::{id::UserId, role::RoleName};

use super::{
    Failure, Report,
    listing::{Listing, PAGE},
    opened::Opened,
    operator::Reason,
};
use crate::{config::Source, domain::ServiceAccount as Account, http::rfc3339};

/// What there is to do with service accounts.
#[derive(Debug, Subcommand)]
pub(super) enum ServiceAccount {
    /// Show all service accounts, oldest first.
    List,
    /// Make a service account. It can do nothing before it has a key.
    Create(Create),
    /// Its roles: grant, revoke.
    #[command(subcommand)]
    Role(role::Role),
    /// Its keys: list, create, give an end, withdraw.
    #[command(subcommand)]
    Key(key::Key),
    /// Lock a service account: none of its keys and tokens is good for anything meanwhile.
    Disable(Act),
    /// Unlock a service account. Its keys are good again.
    Enable(Act),
    /// Delete a service account with its keys, for good.
    Delete(Delete),
}

/// A new service account.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// What it is called: a lower-case letter, then a-z, 0-9, `.`, `_` and `-`.
    name: String,
    /// A role; repeat it for several.
    #[arg(long = "role")]
    roles: Vec<RoleName>,
    #[command(flatten)]
    why: Reason,
}

/// Which service account.
#[derive(Debug, Args)]
struct Which {
    /// Its name, or its id.
    #[arg(value_name = "ACCOUNT")]
    account: String,
}

/// A service account, and why something is done to it.
#[derive(Debug, Args)]
pub(super) struct Act {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Reason,
}

/// A service account that is to go.
#[derive(Debug, Args)]
pub(super) struct Delete {
    #[command(flatten)]
    act: Act,
    /// Do it: whatever uses one of its keys stops working.
    #[arg(long)]
    yes: bool,
}

impl ServiceAccount {
    pub(super) async fn run(self, source: &Source, as_json: bool) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        match self {
            Self::List => list(&opened, as_json).await,
            Self::Create(create) => create.run(opened).await,
            Self::Role(role) => role.run(opened).await,
            Self::Key(key) => key.run(opened, as_json).await,
            Self::Disable(act) => {
                let (Opened { domain, context }, account) = act.begin(opened).await?;
                domain.disable_service_account(&context, account.id).await?;
                Ok(done("disabled; none of its keys is good", &account).revoking(context.revoked.get()))
            }
            Self::Enable(act) => {
                let (Opened { domain, context }, account) = act.begin(opened).await?;
                domain.enable_service_account(&context, account.id).await?;
                Ok(done("enabled; its keys are good again", &account))
            }
            Self::Delete(delete) => delete.run(opened).await,
        }
    }
}

impl Create {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { name, roles, why } = self;
        let Opened { domain, context } = opened.because(why);
        let id = domain.create_service_account(&context, &name, &roles).await?;
        Ok(Report::new(
            format!("created {name} as {id}; `origin service-account key create {name}` gives it a key"),
            json!({ "id": id.to_string(), "name": name, "roles": roles }),
        ))
    }
}

impl Which {
    async fn of(&self, opened: &Opened) -> Result<Account, Failure> {
        if let Some(account) = opened.domain.find_service_account(&self.account).await? {
            return Ok(account);
        }
        let unknown = || {
            Failure::new(
                "there is no service account of this name or id",
                "`origin service-account list` shows all",
            )
        };
        let id = self.account.parse::<UserId>().map_err(|_| unknown())?;
        opened.domain.service_account(id).await.map_err(|error| match error {
            crate::domain::Error::NotFound => unknown(),
            error => error.into(),
        })
    }
}

impl Act {
    /// Finds the account, and notes why.
    async fn begin(self, opened: Opened) -> Result<(Opened, Account), Failure> {
        let account = self.which.of(&opened).await?;
        Ok((opened.because(self.why), account))
    }
}

impl Delete {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        if !self.yes {
            return Err(Failure::new(
                "whatever uses one of its keys stops working",
                "say --yes if that is meant",
            ));
        }
        let (Opened { domain, context }, account) = self.act.begin(opened).await?;
        domain.delete_service_account(&context, account.id).await?;
        Ok(done("deleted, with its keys", &account).revoking(context.revoked.get()))
    }
}

async fn list(opened: &Opened, as_json: bool) -> Result<Report, Failure> {
    opened.shows("service-account list", None).await?;
    let head = &["id", "name", "roles", "state", "created", "last used"];
    let mut listing = Listing::new(head, "service_accounts", as_json);
    let mut after = None;
    loop {
        let accounts = opened.domain.list_service_accounts(after, PAGE).await?;
        after = accounts.last().map(|account| account.id);
        let is_last = accounts.len() < PAGE as usize;
        let is_read = listing.page(accounts.iter().map(entry).collect())?;
        if is_last || !is_read {
            return listing.end();
        }
    }
}

fn entry(account: &Account) -> (Vec<String>, Value) {
    let roles: Vec<String> = account.roles.iter().map(ToString::to_string).collect();
    let state = if account.disabled_at.is_some() { "disabled" } else { "enabled" };
    let (created, last_used) = (rfc3339(account.created_at), account.last_used_at.map(rfc3339));
    let row = vec![
        account.id.to_string(),
        account.name.clone(),
        roles.join(","),
        state.to_owned(),
        created.clone(),
        last_used.clone().unwrap_or_default(),
    ];
    let json = json!({
        "id": account.id.to_string(),
        "name": account.name,
        "roles": roles,
        "created_at": created,
        "disabled_at": account.disabled_at.map(rfc3339),
        "last_used_at": last_used,
    });
    (row, json)
}

fn done(what: &str, account: &Account) -> Report {
    Report::new(
        format!("{}: {what}", account.name),
        json!({ "ok": true, "id": account.id.to_string(), "name": account.name }),
    )
}
