//! What the edge asks on its own behalf: the edge state, a new assertion, whether a session still holds.
//! Every answer is authenticated, a refusal too: the edge acts on nothing else.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;
use shared::{
    cookie::Handle,
    edge_call::{self, AssertionAnswer, AssertionRequest, CheckAnswer, CheckRequest},
    edge_state::{self, MAC_HEADER, OLDEST_VERSION, StateRequest},
    problem::{Kind, Problem},
    seal::Sealed,
};

use super::{client, guard::EdgeCall, problems};
use crate::{
    app::App,
    domain::{Context, Rights},
    telemetry,
};

/// The edge state
///
/// The keys by which tokens are signed, under a mac that binds them to the request's challenge.
#[utoipa::path(
    post, path = "/edge/state", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The state.", body = serde_json::Value))
)]
pub(super) async fn state(
    EdgeCall { app, call, context, sealed }: EdgeCall<StateRequest>,
) -> Result<Response, Problem> {
    if edge_state::version_for(call.version).is_none() {
        let detail = format!(
            "Version {} of the edge state is not spoken here: deploy an edge that speaks {OLDEST_VERSION} or newer.",
            call.version
        );
        return Err(Problem::new(Kind::MalformedRequest).with_detail(detail));
    }
    let document = app.domain.state_document(&context, call).await.map_err(problems::of)?;
    let key = app.edge_state_keys.beside(&app.edge_call_keys, sealed.key_id()).ok_or(Kind::Internal)?;
    let (body, mac) = document.sign(key).map_err(|error| unwritable(&error))?;
    Ok(authenticated(json(body), mac))
}

/// A new assertion
///
/// For a handle whose session is live and whose user is enabled; else 401.
#[utoipa::path(
    post, path = "/edge/assertions", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "The assertion.", body = serde_json::Value))
)]
pub(super) async fn assertions(
    EdgeCall { app, call, context, sealed }: EdgeCall<AssertionRequest>,
) -> Response {
    answer(&app, &sealed, renewed(&app, call, context).await)
}

async fn renewed(
    app: &App,
    call: AssertionRequest,
    mut context: Context,
) -> Result<AssertionAnswer, Problem> {
    // The caller's own address is the edge's; the client is whom it names.
    context.address = call.address;
    context.user_agent = call.user_agent.as_deref().map(client::shortened);
    let handle = Handle::parse(&call.handle, &app.handle_keys).ok_or(Kind::Unauthenticated)?;
    let renewed = app.domain.renew_assertion(&context, &handle).await.map_err(problems::of)?;
    let renewed = renewed.ok_or(Kind::Unauthenticated)?;
    Ok(AssertionAnswer { assertion: renewed.assertion, expires_in: renewed.max_age.as_secs() })
}

/// Does this still hold?
///
/// Whether a token's session, epoch and key still hold, and the user's rights now; else 401.
#[utoipa::path(
    post, path = "/edge/check", tag = "edge", request_body = serde_json::Value,
    responses((status = 200, description = "It does.", body = serde_json::Value))
)]
pub(super) async fn check(EdgeCall { app, call, context, sealed }: EdgeCall<CheckRequest>) -> Response {
    answer(&app, &sealed, checked(&app, call, &context).await)
}

async fn checked(app: &App, call: CheckRequest, context: &Context) -> Result<CheckAnswer, Problem> {
    let CheckRequest { session, user, epoch, kid } = call;
    let rights = app.domain.check(context, session, user, epoch, &kid).await.map_err(problems::of)?;
    let rights = rights.ok_or(Kind::Unauthenticated)?;
    let Rights { roles, epoch, authentication } = rights;
    Ok(CheckAnswer { roles, epoch, authentication })
}

/// The answer to a call, bound to it by the key that it was signed with.
fn answer(app: &App, sealed: &Sealed, result: Result<impl Serialize, Problem>) -> Response {
    let written =
        result.and_then(|answer| serde_json::to_string(&answer).map_err(|error| unwritable(&error)));
    let (body, response) = match written {
        Ok(body) => (body.clone(), json(body)),
        Err(problem) => (problem.to_json(), problem.into_response()),
    };
    let Some(key) = app.edge_call_keys.by_id(sealed.key_id()) else { return response };
    let mac = edge_call::sign_answer(key, sealed.nonce(), response.status().as_u16(), body.as_bytes());
    authenticated(response, mac)
}

fn authenticated(mut response: Response, mac: String) -> Response {
    if let Ok(mac) = HeaderValue::try_from(mac) {
        response.headers_mut().insert(HeaderName::from_static(MAC_HEADER), mac);
    }
    response
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn unwritable(error: &serde_json::Error) -> Problem {
    tracing::error!(error = %telemetry::causes(error), "an answer to the edge could not be written");
    Kind::Internal.into()
}
