//! `cargo dev bench`: what is promised in figures, measured on this machine. Each bench is a command of its own, with a
//! module of its own.

pub mod connection;
pub mod edge;
pub mod login_timing;
pub mod served;

use crate::failure::Failure;
use crate::interruption::interruption;
use crate::setup::place::Place;

/// What can be measured.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Bench {
    /// What the edge costs, beside a worker that only forwards and beside hono with jose; needs wrk and nginx
    Edge(edge::Options),
    /// Whether the ways in which a login fails can be told apart: by status, by body, by the time they take
    LoginTiming(login_timing::Options),
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
            Bench::LoginTiming(options) => login_timing::run(place, options).await,
        }
    };
    tokio::select! {
        outcome = measuring => outcome,
        () = end => Err(Failure::new("stopped before all was measured", "start it again")),
    }
}
