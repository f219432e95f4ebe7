//! For whoever operates origin: does it live, can it work, what has it counted.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use shared::{
    problem::{Kind, Problem},
    time::Timestamp,
};
use tokio::time::timeout;

use super::guard::{Operator, Prober};
use crate::{
    app::App,
    domain::{self, Domain},
    metrics, telemetry,
};

/// How long the database may take for what operators ask: probes and Prometheus wait for no longer, and it is while the
/// database is away that they have to hear of it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the database did not say what operators ask.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error(transparent)]
    Failed(#[from] domain::Error),
    #[error("the database does not answer in time")]
    TooLate,
}

/// Asks the database, with [`PATIENCE`].
async fn asked<T>(question: impl Future<Output = Result<T, domain::Error>>) -> Result<T, Unanswered> {
    let answer = timeout(PATIENCE, question).await;
    answer.map_or(Err(Unanswered::TooLate), |answer| answer.map_err(Unanswered::Failed))
}

/// Alive?
///
/// The process answers; nothing else is looked at, so a database that is away restarts nobody.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "It does.", body = Value)))]
pub(super) async fn live(_: Prober) -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Ready?
///
/// The database answers within two seconds, its schema is right, its clock within 5 s of ours, and it has not gone
/// back to a backup that nobody spoke of. Why it is not is said to whoever asks origin itself, and to nobody who comes
/// through a trusted proxy.
#[utoipa::path(
    get, path = "/health/ready", tag = "operations",
    responses((status = 200, description = "Ready.", body = Value), (status = 503, description = "Not now."))
)]
pub(super) async fn ready(prober: Prober, State(app): State<App>) -> Result<Json<Value>, Problem> {
    match asked(is_ready(&app)).await {
        Ok(()) => Ok(Json(json!({ "status": "ready" }))),
        Err(error) => {
            tracing::error!(error = %telemetry::causes(&error), "not ready");
            let problem = Problem::new(Kind::Unavailable);
            // The text is for operators, and says nothing that they may not know.
            Err(if prober.is_operator { problem.with_detail(format!("{error}.")) } else { problem })
        }
    }
}

async fn is_ready(app: &App) -> Result<(), domain::Error> {
    app.domain.store().ready(app.clock.unmoved()).await?;
    app.domain.must_be_current(app.clock.now()).await
}

/// Metrics
///
/// In Prometheus' text format. A number that the database does not say within two seconds is `NaN`. There are none for
/// whoever comes through a trusted proxy.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "All of them.", body = String, content_type = "text/plain"))
)]
pub(super) async fn counted(_: Operator, State(app): State<App>) -> impl IntoResponse {
    const TYPE: [(HeaderName, &str); 1] =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    record(&app.domain, || app.clock.now()).await;
    (TYPE, app.metrics.render())
}

/// Records what is not counted as it happens, but read: all of it at once.
async fn record(domain: &Domain, now: impl Fn() -> Timestamp) {
    let load = domain.hashing_load();
    ::metrics::gauge!(metrics::HASHES_RUNNING).set(load.running as f64);
    ::metrics::gauge!(metrics::HASHES_WAITING).set(load.waiting as f64);
    ::metrics::counter!(metrics::HASHES).absolute(load.begun);
    // As it is in the database, where other origins write too.
    let (revocations, mail, audit) = tokio::join!(
        asked(domain.revocations()),
        asked(domain.mail_waiting()),
        asked(domain.audit_waiting())
    );
    let age = |since: Option<Timestamp>| since.map_or(Duration::ZERO, |since| now().since(since));
    let revocations = known(revocations, "the revocation log could not be counted");
    metrics::record_revocations(revocations.map(|log| (log.number, log.kept)));
    let mail = known(mail, "the mail that waits could not be counted");
    metrics::record_mail(mail.map(|mail| (mail.count, age(mail.since))));
    let audit = known(audit, "what waits to be linked could not be counted");
    metrics::record_audit(audit.map(|waiting| (waiting.count, age(waiting.since), waiting.head)));
}

/// None where the database did not say it, which the log tells.
fn known<T>(answer: Result<T, Unanswered>, otherwise: &str) -> Option<T> {
    answer.inspect_err(|error| tracing::warn!(error = %telemetry::causes(error), "{otherwise}")).ok()
}

/// How far to move the clock.
#[cfg(feature = "movable-clock")]
#[derive(serde::Deserialize, utoipa::ToSchema)]
pub(super) struct Advance {
    /// Milliseconds; a negative number moves it back.
    advance_ms: i64,
}

/// Move the clock
///
/// Only in a build for tests.
#[cfg(feature = "movable-clock")]
#[utoipa::path(
    post, path = "/test/clock", tag = "operations", request_body = Advance,
    responses((status = 200, description = "The time it is now.", body = Value))
)]
pub(super) async fn move_clock(
    _: Operator,
    State(app): State<App>,
    super::body::Json(advance): super::body::Json<Advance>,
) -> Json<Value> {
    app.clock.advance(advance.advance_ms);
    Json(json!({ "now": super::time::Time(app.clock.now()) }))
}
