//! The command line: what there is to say, who does it, and how it ends. A command gives a [`Report`],
//! printed as text or as JSON, or a [`Failure`]: one sentence with its remedy, and an exit code of 1.

mod audit;
mod config;
mod database;
mod import;
mod key;
mod leaving;
mod listing;
mod migrate;
mod opened;
mod operator;
mod passkey;
mod policy;
mod report;
mod role;
mod serve;
mod service_account;
mod session;
mod user;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

pub use self::report::{Failure, Report};
use crate::config::Source;

/// The issuer of Countersign: logins, sessions, refresh, keys and audit.
///
/// Settings come from the environment (COUNTERSIGN_…) and an optional TOML file; `origin config check`
/// reports all faults at once.
#[derive(Debug, Parser)]
#[command(name = "origin", version, disable_help_subcommand = true)]
pub struct Cli {
    /// A TOML file with settings, or else that of COUNTERSIGN_CONFIG; the environment wins over it.
    #[arg(long, global = true, value_name = "FILE", help_heading = "For every command")]
    config: Option<PathBuf>,
    /// Print one line of JSON instead of text.
    #[arg(long, global = true, help_heading = "For every command")]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer requests until a signal says to stop.
    Serve(serve::Serve),
    /// Create the schema, or bring it up to date.
    Migrate,
    /// Users: list, find, show, create, import, disable, enable, verify, set another address or password,
    /// reset second factors, export, delete.
    #[command(subcommand)]
    User(user::User),
    /// Roles of users: list, grant, revoke.
    #[command(subcommand)]
    Role(role::Role),
    /// Sessions of users: list, end.
    #[command(subcommand)]
    Session(session::Session),
    /// Service accounts, which are programs: list, create, roles, keys, disable, enable, delete.
    #[command(subcommand)]
    ServiceAccount(service_account::ServiceAccount),
    /// Passkeys of everybody: forget them.
    #[command(subcommand)]
    Passkey(passkey::Passkey),
    /// Keys: list, rotate and withdraw those that sign, print the one that a service checks seals with.
    #[command(subcommand)]
    Key(key::Key),
    /// The audit log: list, verify, export.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// The database: say that it was restored.
    #[command(subcommand)]
    Database(database::Database),
    /// The policy file: check it, explain a decision.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// The settings: check them.
    #[command(subcommand)]
    Config(config::Config),
}

impl Cli {
    /// Does what was asked, prints what came of it, and says how it ended.
    pub fn run(self) -> ExitCode {
        let mut source = Source::default();
        if let Some(file) = settings_file(self.config, std::env::var_os("COUNTERSIGN_CONFIG")) {
            source.file(&file);
        }
        source.environment(std::env::vars_os());
        let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(self.command.run(&source, self.json)),
            Err(error) => Err(Failure::new(
                format!("no thread could be started ({error})"),
                "look at the process limits",
            )),
        };
        match outcome {
            Ok(report) => report.print(self.json),
            Err(failure) => failure.print(self.json),
        }
    }
}

/// The settings file that was given, or else the one that the variable names. As with any other, an empty variable counts
/// as unset.
fn settings_file(given: Option<PathBuf>, variable: Option<OsString>) -> Option<PathBuf> {
    let is_empty = |name: &OsString| name.to_str().is_some_and(|name| name.trim().is_empty());
    given.or_else(|| variable.filter(|name| !is_empty(name)).map(PathBuf::from))
}

impl Command {
    async fn run(self, source: &Source, as_json: bool) -> Result<Report, Failure> {
        match self {
            Self::Serve(serve) => serve.run(source).await,
            Self::Migrate => migrate::run(source).await,
            Self::User(user) => user.run(source, as_json).await,
            Self::Role(role) => role.run(source).await,
            Self::Session(session) => session.run(source, as_json).await,
            Self::ServiceAccount(account) => account.run(source, as_json).await,
            Self::Passkey(passkey) => passkey.run(source).await,
            Self::Key(key) => key.run(source).await,
            Self::Audit(audit) => audit.run(source).await,
            Self::Database(database) => database.run(source).await,
            Self::Policy(policy) => policy.run(source),
            Self::Config(config) => config.run(source),
        }
    }
}

#[cfg(test)]
mod tests {
    mod given;
    mod place;
    mod recovery;

    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_empty_name_of_a_settings_file_in_the_environment_is_none() {
        let named = |given: Option<&str>, variable: Option<&str>| {
            settings_file(given.map(PathBuf::from), variable.map(OsString::from))
        };
        for variable in [None, Some(""), Some(" ")] {
            assert_eq!(named(None, variable), None);
            assert_eq!(named(Some("a.toml"), variable), Some("a.toml".into()));
        }
        assert_eq!(named(None, Some("b.toml")), Some("b.toml".into()));
        assert_eq!(named(Some("a.toml"), Some("b.toml")), Some("a.toml".into()));
        assert!(Cli::try_parse_from(["origin", "--config", "", "migrate"]).is_err());
    }

    #[test]
    fn a_key_id_may_begin_with_a_hyphen() {
        for kid in ["abc", "-abc", "-hbc", "-Vbc", "--abc", "--helpabc", "--yes-abc"] {
            for line in [["withdraw", "--yes", kid], ["withdraw", kid, "--yes"]] {
                let line = [&["origin", "key"], line.as_slice()].concat();
                let cli = Cli::try_parse_from(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
                let Command::Key(key::Key::Withdraw(withdraw)) = cli.command else { panic!("{line:?}") };
                assert_eq!((withdraw.kid.as_str(), withdraw.yes), (kid, true));
            }
        }
    }
}
