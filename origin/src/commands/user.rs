//! `origin user`: create, disable, enable, reset second factors, list; `import` is in [`super::import`].

use std::io::Read as _;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use clap::{Args, Subcommand};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::role::RoleName;

use super::{Failure, Report, import::Import, opened::Opened};
use crate::{
    config::Source,
    domain::{self, User as Account},
    http::rfc3339,
    random::Random,
};

/// What there is to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account. Without a password given, one is made up and printed once.
    Create(Create),
    /// Make the accounts of another system, with the hashes of their passwords.
    Import(Import),
    /// Lock an account; all its sessions end.
    Disable {
        /// The account's address.
        #[arg(long)]
        email: String,
    },
    /// Unlock an account.
    Enable {
        /// The account's address.
        #[arg(long)]
        email: String,
    },
    /// What there is beside an account's password.
    #[command(subcommand)]
    SecondFactor(SecondFactor),
    /// Show all accounts.
    List,
}

/// What there is to do with second factors.
#[derive(Debug, Subcommand)]
pub(super) enum SecondFactor {
    /// Remove an account's app and recovery codes, for whoever has lost both; all its sessions end. Make sure
    /// who asks for it: the password alone is enough afterwards.
    Reset {
        /// The account's address.
        #[arg(long)]
        email: String,
    },
}

/// A new account.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The account's address.
    #[arg(long)]
    email: String,
    /// A role; repeat it for several.
    #[arg(long = "role", default_value = "viewer")]
    roles: Vec<RoleName>,
    /// Read the password from standard input, up to its end.
    #[arg(long)]
    password_stdin: bool,
}

impl User {
    pub(super) async fn run(self, source: &Source) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        let Opened { domain, context } = &opened;
        match self {
            Self::Create(create) => create.run(&opened).await,
            Self::Import(import) => import.run(&opened).await,
            Self::Disable { email } => {
                let user = opened.user(&email).await?;
                domain.disable(context, user.id).await?;
                Ok(done("disabled; all sessions have ended", &user).revoking(context.revoked.get()))
            }
            Self::Enable { email } => {
                let user = opened.user(&email).await?;
                domain.enable(context, user.id).await?;
                Ok(done("enabled", &user))
            }
            Self::SecondFactor(SecondFactor::Reset { email }) => {
                let user = opened.user(&email).await?;
                match domain.reset_second_factors(context, user.id).await {
                    Err(domain::Error::NotFound) => {
                        Err(Failure::new("the account has no second factor", "there is nothing to reset"))
                    }
                    ended => {
                        ended?;
                        let what = "no second factor any more; all sessions have ended";
                        Ok(done(what, &user).revoking(context.revoked.get()))
                    }
                }
            }
            Self::List => Ok(list(&opened.users().await?)),
        }
    }
}

impl Create {
    async fn run(self, Opened { domain, context }: &Opened) -> Result<Report, Failure> {
        let (password, made_up) =
            if self.password_stdin { (read_password()?, false) } else { (make_password()?, true) };
        let secret = Some(password.expose_secret());
        let id = domain.create_user(context, &self.email, secret, &self.roles).await?;
        let mut text = format!("created {} as {id}", self.email);
        let mut json = json!({ "id": id.to_string(), "email": self.email, "roles": self.roles });
        if made_up {
            text.push_str(&format!("\npassword: {}", password.expose_secret()));
            json["password"] = password.expose_secret().into();
        }
        Ok(Report::new(text, json))
    }
}

/// A password of 160 random bits.
fn make_password() -> Result<SecretString, Failure> {
    let random: [u8; 20] = Random.bytes().map_err(domain::Error::from)?;
    Ok(Base64UrlUnpadded::encode_string(&random).into())
}

/// The password on standard input, without the line end that a shell puts there.
fn read_password() -> Result<SecretString, Failure> {
    const MOST: u64 = 64 * 1024;
    let mut text = String::new();
    std::io::stdin()
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|_| Failure::new("no password could be read", "give it as UTF-8 on standard input"))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    Ok(password.strip_suffix('\r').unwrap_or(password).into())
}

fn list(users: &[Account]) -> Report {
    let state = |user: &Account| if user.disabled_at.is_some() { "disabled" } else { "enabled" };
    let roles = |user: &Account| user.roles.iter().map(ToString::to_string).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            vec![
                user.id.to_string(),
                user.email.clone(),
                roles(user).join(","),
                state(user).into(),
                rfc3339(user.created_at),
            ]
        })
        .collect();
    let json: Vec<Value> = users
        .iter()
        .map(|user| {
            json!({
                "id": user.id.to_string(),
                "email": user.email,
                "roles": roles(user),
                "epoch": user.epoch,
                "created_at": rfc3339(user.created_at),
                "verified_at": user.verified_at.map(rfc3339),
                "disabled_at": user.disabled_at.map(rfc3339),
            })
        })
        .collect();
    Report::table(&["id", "email", "roles", "state", "created"], &rows, json!({ "users": json }))
}

fn done(what: &str, user: &Account) -> Report {
    Report::new(
        format!("{}: {what}", user.email),
        json!({ "ok": true, "id": user.id.to_string(), "email": user.email }),
    )
}
