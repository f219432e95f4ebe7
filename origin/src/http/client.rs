//! The client of a request, as the audit log names it: where from, by what, under which id.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderName, header, request::Parts},
};
use shared::id::RequestId;

use super::{forwarded::client_address, seal};
use crate::{
    app::App,
    domain::{Context, RevocationNumber},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The longest user agent that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// What every act of this request is recorded with. Who acts is added by the guard.
pub(super) fn context(app: &App, parts: &Parts) -> Context {
    let now = app.clock.now();
    // Always there: observing a request comes first.
    let id = parts.extensions.get::<RequestId>().copied();
    let mut context = Context::new(now, id.unwrap_or_else(|| RequestId::new(now, [0; 10])));
    context.revoked = parts.extensions.get::<RevocationNumber>().cloned().unwrap_or_default();
    context.address = address(app, parts);
    context.user_agent =
        parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).map(shortened);
    if let Some(address) = context.address {
        tracing::Span::current().record("address", tracing::field::display(address));
    }
    context
}

/// Whether a direct request came through the proxies before origin: each of those that are trusted writes this header.
pub(super) fn is_forwarded(app: &App, parts: &Parts) -> bool {
    app.trusted_proxies > 0 && parts.headers.contains_key(FORWARDED_FOR)
}

/// The client's address: from the seal where there is one, else the peer's or what trusted proxies say.
fn address(app: &App, parts: &Parts) -> Option<IpAddr> {
    if let Some(identity) = seal::identity(parts) {
        return identity.address;
    }
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    // A line that is no text is an entry that is no address.
    let lines = parts.headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
    client_address(peer, lines.collect::<Vec<_>>().into_iter(), app.trusted_proxies)
}

/// The beginning of a user agent: nobody fills the database by a header.
pub(super) fn shortened(agent: &str) -> String {
    agent.chars().filter(|letter| !letter.is_control()).take(LONGEST_AGENT).collect()
}
