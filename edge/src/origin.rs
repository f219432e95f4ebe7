//! What the edge asks of origin on its own behalf: the edge state, a new assertion, and whether a token
//! still holds. Every call is signed, and every answer that matters is authenticated.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{
    cookie::Handle,
    edge_call::{
        self, ASSERTIONS_PATH, AssertionAnswer, AssertionRequest, CHECK_PATH, CheckAnswer, CheckRequest,
    },
    edge_state::{self, Challenge, StateDocument, StateRequest},
    problem::Kind,
    seal::nonce::Nonce,
};

use crate::{
    credential::Caller,
    isolate::Edge,
    platform::{Call, Platform, Reply},
    request::Request,
    state::Snapshot,
};

/// How long a request waits for origin.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest description of itself that a client is believed, in bytes.
const MAX_USER_AGENT: usize = 512;

/// Origin gave no answer that could be used. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody answered in time.
    #[error("origin did not answer")]
    Unreachable,
    /// It refused our seal: the secrets differ, or the clocks.
    #[error("origin does not accept this edge's seal: compare secrets, clocks and authority")]
    SealRefused,
    /// It answered something else than was asked for.
    #[error("origin answered with status {0}")]
    Status(u16),
    /// It cannot be shown that the answer is origin's.
    #[error("the answer is not origin's: its mac is wrong or missing")]
    Unauthentic,
    /// Its answer is not in the form that was agreed on.
    #[error("origin's answer is not usable: {0}")]
    Unusable(String),
}

/// Pulls the edge state: what has come to what is known, or all of it. The body that it stood in comes along.
///
/// # Errors
/// [`Failure`]; what is there stays.
pub async fn state<P: Platform>(
    edge: &Edge,
    platform: &P,
    known: Option<&Snapshot>,
    deadline: Duration,
) -> Result<(StateDocument, Vec<u8>), Failure> {
    let challenge = Challenge::new(platform.random().map_err(unusable)?);
    let request = StateRequest {
        version: edge_state::VERSION,
        challenge: challenge.clone(),
        incarnation: known.map(|known| known.incarnation.clone()),
        number: known.map(|known| known.number),
    };
    let (reply, _) = post(edge, platform, edge_state::PATH, &request, deadline).await?;
    if reply.status != 200 {
        return Err(refused(&reply));
    }
    let mac = reply.mac.unwrap_or_default();
    let document = StateDocument::verify(&reply.body, &mac, &edge.keys.state, &challenge);
    Ok((document.map_err(unusable)?, reply.body))
}

/// Asks for a new assertion for a handle; `None` when its session is over.
///
/// # Errors
/// [`Failure`], after which nothing is known of the session.
pub async fn assertion<P: Platform>(
    edge: &Edge,
    platform: &P,
    handle: &Handle,
    request: &Request<'_>,
) -> Result<Option<AssertionAnswer>, Failure> {
    let user_agent = request.header("user-agent").map(|text| truncated(text, MAX_USER_AGENT));
    let asked = AssertionRequest {
        handle: handle.to_text(),
        address: request.address(edge.settings.address_header.as_deref()),
        user_agent: user_agent.map(str::to_owned),
    };
    ask(edge, platform, ASSERTIONS_PATH, &asked).await
}

/// Asks whether what a caller's token says still holds; `None` when it does not.
///
/// # Errors
/// [`Failure`], after which nothing is known of it.
pub async fn check<P: Platform>(
    edge: &Edge,
    platform: &P,
    caller: &Caller,
) -> Result<Option<CheckAnswer>, Failure> {
    let asked = CheckRequest {
        session: caller.subject.session,
        user: caller.subject.user,
        epoch: caller.epoch,
        kid: caller.key.clone(),
    };
    ask(edge, platform, CHECK_PATH, &asked).await
}

/// Asks about a session; `None` when origin says that it is over. What cannot be shown to come from origin
/// says nothing, or whoever stands between could end sessions and revive them.
async fn ask<P: Platform, T: DeserializeOwned>(
    edge: &Edge,
    platform: &P,
    path: &'static str,
    asked: &impl Serialize,
) -> Result<Option<T>, Failure> {
    let (reply, nonce) = post(edge, platform, path, asked, DEADLINE).await?;
    let mac = reply.mac.as_deref().unwrap_or_default();
    if !edge_call::verify_answer(&edge.keys.call, nonce, reply.status, &reply.body, mac) {
        return Err(refused(&reply));
    }
    match reply.status {
        200 => serde_json::from_slice(&reply.body).map(Some).map_err(unusable),
        401 => Ok(None),
        status => Err(Failure::Status(status)),
    }
}

async fn post<P: Platform>(
    edge: &Edge,
    platform: &P,
    path: &'static str,
    body: &impl Serialize,
    deadline: Duration,
) -> Result<(Reply, Nonce), Failure> {
    let origin = &edge.settings.origin;
    let body = serde_json::to_vec(body).map_err(unusable)?;
    let nonce = edge.nonces.next();
    let seal = edge_call::sign(&origin.authority, path, &body, &edge.keys.call, platform.now(), nonce)
        .map_err(unusable)?;
    let mut headers = vec![("content-type", "application/json".to_owned())];
    headers.extend(seal);
    let call = Call { url: [&origin.base, path].concat(), headers, body };
    let reply = platform.call(call, deadline).await.map_err(|_| Failure::Unreachable)?;
    Ok((reply, nonce))
}

/// What to tell the log of an answer that nobody vouches for.
fn refused(reply: &Reply) -> Failure {
    match reply.status {
        200 => Failure::Unauthentic,
        401 if kind(&reply.body) == Some(Kind::BadSeal) => Failure::SealRefused,
        401 => Failure::Unauthentic,
        status => Failure::Status(status),
    }
}

fn kind(problem: &[u8]) -> Option<Kind> {
    #[derive(Deserialize)]
    struct Typed<'p> {
        #[serde(borrow, rename = "type")]
        uri: Cow<'p, str>,
    }
    let problem: Typed<'_> = serde_json::from_slice(problem).ok()?;
    Kind::from_type_uri(&problem.uri)
}

/// The failure that an error in reading an answer is.
pub(crate) fn unusable(error: impl std::error::Error) -> Failure {
    Failure::Unusable(error.to_string())
}

fn truncated(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}
