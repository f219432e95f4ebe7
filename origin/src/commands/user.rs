//! `origin user`: list, find, show, create, disable, enable, reset second factors; `import` is in
//! [`super::import`], what whoever leaves asks for in [`super::leaving`], another address or password in
//! [`recovery`].

mod recovery;

use std::io::Read as _;

use clap::{Args, Subcommand, ValueEnum};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use shared::{id::UserId, role::RoleName};

use self::recovery::{SetEmail, SetPassword};
use super::{
    Failure, Report,
    import::Import,
    leaving::{self, Delete},
    listing::{Listing, PAGE},
    opened::Opened,
    operator::Reason,
};
use crate::{
    config::Source,
    domain::{self, Domain, Settings, User as Account, UserQuery, UserState},
    http::rfc3339,
};

/// What there is to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Show all accounts, or those of a role or state, oldest first.
    List(Filter),
    /// Show the accounts whose address begins with this.
    Find {
        /// The beginning of an address, or a whole one; capitals make no difference.
        #[arg(value_name = "ADDRESS")]
        prefix: String,
        #[command(flatten)]
        filter: Filter,
    },
    /// Show one account: roles, state, second factors, live sessions.
    Show(Which),
    /// Make an account. Without more said, a password is made up and printed once.
    Create(Create),
    /// Make the accounts of another system, with the hashes of their passwords.
    Import(Import),
    /// Lock an account; all its sessions end.
    Disable(Act),
    /// Unlock an account. Its sessions stay ended.
    Enable(Act),
    /// Take an account's address for verified, where its owner has proven it otherwise than by a mail.
    Verify(Act),
    /// Give an account another address, for whoever reads no mail at the one until now; all its sessions end.
    /// Make sure who asks for it: whoever reads mail there can choose the password.
    SetEmail(SetEmail),
    /// Give an account another password, for whoever cannot choose one by a mail; all its sessions end. Without more
    /// said, one is made up and printed once. Make sure who asks for it.
    SetPassword(SetPassword),
    /// Second factors of an account: reset.
    #[command(subcommand)]
    SecondFactor(SecondFactor),
    /// Print all that is kept about an account, as JSON and without secrets, for its owner.
    Export(Act),
    /// Delete an account, for good: all sessions end, what is kept of its owner is erased, the address is free.
    Delete(Delete),
}

/// What there is to do with second factors.
#[derive(Debug, Subcommand)]
pub(super) enum SecondFactor {
    /// Remove an account's app, passkeys and recovery codes, for whoever has lost them; all its sessions end.
    /// Make sure who asks for it: the password alone is enough afterwards.
    Reset(Act),
}

/// Which accounts.
#[derive(Debug, Args)]
pub(super) struct Filter {
    /// Only those who have this role.
    #[arg(long)]
    role: Option<RoleName>,
    /// Only those in this state.
    #[arg(long)]
    state: Option<State>,
}

/// Whether somebody can log in.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum State {
    /// Those who can log in.
    Enabled,
    /// Those who cannot.
    Disabled,
}

/// Which account.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The account's address.
    #[arg(long)]
    email: Option<String>,
    /// The account's id.
    #[arg(long)]
    id: Option<UserId>,
}

/// An account, and why something is done to it.
#[derive(Debug, Args)]
pub(super) struct Act {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    why: Reason,
}

/// A new account.
#[derive(Debug, Args)]
pub(super) struct Create {
    /// The account's address.
    #[arg(long)]
    email: String,
    /// A role; repeat it for several.
    #[arg(long = "role", value_name = "ROLE", default_value = "viewer")]
    roles: Vec<RoleName>,
    /// Read the password from standard input, up to its end.
    #[arg(long)]
    password_stdin: bool,
    /// Send a link to the address by which its owner chooses the password.
    #[arg(long, conflicts_with = "password_stdin")]
    invite: bool,
    #[command(flatten)]
    why: Reason,
}

impl User {
    pub(super) async fn run(self, source: &Source, as_json: bool) -> Result<Report, Failure> {
        let opened = Opened::new(source).await?;
        match self {
            Self::List(filter) => list(&opened, filter.query(), as_json).await,
            Self::Find { prefix, filter } => {
                let query = UserQuery { email_prefix: Some(prefix), ..filter.query() };
                list(&opened, query, as_json).await
            }
            Self::Show(which) => show(&opened, &which.of(&opened).await?).await,
            Self::Create(create) => create.run(opened).await,
            Self::Import(import) => import.run(&opened).await,
            Self::Disable(act) => {
                let (Opened { domain, context }, user) = act.begin(opened).await?;
                domain.disable(&context, user.id).await?;
                Ok(done("disabled; all sessions have ended", &user).revoking(context.revoked.get()))
            }
            Self::Enable(act) => {
                let (Opened { domain, context }, user) = act.begin(opened).await?;
                domain.enable(&context, user.id).await?;
                Ok(done("enabled", &user))
            }
            Self::Verify(act) => recovery::verify(act, opened).await,
            Self::SetEmail(set) => set.run(opened).await,
            Self::SetPassword(set) => set.run(opened).await,
            Self::Export(act) => leaving::export(act, opened).await,
            Self::Delete(delete) => delete.run(opened).await,
            Self::SecondFactor(SecondFactor::Reset(act)) => reset(act.begin(opened).await?).await,
        }
    }
}

impl Filter {
    fn query(self) -> UserQuery {
        let state = self.state.map(|state| match state {
            State::Enabled => UserState::Enabled,
            State::Disabled => UserState::Disabled,
        });
        UserQuery { role: self.role, state, ..UserQuery::default() }
    }
}

impl Which {
    /// The account that is meant.
    pub(super) async fn of(&self, opened: &Opened) -> Result<Account, Failure> {
        match (&self.email, self.id) {
            (Some(email), _) => opened.user(email).await,
            (None, Some(id)) => opened.user_of(id).await,
            // The command line asks for one of the two.
            (None, None) => Err(Failure::new("no account was named", "give --email or --id")),
        }
    }
}

impl Act {
    /// Finds the account, and notes why.
    pub(super) async fn begin(self, opened: Opened) -> Result<(Opened, Account), Failure> {
        let user = self.which.of(&opened).await?;
        Ok((opened.because(self.why), user))
    }
}

impl Create {
    async fn run(self, opened: Opened) -> Result<Report, Failure> {
        let Self { email, roles, password_stdin, invite, why } = self;
        let Opened { domain, context } = opened.because(why);
        let (id, made_up) = if invite {
            (domain.invite_user(&context, &email, &roles).await?, None)
        } else {
            let password = if password_stdin { read_password()? } else { domain.make_password()? };
            let id = domain.create_user(&context, &email, Some(password.expose_secret()), &roles).await?;
            (id, Some(password).filter(|_| !password_stdin))
        };
        let mut text = format!("created {email} as {id}");
        let mut json = json!({ "id": id.to_string(), "email": email, "roles": roles });
        if !invite && must_be_verified(domain.settings()) {
            text.push_str(&format!(
                "\nthe address has to be verified before a login: if you know it for its owner's, give \
                 `origin user verify --email {email}`"
            ));
            json["must_be_verified"] = true.into();
        }
        if invite {
            text.push_str("\na link to choose the password is on its way there");
        }
        if let Some(password) = made_up {
            text.push_str(&format!("\npassword: {}", password.expose_secret()));
            json["password"] = password.expose_secret().into();
        }
        Ok(Report::new(text, json))
    }
}

/// Whether a new account can be logged in to only once its address is verified. By the link of an invitation it is.
fn must_be_verified(settings: &Settings) -> bool {
    settings.mail.as_ref().is_some_and(|mail| mail.verified_login)
}

async fn reset((Opened { domain, context }, user): (Opened, Account)) -> Result<Report, Failure> {
    match domain.reset_second_factors(&context, user.id).await {
        Err(domain::Error::NotFound) => {
            Err(Failure::new("the account has no second factor", "there is nothing to reset"))
        }
        ended => {
            ended?;
            let what = "no second factor any more; all sessions have ended";
            Ok(done(what, &user).revoking(context.revoked.get()).noting(untold(&domain)))
        }
    }
}

/// A note that the owner was not told by mail, where no mail server is set.
pub(super) fn untold(domain: &Domain) -> Option<&'static str> {
    const UNTOLD: &str = "the owner of the account is not told by mail: COUNTERSIGN_SMTP_URL is not set here";
    (!domain.sends_mail()).then_some(UNTOLD)
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

async fn list(opened: &Opened, mut query: UserQuery, as_json: bool) -> Result<Report, Failure> {
    opened.shows("user list", None).await?;
    let mut listing = Listing::new(&["id", "email", "roles", "state", "created"], "users", as_json);
    loop {
        let page = opened.domain.find_users(&query, PAGE).await?;
        let is_read = listing.page(page.users.iter().map(|user| (row(user), json_of(user))).collect())?;
        query.after = page.next;
        if query.after.is_none() || !is_read {
            return listing.end();
        }
    }
}

async fn show(opened: &Opened, user: &Account) -> Result<Report, Failure> {
    opened.shows("user show", Some(user.id)).await?;
    let Opened { domain, context } = opened;
    let factors = domain.second_factors(user.id).await?;
    let sessions = domain.list_sessions(user.id, context.now).await?.len();
    let mut json = json_of(user);
    json["second_factors"] = json!({
        "totp": factors.totp.map(rfc3339), "passkeys": factors.passkeys, "recovery_codes": factors.recovery_codes,
    });
    json["sessions"] = sessions.into();
    let since =
        |moment: Option<_>| moment.map_or_else(|| "no".to_owned(), |at| format!("since {}", rfc3339(at)));
    let lines = [
        ("id", user.id.to_string()),
        ("email", user.email.clone()),
        ("roles", roles(user).join(", ")),
        ("created", rfc3339(user.created_at)),
        ("verified", since(user.verified_at)),
        ("disabled", since(user.disabled_at)),
        ("app for codes", since(factors.totp)),
        ("passkeys", factors.passkeys.to_string()),
        ("recovery codes", factors.recovery_codes.to_string()),
        ("live sessions", sessions.to_string()),
    ];
    let lines: Vec<String> = lines.iter().map(|(name, value)| format!("{name:14}  {value}")).collect();
    Ok(Report::new(lines.join("\n"), json))
}

fn roles(user: &Account) -> Vec<String> {
    user.roles.iter().map(ToString::to_string).collect()
}

fn row(user: &Account) -> Vec<String> {
    let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
    vec![
        user.id.to_string(),
        user.email.clone(),
        roles(user).join(","),
        state.to_owned(),
        rfc3339(user.created_at),
    ]
}

fn json_of(user: &Account) -> Value {
    json!({
        "id": user.id.to_string(),
        "email": user.email,
        "roles": roles(user),
        "epoch": user.epoch,
        "created_at": rfc3339(user.created_at),
        "verified_at": user.verified_at.map(rfc3339),
        "disabled_at": user.disabled_at.map(rfc3339),
    })
}

fn done(what: &str, user: &Account) -> Report {
    Report::new(
        format!("{}: {what}", user.email),
        json!({ "ok": true, "id": user.id.to_string(), "email": user.email }),
    )
}
