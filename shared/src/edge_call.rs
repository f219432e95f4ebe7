//! The calls that the edge makes to origin on its own behalf: their shapes, and how they are signed.
//!
//! Each is a `POST` of JSON with a seal of [`Tag::EdgeCall`] that covers the body's digest. The answer has a
//! mac in [`MAC_HEADER`] that binds status and body to the call's nonce: nothing between the two can end a
//! session, or revive one, by changing what origin said.

use std::{fmt, net::IpAddr, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use crate::{
    authentication::Authentication,
    id::{SessionId, UserId},
    jwt::keys::KeyId,
    mac::{MacKey, MacKeys},
    role::RoleName,
    seal::{self, Message, SealError, Sealed, Tag, digest, nonce::Nonce},
    time::Timestamp,
};

pub use crate::edge_state::MAC_HEADER;

/// Where an assertion is renewed.
pub const ASSERTIONS_PATH: &str = "/edge/assertions";

/// Where a session is checked for strict routes.
pub const CHECK_PATH: &str = "/edge/check";

/// How long a call may take to arrive.
const LIFETIME: Duration = Duration::from_secs(30);

/// Asks for a new assertion for a handle whose mac was good.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl fmt::Debug for AssertionRequest {
    /// Without the handle, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionRequest({:?}, {:?}, …)", self.address, self.user_agent)
    }
}

/// A new assertion; there is none (401) when the session is over or its user disabled.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssertionAnswer {
    /// The JWT for the cookie.
    pub assertion: String,
    /// How long it lasts, in seconds: the cookie's `Max-Age`.
    pub expires_in: u64,
}

impl fmt::Debug for AssertionAnswer {
    /// Without the assertion, which is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionAnswer({} s, …)", self.expires_in)
    }
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
    /// How well it is known who the user is; an origin of an earlier version says nothing of it.
    #[serde(flatten)]
    pub authentication: Authentication,
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

/// The value of [`MAC_HEADER`] in the answer to the call with this nonce, by the key that the call was
/// signed with.
#[must_use]
pub fn sign_answer(key: &MacKey, nonce: Nonce, status: u16, body: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(&key.tag(&answered(nonce, status, body)))
}

/// Whether this is origin's answer to the call with this nonce. One that is not says nothing, whatever its
/// status.
#[must_use]
pub fn verify_answer(key: &MacKey, nonce: Nonce, status: u16, body: &[u8], mac: &str) -> bool {
    let mut tag = [0; 32];
    Base64UrlUnpadded::decode(mac, &mut tag).is_ok_and(|tag| key.verify(&answered(nonce, status, body), tag))
}

/// What the mac of an answer is over. It begins as no base of a seal does (RFC 9421 §2.5), so that neither
/// can be taken for the other though they share a key.
fn answered(nonce: Nonce, status: u16, body: &[u8]) -> Vec<u8> {
    [format!("answer\n{}\n{status}\n", nonce.to_text()).as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mac::SharedSecret, seal::nonce::NonceSource};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const BODY: &[u8] = b"{}";

    fn key() -> MacKey {
        SharedSecret::new([1; 32]).edge_call_key()
    }

    fn check(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<(), SealError> {
        let message = Message { method, authority: "origin.example", path, query: None, headers };
        verify(&message, body, &key().into(), NOW).map(|_| ())
    }

    #[test]
    fn an_assertion_does_not_print() {
        let answer = AssertionAnswer { assertion: "e30.e30.AAAA".to_owned(), expires_in: 300 };
        assert_eq!(format!("{answer:?}"), "AssertionAnswer(300 s, …)");
    }

    #[test]
    fn a_call_counts_for_its_path_and_its_body() {
        let nonce = NonceSource::new([1; 8]).next();
        let signed = sign("origin.example", CHECK_PATH, BODY, &key(), NOW, nonce).unwrap();
        let headers = signed.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(check("POST", CHECK_PATH, &headers, BODY), Ok(()));
        assert_eq!(check("POST", CHECK_PATH, &headers, b"{ }"), Err(SealError::WrongBody));
        assert_eq!(check("POST", CHECK_PATH, &headers, b""), Err(SealError::WrongBody));
        assert_eq!(check("POST", ASSERTIONS_PATH, &headers, BODY), Err(SealError::BadSignature));
        assert_eq!(check("PUT", CHECK_PATH, &headers, BODY), Err(SealError::BadSignature));
        assert_eq!(check("POST", CHECK_PATH, &headers[1..], BODY), Err(SealError::MissingHeader));
        assert_eq!(check("POST", CHECK_PATH, &[], BODY), Err(SealError::Missing));
    }

    #[test]
    fn a_call_whose_body_is_not_covered_is_none() {
        let nonce = NonceSource::new([1; 8]).next();
        let digest = digest::of(BODY);
        let mut message = Message {
            method: "POST",
            authority: "origin.example",
            path: CHECK_PATH,
            query: None,
            headers: &[],
        };
        let seal = seal::sign(&message, &key(), Tag::EdgeCall, NOW, LIFETIME, nonce).unwrap();
        let headers = [
            (digest::HEADER, digest.as_str()),
            (seal::INPUT_HEADER, &seal.input),
            (seal::SIGNATURE_HEADER, &seal.signature),
        ];
        message.headers = &headers;
        assert_eq!(verify(&message, BODY, &key().into(), NOW), Err(SealError::WrongBody));
    }

    #[test]
    fn the_seal_of_a_request_is_no_call() {
        let digest = digest::of(BODY);
        let covered = [(digest::HEADER, digest.as_str())];
        let mut message = Message {
            method: "POST",
            authority: "origin.example",
            path: CHECK_PATH,
            query: None,
            headers: &covered,
        };
        let nonce = NonceSource::new([1; 8]).next();
        let seal = seal::sign(&message, &key(), Tag::Request, NOW, LIFETIME, nonce).unwrap();
        let headers =
            [covered[0], (seal::INPUT_HEADER, &seal.input), (seal::SIGNATURE_HEADER, &seal.signature)];
        message.headers = &headers;
        assert_eq!(verify(&message, BODY, &key().into(), NOW), Err(SealError::WrongTag));
    }

    #[test]
    fn an_answer_counts_for_its_call_its_status_and_its_body() {
        let nonces = NonceSource::new([1; 8]);
        let (nonce, other) = (nonces.next(), nonces.next());
        let mac = sign_answer(&key(), nonce, 401, BODY);
        assert!(verify_answer(&key(), nonce, 401, BODY, &mac));
        assert!(!verify_answer(&key(), other, 401, BODY, &mac));
        assert!(!verify_answer(&key(), nonce, 200, BODY, &mac));
        assert!(!verify_answer(&key(), nonce, 401, b"{ }", &mac));
        assert!(!verify_answer(&SharedSecret::new([2; 32]).edge_call_key(), nonce, 401, BODY, &mac));
        for mac in ["", &mac[..42], &format!("{mac}="), &"A".repeat(43), &"A".repeat(100_000)] {
            assert!(!verify_answer(&key(), nonce, 401, BODY, mac), "{mac}");
        }
    }

    #[test]
    fn the_shapes_are_those_of_the_interface() {
        let json = r#"{"session":"01010101-0101-0101-0101-010101010101","user":"02020202-0202-0202-0202-020202020202","epoch":3,"kid":"k"}"#;
        let request: CheckRequest = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        assert!(serde_json::from_str::<CheckRequest>(&json.replace("\"k\"", "\"../k\"")).is_err());
        let request: AssertionRequest = serde_json::from_str(r#"{"handle":"h"}"#).unwrap();
        assert_eq!((request.address, &request.user_agent), (None, &None));
        assert_eq!(format!("{request:?}"), "AssertionRequest(None, None, …)");
        assert!(serde_json::from_str::<CheckAnswer>(r#"{"roles":["Admin"],"epoch":1}"#).is_err());
        let earlier: CheckAnswer = serde_json::from_str(r#"{"roles":["admin"],"epoch":1}"#).unwrap();
        assert_eq!(earlier.authentication, Authentication::default());
        let json =
            r#"{"roles":[],"epoch":1,"auth_time":1800000000,"amr":["pwd","mfa"],"email_verified":true}"#;
        let answer: CheckAnswer = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&answer).unwrap(), json);
    }
}
