//! What most commands begin with: settings read, database reached, domain opened; and what to do where one
//! of them fails.

use shared::id::{RequestId, UserId};

use super::{
    Failure,
    operator::{self, Reason},
};
use crate::{
    app::{self, open_domain},
    clock::Clock,
    config::{Config, Source},
    domain::{self, Context, Domain, User},
    random::Random,
    store::{self, Store},
};

/// An open domain, and the context of a command's acts: an operator's, at no address.
pub(super) struct Opened {
    pub(super) domain: Domain,
    pub(super) context: Context,
}

impl Opened {
    /// Opens the domain that the settings name. The schema has to be there already.
    pub(super) async fn new(source: &Source) -> Result<Self, Failure> {
        let config = Config::load(source)?;
        let clock = Clock::new();
        let store = connect(&config).await?;
        store.ready(clock.now()).await?;
        let domain = open_domain(&config, store, &clock).await?;
        let now = clock.now();
        let random = Random.bytes().map_err(domain::Error::from)?;
        let mut context = Context::new(now, RequestId::new(now, random));
        context.user_agent = Some("origin command".to_owned());
        context.authority = operator::authority();
        Ok(Self { domain, context })
    }

    /// The user of this address.
    pub(super) async fn user(&self, email: &str) -> Result<User, Failure> {
        let unknown = || Failure::new("there is no user of this address", "`origin user list` shows all");
        self.domain.find_user_by_email(email).await?.ok_or_else(unknown)
    }

    /// The user of this id.
    pub(super) async fn user_of(&self, id: UserId) -> Result<User, Failure> {
        let unknown = || Failure::new("there is no user of this id", "`origin user list` shows all");
        self.domain.find_user(id).await?.ok_or_else(unknown)
    }

    /// Records that the command shows what is not public, before it does; and whose it is where it is one user's.
    pub(super) async fn shows(&self, what: &str, of: Option<UserId>) -> Result<(), Failure> {
        Ok(self.domain.record_read(&self.context, &["origin ", what].concat(), of).await?)
    }

    /// The same, with why the command is given.
    pub(super) fn because(self, why: Reason) -> Self {
        Self { context: self.context.because(why.reason), ..self }
    }
}

/// The database that is set.
pub(super) async fn connect(config: &Config) -> Result<Store, Failure> {
    Ok(app::connect(config).await?)
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        let remedy = match &error {
            store::Error::Unreachable(_) => {
                "is it running, and is COUNTERSIGN_DATABASE_URL its address (for SQLite: the directory is there and \
                 writable, and the URL ends in ?mode=rwc where the file is to be created)?"
            }
            store::Error::Address => "set COUNTERSIGN_DATABASE_URL",
            // Its text names the remedy.
            store::Error::SchemaBehind { .. } => "",
            store::Error::Migration(_) => "restore the backup from before, or start with an empty database",
            store::Error::ClockApart { .. } => "let both follow a time server",
            store::Error::Corrupt { .. } | store::Error::Database(_) => {
                "the cause is above; restore a backup if it is damage"
            }
        };
        let cause =
            std::error::Error::source(&error).map(|cause| format!(" ({})", crate::telemetry::causes(cause)));
        Self::new(format!("{error}{}", cause.unwrap_or_default()), remedy)
    }
}

impl From<domain::Error> for Failure {
    fn from(error: domain::Error) -> Self {
        match error {
            domain::Error::Store(error) => error.into(),
            domain::Error::MasterKey { .. } => Self::new(
                error.to_string(),
                "set the COUNTERSIGN_MASTER_KEY that this database was made with, or as \
                 COUNTERSIGN_MASTER_KEY_PREVIOUS beside a new one; without it there is no way back",
            ),
            domain::Error::NotFound => {
                Self::new(error.to_string(), "it was perhaps ended or withdrawn before")
            }
            // Its text names the remedy.
            domain::Error::AuditNotAsSigned => Self::new(error.to_string(), ""),
            domain::Error::Contended => Self::new(error.to_string(), "try again"),
            domain::Error::LastAdmin => Self::new(error.to_string(), "make another one first"),
            domain::Error::UnknownRole(_) => Self::new(error.to_string(), "name a role of the policy file"),
            domain::Error::AddressTaken => Self::new(error.to_string(), "`origin user find` shows it"),
            domain::Error::NoMail => {
                Self::new(error.to_string(), "set COUNTERSIGN_SMTP_URL, or leave --invite out")
            }
            domain::Error::InvalidName | domain::Error::NameTaken | domain::Error::InvalidEnd => {
                Self::new(error.to_string(), "give another")
            }
            domain::Error::PasswordTooShort { .. }
            | domain::Error::PasswordTooLong { .. }
            | domain::Error::PasswordUnusable
            | domain::Error::PasswordPredictable(_) => Self::new(error.to_string(), "give another"),
            error => Self::new(crate::telemetry::causes(&error), ""),
        }
    }
}

impl From<app::Error> for Failure {
    fn from(error: app::Error) -> Self {
        match error {
            app::Error::Store(error) => error.into(),
            app::Error::Domain(error) => error.into(),
            app::Error::Metrics(_) => Self::new(error.to_string(), ""),
        }
    }
}
