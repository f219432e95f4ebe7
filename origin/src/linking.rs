//! The linking of the audit log, in the background of a running origin. Every origin looks; one of them links.

use std::time::Duration;

use shared::id::TokenId;

use crate::{app::App, domain, domain::audit::chain::Linked, telemetry};

/// How often it is asked whether there is something to link.
const INTERVAL: Duration = Duration::from_millis(200);
/// The pause where the log does not end as it was signed, until an operator begins another chain.
const TAMPERED: Duration = Duration::from_secs(10);
/// The pause between batches, for those who want to write meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// Links what waits, and goes on until it is dropped. A failure is logged, and the next time is soon.
pub async fn keep(app: App) {
    let holder = loop {
        match app.random.bytes() {
            Ok(random) => break TokenId::new(app.clock.now(), random).to_string(),
            Err(error) => {
                tracing::error!(%error, "the audit log cannot be linked");
                tokio::time::sleep(INTERVAL).await;
            }
        }
    };
    loop {
        let pause = match round(&app, &holder).await {
            Ok(linked) if linked.is_full => PAUSE,
            Ok(_) => INTERVAL,
            Err(error) => {
                tracing::error!(error = %telemetry::causes(&error), "the audit log cannot be linked");
                if matches!(error, domain::Error::AuditNotAsSigned) { TAMPERED } else { INTERVAL }
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn round(app: &App, holder: &str) -> Result<Linked, domain::Error> {
    let linked = app.domain.link_audit(holder, app.clock.now()).await?;
    if linked.unproven > 0 {
        tracing::error!(
            events = linked.unproven,
            "there are events in the audit log that no origin has written"
        );
    }
    if let Some(checkpoint) = &linked.checkpoint {
        // Whoever keeps the log elsewhere has with it what the database must still say.
        tracing::info!(checkpoint, "the audit log was signed");
    }
    Ok(linked)
}
