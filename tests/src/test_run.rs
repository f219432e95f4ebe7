//! `cargo dev test`: every test there is. Everything is built once; then come the tests of each crate, and the
//! end-to-end tests twice. What has to do with a database is tried on SQLite and on PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::sleep;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::setup::binary::OF_THE_TESTS;
use crate::setup::place::Place;
use crate::setup::{self, cargo, chromium, npm, python};
use crate::system::postgres::Postgres;

/// Which of the two databases the end-to-end tests run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Database {
    /// The embedded one.
    Sqlite,
    /// The one for several origins.
    Postgres,
}

/// Tests that need what not every machine has, and so run only when they are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Further {
    /// Those that look through a real browser.
    Browser,
    /// Those whose judges are written in Python.
    Judges,
    /// The one that tries the whole OpenAPI document.
    OpenApi,
}

impl Further {
    /// What the names of its tests, and of no others that are left out elsewhere, contain.
    const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser::",
            Self::Judges => "judges::",
            Self::OpenApi => "openapi::",
        }
    }

    /// Finds or installs what its tests need: a variable for them, and its value.
    fn prepare(self, place: &Place) -> Result<(&'static str, PathBuf), Failure> {
        match self {
            Self::Browser => Ok(("E2E_CHROMIUM", chromium::program()?)),
            Self::Judges => {
                let requirements = Path::new("tests/e2e/judges/requirements.txt");
                Ok(("E2E_PYTHON", python::environment(place, requirements)?))
            }
            Self::OpenApi => {
                let requirements = Path::new("tests/e2e/openapi/requirements.txt");
                Ok(("E2E_PYTHON", python::environment(place, requirements)?))
            }
        }
    }
}

/// Which tests run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only tests whose names contain this.
    pub name: Option<String>,
    /// Only on this database, and only end to end.
    pub database: Option<Database>,
    /// Only these, which do not run otherwise; on SQLite, if no other database is named.
    pub further: Option<Further>,
}

/// What cargo is told of the tests of the crates …
const OF_THE_CRATES: [&str; 4] = ["--lib", "--bins", "--test", "pipeline"];
/// … of those in their documentation …
const OF_THE_DOCUMENTATION: [&str; 1] = ["--doc"];
/// … and of those end to end.
const END_TO_END: [&str; 2] = ["--test", "e2e"];

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
    // Before anything that takes long: what only the user can install is to be known at once.
    let further = match options.further {
        Some(further) => {
            Some((further, setup::in_background(place, move |place| further.prepare(place)).await?))
        }
        None => None,
    };
    let artifacts = place.target.join("e2e-artifacts.json");
    setup::in_background(place, setup::for_tests).await?.write(&artifacts)?;
    let temporary = tempfile::tempdir().map_err(Failure::io("no temporary directory", "see TMPDIR"))?;
    let run = Run { place, name: options.name.as_deref(), further, artifacts, temporary };
    let database = options.database.or(options.further.map(|_| Database::Sqlite));
    run.must_have_tests(database.is_none()).await?;

    // Before anything that takes long, as above.
    let server = match database {
        Some(Database::Sqlite) => None,
        _ => Some(Postgres::start(&npm::postgres(place)?, &place.watchdog).await?),
    };
    let url = server.as_ref().map(Postgres::url);

    let mut failed = Vec::new();
    if database.is_none() {
        let on_both: Vec<_> = url.map(|url| ("TEST_POSTGRES_URL", url)).into_iter().collect();
        failed.extend(run.cargo_test(&OF_THE_CRATES, &on_both).await.err().map(|_| "of the crates"));
        failed.extend(run.cargo_test(&OF_THE_DOCUMENTATION, &[]).await.err().map(|_| "in the documentation"));
    }
    if database != Some(Database::Postgres) {
        failed.extend(run.on_sqlite().await.err().map(|_| "end to end on SQLite"));
    }
    if let Some(url) = url {
        failed.extend(run.on_postgres(url).await.err().map(|_| "end to end on PostgreSQL"));
    }
    if let Some(server) = server {
        server.stop().await;
    }
    run.clear().await;
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
    further: Option<(Further, (&'static str, PathBuf))>,
    artifacts: PathBuf,
    /// For whatever the tests leave behind, such as the systems that many of them share, which nobody is the last to use.
    temporary: TempDir,
}

/// How often what is left behind is removed, until those that still write there have ended too.
const CLEARINGS: usize = 50;

impl Run<'_> {
    async fn clear(self) {
        for _ in 0..CLEARINGS {
            if std::fs::remove_dir_all(self.temporary.path()).is_ok() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn on_sqlite(&self) -> Result<(), Failure> {
        self.cargo_test(&END_TO_END, &[("E2E_DATABASE", "sqlite")]).await
    }

    async fn on_postgres(&self, url: &str) -> Result<(), Failure> {
        let environment = [("E2E_DATABASE", "postgres"), ("E2E_POSTGRES_URL", url)];
        self.cargo_test(&END_TO_END, &environment).await
    }

    /// Wants some test to be among those that are to run: with a name that none has, nothing fails.
    async fn must_have_tests(&self, of_all: bool) -> Result<(), Failure> {
        let Some(name) = self.name else { return Ok(()) };
        let everywhere = [OF_THE_CRATES.as_slice(), &OF_THE_DOCUMENTATION, &END_TO_END];
        let asked = if of_all { everywhere.as_slice() } else { &everywhere[2..] };
        for arguments in asked {
            let mut command = self.command(arguments, &[], &["--list"]);
            let listed = setup::in_background(self.place, move |_| {
                let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
                output.map_err(Failure::io("cargo did not start", "install Rust by rustup"))
            });
            let listed = listed.await?;
            // What cannot be listed cannot be run either, and then that is what is to be seen.
            if !listed.status.success() || names_a_test(&String::from_utf8_lossy(&listed.stdout)) {
                return Ok(());
            }
        }
        let own = if of_all { [].as_slice() } else { &END_TO_END };
        let list = [&["cargo", "test"], OF_THE_TESTS.as_slice(), own, &["--", "--list"]].concat().join(" ");
        let remedy = format!("see the names by `{list}`");
        Err(Failure::new(format!("no test that was asked for has a name with `{name}` in it"), remedy))
    }

    async fn cargo_test(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Result<(), Failure> {
        let mut command = self.command(arguments, environment, &[]);
        setup::in_background(self.place, move |place| {
            place.run_aloud(&mut command, "`cargo test`", "see above")
        })
        .await
    }

    /// Cargo, told to run these tests, and the tests, told by `more` how.
    fn command(&self, arguments: &[&str], environment: &[(&str, &str)], more: &[&str]) -> Command {
        let mut command = cargo();
        command.args(["test", "--quiet", "--no-fail-fast"]).args(OF_THE_TESTS).args(arguments);
        command
            .envs(environment.iter().copied())
            .env(ARTIFACTS, &self.artifacts)
            .env("TMPDIR", self.temporary.path())
            .current_dir(&self.place.root);
        let mut filter: Vec<&str> = self.name.into_iter().chain(more.iter().copied()).collect();
        if let Some((further, (variable, value))) = &self.further {
            command.env(variable, value);
            filter.push("--ignored");
            if self.name.is_none() {
                filter.push(further.name());
            }
        }
        if !filter.is_empty() {
            command.arg("--").args(filter);
        }
        command
    }
}

/// Whether a list of tests, as the test binaries print it, has any.
fn names_a_test(list: &str) -> bool {
    list.lines().any(|line| line.ends_with(": test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_without_a_test_is_known_from_one_with_some() {
        assert!(names_a_test("journey::a_user_comes: test\n\n1 test, 0 benchmarks\n"));
        assert!(names_a_test("shared/src/axum.rs - axum (line 12): test\n"));
        for none in ["", "\n0 tests, 0 benchmarks\n", "some::bench: benchmark\n"] {
            assert!(!names_a_test(none), "{none}");
        }
    }
}
