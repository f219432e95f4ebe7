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
        let by_code = error.code().as_deref().and_then(remedy_by_code);
        let remedy = by_code.unwrap_or_else(|| match &error {
            store::Error::Unreachable(_) => {
                "is it running, and is COUNTERSIGN_DATABASE_URL its address (for SQLite: the directory is there and \
                 writable, and the URL ends in ?mode=rwc where the file is to be created)?"
            }
            store::Error::Contended(_) => "try again",
            store::Error::Address => "set COUNTERSIGN_DATABASE_URL",
            // Its text names the remedy.
            store::Error::SchemaBehind { .. } => "",
            store::Error::Migration(_) if error.is_of_other_migrations() => {
                "restore the backup from before, or start with an empty database"
            }
            store::Error::Migration(_) => "mend what the database names there, then run `origin migrate` again",
            store::Error::SchemaInUse { .. } => "let that end, as a backup does, then run `origin migrate` again",
            store::Error::ClockApart { .. } => "let both follow a time server",
            store::Error::Corrupt { .. } => "restore a backup from before somebody changed it",
            store::Error::Database(_) => "mend what the database names there",
        });
        let cause =
            std::error::Error::source(&error).map(|cause| format!(" ({})", crate::telemetry::causes(cause)));
        Self::new(format!("{error}{}", cause.unwrap_or_default()), remedy)
    }
}

/// What to do about what the database names by a code: PostgreSQL's of its manual's appendix A, SQLite's of
/// <https://www.sqlite.org/rescode.html>, of which the low byte counts. Nothing is thrown away but for damage.
fn remedy_by_code(code: &str) -> Option<&'static str> {
    const BUSY: &str = "the database is busy: try again";
    const DAMAGED: &str =
        "restore a backup if COUNTERSIGN_DATABASE_URL names the right database: then it is damaged";
    match code {
        // insufficient_privilege
        "42501" => Some(
            "let its owner grant that to the user of COUNTERSIGN_DATABASE_URL: USAGE and CREATE of a schema, SELECT, \
             INSERT, UPDATE and DELETE of tables",
        ),
        // read_only_sql_transaction
        "25006" => Some("let COUNTERSIGN_DATABASE_URL name the primary server, which can be written to"),
        // query_canceled, as by a timeout; lock_not_available
        "57014" | "55P03" => Some(BUSY),
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Some(DAMAGED),
        state if state.len() == 5 => None,
        code => match code.parse::<i32>().ok()? & 0xff {
            // SQLITE_BUSY
            5 => Some(BUSY),
            // SQLITE_READONLY
            8 => Some(
                "let the user that runs origin write the file and its directory: see the owner and mode of both, \
                 and whether the URL says mode=ro",
            ),
            // SQLITE_CORRUPT, SQLITE_NOTADB
            11 | 26 => Some(DAMAGED),
            _ => None,
        },
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
            domain::Error::InvalidEmail(_)
            | domain::Error::PasswordTooShort { .. }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_damage_is_remedied_by_a_backup() {
        for (code, remedy) in [
            ("42501", Some("grant that to the user")),
            ("25006", Some("primary")),
            ("57014", Some("try again")),
            ("5", Some("try again")),
            ("517", Some("try again")),
            ("8", Some("owner and mode")),
            ("1544", Some("owner and mode")),
            ("11", Some("restore a backup")),
            ("26", Some("restore a backup")),
            ("XX001", Some("restore a backup")),
            ("1", None),
            ("42601", None),
            ("53300", None),
        ] {
            let found = remedy_by_code(code);
            assert_eq!(found.is_some(), remedy.is_some(), "{code}: {found:?}");
            let (found, remedy) = (found.unwrap_or_default(), remedy.unwrap_or_default());
            assert!(found.contains(remedy), "{code}: {found}");
            assert_eq!(found.contains("backup"), remedy.contains("backup"), "{code}: {found}");
        }
    }

    #[tokio::test]
    async fn who_may_not_write_the_database_is_told_how_to_be_let() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
        let store = Store::connect(&url).await.unwrap();
        let refused = sqlx::query("CREATE TABLE t (a INTEGER)").execute(store.reads()).await.unwrap_err();
        let refused = Failure::from(store::Error::from(refused)).to_string();
        assert!(refused.contains("readonly") && refused.contains("owner and mode"), "{refused}");
    }

    #[test]
    fn nothing_is_thrown_away_for_what_is_no_damage() {
        let refused = Failure::from(store::Error::Database(sqlx::Error::RowNotFound)).to_string();
        assert!(!refused.contains("backup"), "{refused}");
        let migration = |cause| Failure::from(store::Error::Migration(cause)).to_string();
        let broken = migration(sqlx::migrate::MigrateError::Execute(sqlx::Error::RowNotFound));
        assert!(
            broken.contains("run `origin migrate` again") && !broken.contains("empty database"),
            "{broken}"
        );
        let edited = migration(sqlx::migrate::MigrateError::VersionMismatch(1));
        assert!(edited.contains("restore the backup from before"), "{edited}");
    }
}
