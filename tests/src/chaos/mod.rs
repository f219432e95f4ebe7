//! `cargo dev chaos`: parts are killed, stopped, cut off and starved, one fault after the other, under a load that
//! remembers every answer it was given. What was acknowledged has to hold, and nothing that has ended may come back.
//! Which fault strikes when follows from a seed, which is printed first: the same seed is the same run.

mod app;
mod browser;
mod call;
mod client;
mod fault;
mod findings;
mod stage;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::client::Client;
use self::fault::Fault;
use self::findings::Findings;
use self::stage::Stage;
use crate::bench::bare::Bare;
use crate::failure::Failure;
use crate::interruption::interruption;
use crate::random::{self, Seeded};
use crate::setup::place::Place;
use crate::setup::{self, Wanted, binary, npm};
use crate::system::postgres::Postgres;
use crate::test_run::{self, Database};

/// What is done to the system, and for how long.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long faults strike
    #[arg(long, value_name = "N", default_value_t = 5)]
    minutes: u64,
    /// End after so many faults, if that is sooner
    #[arg(long, value_name = "N")]
    faults: Option<usize>,
    /// Only these faults; repeatable [default: all that the database can have]
    #[arg(long, value_enum, value_name = "FAULT")]
    only: Vec<Fault>,
    /// The database
    #[arg(long, value_enum, default_value = "postgres")]
    database: Database,
    /// How many clients are at work
    #[arg(long, value_name = "N", default_value_t = 16)]
    clients: usize,
    /// Between two faults, at most
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2000)]
    calm: u64,
    /// Of an earlier run, to repeat it [default: one that is drawn]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// How long after a fault its consequences may last: until the runtime has given up a connection that hangs, and the
/// database has taken the next one.
const AFTERMATH: Duration = Duration::from_secs(5);

/// After this time no edge passes on what has ended, as long as it can pull.
const BOUND: Duration = Duration::from_secs(8);

/// Between two looks at what the parts use.
const LOOK: Duration = Duration::from_secs(10);

/// Starts the system, lets faults strike, and judges.
///
/// # Errors
/// When a part does not start again, and when something that was acknowledged does not hold.
pub async fn chaos(place: &Place, options: &Options) -> Result<(), Failure> {
    let end = interruption(false)?;
    tokio::select! {
        outcome = run(place, options) => outcome,
        () = end => Err(Failure::new("stopped before the run was over", "start it again with the same --seed")),
    }
}

async fn run(place: &Place, options: &Options) -> Result<(), Failure> {
    let artifacts = match test_run::artifacts_list() {
        Some(list) => setup::Artifacts::read(&list)?,
        None => {
            let wanted = Wanted { release: true, movable_clock: true, ..Wanted::default() };
            setup::in_background(place, move |place| setup::artifacts(place, &wanted, None)).await?
        }
    };
    let postgres = match options.database {
        Database::Postgres => Some(Postgres::start(&npm::postgres(place)?, &place.watchdog).await?),
        Database::Sqlite => None,
    };
    let seed = options.seed.map_or_else(|| random::bytes().map(u64::from_le_bytes), Ok)?;
    println!("seed {seed}, on {:?}", options.database);
    let bare = Bare { program: setup::in_background(place, binary::bare).await? };
    let mut stage = Stage::set(place, &artifacts, bare, postgres, options.clients).await?;
    let findings = Arc::new(Findings::default());
    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let client = Client::new(number, seed, stage.doors(), Arc::clone(&findings));
        clients.spawn(client.work(Arc::clone(&over)));
    }
    storm(&mut stage, options, seed, &findings).await?;
    over.store(true, Ordering::SeqCst);
    let clients = clients.join_all().await;
    sleep(BOUND).await;
    println!("the faults are over; all that was acknowledged is asked for again");
    for client in clients {
        client.judge().await;
    }
    stage.stop().await;
    findings.report()
}

/// One fault after the other, with a little calm between.
async fn storm(
    stage: &mut Stage<'_>,
    options: &Options,
    seed: u64,
    findings: &Findings,
) -> Result<(), Failure> {
    let mut chance = Seeded::new(seed);
    let possible: Vec<Fault> = match options.only.is_empty() {
        true => Fault::all(options.database).collect(),
        false => options.only.clone(),
    };
    let until = Instant::now() + Duration::from_secs(60 * options.minutes);
    let mut next_look = Instant::now();
    let mut number = 0;
    while Instant::now() < until && options.faults.is_none_or(|most| number < most) {
        if Instant::now() >= next_look {
            findings.note_use(stage.usage().await?);
            next_look = Instant::now() + LOOK;
        }
        sleep(chance.below(Duration::from_millis(options.calm))).await;
        let Some(&fault) = possible.get(chance.number(possible.len())) else { break };
        number += 1;
        findings.begins(fault);
        let ready_after = fault.strike(stage, &mut chance).await?;
        findings.is_over(fault, ready_after);
    }
    // What is still under way comes to its end before the load does.
    sleep(AFTERMATH).await;
    findings.note_use(stage.usage().await?);
    Ok(())
}
