//! Proof that an unsafe request by cookie comes from this site: for requests that came to origin without
//! the edge, and for browser login whichever way it came.

use axum::{
    extract::Request,
    http::{HeaderName, Method, header, request::Parts},
};
use shared::{
    csrf,
    origin_check::same_site,
    policy::{Allow, CrossSiteCheck, Route},
    problem::{Kind, Problem},
    secret::Digest,
};

use super::{guard, policy};
use crate::{app::App, domain::Context};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const CSRF_TOKEN: HeaderName = HeaderName::from_static(csrf::CSRF_HEADER);

/// Whether a request with a good cookie may do what it asks. Where the policy has a route that looks at credentials, it
/// says what is wanted, as it does at the edge; any other wants the most.
///
/// # Errors
/// [`Kind::CrossSite`] or [`Kind::CsrfToken`].
pub(super) fn check(app: &App, parts: &Parts, handle: &Digest) -> Result<(), Problem> {
    let route = policy::route(app, parts)?;
    let wanted = match route.filter(|route| route.allow != Allow::Public) {
        Some(route) => route.cross_site_check(parts.method.as_str(), true),
        None if is_safe(&parts.method) => CrossSiteCheck::None,
        None => CrossSiteCheck::OriginAndToken,
    };
    match wanted {
        CrossSiteCheck::None => Ok(()),
        CrossSiteCheck::Origin => from_this_site(app, parts, route),
        CrossSiteCheck::OriginAndToken => {
            from_this_site(app, parts, route)?;
            let token = single(parts, &CSRF_TOKEN).unwrap_or_default();
            if csrf::verify(handle, token, &app.csrf_keys) { Ok(()) } else { Err(Kind::CsrfToken.into()) }
        }
    }
}

/// Whether a browser's login comes from this site, and the login: it is itself protected from cross-site posting, and is
/// not to be read where the answer is [`Kind::CrossSite`], which is recorded.
pub(super) async fn checked_login(
    app: &App,
    context: &Context,
    login: Request,
) -> (Result<(), Problem>, Request) {
    let (parts, content) = login.into_parts();
    let checked = match policy::route(app, &parts).and_then(|route| from_this_site(app, &parts, route)) {
        Ok(()) => Ok(()),
        Err(problem) => Err(guard::denied(app, context, problem, None).await),
    };
    (checked, Request::from_parts(parts, content))
}

fn from_this_site(app: &App, parts: &Parts, route: Option<&Route>) -> Result<(), Problem> {
    let site = single(parts, &SEC_FETCH_SITE);
    let origin = single(parts, &header::ORIGIN);
    let listed = route.map(|route| route.origins.as_slice()).unwrap_or_default();
    same_site(parts.method.as_str(), site, origin, &app.own_origins, listed)
        .map_err(|_| Kind::CrossSite.into())
}

/// The value of a header that is there once. One that is there twice says nothing that can be relied on,
/// and an empty text is what no site and no origin is.
fn single<'p>(parts: &'p Parts, name: &HeaderName) -> Option<&'p str> {
    let mut values = parts.headers.get_all(name).iter();
    let first = values.next()?.to_str().unwrap_or_default();
    if values.next().is_none() { Some(first) } else { Some("") }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}
