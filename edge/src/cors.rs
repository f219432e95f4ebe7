//! Cross-origin resource sharing (Fetch standard, "CORS protocol"): the policy says which other sites'
//! scripts may read an answer, and the edge tells their browsers.

use shared::{
    path::CanonicalPath,
    policy::{Cors, Policy},
};

use crate::{
    platform::{Answer, Edits},
    request::Request,
};

/// Headers with which only the edge speaks where the policy has rules.
const PREFIX: &str = "access-control-";

const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// The answer to a preflight, if this is one for a route with rules. It tells what the rules are; the
/// browser compares. A preflight carries no credential, so nothing is checked.
#[must_use]
pub fn preflight<R>(policy: &Policy, request: &Request<'_>, path: &CanonicalPath) -> Option<Answer<R>> {
    let method = request.header("access-control-request-method")?;
    if request.method != "OPTIONS" || request.header("origin").is_none() {
        return None;
    }
    let cors = policy.route(method, path).ok()?.cors.as_ref()?;
    let mut headers = own(cors, request);
    if headers.iter().any(|(name, _)| *name == ALLOW_ORIGIN) {
        headers.push(("access-control-allow-methods", cors.methods.join(", ")));
        headers.push(("access-control-allow-headers", cors.headers.join(", ")));
        headers.push(("access-control-max-age", cors.max_age_seconds.to_string()));
    }
    Some(Answer::Own { status: 204, headers, body: String::new() })
}

/// The headers of an answer of the edge itself, so that a script can read why it was refused.
#[must_use]
pub fn own(cors: &Cors, request: &Request<'_>) -> Vec<(&'static str, String)> {
    let mut headers = granted(cors, request);
    headers.push(("vary", "Origin".to_owned()));
    headers
}

/// What the rules of a route change of an answer: the upstream's own grants go, the policy's come.
pub fn edit(cors: &Cors, request: &Request<'_>, received: &[(String, String)], edits: &mut Edits) {
    let theirs = received.iter().map(|(name, _)| name).filter(|name| name.starts_with(PREFIX));
    edits.remove.extend(theirs.cloned());
    edits.set.extend(granted(cors, request));
    edits.append.push(("vary", "Origin".to_owned()));
}

/// The headers that let scripts of the request's origin read an answer, if the rules name it.
fn granted(cors: &Cors, request: &Request<'_>) -> Vec<(&'static str, String)> {
    let Some(origin) = request.header("origin") else { return Vec::new() };
    let allowed = if cors.origins.iter().any(|listed| listed == origin) {
        origin
    } else if cors.origins.iter().any(|listed| listed == "*") {
        "*"
    } else {
        return Vec::new();
    };
    let mut headers = vec![(ALLOW_ORIGIN, allowed.to_owned())];
    if cors.credentials && allowed != "*" {
        headers.push(("access-control-allow-credentials", "true".to_owned()));
    }
    headers
}
