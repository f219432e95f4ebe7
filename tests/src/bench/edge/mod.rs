//! `cargo dev bench edge`: what the edge costs, beside a worker that only forwards and beside what people would use
//! instead. All run in the same runtime, before the same upstream, under the same load, and take turns, so that
//! whatever else the machine does hits all alike. Only ratios are judged.

mod candidate;
mod cold_start;
mod figures;
mod load;
mod report;
mod size;
mod stage;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::candidate::{Candidate, candidates};
use self::figures::{Figures, Streamed};
use self::load::Load;
use self::stage::{LARGE, Stage};
use crate::bench::wrk::{Sample, processor_time};
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{self, Artifacts, Wanted};
use crate::test_run;

/// How many connections there are, unless it is said.
pub(super) const CONNECTIONS: u32 = 16;

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Two minutes at most: fewer and shorter rounds, and nothing is written into docs/
    #[arg(long)]
    pub(super) quick: bool,
    /// How many connections send requests, one after the other each
    #[arg(long, value_name = "N", default_value_t = CONNECTIONS)]
    pub(super) connections: u32,
}

/// How often and how long.
struct Extent {
    rounds: usize,
    duration: Duration,
    starts: usize,
}

pub(super) async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let extent = match options.quick {
        true => Extent { rounds: 2, duration: Duration::from_secs(1), starts: 3 },
        false => Extent { rounds: 7, duration: Duration::from_secs(5), starts: 11 },
    };
    let built = Built::now(place).await?;
    let stage = Stage::set(place, &built).await?;
    let script = place.root.join("tests/peers/load.lua");
    let measured = async {
        let samples = throughput(&stage, &script, options, &extent).await?;
        let streamed = streaming(&stage, &script, &extent).await?;
        let starts = cold_start::measure(place, &stage, extent.starts).await?;
        let sizes = size::of(&built)?;
        Ok(Figures { connections: options.connections, samples, streamed, starts, sizes })
    };
    let figures = measured.await;
    stage.stop().await;
    let figures: Figures = figures?;
    report::report(place, &figures, !options.quick)
}

/// From the start of a process to its first verified answer, and nothing else.
pub(super) async fn start(place: &Place, options: &super::StartOptions) -> Result<(), Failure> {
    let built = Built::now(place).await?;
    let stage = Stage::set(place, &built).await?;
    let starts = cold_start::measure(place, &stage, if options.quick { 5 } else { 31 }).await;
    stage.stop().await;
    print!("{}", report::starts(&starts?, &size::of(&built)?));
    Ok(())
}

/// What is ours of all that takes part.
#[derive(Debug)]
struct Built {
    artifacts: Artifacts,
    /// The worker that checks signatures by jwt-simple instead of WebCrypto.
    in_wasm: PathBuf,
}

impl Built {
    async fn now(place: &Place) -> Result<Self, Failure> {
        let known = test_run::artifacts_list().map(|list| Artifacts::read(&list)).transpose()?;
        setup::in_background(place, move |place| {
            let wanted = Wanted { release: true, ..Wanted::default() };
            let artifacts = setup::artifacts(place, &wanted, known)?;
            let wanted = Wanted { jwt_simple: true, ..wanted };
            let in_wasm = setup::artifacts(place, &wanted, Some(artifacts.clone()))?.worker;
            Ok(Self { artifacts, in_wasm })
        })
        .await
    }
}

/// How long a candidate runs before it is measured: the runtime compiles what runs often, and an edge sees the tokens
/// again that others' turns have made it forget.
const BEFORE: Duration = Duration::from_secs(1);

/// Requests a second of all candidates in turns, each round in the opposite order of the one before.
async fn throughput(
    stage: &Stage<'_>,
    script: &Path,
    options: &Options,
    extent: &Extent,
) -> Result<Vec<(&'static str, Vec<Sample>)>, Failure> {
    let mut candidates = candidates(stage);
    let mut samples: Vec<_> = candidates.iter().map(|candidate| (candidate.name, Vec::new())).collect();
    for round in 0..extent.rounds {
        eprintln!("cargo dev: round {} of {}", round + 1, extent.rounds);
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            once(&mut candidates[at], script, options.connections, BEFORE).await?;
            let sample = once(&mut candidates[at], script, options.connections, extent.duration).await?;
            samples[at].1.push(sample);
        }
    }
    Ok(samples)
}

async fn once(
    candidate: &mut Candidate<'_>,
    script: &Path,
    connections: u32,
    duration: Duration,
) -> Result<Sample, Failure> {
    let before = processor_time(&candidate.worker.part);
    let load = Load {
        address: candidate.worker.address,
        path: candidate.path,
        credentials: candidate.credentials,
        offset: candidate.sent,
        body: 0,
        connections,
        duration,
    };
    let outcome = load.run(script).await?;
    let after = processor_time(&candidate.worker.part);
    // Those that were under way at the end are not among the requests.
    candidate.sent += outcome.requests + u64::from(connections);
    let expected = if candidate.is_refused { outcome.requests } else { 0 };
    // At the end of a run wrk may count what it breaks off.
    if outcome.lost > 0 || outcome.refused.abs_diff(expected) > u64::from(connections) {
        let (name, refused, all) = (candidate.name, outcome.refused, outcome.requests);
        let what = format!("{name}: {refused} of {all} requests were refused, {} were lost", outcome.lost);
        return Err(Failure::new(what, "see what stands above; every answer is to be of one kind"));
    }
    Ok(Sample::new(&outcome, after.zip(before).map(|(after, before)| after.saturating_sub(before))))
}

/// Large bodies, there and back, through the edge and through the worker that only forwards.
async fn streaming(stage: &Stage<'_>, script: &Path, extent: &Extent) -> Result<Vec<Streamed>, Failure> {
    let credentials = &stage.es256.few;
    let duration = extent.duration;
    let mut streamed = Vec::new();
    for (name, path, body) in [
        ("10 MiB from the upstream", "/api/reports/large", 0),
        ("10 MiB to the upstream", "/api/reports/upload", LARGE),
    ] {
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..extent.rounds.min(3) {
            for (worker, rates) in [&stage.forward, &stage.es256.edge].into_iter().zip(&mut rates) {
                let address = worker.address;
                let load = Load { address, path, credentials, offset: 0, body, connections: 4, duration };
                let outcome = load.run(script).await?;
                if outcome.refused + outcome.lost > 0 {
                    return Err(Failure::new(
                        format!("{name}: not all were answered"),
                        "see what stands above",
                    ));
                }
                let bytes = if body > 0 { outcome.requests * body as u64 } else { outcome.bytes };
                rates.push(bytes as f64 / outcome.seconds / f64::from(1 << 20));
            }
        }
        let [forward, edge] = rates;
        streamed.push(Streamed { name, forward, edge });
    }
    Ok(streamed)
}
