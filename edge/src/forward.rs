//! The way to the upstream and back: what it must not see is removed, what is sealed is set, and from its
//! answer goes whatever would let one caller see another's.

use shared::{
    cookie::{ASSERTION_COOKIE, DEVICE_COOKIE, HANDLE_COOKIE, OUR_COOKIES},
    csrf::CSRF_HEADER,
    id::RequestId,
    identity::is_impersonation,
    policy::{Allow, ORIGIN, Route},
};

use crate::{
    cors,
    credential::Caller,
    platform::{Edits, Forwarded, Outgoing},
    request::Request,
    seal::Sealable,
    settings::Upstream,
};

/// The name by which one request is found in every log.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Headers that concern only the connection on which they came (RFC 9110 §7.6.1); `expect` among them,
/// because workerd takes the upstream's `100 Continue` for its answer.
const HOP_BY_HOP: [&str; 8] = [
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
];

/// Headers by which a shared cache between here and the client is told to keep an answer, whatever `Cache-Control`
/// says: of any, of Cloudflare, of Akamai, of Fastly and Varnish, of nginx.
const CACHE_CONTROLS: [&str; 5] = [
    "cdn-cache-control",
    "cloudflare-cdn-cache-control",
    "edge-control",
    "surrogate-control",
    "x-accel-expires",
];

/// The headers of an upstream's answer on which something depends, whatever the route.
pub const READ_OF_ANSWERS: [&str; 7] = {
    let [first, second, third, fourth, fifth] = CACHE_CONTROLS;
    ["set-cookie", "cache-control", first, second, third, fourth, fifth]
};

/// The request as the upstream gets it.
#[must_use]
pub fn outgoing<'h>(
    route: &Route,
    upstream: &Upstream,
    request: &Request<'h>,
    sealable: &Sealable<'_>,
    sealed: Vec<(&'static str, String)>,
    id: RequestId,
) -> Outgoing<'h> {
    let mut set = sealed;
    let mut remove: Vec<&str> = Vec::new();
    for &(name, value) in &request.headers {
        match name {
            "cookie" => match without(&withheld(route), value) {
                Some(rest) if rest.is_empty() => remove.push(name),
                Some(rest) => set.push(("cookie", rest)),
                None => {}
            },
            "authorization" | CSRF_HEADER if !route.forward_credential => remove.push(name),
            "traceparent" | "tracestate" if request.traceparent().is_none() => remove.push(name),
            "upgrade" | "connection" if !request.is_websocket() => remove.push(name),
            "pragma" if !route.cache => remove.push(name),
            _ if HOP_BY_HOP.contains(&name) || is_impersonation(name) => remove.push(name),
            _ => {}
        }
    }
    set.push((REQUEST_ID_HEADER, id.to_string()));
    if !route.cache {
        // A cache on the way knows no caller, and what the client says of caches would count there.
        set.push(("cache-control", "no-store".to_owned()));
    }
    let query = sealable.query.map(|query| ["?", query].concat()).unwrap_or_default();
    let url = [&upstream.base, sealable.path.as_str(), &query].concat();
    // The upstream's own grants go, whatever their names.
    let wants_all = route.cors.is_some();
    Outgoing { url, remove, set, body: None, cache: route.cache, wants_all }
}

/// Our cookies that the upstream does not get: the credential, unless the route looks at it and passes it on, and
/// what a device is known by, which is for origin alone. On a public route nobody here has looked at the credential;
/// origin, if it asks for it there, gets the handle, and knows by it which session a browser had before.
fn withheld(route: &Route) -> Vec<&'static str> {
    let mut names = Vec::new();
    let is_origin = route.upstream.as_str() == ORIGIN;
    let is_looked_at = route.allow != Allow::Public;
    if !route.forward_credential || !(is_looked_at || is_origin) {
        names.push(HANDLE_COOKIE);
    }
    if !route.forward_credential || !is_looked_at {
        names.push(ASSERTION_COOKIE);
    }
    if !is_origin {
        names.push(DEVICE_COOKIE);
    }
    names
}

/// A `Cookie` header without the cookies of these names, or `None` when it has none of them. A piece that
/// only contains one goes as well: two such headers were joined by a comma, and it is the cookie all the
/// same.
fn without(names: &[&str], cookies: &str) -> Option<String> {
    // What has one begins with it, as a rule, and an assertion is long to search for the names of the others.
    let is_withheld = |piece: &&str| {
        names.iter().any(|name| piece.starts_with(name)) || names.iter().any(|name| piece.contains(name))
    };
    let (withheld, rest): (Vec<&str>, Vec<&str>) = cookies.split(';').map(str::trim).partition(is_withheld);
    (!withheld.is_empty()).then(|| rest.join("; "))
}

/// What is changed of an upstream's answer.
#[must_use]
pub fn edits<R>(
    route: &Route,
    request: &Request<'_>,
    caller: Option<&Caller>,
    answer: &Forwarded<R>,
    id: RequestId,
) -> Edits {
    let mut edits = Edits { set: vec![(REQUEST_ID_HEADER, id.to_string())], ..Edits::default() };
    let sets_cookies = keep_our_cookies_ours(route, caller, &answer.headers, &mut edits);
    if caller.is_some() || sets_cookies || forwards_credential(route, request) {
        keep_private(&answer.headers, &mut edits);
    }
    if route.allow != Allow::Public || route.forward_credential {
        // One client's cache has several callers, one after the other, and a shared one may keep what nobody in
        // particular was told: what was answered to one is not for the next.
        edits.append.push(("vary", "Cookie, Authorization".to_owned()));
    }
    if let Some(cors) = &route.cors {
        cors::edit(cors, request, &answer.headers, &mut edits);
    }
    edits
}

/// Whether the upstream was given what it may know a caller by, though nobody here has looked at it.
fn forwards_credential(route: &Route, request: &Request<'_>) -> bool {
    route.forward_credential
        && request.headers.iter().any(|(name, _)| matches!(*name, "authorization" | "cookie"))
}

/// Only origin sets cookies of our names; a renewed assertion is added unless origin has just set another.
/// Says whether any cookie is set.
fn keep_our_cookies_ours(
    route: &Route,
    caller: Option<&Caller>,
    headers: &[(String, String)],
    edits: &mut Edits,
) -> bool {
    let set: Vec<&str> = cookies_set(headers).collect();
    let any_ours = set.iter().any(|cookie| is_ours(cookie));
    let is_origin = route.upstream.as_str() == ORIGIN;
    if any_ours && !is_origin {
        edits.remove.push("set-cookie".to_owned());
        let theirs = set.iter().filter(|cookie| !is_ours(cookie));
        edits.append.extend(theirs.map(|cookie| ("set-cookie", (*cookie).to_owned())));
    }
    let renewed = caller.and_then(|caller| caller.renewed.clone()).filter(|_| !(any_ours && is_origin));
    edits.append.extend(renewed.map(|cookie| ("set-cookie", cookie)));
    !set.is_empty()
}

/// Whether an answer that cannot be changed sets cookies that only origin may set.
#[must_use]
pub fn usurps<R>(route: &Route, answer: &Forwarded<R>) -> bool {
    route.upstream.as_str() != ORIGIN && cookies_set(&answer.headers).any(is_ours)
}

fn cookies_set(headers: &[(String, String)]) -> impl Iterator<Item = &str> {
    headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str())
}

/// Whether a `Set-Cookie` is of one of our names.
fn is_ours(cookie: &str) -> bool {
    // A cookie without a name comes back as its value alone, which can read like one of ours.
    let pair = cookie.split(';').next().unwrap_or_default().trim_start_matches([' ', '\t', '=']);
    let name = pair.split('=').next().unwrap_or_default().trim();
    OUR_COOKIES.iter().any(|ours| name.eq_ignore_ascii_case(ours))
}

/// No answer to one caller is served to another: what would let a shared cache keep it goes, and
/// `private` comes.
fn keep_private(headers: &[(String, String)], edits: &mut Edits) {
    let value =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let present = CACHE_CONTROLS.iter().filter(|name| value(name).is_some());
    edits.remove.extend(present.map(|name| (*name).to_owned()));
    let is_shared = |directive: &&str| {
        let name = directive.split('=').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("public")
            || name.eq_ignore_ascii_case("s-maxage")
            || name.to_ascii_lowercase().starts_with("private")
    };
    // A list in quotes has commas of its own; it is not worth a parser, and this is never wrong.
    let control = value("cache-control").map(|text| if text.contains('"') { "no-store" } else { text });
    let kept = control.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    let kept = kept.filter(|directive| !directive.is_empty() && !is_shared(directive));
    let directives: Vec<&str> = std::iter::once("private").chain(kept).collect();
    edits.set.push(("cache-control", directives.join(", ")));
}
