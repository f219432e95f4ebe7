//! `cargo dev mutate`: whether the tests notice what they are there for. Each patch of `tests/mutations` plants one bug
//! and names the tests that have to fail by it; it is applied to a copy, alone, and these are run. The formats and rules
//! of `shared`, where every line counts, are left to cargo-mutants (`--shared`).

mod bounded;
mod copy;
pub(crate) mod patch;
mod verdict;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tokio::time::Instant;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::setup::place::Place;
use crate::setup::{self, cargo, npm, tool};
use crate::system::postgres::Postgres;

use patch::{Planted, Tests};
use verdict::Outcome;

/// How long tests may take that are built: a planted bug can let them wait for ever.
const LONGEST: Duration = Duration::from_secs(600);

/// How many lines are shown of what git or the compiler says of a bug that could not be planted.
const SHOWN: usize = 20;

/// Plants the bugs whose names contain one of these, or all, one after the other, and says which of them no test has
/// noticed.
///
/// # Errors
/// When one has survived, or could not be tried, or when there is none of such a name.
pub async fn planted(place: &Place, names: &[String]) -> Result<(), Failure> {
    let end = interruption(false)?;
    let planted = patch::all(&place.root, names)?;
    tokio::select! {
        outcome = each(place, &planted) => outcome,
        () = end => Err(Failure::new("stopped before all bugs were planted", "start it again")),
    }
}

async fn each(place: &Place, planted: &[Planted]) -> Result<(), Failure> {
    let ground = Ground::prepare(place, planted).await?;
    // Tests that fail anyway would catch everything.
    let tests: BTreeSet<&Tests> = planted.iter().map(|bug| &bug.caught_by).collect();
    for tests in tests {
        ground.control(tests).await?;
    }
    let mut outcomes = Vec::new();
    for bug in planted {
        let began = Instant::now();
        let outcome = ground.try_out(bug).await?;
        let seconds = began.elapsed().as_secs();
        println!("{:<9} {} ({seconds} s)", outcome.word(), bug.name);
        outcomes.push((bug.name.as_str(), outcome));
    }
    ground.clear().await;
    let caught = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Caught).count();
    println!("{} planted, {caught} caught", planted.len());
    verdict::judged(&outcomes)
}

/// Lets cargo-mutants plant its own bugs into `shared`; what survives is listed in `mutants.out` of the target
/// directory.
///
/// # Errors
/// When one has survived.
pub fn shared(place: &Place, more: &[String]) -> Result<(), Failure> {
    let program = tool::cargo_mutants(place)?;
    place.run_aloud(
        Command::new(program)
            .args(["mutants", "--package", "shared", "--features", "axum,policy-file", "--no-times"])
            .arg("--output")
            .arg(&place.target)
            .args(more)
            .args(["--", "--lib"])
            .current_dir(&place.root)
            .env_remove("CARGO_TARGET_DIR"),
        "`cargo mutants`",
        "write the test that notices what survived, or say in .cargo/mutants.toml why none can",
    )
}

/// Where bugs are planted: a copy of what git knows, and a server for those that only PostgreSQL can have.
struct Ground<'p> {
    place: &'p Place,
    copy: PathBuf,
    server: Option<Postgres>,
}

impl<'p> Ground<'p> {
    async fn prepare(place: &'p Place, planted: &[Planted]) -> Result<Self, Failure> {
        let copy = place.target.join("mutated");
        copy::tree(&place.root, &copy)?;
        let server = if planted.iter().any(|bug| bug.caught_by.on_postgres) {
            setup::in_background(place, setup::packages).await?;
            Some(Postgres::start(&npm::postgres(place)?, &place.watchdog).await?)
        } else {
            None
        };
        Ok(Self { place, copy, server })
    }

    async fn clear(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }

    /// Wants tests to succeed where nothing is planted.
    async fn control(&self, tests: &Tests) -> Result<(), Failure> {
        let compiled = self.compile(tests).await?;
        let output = if compiled.status.success() { self.run(tests).await? } else { Some(compiled) };
        let (does, log) = match output {
            Some(output) if output.status.success() => return Ok(()),
            Some(output) => ("fails", last_words(&output)),
            None => ("has not ended after ten minutes", Vec::new()),
        };
        let what = format!("`{tests}` {does} without any planted bug");
        Err(Failure::new(what, "mend that first").with_log(log))
    }

    /// Plants one bug into the copy, runs what has to catch it, and removes it again.
    async fn try_out(&self, bug: &Planted) -> Result<Outcome, Failure> {
        let applied = Command::new("git")
            .arg("apply")
            .arg(&bug.patch)
            .current_dir(&self.copy)
            // The copy lies inside a repository and is none of it.
            .env("GIT_CEILING_DIRECTORIES", self.copy.parent().unwrap_or(&self.copy))
            .output()
            .map_err(Failure::io("git did not start", "install it"))?;
        let outcome = self.outcome(bug, &applied).await?;
        copy::restore(&self.place.root, &self.copy, &bug.files)?;
        Ok(outcome)
    }

    /// What the tests make of a bug that git has applied, or could not.
    async fn outcome(&self, bug: &Planted, applied: &Output) -> Result<Outcome, Failure> {
        if !applied.status.success() {
            return Ok(Outcome::Broken(last_words(applied)));
        }
        let compiled = self.compile(&bug.caught_by).await?;
        if !compiled.status.success() {
            return Ok(Outcome::Broken(last_words(&compiled)));
        }
        Ok(match self.run(&bug.caught_by).await? {
            Some(tested) if tested.status.success() => Outcome::Survived,
            Some(_) => Outcome::Caught,
            None => Outcome::Endless,
        })
    }

    async fn compile(&self, tests: &Tests) -> Result<Output, Failure> {
        let output = self.output(tests, &["--no-run"], Duration::MAX).await?;
        output.ok_or_else(|| Failure::new("cargo was lost", "try again"))
    }

    /// What tests made of the code that is in the copy, if they have ended in time.
    async fn run(&self, tests: &Tests) -> Result<Option<Output>, Failure> {
        self.output(tests, &[], LONGEST).await
    }

    async fn output(
        &self,
        tests: &Tests,
        more: &[&str],
        longest: Duration,
    ) -> Result<Option<Output>, Failure> {
        bounded::output(self.command(tests, more), longest, |leader| self.place.watchdog.over(leader)).await
    }

    fn command(&self, tests: &Tests, more: &[&str]) -> Command {
        let mut own = tests.arguments.split(|argument| argument == "--");
        let mut command = cargo();
        command.args(own.next().unwrap_or_default()).arg("--quiet").args(more);
        if let Some(filter) = own.next() {
            command.arg("--").args(filter);
        }
        if let Some(server) = self.server.as_ref().filter(|_| tests.on_postgres) {
            command.env("TEST_POSTGRES_URL", server.url());
        }
        // The dependencies are built already, and are found by their features. What is built of the copy is kept apart
        // by its wrapper, which does nothing: cargo would else take it for the repository's own, bug and all.
        command.current_dir(&self.copy).env("CARGO_TARGET_DIR", &self.place.target);
        command.env("RUSTC_WORKSPACE_WRAPPER", "env");
        // What it says is not shown: it is about what was planted.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

/// The last lines of what a command wrote on standard error.
fn last_words(output: &Output) -> Vec<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].iter().map(|&line| line.to_owned()).collect()
}
