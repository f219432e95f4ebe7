//! For whoever operates origin: does it live, can it work, what has it counted.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use shared::problem::{Kind, Problem};

use super::guard::Operator;
use crate::{app::App, domain::Error, metrics, telemetry};

/// Alive?
///
/// The process answers; nothing else is looked at, so a database that is away restarts nobody.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, description = "It does.", body = Value)))]
pub(super) async fn live(_: Operator) -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Ready?
///
/// The database is reachable, its schema right, its clock within 5 s of ours, and it has not gone back to a
/// backup that nobody spoke of.
#[utoipa::path(
    get, path = "/health/ready", tag = "operations",
    responses((status = 200, description = "Ready.", body = Value), (status = 503, description = "Not now."))
)]
pub(super) async fn ready(_: Operator, State(app): State<App>) -> Result<Json<Value>, Problem> {
    match is_ready(&app).await {
        Ok(()) => Ok(Json(json!({ "status": "ready" }))),
        Err(error) => {
            tracing::error!(error = %telemetry::causes(&error), "not ready");
            // The text is for operators, and says nothing that they may not know.
            Err(Problem::new(Kind::Unavailable).with_detail(format!("{error}.")))
        }
    }
}

async fn is_ready(app: &App) -> Result<(), Error> {
    app.domain.store().ready(app.clock.unmoved()).await?;
    app.domain.must_be_current(app.clock.now()).await
}

/// Metrics
///
/// In Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "All of them.", body = String, content_type = "text/plain"))
)]
pub(super) async fn counted(_: Operator, State(app): State<App>) -> impl IntoResponse {
    const TYPE: [(HeaderName, &str); 1] =
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let load = app.domain.hashing_load();
    ::metrics::gauge!(metrics::HASHES_RUNNING).set(load.running as f64);
    ::metrics::gauge!(metrics::HASHES_WAITING).set(load.waiting as f64);
    ::metrics::counter!(metrics::HASHES).absolute(load.begun);
    // As it is in the database, where other origins append to it too.
    match app.domain.revocations().await {
        Ok(log) => metrics::record_revocations(log.number, log.kept),
        Err(error) => {
            tracing::warn!(error = %telemetry::causes(&error), "the revocation log could not be counted")
        }
    }
    match app.domain.mail_waiting().await {
        Ok(mail) => {
            let oldest = mail.since.map_or(Duration::ZERO, |since| app.clock.now().since(since));
            metrics::record_mail(mail.count, oldest);
        }
        Err(error) => {
            tracing::warn!(error = %telemetry::causes(&error), "the mail that waits could not be counted")
        }
    }
    match app.domain.audit_waiting().await {
        Ok(waiting) => {
            let oldest = waiting.since.map_or(Duration::ZERO, |since| app.clock.now().since(since));
            metrics::record_audit(waiting.count, oldest, waiting.head);
        }
        Err(error) => {
            tracing::warn!(error = %telemetry::causes(&error), "what waits to be linked could not be counted")
        }
    }
    (TYPE, app.metrics.render())
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
