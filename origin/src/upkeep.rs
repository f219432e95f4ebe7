//! The schedule on which a running origin looks after its database. Every origin does; what is to be done
//! once, one of them does.

use shared::id::RequestId;

use crate::{
    app::App,
    domain::{self, Context, Upkeep},
    telemetry,
};

/// Looks after the database at once, and then from time to time until it is dropped. What was done is logged, and what
/// failed; the next time is soon.
pub async fn keep(app: App) {
    let mut ticks = tokio::time::interval(app.domain.upkeep_interval());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = once(&app).await {
            tracing::error!(error = %telemetry::causes(&error), "upkeep failed");
        }
    }
}

async fn once(app: &App) -> Result<Upkeep, domain::Error> {
    let now = app.clock.now();
    let mut context = Context::new(now, RequestId::new(now, app.random.bytes()?));
    context.user_agent = Some("origin upkeep".to_owned());
    app.domain.upkeep(&context).await
}
