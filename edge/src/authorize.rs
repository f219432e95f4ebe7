//! Whether the caller may: the cross-site proof, for strict routes origin's word, then the policy.

use std::{rc::Rc, time::Duration};

use shared::{
    assurance::{Shortfall, StepUp},
    cookie::Handle,
    csrf,
    origin_check::{same_site, upgrade},
    policy::{Allow, CrossSiteCheck, Decision, Freshness, Route, Subject},
    problem::Kind,
};

use crate::{
    credential::{Caller, Presented},
    isolate::Edge,
    log, origin,
    platform::Platform,
    reject::Refusal,
    request::Request,
    session,
    state::Patience,
};

/// Lets the request through or says why not. On a strict route the caller's roles become those of now. On a route with
/// optional sign-in, a caller whose session has ended continues as anonymous.
///
/// # Errors
/// The [`Refusal`] that the client gets.
pub async fn authorize<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    route: &Route,
    request: &Request<'_>,
    presented: &Presented<'_>,
    caller: &mut Option<Caller>,
) -> Result<(), Refusal> {
    check_cross_site(edge, route, request, caller.as_ref())?;
    let mut lives = true;
    if let Some(found) = caller.as_mut().filter(|_| route.freshness == Freshness::Strict) {
        lives = check_with_origin(edge, platform, request, presented, found).await?;
    }
    let mut decision = decide(edge, platform, route, caller.as_ref());
    if let Some(found) = caller.as_mut().filter(|found| may_be_outdated(route, found))
        && matches!(decision, Decision::Insufficient(_))
    {
        lives = renew(edge, platform, request, presented, found).await?;
        decision = decide(edge, platform, route, caller.as_ref());
    }
    if !lives {
        if route.allow != Allow::Optional {
            return Err(Refusal::login_wanted().because("no longer valid"));
        }
        *caller = None;
        decision = decide(edge, platform, route, None);
    }
    let_through(decision, route, caller.as_ref())
}

/// Whether the session may have got what its assertion does not tell of: the address can have been verified
/// meanwhile, from wherever the mail was read. A bearer's client refreshes its token itself.
fn may_be_outdated(route: &Route, caller: &Caller) -> bool {
    route.freshness != Freshness::Strict && caller.handle.is_some() && caller.renewed.is_none()
}

/// An unsafe request by cookie proves that it comes from this site; so does browser login, and an upgrade,
/// which every site's scripts can ask for.
fn check_cross_site(
    edge: &Edge,
    route: &Route,
    request: &Request<'_>,
    caller: Option<&Caller>,
) -> Result<(), Refusal> {
    let own_origins = &edge.settings.own_origins;
    let origin = request.header("origin");
    let handle = caller.and_then(|caller| caller.handle.as_ref());
    if request.is_websocket() && handle.is_some() {
        upgrade(origin, own_origins, &route.origins).map_err(|_| Refusal::from(Kind::CrossSite))?;
    }
    let check = route.cross_site_check(request.method, handle.is_some());
    if check == CrossSiteCheck::None {
        return Ok(());
    }
    let sec_fetch_site = request.header("sec-fetch-site");
    same_site(request.method, sec_fetch_site, origin, own_origins, &route.origins)
        .map_err(|_| Refusal::from(Kind::CrossSite))?;
    match (check, handle) {
        (CrossSiteCheck::OriginAndToken, Some(handle)) => {
            let token = request.header(csrf::CSRF_HEADER).unwrap_or_default();
            let is_good = csrf::verify(handle, token, &edge.keys.csrf);
            if is_good { Ok(()) } else { Err(Kind::CsrfToken.into()) }
        }
        _ => Ok(()),
    }
}

/// Nothing is ever late here: origin says whether the token still holds and which roles there are now. False when the
/// session of a cookie is over.
async fn check_with_origin<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    request: &Request<'_>,
    presented: &Presented<'_>,
    caller: &mut Caller,
) -> Result<bool, Refusal> {
    match origin::check(edge, platform, caller).await {
        Ok(Some(answer)) => {
            caller.subject.roles = answer.roles;
            caller.authentication = answer.authentication.told_by(caller.subject.issued);
            Ok(true)
        }
        Ok(None) if caller.handle.is_some() => renew(edge, platform, request, presented, caller).await,
        Ok(None) => Err(Refusal::from(Kind::InvalidToken).because("no longer valid")),
        Err(failure) => {
            log::event(platform, "error", "strict check failed", &failure.to_string());
            Err(Kind::Unavailable.into())
        }
    }
}

/// An assertion may be outdated although its session is alive; origin decides by the handle. Renews at most once per
/// request. Returns false when the session is over.
async fn renew<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    request: &Request<'_>,
    presented: &Presented<'_>,
    caller: &mut Caller,
) -> Result<bool, Refusal> {
    let mine = |handle: &&Handle| caller.renewed.is_none() && caller.handle == Some(handle.digest());
    let Some(handle) = presented.handles.iter().find(mine) else { return Ok(false) };
    let renewed = session::renew(edge, platform, handle, request, Patience(Duration::ZERO)).await;
    let Some(renewed) = renewed.map_err(|_| Kind::Unavailable)? else { return Ok(false) };
    *caller = renewed;
    Ok(true)
}

fn decide<P: Platform>(edge: &Edge, platform: &P, route: &Route, caller: Option<&Caller>) -> Decision {
    let subject = caller.map(|caller| Subject {
        roles: &caller.subject.roles,
        credential: caller.subject.credential,
        authentication: &caller.authentication,
    });
    route.decide(subject.as_ref(), &edge.policy, platform.now())
}

fn let_through(decision: Decision, route: &Route, caller: Option<&Caller>) -> Result<(), Refusal> {
    let login_helps = match decision {
        Decision::SignIn => route.credentials.session,
        // Who has no second factor would be sent round in circles, and a bearer logs in nowhere.
        Decision::Insufficient(Shortfall::StepUp(StepUp { second_factor: false, .. })) => {
            caller.is_some_and(|caller| caller.handle.is_some())
        }
        _ => false,
    };
    decision.into_result().map_err(|problem| Refusal { login_helps, ..problem.into() })
}
