//! What the edge asks on its own behalf: the edge state, a new assertion, whether a session still holds.

use axum::{
    Json,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use shared::{
    cookie::Handle,
    edge_call::{AssertionAnswer, AssertionRequest, CheckAnswer, CheckRequest},
    edge_state::{MAC_HEADER, StateRequest},
    problem::{Kind, Problem},
};

use super::{client, guard::EdgeCall, problems};
use crate::telemetry;

/// The edge state
///
/// The keys by which tokens are signed, under a mac that binds them to the request's challenge.
#[utoipa::path(
    post, path = "/edge/state", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The state.", body = serde_json::Value))
)]
pub(super) async fn state(
    EdgeCall { app, call, context }: EdgeCall<StateRequest>,
) -> Result<Response, Problem> {
    let document = app.domain.state_document(&context, call).await.map_err(problems::of)?;
    let signed = document.sign(app.edge_state_keys.current());
    let (body, mac) = signed.map_err(|error| {
        tracing::error!(error = %telemetry::causes(&error), "the edge state could not be written");
        Kind::Internal
    })?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(mac) = HeaderValue::try_from(mac) {
        headers.insert(HeaderName::from_static(MAC_HEADER), mac);
    }
    Ok(response)
}

/// A new assertion
///
/// For a handle whose session is live and whose user is enabled; else 401.
#[utoipa::path(
    post, path = "/edge/assertions", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The assertion.", body = serde_json::Value))
)]
pub(super) async fn assertions(
    EdgeCall { app, call, mut context }: EdgeCall<AssertionRequest>,
) -> Result<Json<AssertionAnswer>, Problem> {
    // The caller's own address is the edge's; the client is whom it names.
    context.address = call.address;
    context.user_agent = call.user_agent.as_deref().map(client::shortened);
    let handle = Handle::parse(&call.handle, &app.handle_keys).ok_or(Kind::Unauthenticated)?;
    let renewed = app.domain.renew_assertion(&context, &handle).await.map_err(problems::of)?;
    let renewed = renewed.ok_or(Kind::Unauthenticated)?;
    Ok(Json(AssertionAnswer { assertion: renewed.assertion, expires_in: renewed.max_age.as_secs() }))
}

/// Does this still hold?
///
/// Whether a token's session, epoch and key still hold, and the user's rights now; else 401.
#[utoipa::path(
    post, path = "/edge/check", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "It does.", body = serde_json::Value))
)]
pub(super) async fn check(
    EdgeCall { app, call, context }: EdgeCall<CheckRequest>,
) -> Result<Json<CheckAnswer>, Problem> {
    let CheckRequest { session, user, epoch, kid } = call;
    let rights = app.domain.check(&context, session, user, epoch, &kid).await.map_err(problems::of)?;
    let rights = rights.ok_or(Kind::Unauthenticated)?;
    Ok(Json(CheckAnswer { roles: rights.roles, epoch: rights.epoch }))
}
