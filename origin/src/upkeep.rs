//! The schedule on which a running origin looks after its database. Every origin does; what is to be done
//! once, one of them does.
//!
//! What is removed is removed by the clock: one that is ahead takes for over what still counts, and nothing brings that
//! back. So a tick does nothing where the clock cannot be relied on.

mod steadiness;
#[cfg(test)]
mod tests;

use std::time::Duration;

use shared::{id::RequestId, jwt::verify::TOLERANCE, time::Timestamp};
use tokio::time::Instant;

use self::steadiness::Steadiness;
use crate::{
    app::App,
    domain::{self, Context, Settings, Upkeep},
    telemetry,
};

/// Why nothing was done, or not all of it.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The clock was set ahead, or the machine slept.
    #[error(
        "the clock is {} s ahead of the time that passed: nothing is removed until it is not, or for another {} s",
        .by.as_secs(), .rest.as_secs()
    )]
    ClockAhead { by: Duration, rest: Duration },
    #[error(transparent)]
    Domain(#[from] domain::Error),
}

/// What the clocks say at a tick.
#[derive(Clone, Copy, Debug)]
struct Tick {
    /// Of the clock that nobody sets.
    passed: Instant,
    /// Of the system's.
    system: Timestamp,
    /// What time it is for this origin: the same, unless tests moved it.
    now: Timestamp,
}

impl Tick {
    fn of(app: &App) -> Self {
        Self { passed: Instant::now(), system: app.clock.unmoved(), now: app.clock.now() }
    }
}

/// Looks after the database at once, and then from time to time until it is dropped. What was done is logged, and what
/// failed; the next time is soon.
pub async fn keep(app: App) {
    let mut ticks = tokio::time::interval(app.domain.upkeep_interval());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let first = Tick::of(&app);
    let mut steadiness = Steadiness::since(first.passed, first.system);
    loop {
        ticks.tick().await;
        if let Err(error) = once(&app, &mut steadiness, Tick::of(&app)).await {
            tracing::error!(error = %telemetry::causes(&error), "upkeep failed");
        }
    }
}

async fn once(app: &App, steadiness: &mut Steadiness, tick: Tick) -> Result<Upkeep, Error> {
    let patience = longest_life(app.domain.settings());
    if let Some((by, rest)) = steadiness.ahead(tick.passed, tick.system, patience) {
        return Err(Error::ClockAhead { by, rest });
    }
    // Where the database has a clock of its own, both have to agree.
    app.domain.store().ready(tick.system).await.map_err(domain::Error::from)?;
    let random = app.random.bytes().map_err(domain::Error::from)?;
    let mut context = Context::new(tick.now, RequestId::new(tick.now, random));
    context.user_agent = Some("origin upkeep".to_owned());
    Ok(app.domain.upkeep(&context).await?)
}

/// After so long no token is accepted any more that was there before: what it was revoked by may go, whatever the clock
/// says.
fn longest_life(settings: &Settings) -> Duration {
    settings.access_ttl.max(settings.assertion_ttl) + TOLERANCE
}
