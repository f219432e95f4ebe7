//! What the edge sealed: checked once, before anything else of a request is believed.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::request::Parts,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use shared::{
    axum::unread,
    identity::Identity,
    problem::{Kind, Problem},
    seal::{SealError, Sealed},
};

use super::body::LARGEST;
use crate::{app::App, metrics};

/// Puts the sealed [`Identity`] among a request's extensions, where there is one. A seal that does not
/// hold is 401 whatever else the request carries: it is never a reason to look further.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    // The edge's own calls have a seal of another kind, and their guard checks it.
    if request.uri().path().starts_with(EDGE_CALLS) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    match app.seals.verify(&parts, app.clock.unmoved()) {
        Ok(None) => next.run(Request::from_parts(parts, body)).await,
        Ok(Some((identity, sealed))) => match checked(body, &sealed).await {
            Ok(body) => {
                parts.extensions.insert(identity);
                next.run(Request::from_parts(parts, body)).await
            }
            Err(problem) => problem.into_response(),
        },
        Err(error) => refuse(error).into_response(),
    }
}

/// The paths of the edge's own calls.
const EDGE_CALLS: &str = "/edge/";

/// Who the edge says the request is from; nothing for a request that came without the edge.
pub(super) fn identity(parts: &Parts) -> Option<&Identity> {
    parts.extensions.get()
}

/// The body, whose digest is the sealed one where one is sealed.
async fn checked(body: Body, sealed: &Sealed) -> Result<Body, Problem> {
    if !sealed.covers_body() {
        return Ok(body);
    }
    let bytes = to_bytes(body, LARGEST).await.map_err(|error| unread(&error))?;
    if sealed.is_body(&bytes) { Ok(bytes.into()) } else { Err(refuse(SealError::WrongBody)) }
}

/// Refuses a seal, and tells the log why; the caller learns only that.
pub(super) fn refuse(error: SealError) -> Problem {
    tracing::warn!(reason = %error, "a seal was refused");
    ::metrics::counter!(metrics::SEALS_REFUSED, "reason" => format!("{error:?}")).increment(1);
    Kind::BadSeal.into()
}
