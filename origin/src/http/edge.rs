//! What the edge asks on its own behalf: the edge state, a new assertion, whether a session still holds.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use shared::{
    cookie::Handle,
    edge_call::{AssertionAnswer, AssertionRequest, CheckAnswer, CheckRequest, MAC_HEADER, answer_mac},
    edge_state::StateRequest,
    problem::{Kind, Problem},
};

use super::{client, guard::EdgeCall, problems};
use crate::{app::App, telemetry};

/// The edge state
///
/// The keys by which tokens are signed, under a mac that binds them to the request's challenge.
#[utoipa::path(
    post, path = "/edge/state", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The state.", body = serde_json::Value))
)]
pub(super) async fn state(
    EdgeCall { app, call, context, .. }: EdgeCall<StateRequest>,
) -> Result<Response, Problem> {
    let document = app.domain.state_document(call.challenge, context.now).await.map_err(problems::of)?;
    let signed = document.sign(app.edge_state_keys.current());
    let (body, mac) = signed.map_err(not_written)?;
    Ok(authenticated(body, mac))
}

/// An answer to this call, under a mac that says so.
fn answered(app: &App, signature: &str, answer: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_string(answer).map_err(not_written)?;
    let mac = answer_mac(signature, body.as_bytes(), app.edge_answer_keys.current());
    Ok(authenticated(body, mac))
}

fn authenticated(body: String, mac: String) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(mac) = HeaderValue::try_from(mac) {
        headers.insert(HeaderName::from_static(MAC_HEADER), mac);
    }
    response
}

fn not_written(error: serde_json::Error) -> Problem {
    tracing::error!(error = %telemetry::causes(&error), "an answer to the edge could not be written");
    Kind::Internal.into()
}

/// A new assertion
///
/// For a handle whose session is live and whose user is enabled; else 401.
#[utoipa::path(
    post, path = "/edge/assertions", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The assertion.", body = serde_json::Value))
)]
pub(super) async fn assertions(
    EdgeCall { app, call, signature, mut context }: EdgeCall<AssertionRequest>,
) -> Result<Response, Problem> {
    // The caller's own address is the edge's; the client is whom it names.
    context.address = call.address;
    context.user_agent = call.user_agent.as_deref().map(client::shortened);
    let handle = Handle::parse(&call.handle, &app.handle_keys).ok_or(Kind::Unauthenticated)?;
    let renewed = app.domain.renew_assertion(&context, &handle).await.map_err(problems::of)?;
    let renewed = renewed.ok_or(Kind::Unauthenticated)?;
    let expires_in = renewed.max_age.as_secs();
    answered(&app, &signature, &AssertionAnswer { assertion: renewed.assertion, expires_in })
}

/// Does this still hold?
///
/// Whether a token's session, epoch and key still hold, and the user's rights now; else 401.
#[utoipa::path(
    post, path = "/edge/check", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "It does.", body = serde_json::Value))
)]
pub(super) async fn check(
    EdgeCall { app, call, signature, context }: EdgeCall<CheckRequest>,
) -> Result<Response, Problem> {
    let CheckRequest { session, user, epoch, kid } = call;
    let rights = app.domain.check(&context, session, user, epoch, &kid).await.map_err(problems::of)?;
    let rights = rights.ok_or(Kind::Unauthenticated)?;
    answered(&app, &signature, &CheckAnswer { roles: rights.roles, epoch: rights.epoch })
}
