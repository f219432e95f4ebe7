//! The whole story of a request: it is taken apart, matched, its caller recognised, judged, sealed and
//! forwarded; or refused.

use std::{rc::Rc, time::Duration};

use shared::{
    id::RequestId,
    identity::Identity,
    path::CanonicalPath,
    policy::{Allow, Freshness, NoRoute, ORIGIN, Policy, Route},
    problem::{Kind, Problem},
};

use crate::{
    authorize, cors,
    credential::{self, Caller, Presented},
    forward::{self, REQUEST_ID_HEADER},
    health,
    isolate::Edge,
    log::{self, Trail},
    platform::{Answer, BodyError, Platform},
    reject::{self, Refusal},
    request::{Request, Unreadable},
    scheme,
    seal::{self, Sealable},
    session,
    state::Patience,
    verify,
};

/// What the log says of an informational answer (RFC 9110 §15.2), such as early hints: the runtime takes it for the
/// answer itself.
const EARLY: &str =
    "the upstream sends an informational status before its answer, which the platform cannot pass on";

/// Answers a request.
pub async fn handle<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    request: &Request<'_>,
) -> Answer<P::Response> {
    let began = platform.now();
    let Ok(random) = platform.random() else {
        return reject::answer(&Kind::Internal.into(), request, edge.policy.login());
    };
    let mut trail = Trail { id: RequestId::new(began, random), began, route: None, caller: None };
    let result = pass(edge, platform, request, &mut trail).await;
    let (mut answer, status, refusal) = match result {
        Ok((answer, status)) => (answer, status, None),
        Err(refusal) => {
            let answer = reject::answer(&refusal, request, edge.policy.login());
            let status = if let Answer::Own { status, .. } = &answer { *status } else { 500 };
            (answer, status, Some(refusal))
        }
    };
    if let Answer::Own { headers, .. } = &mut answer {
        headers.push((REQUEST_ID_HEADER, trail.id.to_string()));
        // What was renewed on the way to a refusal is not renewed again for the next one.
        let renewed = trail.caller.as_ref().and_then(|caller| caller.renewed.clone());
        headers.extend(renewed.map(|cookie| ("set-cookie", cookie)));
        let cors = trail.route.and_then(|route| route.cors.as_ref());
        headers.extend(cors.into_iter().flat_map(|cors| cors::own(cors, request)));
    }
    log::request(platform, &edge.settings, request, &trail, status, refusal.as_ref());
    answer
}

/// Lets a request pass, step by step; the first step that fails is the answer.
async fn pass<'e, P: Platform>(
    edge: &'e Rc<Edge>,
    platform: &P,
    request: &Request<'_>,
    trail: &mut Trail<'e>,
) -> Result<(Answer<P::Response>, u16), Refusal> {
    let path = admit(edge, request)?;
    if let Some(answer) = scheme::demand(&edge.settings, request, &path)? {
        return Ok((answer, 308));
    }
    if path.as_str() == health::PATH {
        return health::answer(edge, platform, request).await;
    }
    if let Some(answer) = cors::preflight(&edge.policy, request, &path) {
        return Ok((answer, 204));
    }
    let route = find(&edge.policy, request, &path)?;
    trail.route = Some(route);
    let presented = Presented::read(request, &edge.keys.handle)?;
    trail.caller = recognise(edge, platform, route, request, &presented).await?;
    authorize::authorize(edge, platform, route, request, &presented, &mut trail.caller).await?;
    send(edge, platform, route, request, &path, trail).await
}

/// Looks at what does not depend on the route: size, host, and whether the path has one meaning.
fn admit(edge: &Edge, request: &Request<'_>) -> Result<CanonicalPath, Refusal> {
    request.check().map_err(|unreadable| match unreadable {
        Unreadable::TooLarge => Refusal::from(Kind::HeaderTooLarge),
        Unreadable::Malformed => Refusal::from(Kind::MalformedRequest),
    })?;
    if !edge.settings.is_own(request.authority) {
        return Err(Kind::Misdirected.into());
    }
    CanonicalPath::parse(request.path)
        .map_err(|ambiguous| Problem::new(Kind::AmbiguousPath).with_detail(ambiguous.to_string()).into())
}

/// Nothing that is not listed gets through.
fn find<'p>(policy: &'p Policy, request: &Request<'_>, path: &CanonicalPath) -> Result<&'p Route, Refusal> {
    let route = policy.route(request.method, path).map_err(|none| match none {
        NoRoute::NotFound => Refusal::from(Kind::NotFound),
        NoRoute::MethodNotAllowed { allow } => {
            Problem::method_not_allowed(allow.iter().map(String::as_str)).into()
        }
    })?;
    // The platform opens a WebSocket by GET, whatever was asked for and sealed.
    if request.is_websocket() && !(route.websocket && request.method == "GET") {
        return Err(Problem::new(Kind::MalformedRequest).with_detail("There is no WebSocket here.").into());
    }
    Ok(route)
}

/// Finds out who calls: the session cookie first, then the bearer. On public routes nobody is asked.
async fn recognise<P: Platform>(
    edge: &Rc<Edge>,
    platform: &P,
    route: &Route,
    request: &Request<'_>,
    presented: &Presented<'_>,
) -> Result<Option<Caller>, Refusal> {
    if route.allow == Allow::Public {
        return Ok(None);
    }
    let patience = match route.freshness {
        Freshness::Bounded { stale_if_error_seconds: seconds } => Duration::from_secs(seconds.into()),
        Freshness::Strict => Duration::ZERO,
    };
    let bearer = verify::bearer(edge, platform, presented, Patience(patience)).await;
    let session = session::check(edge, platform, presented, request, Patience(patience)).await;
    credential::settle(session, bearer, route)
}

/// Seals the request, sends it on, and makes the answer fit for this caller alone.
async fn send<P: Platform>(
    edge: &Edge,
    platform: &P,
    route: &Route,
    request: &Request<'_>,
    path: &CanonicalPath,
    trail: &Trail<'_>,
) -> Result<(Answer<P::Response>, u16), Refusal> {
    let body = if route.digest { Some(read_body(edge, platform).await?) } else { None };
    let query = request.canonical_query();
    let sealable = Sealable { method: request.method, path, query: query.as_deref(), body: body.as_deref() };
    let subject = trail.caller.as_ref().map(|caller| caller.subject.clone());
    let address = request.address(edge.settings.address_header.as_deref());
    let identity = Identity { subject, address };
    let unknown = || Refusal::from(Kind::Internal).because("the upstream has no address");
    let upstream = edge.settings.upstreams.get(&route.upstream).ok_or_else(unknown)?;
    let sealed = seal::seal(edge, route, upstream, &sealable, &identity, platform.now())?;
    let mut outgoing = forward::outgoing(route, upstream, request, &sealable, sealed, trail.id);
    outgoing.body = body;
    let forwarded = platform.forward(outgoing).await.map_err(|_| unanswered(route))?;
    let status = forwarded.status;
    if status == 101 {
        if !request.is_websocket() {
            return Err(Refusal::from(Kind::BadGateway).because("the upstream opens what nobody asked for"));
        }
        if forward::usurps(route, &forwarded) {
            return Err(Refusal::from(Kind::BadGateway).because("the upstream sets a session's cookie"));
        }
        return Ok((Answer::Untouched(forwarded.response), status));
    }
    if status < 200 {
        return Err(Refusal::from(Kind::BadGateway).because(EARLY));
    }
    let edits = forward::edits(route, request, trail.caller.as_ref(), &forwarded, trail.id);
    Ok((Answer::Edited(forwarded.response, edits), status))
}

/// Origin is a part of this system, and whoever logs in or refreshes is to try again.
fn unanswered(route: &Route) -> Refusal {
    let kind = if route.upstream.as_str() == ORIGIN { Kind::Unavailable } else { Kind::BadGateway };
    Refusal::from(kind).because("the upstream did not answer")
}

async fn read_body<P: Platform>(edge: &Edge, platform: &P) -> Result<Vec<u8>, Refusal> {
    platform.body(edge.settings.body_limit).await.map_err(|error| match error {
        BodyError::TooLong => Kind::TooLarge.into(),
        BodyError::Broken => Kind::MalformedRequest.into(),
    })
}
