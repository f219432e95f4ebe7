//! `cargo dev bench`: what is promised in figures, measured on this machine. Each bench is a command of its own, with a
//! module of its own.

pub mod bare;
pub mod edge;
pub mod growth;
pub mod login_timing;
pub mod origin;
mod page;
mod plot;
pub mod population;
pub mod revocation;
pub mod served;
mod spread;
mod wrk;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::setup::place::Place;

/// What can be measured.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Bench {
    /// What the edge costs, beside a worker that only forwards and beside hono with jose; needs wrk and nginx
    Edge(edge::Options),
    /// What origin costs on both databases, beside its statements run bare, argon2id alone and Better Auth; needs wrk
    Origin(origin::Options),
    /// What it costs to have many sessions, and many rules in the revocation log; needs wrk
    Growth(growth::Options),
    /// How long after a revocation something is still let through, by one edge and by the last of eight
    Revocation(revocation::Options),
    /// How long the edge takes from the start of a process to its first verified answer; a part of `edge`
    Start(StartOptions),
    /// Edge, origin and revocation, one after the other
    All(AllOptions),
    /// Whether the ways in which a login fails can be told apart: by status, by body, by the time they take
    LoginTiming(login_timing::Options),
}

/// How much of a start is measured.
#[derive(Clone, Debug, clap::Args)]
pub struct StartOptions {
    /// Fewer starts
    #[arg(long)]
    quick: bool,
}

/// How much is measured of everything.
#[derive(Clone, Debug, clap::Args)]
pub struct AllOptions {
    /// Two minutes at most for each, and nothing is written into docs/
    #[arg(long)]
    quick: bool,
}

/// Builds what is measured in the release profile, measures it, and says what came of it.
///
/// # Errors
/// When something does not build or start, and when what is promised does not hold.
pub async fn bench(place: &Place, bench: &Bench) -> Result<(), Failure> {
    let end = interruption(false)?;
    let measuring = async {
        match bench {
            Bench::Edge(options) => edge::run(place, options).await,
            Bench::Origin(options) => origin::run(place, options).await,
            Bench::Growth(options) => growth::run(place, options).await,
            Bench::Revocation(options) => revocation::run(place, options).await,
            Bench::Start(options) => edge::start(place, options).await,
            Bench::All(options) => all(place, options).await,
            Bench::LoginTiming(options) => login_timing::run(place, options).await,
        }
    };
    tokio::select! {
        outcome = measuring => outcome,
        () = end => Err(Failure::new("stopped before all was measured", "start it again")),
    }
}

async fn all(place: &Place, &AllOptions { quick }: &AllOptions) -> Result<(), Failure> {
    edge::run(place, &edge::Options { quick, connections: edge::CONNECTIONS }).await?;
    origin::run(place, &origin::Options { quick }).await?;
    revocation::run(place, &revocation::Options { quick }).await
}
