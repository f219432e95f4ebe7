//! The seal on a request that goes on: who the caller is, and a signature that holds for this request to
//! this upstream alone.

use std::time::Duration;

use shared::{
    identity::Identity,
    path::CanonicalPath,
    policy::Route,
    problem::Kind,
    seal::{self, INPUT_HEADER, Message, SIGNATURE_HEADER, Tag, digest},
    time::Timestamp,
};

use crate::{isolate::Edge, reject::Refusal, settings::Upstream};

/// How long a sealed request may be on its way.
const LIFETIME: Duration = Duration::from_secs(30);

/// What is sealed beside the identity.
#[derive(Clone, Copy, Debug)]
pub struct Sealable<'a> {
    /// The method.
    pub method: &'a str,
    /// The path that was matched.
    pub path: &'a CanonicalPath,
    /// The query as it will be sent.
    pub query: Option<&'a str>,
    /// The body, where the route wants its digest.
    pub body: Option<&'a [u8]>,
}

/// The headers that tell the route's upstream who calls, and prove it.
///
/// # Errors
/// [`Kind::Internal`] when the upstream has no key, [`Kind::MalformedRequest`] when something
/// cannot be sealed as it stands.
pub fn seal(
    edge: &Edge,
    route: &Route,
    upstream: &Upstream,
    request: &Sealable<'_>,
    identity: &Identity,
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let unknown = || Refusal::from(Kind::Internal).because("the upstream has no key");
    let key = edge.keys.seals.get(&route.upstream).ok_or_else(unknown)?;
    let mut headers = identity.to_headers();
    headers.extend(request.body.map(|body| (digest::HEADER, digest::of(body))));
    let covered: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let message = Message {
        method: request.method,
        authority: &upstream.authority,
        path: request.path.as_str(),
        query: request.query,
        headers: &covered,
    };
    let seal = seal::sign(&message, key, Tag::Request, now, LIFETIME, edge.nonces.next())
        .map_err(|error| Refusal::from(Kind::MalformedRequest).because(error.to_string()))?;
    headers.extend([(INPUT_HEADER, seal.input), (SIGNATURE_HEADER, seal.signature)]);
    Ok(headers)
}
