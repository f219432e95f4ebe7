//! `cargo dev bench revocation`: how long after a revocation was acknowledged something was still let through, by the
//! last of several edges. What is measured is what the end-to-end test of the bound looks at, so the test measures it:
//! rights of all kinds end under constant traffic, through one edge and through eight.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use super::page::{Page, cores, goals, goals_as_json, row, table};
use super::plot::{Bar, bars};
use super::spread::{Goal, Spread};
use crate::failure::Failure;
use crate::setup::binary::OF_THE_TESTS;
use crate::setup::place::Place;
use crate::setup::{self, cargo};
use crate::test_run::ARTIFACTS;

/// The test; it takes the number of edges, the number of revocations and a file for the delays from its environment.
const TEST: &str = "revocation::bound::nothing_that_was_revoked_is_let_through_after_the_bound_at_any_edge";

const EDGES: [u8; 2] = [1, 8];

/// `MAX_AGE_MS` of wrangler.toml and a round trip, in seconds.
const BOUND: f64 = 6.0;

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Two minutes at most when all is built: fewer revocations, and nothing is written into docs/
    #[arg(long)]
    pub(super) quick: bool,
}

/// The delays through so many edges, in seconds, the shortest first.
#[derive(Debug)]
struct Delays {
    edges: u8,
    seconds: Vec<f64>,
}

impl Delays {
    fn spread(&self) -> Spread {
        Spread::of(self.seconds.iter().copied())
    }

    fn p99(&self) -> f64 {
        let index = self.seconds.len().saturating_sub(1) * 99 / 100;
        self.seconds.get(index).copied().unwrap_or(f64::NAN)
    }
}

pub(super) async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let artifacts = place.target.join("e2e-artifacts.json");
    setup::in_background(place, setup::for_tests).await?.write(&artifacts)?;
    let revocations = if options.quick { 52 } else { 208 };
    let mut delays = Vec::new();
    for edges in EDGES {
        eprintln!("cargo dev: {revocations} revocations through {edges} edges");
        let file = place.target.join("bench-revocation-delays.json");
        let mut command = cargo();
        command.args(["test", "--quiet"]).args(OF_THE_TESTS).args(["--test", "e2e", "--", "--exact", TEST]);
        command
            .env(ARTIFACTS, &artifacts)
            .env("E2E_DATABASE", "sqlite")
            .env("E2E_EDGES", edges.to_string())
            .env("E2E_REVOCATIONS", revocations.to_string())
            .env("E2E_DELAYS", &file)
            .current_dir(&place.root);
        let measure =
            move |place: &Place| place.run(&mut command, "the test of the bound", "see its message above");
        setup::in_background(place, measure).await?;
        let text = fs::read(&file).map_err(Failure::file(&file))?;
        let mut seconds: Vec<f64> = serde_json::from_slice(&text)
            .map_err(|error| Failure::new(format!("the delays cannot be read: {error}"), "see above"))?;
        seconds.sort_by(f64::total_cmp);
        delays.push(Delays { edges, seconds });
    }

    let (text, json, plot) = (text(&delays), as_json(&delays), plot(&delays));
    let page = Page { bench: "revocation", text: &text, json: &json, plot: ("Delays", &plot) };
    page.show(place)?;
    if options.quick { Ok(()) } else { page.write(place) }
}

fn all_goals(delays: &[Delays]) -> Vec<Goal> {
    let most = delays.iter().map(|delays| delays.spread().most).fold(f64::NAN, f64::max);
    vec![Goal::at_most("the longest delay at any edge, seconds", BOUND, most)]
}

fn text(delays: &[Delays]) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\nA machine with {} cores; from the acknowledgement of a revocation to the start of the last request that any \
         edge still let through.\n",
        cores()
    );
    table(&mut text, &["edges", "revocations", "median, s", "p99, s", "at most, s"]);
    for delays in delays {
        let spread = delays.spread();
        let [median, p99, most] =
            [spread.median, delays.p99(), spread.most].map(|seconds| format!("{seconds:.2}"));
        row(&mut text, &[delays.edges.to_string(), delays.seconds.len().to_string(), median, p99, most]);
    }
    text.push('\n');
    goals(&mut text, &all_goals(delays));
    text
}

fn plot(delays: &[Delays]) -> String {
    let names: Vec<String> = delays.iter().map(|delays| format!("{} edges", delays.edges)).collect();
    let rows: Vec<Bar<'_>> = delays
        .iter()
        .zip(&names)
        .map(|(delays, name)| {
            let Spread { median: value, least, most } = delays.spread();
            Bar { name, value, least, most, is_ours: true }
        })
        .collect();
    bars("Seconds from the acknowledgement to the last request that was let through", &rows)
}

fn as_json(delays: &[Delays]) -> Value {
    let of = delays.iter().map(|delays| json!({"edges": delays.edges, "seconds": delays.seconds}));
    json!({
        "cores": cores(),
        "delays": of.collect::<Vec<_>>(),
        "goals": goals_as_json(&all_goals(delays)),
    })
}
