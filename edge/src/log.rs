//! The log: one line of JSON for each request, and for each thing that went wrong on the way. A value from
//! outside is a JSON string, so none can forge a line; no credential is ever written, and no query, since
//! a secret may stand there.

use std::net::IpAddr;

use serde::Serialize;
use shared::{
    credential::Credential,
    id::{RequestId, SessionId, UserId},
    policy::Route,
    time::Timestamp,
};

use crate::{
    credential::Caller,
    platform::Platform,
    reject::Refusal,
    request::Request,
    settings::{Logged, Settings},
};

/// The most bytes of a method or a path that are written.
const MAX_TEXT: usize = 256;

/// What is known of a request by the time it is answered.
pub struct Trail<'e> {
    /// Its name.
    pub id: RequestId,
    /// When it came.
    pub began: Timestamp,
    /// Its route.
    pub route: Option<&'e Route>,
    /// Who made it.
    pub caller: Option<Caller>,
}

#[derive(Serialize)]
struct Line<'a> {
    at_ms: i64,
    level: &'static str,
    event: &'static str,
    request_id: RequestId,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    status: u16,
    ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Credential>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    renewed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// Writes the line of a request that has been answered.
pub fn request<P: Platform>(
    platform: &P,
    settings: &Settings,
    request: &Request<'_>,
    trail: &Trail<'_>,
    status: u16,
    refusal: Option<&Refusal>,
) {
    let is_logged = match settings.log {
        Logged::All => true,
        Logged::Denials => refusal.is_some(),
        Logged::Off => false,
    };
    if !is_logged {
        return;
    }
    let now = platform.now();
    let caller = trail.caller.as_ref();
    let line = Line {
        at_ms: now.millis(),
        level: if status >= 500 { "error" } else { "info" },
        event: if refusal.is_some() { "refused" } else { "answered" },
        request_id: trail.id,
        traceparent: request.traceparent(),
        method: shortened(request.method),
        path: shortened(request.path),
        status,
        ms: now.since(trail.began).as_millis(),
        route: trail.route.map(|route| route.pattern.as_str()),
        address: request.address(settings.address_header.as_deref()),
        subject: caller.map(|caller| caller.subject.user),
        session: caller.map(|caller| caller.subject.session),
        credential: caller.map(|caller| caller.subject.credential),
        renewed: caller.is_some_and(|caller| caller.renewed.is_some()),
        problem: refusal.map(|refusal| refusal.problem.kind().slug()),
        reason: refusal.and_then(|refusal| refusal.reason.as_deref()),
    };
    write(platform, &line);
}

/// Writes a line about the worker itself.
pub fn event<P: Platform>(platform: &P, level: &'static str, event: &'static str, detail: &str) {
    #[derive(Serialize)]
    struct Event<'a> {
        at_ms: i64,
        level: &'static str,
        event: &'static str,
        detail: &'a str,
    }
    write(platform, &Event { at_ms: platform.now().millis(), level, event, detail });
}

fn write<P: Platform>(platform: &P, line: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(line) {
        platform.log(&line);
    }
}

fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}
