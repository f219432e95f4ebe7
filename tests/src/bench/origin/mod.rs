//! `cargo dev bench origin`: what origin costs, on both databases, beside the same statements run bare, argon2id alone
//! and what people would use instead. All take turns, so that whatever else the machine does hits all alike. Only
//! ratios are judged, and what a person would notice.

mod candidate;
mod figures;
pub(super) mod operation;
mod peer;
mod report;
mod request;
pub(super) mod stage;
mod storm;
pub(super) mod subject;

use std::time::Duration;

use tokio::time::sleep;

use self::candidate::{Candidate, Case, USUAL, cases};
use self::figures::Figures;
use self::stage::{Engine, Stage};
use self::storm::{Memory, Storm};
use crate::bench::wrk::{Sample, resident};
use crate::failure::Failure;
use crate::setup::place::Place;

/// How much is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Two minutes at most: fewer and shorter rounds with 16 connections, and nothing is written into docs/
    #[arg(long)]
    pub(super) quick: bool,
}

/// How often and how long.
struct Extent {
    rounds: usize,
    duration: Duration,
    storms: usize,
    storm: Duration,
    connections: &'static [u32],
}

pub(super) async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let extent = match options.quick {
        true => Extent {
            rounds: 2,
            duration: Duration::from_secs(1),
            storms: 1,
            storm: Duration::from_secs(4),
            connections: &[USUAL],
        },
        false => Extent {
            rounds: 5,
            duration: Duration::from_secs(2),
            storms: 5,
            storm: Duration::from_secs(6),
            connections: &[1, USUAL, 64],
        },
    };
    let stage = Stage::set(place).await?;
    let measured = measure(&stage, &extent).await;
    stage.stop().await;
    report::report(place, &measured?, !options.quick)
}

async fn measure(stage: &Stage, extent: &Extent) -> Result<Figures, Failure> {
    let at_first = memory(stage).await;
    let (samples, mut most) = throughput(stage, extent).await?;
    let mut storms: [Vec<Storm>; 2] = Default::default();
    for _ in 0..extent.storms {
        for (at, engine) in Engine::BOTH.into_iter().enumerate() {
            let (storm, in_storm) = storm::storm(stage.subject(engine), extent.storm).await?;
            storms[at].push(storm);
            most[at] = most[at].max(in_storm);
        }
    }
    let at_last = memory(stage).await;
    let memory = Engine::BOTH.into_iter().enumerate().map(|(at, engine)| {
        (engine, Memory { at_first: at_first[at], most: most[at], at_last: at_last[at] })
    });
    Ok(Figures {
        samples,
        storms: Engine::BOTH.into_iter().zip(storms.map(|rounds| Storm::median(&rounds))).collect(),
        memory: memory.collect(),
        by_pgbench: stage.ground.has_pgbench,
    })
}

/// What each origin has in memory when it has rested for a moment.
async fn memory(stage: &Stage) -> [u64; 2] {
    sleep(Duration::from_secs(3)).await;
    in_use(stage)
}

fn in_use(stage: &Stage) -> [u64; 2] {
    Engine::BOTH.map(|engine| resident(stage.subject(engine).part()).unwrap_or_default())
}

/// All cases in turns, each round in the opposite order of the one before; and the most memory that was seen.
async fn throughput(stage: &Stage, extent: &Extent) -> Result<(Vec<(Case, Vec<Sample>)>, [u64; 2]), Failure> {
    let cases = cases(extent.connections);
    let mut samples: Vec<_> = cases.iter().map(|case| (*case, Vec::new())).collect();
    // Nobody is measured before what runs often has been compiled or cached, or before it is known how fast it is.
    for case in cases.iter().filter(|case| case.connections == USUAL) {
        if !matches!(case.candidate, Candidate::Argon2id | Candidate::Bare(_)) {
            case.run(stage, Duration::from_secs(1)).await?;
        }
    }
    let mut most = in_use(stage);
    for round in 0..extent.rounds {
        eprintln!("cargo dev: round {} of {}", round + 1, extent.rounds);
        let mut order: Vec<usize> = (0..cases.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            // A peer that has rested has let go of its database, and would be measured while it comes back.
            if cases[at].candidate.is_peer() {
                cases[at].run(stage, Duration::from_secs(1)).await?;
            }
            samples[at].1.push(cases[at].run(stage, extent.duration).await?);
            let now = in_use(stage);
            most = [most[0].max(now[0]), most[1].max(now[1])];
        }
    }
    Ok((samples, most))
}
