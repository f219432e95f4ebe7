//! What the policy's route asks of a call to origin. The edge has asked it of what it lets through; a call that
//! comes without the edge, or whose user has changed on the way, meets it here.

use axum::http::request::Parts;
use shared::{
    path::CanonicalPath,
    policy::{ORIGIN, Route, Subject},
    problem::{Kind, Problem},
    time::Timestamp,
};

use crate::{app::App, domain::Principal};

/// The route of this call; none where the policy has none for origin, as for a call that the edge is not to let
/// through. Such a one asks what its guard asks.
///
/// # Errors
/// [`Kind::AmbiguousPath`] when it cannot be told which it is.
pub(super) fn route<'a>(app: &'a App, parts: &Parts) -> Result<Option<&'a Route>, Problem> {
    let path = CanonicalPath::parse(parts.uri.path()).map_err(|_| Kind::AmbiguousPath)?;
    let route = app.policy().route(parts.method.as_str(), &path).ok();
    Ok(route.filter(|route| route.upstream.as_str() == ORIGIN))
}

/// Asks of whoever is signed in what the route of this call asks.
///
/// # Errors
/// The problem that the edge would answer with.
pub(super) fn must_let_through(
    app: &App,
    parts: &Parts,
    principal: &Principal,
    now: Timestamp,
) -> Result<(), Problem> {
    let Some(route) = route(app, parts)? else { return Ok(()) };
    let subject = Subject {
        roles: &principal.roles,
        credential: principal.credential,
        authentication: &principal.authentication,
    };
    route.decide(Some(&subject), app.policy(), now).into_result()
}
