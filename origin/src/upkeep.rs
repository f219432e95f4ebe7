//! The schedule on which a running origin looks after its database. Every origin does; what is to be done
//! once, one of them does.

use shared::id::RequestId;

use crate::{
    app::App,
    domain::{self, Context, Upkeep},
    telemetry,
};

/// Looks after the database at once, and then from time to time until it is dropped. A failure is logged,
/// and the next time is soon.
pub async fn keep(app: App) {
    let mut ticks = tokio::time::interval(app.domain.upkeep_interval());
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match once(&app).await {
            Ok(done) if done == Upkeep::default() => {}
            Ok(done) => {
                if let Some(fault) = &done.audit_fault {
                    tracing::error!(fault, "the audit log is not intact, so nothing of it is removed");
                }
                tracing::info!(?done, "upkeep");
            }
            Err(error) => tracing::error!(error = %telemetry::causes(&error), "upkeep failed"),
        }
    }
}

async fn once(app: &App) -> Result<Upkeep, domain::Error> {
    let now = app.clock.now();
    let mut context = Context::new(now, RequestId::new(now, app.random.bytes()?));
    context.user_agent = Some("origin upkeep".to_owned());
    app.domain.upkeep(&context).await
}
