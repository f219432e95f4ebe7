//! `cargo dev test`: every test there is. Everything is built once; then come the tests of each crate, and the
//! end-to-end tests twice. What has to do with a database is tried on SQLite and on PostgreSQL.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::setup::binary::OF_THE_TESTS;
use crate::setup::place::Place;
use crate::setup::{self, cargo, npm};
use crate::system::postgres::Postgres;

/// Which of the two databases the end-to-end tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Database {
    /// The embedded one.
    Sqlite,
    /// The one for several origins.
    Postgres,
}

/// Which tests run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only tests whose names contain this.
    pub name: Option<String>,
    /// Only on this database, and only end to end.
    pub database: Option<Database>,
}

/// The variable that leads a system that a test starts to what was built for it.
pub const ARTIFACTS: &str = "E2E_ARTIFACTS";

/// Builds and runs the tests.
///
/// # Errors
/// When something does not build, or tests fail: all are run before that is said.
pub async fn test(place: &Place, options: &Options) -> Result<(), Failure> {
    let end = interruption(false)?;
    tokio::select! {
        outcome = all(place, options) => outcome,
        () = end => Err(Failure::new("stopped before all tests were run", "start them again")),
    }
}

async fn all(place: &Place, options: &Options) -> Result<(), Failure> {
    let artifacts = place.target.join("e2e-artifacts.json");
    setup::in_background(place, setup::for_tests).await?.write(&artifacts)?;
    let run = Run { place, name: options.name.as_deref(), artifacts };

    // Before anything that takes long: a server that does not start is to be known at once.
    let server = match options.database {
        Some(Database::Sqlite) => None,
        _ => Some(Postgres::start(&npm::postgres(place)?, &place.watchdog).await?),
    };
    let url = server.as_ref().map(Postgres::url);

    let mut failed = Vec::new();
    if options.database.is_none() {
        let of_the_crates = ["--lib", "--bins", "--test", "pipeline"];
        let on_both: Vec<_> = url.map(|url| ("TEST_POSTGRES_URL", url)).into_iter().collect();
        failed.extend(run.cargo_test(&of_the_crates, &on_both).await.err().map(|_| "of the crates"));
        failed.extend(run.cargo_test(&["--doc"], &[]).await.err().map(|_| "in the documentation"));
    }
    if options.database != Some(Database::Postgres) {
        failed.extend(run.on_sqlite().await.err().map(|_| "end to end on SQLite"));
    }
    if let Some(url) = url {
        failed.extend(run.on_postgres(url).await.err().map(|_| "end to end on PostgreSQL"));
    }
    if let Some(server) = server {
        server.stop().await;
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("tests failed: {}", failed.join(", ")), "see above"))
}

/// Where the artifacts of this run are listed, when this program was started by a test of it.
#[must_use]
pub fn artifacts_list() -> Option<PathBuf> {
    std::env::var_os(ARTIFACTS).map(PathBuf::from)
}

/// One run of the tests, everything built.
struct Run<'r> {
    place: &'r Place,
    name: Option<&'r str>,
    artifacts: PathBuf,
}

impl Run<'_> {
    async fn on_sqlite(&self) -> Result<(), Failure> {
        self.cargo_test(&["--test", "e2e"], &[("E2E_DATABASE", "sqlite")]).await
    }

    async fn on_postgres(&self, url: &str) -> Result<(), Failure> {
        let environment = [("E2E_DATABASE", "postgres"), ("E2E_POSTGRES_URL", url)];
        self.cargo_test(&["--test", "e2e"], &environment).await
    }

    async fn cargo_test(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
        let mut command = cargo();
        command.args(["test", "--quiet", "--no-fail-fast"]).args(OF_THE_TESTS).args(arguments);
        command
            .envs(environment.iter().copied())
            .env(ARTIFACTS, &self.artifacts)
            .current_dir(&self.place.root);
        if let Some(name) = self.name {
            command.args(["--", name]);
        }
        setup::in_background(self.place, move |place| {
            place.run_aloud(&mut command, "`cargo test`", "see above")
        })
        .await
    }
}
