//! The calls that the edge makes to origin on its own behalf: their shapes, and how they are signed.
//!
//! Each is a `POST` of JSON with a seal of [`Tag::EdgeCall`] that covers the body's digest.

use std::{net::IpAddr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::{SessionId, UserId},
    jwt::keys::KeyId,
    mac::{MacKey, MacKeys},
    role::RoleName,
    seal::{self, Message, SealError, Sealed, Tag, digest, nonce::Nonce},
    time::Timestamp,
};

/// Where an assertion is renewed.
pub const ASSERTIONS_PATH: &str = "/edge/assertions";

/// Where a session is checked for strict routes.
pub const CHECK_PATH: &str = "/edge/check";

/// How long a call may take to arrive.
const LIFETIME: Duration = Duration::from_secs(30);

/// Asks for a new assertion for a handle whose mac was good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionRequest {
    /// The handle as it stands in the cookie.
    pub handle: String,
    /// Where the browser is, as the edge saw it.
    #[serde(default)]
    pub address: Option<IpAddr>,
    /// What the browser says it is.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// A new assertion; there is none (401) when the session is over or its user disabled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionAnswer {
    /// The JWT for the cookie.
    pub assertion: String,
    /// How long it lasts, in seconds: the cookie's `Max-Age`.
    pub expires_in: u64,
}

/// Asks whether what a token says still holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRequest {
    /// The token's `sid`.
    pub session: SessionId,
    /// The token's `sub`.
    pub user: UserId,
    /// The token's `epoch`.
    pub epoch: u64,
    /// The key that signed the token.
    pub kid: KeyId,
}

/// It does (else 401), and these are the user's rights now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// The roles now.
    pub roles: Vec<RoleName>,
    /// The epoch now.
    pub epoch: u64,
}

/// The headers that sign a call: `POST` of this body to this path of origin, from now on.
///
/// # Errors
/// [`SealError`] when authority or path cannot be signed.
pub fn sign(
    authority: &str,
    path: &str,
    body: &[u8],
    key: &MacKey,
    now: Timestamp,
    nonce: Nonce,
) -> Result<[(&'static str, String); 3], SealError> {
    let digest = digest::of(body);
    let headers = [(digest::HEADER, digest.as_str())];
    let message = Message { method: "POST", authority, path, query: None, headers: &headers };
    let seal = seal::sign(&message, key, Tag::EdgeCall, now, LIFETIME, nonce)?;
    Ok([(digest::HEADER, digest), (seal::INPUT_HEADER, seal.input), (seal::SIGNATURE_HEADER, seal.signature)])
}

/// Verifies a call and its body. The nonce remains to the caller.
///
/// # Errors
/// [`SealError`]; the body's digest has to be covered.
pub fn verify(
    message: &Message<'_>,
    body: &[u8],
    keys: &MacKeys,
    now: Timestamp,
) -> Result<Sealed, SealError> {
    let sealed = seal::verify(message, keys, Tag::EdgeCall, now)?;
    if sealed.is_body(body) { Ok(sealed) } else { Err(SealError::WrongBody) }
}
