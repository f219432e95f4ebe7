//! What can be typed after `cargo dev`.

use std::io::stdin;
use std::num::NonZeroU8;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::bench::{self, Bench};
use crate::chaos;
use crate::evidence;
use crate::failure::Failure;
use crate::fuzz;
use crate::layering;
use crate::mutate;
use crate::setup::place::Place;
use crate::setup::{self, Side, Wanted, worker};
use crate::supply;
use crate::system::setting::Setting;
use crate::system::watchdog;
use crate::test_run::{self, Database, Further};
use crate::up;

/// Starts, tests and builds the whole of Countersign, and sets up what that needs.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start origin, the edge, a demo upstream and a mailbox; stop them at Ctrl-C
    Up(UpArguments),
    /// Run all tests that need nothing more, end to end on SQLite and on PostgreSQL
    Test(TestArguments),
    /// Build the worker into edge/build, where wrangler.toml looks for it
    Build {
        /// The policy file inside the worker [default: shared/policy.toml]
        #[arg(long, value_name = "FILE", env = "COUNTERSIGN_POLICY")]
        policy: Option<PathBuf>,
    },
    /// Measure what is promised in figures
    Bench {
        #[command(subcommand)]
        bench: Bench,
    },
    /// Kill, stop, cut off and starve parts under load, and see that what was acknowledged holds
    Chaos(chaos::Options),
    /// Install the tools and packages that the other commands need, and nothing else
    Setup,
    /// Check what comes from others by the rules of deny.toml: licences, sources, bans, known vulnerabilities
    Deny,
    /// Write a bill of what origin and the edge are made of (CycloneDX)
    Sbom {
        /// The file to write into [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Plant bugs, one at a time, and see that the tests notice each
    Mutate {
        /// Plant only the bugs of tests/mutations whose names contain one of these
        names: Vec<String>,
        /// Let cargo-mutants plant its own into `shared` instead; what follows `--` is for it
        #[arg(long, conflicts_with = "names")]
        shared: bool,
        #[arg(last = true, requires = "shared")]
        more: Vec<String>,
    },
    /// Make up what strangers can send, and see that what has to hold of it does
    Fuzz(fuzz::Options),
    /// Check that no module imports against the layers, and that every test a document names is there
    Check,
    #[command(name = watchdog::COMMAND, hide = true)]
    Watchdog,
}

#[derive(Debug, Args)]
struct UpArguments {
    /// Print one line of JSON when ready, and stop when standard input closes
    #[arg(long)]
    json: bool,
    /// The edge's port; origin, upstream, mailbox and its SMTP have the next four (0 picks free ones)
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port_base: u16,
    /// How many edges there are, all alike; those after the first have the ports after the mailbox's SMTP
    #[arg(long, value_name = "N", default_value = "1")]
    edges: NonZeroU8,
    /// Let the edges share a cache, as the isolates of one location do; else each is at a location of its own
    #[arg(long)]
    one_location: bool,
    /// The directory of the database and the generated secrets, kept between runs [default: .data]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data: Option<PathBuf>,
    /// Use a fresh temporary directory and remove it at the end
    #[arg(long)]
    ephemeral: bool,
    /// A PostgreSQL database instead of SQLite in the data directory
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// The policy of both origin and edge [default: shared/policy.toml]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A setting of origin (COUNTERSIGN_…) or a variable of the edge; repeatable
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,
    /// Build origin in the release profile
    #[arg(long)]
    release: bool,
    /// Build origin with a clock that tests move (POST /test/clock)
    #[arg(long)]
    movable_clock: bool,
    /// Build one part as if it were of the next version, to try the formats that both share
    #[arg(long, value_enum, value_name = "PART", conflicts_with = "policy")]
    next_version: Option<Side>,
}

#[derive(Debug, Args)]
struct TestArguments {
    /// Run only the tests whose names contain this
    name: Option<String>,
    /// Run only the end-to-end tests, on one database
    #[arg(long, value_enum)]
    database: Option<Database>,
    /// Run only the tests that look through a real Chromium, which has to be there
    #[arg(long, group = "further")]
    browser: bool,
    /// Run only the tests whose judges are written in Python, which has to be there
    #[arg(long, group = "further")]
    judges: bool,
    /// Try only the whole OpenAPI document, by schemathesis; it needs Python
    #[arg(long, group = "further")]
    openapi: bool,
}

impl TestArguments {
    fn options(self) -> test_run::Options {
        let asked = [
            (self.browser, Further::Browser),
            (self.judges, Further::Judges),
            (self.openapi, Further::OpenApi),
        ];
        let further = asked.into_iter().find_map(|(is_asked, further)| is_asked.then_some(further));
        test_run::Options { name: self.name, database: self.database, further }
    }
}

/// Does what the command line says.
#[must_use]
pub fn run() -> ExitCode {
    match act(CommandLine::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn act(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(arguments) => {
            let place = Place::find()?;
            block_on(up::up(&place, options(&place, arguments)?))
        }
        Command::Test(arguments) => block_on(test_run::test(&Place::find()?, &arguments.options())),
        Command::Build { policy } => worker::put_in_place(&Place::find()?, policy.as_deref()).map(drop),
        Command::Bench { bench } => block_on(bench::bench(&Place::find()?, &bench)),
        Command::Chaos(options) => block_on(chaos::chaos(&Place::find()?, &options)),
        Command::Setup => {
            let place = Place::find()?;
            setup::everything(&place)
        }
        Command::Deny => supply::rules::check(&Place::find()?),
        Command::Sbom { output } => supply::bill::write(&Place::find()?.root, output.as_deref()),
        Command::Mutate { shared: true, more, .. } => mutate::shared(&Place::find()?, &more),
        Command::Mutate { names, .. } => block_on(mutate::planted(&Place::find()?, &names)),
        Command::Fuzz(options) => fuzz::fuzz(&Place::find()?, &options),
        Command::Check => {
            let root = Place::find()?.root;
            layering::check(&root)?;
            evidence::check(&root)
        }
        Command::Watchdog => {
            watchdog::watch(stdin().lock());
            Ok(())
        }
    }
}

fn options(place: &Place, arguments: UpArguments) -> Result<up::Options, Failure> {
    let data = arguments.data.unwrap_or_else(|| place.root.join(".data"));
    let wanted = Wanted {
        release: arguments.release,
        movable_clock: arguments.movable_clock,
        policy: arguments.policy,
        next_version: arguments.next_version,
        jwt_simple: false,
    };
    Ok(up::Options {
        json: arguments.json,
        port_base: arguments.port_base,
        edges: arguments.edges,
        one_location: arguments.one_location,
        data: (!arguments.ephemeral).then_some(data),
        database_url: arguments.database_url,
        settings: arguments.settings,
        known: test_run::artifacts_list().map(|list| setup::Artifacts::read(&list)).transpose()?,
        wanted,
    })
}

/// All parts are started by this one thread, which does little else than wait.
fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::io("the runtime did not start", "try again"))?;
    let outcome = runtime.block_on(work);
    // A build that nobody waits for any more ends with this program.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }
}
