//! The compact form (RFC 7515 §7.1), read so strictly that one token has one spelling.

use std::{borrow::Cow, fmt};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};

use super::{
    keys::{Algorithm, KeyId},
    strict,
};

/// The most bytes that a token may have; ours have fewer than a thousand.
pub const MAX_LENGTH: usize = 8192;

/// The most characters of its first part.
pub(super) const MAX_HEADER_LENGTH: usize = 1024;

/// A well-formed token that nothing is known to be true of. It shows what is needed to find the key and
/// check the signature, and not the claims.
#[derive(Clone)]
pub struct Unverified<'t> {
    token: &'t str,
    signing_input: &'t str,
    algorithm: Algorithm,
    key_id: KeyId,
    typ: Box<str>,
    claims: Vec<u8>,
    signature: [u8; 64],
}

impl<'t> Unverified<'t> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// [`Malformed`] unless it is three parts of canonical base64url within the size limits, the first a
    /// JSON object without duplicate members that names an accepted algorithm, a key id and a type and
    /// asks for nothing else (`crit`, embedded or linked keys, compression), the last 64 bytes.
    pub fn parse(token: &'t str) -> Result<Self, Malformed> {
        if token.len() > MAX_LENGTH {
            return Err(Malformed);
        }
        let mut parts = token.splitn(4, '.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed);
        };
        if header.len() > MAX_HEADER_LENGTH {
            return Err(Malformed);
        }
        let Header { algorithm, key_id, typ } = Header::parse(&decode(header)?)?;
        let signature = <[u8; 64]>::try_from(decode(signature)?).map_err(|_| Malformed)?;
        if algorithm == Algorithm::Es256 && has_zero_half(&signature) {
            return Err(Malformed);
        }
        let signing_input = &token[..header.len() + 1 + claims.len()];
        Ok(Self { token, signing_input, algorithm, key_id, typ, claims: decode(claims)?, signature })
    }

    /// The key that the token claims to be signed by.
    #[must_use]
    pub const fn key_id(&self) -> &KeyId {
        &self.key_id
    }

    /// The algorithm that the token claims; the key's own is what counts.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The type that the token claims (RFC 8725 §3.11).
    #[must_use]
    pub const fn typ(&self) -> &str {
        &self.typ
    }

    /// What was signed: header and claims as they stand in the token.
    #[must_use]
    pub const fn signing_input(&self) -> &'t str {
        self.signing_input
    }

    /// `r || s` for ES256 (RFC 7518 §3.4), the 64 bytes of RFC 8032 for EdDSA.
    #[must_use]
    pub const fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// The whole token.
    #[must_use]
    pub const fn token(&self) -> &'t str {
        self.token
    }

    /// The JSON of the claims, for [`super::verify`] alone.
    pub(super) fn claims(&self) -> &[u8] {
        &self.claims
    }
}

impl fmt::Debug for Unverified<'_> {
    /// Nothing by which the token could be used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({}, {}, {:?}, …)", self.algorithm, self.key_id, self.typ)
    }
}

/// What is signed for a token of this header and these claims.
///
/// # Errors
/// Those of serializing the claims.
pub fn signing_input(
    algorithm: Algorithm,
    key_id: &KeyId,
    typ: &str,
    claims: &impl Serialize,
) -> Result<String, serde_json::Error> {
    let header = serde_json::to_vec(&WrittenHeader { typ, alg: algorithm.name(), kid: key_id.as_str() })?;
    let claims = serde_json::to_vec(claims)?;
    Ok([Base64UrlUnpadded::encode_string(&header), Base64UrlUnpadded::encode_string(&claims)].join("."))
}

/// The token of a signing input and its signature.
#[must_use]
pub fn token(signing_input: &str, signature: &[u8; 64]) -> String {
    [signing_input, ".", &Base64UrlUnpadded::encode_string(signature)].concat()
}

/// The text is not a token that this system could have minted. More is not said: it is nobody's help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token in the form that is accepted here")]
pub struct Malformed;

/// Only the alphabet of RFC 4648 §5, no padding, no bits left over.
fn decode(part: &str) -> Result<Vec<u8>, Malformed> {
    Base64UrlUnpadded::decode_vec(part).map_err(|_| Malformed)
}

/// An ECDSA signature with r or s of zero fits every message to a careless verifier (CVE-2022-21449).
fn has_zero_half(signature: &[u8; 64]) -> bool {
    signature.chunks(32).any(|half| half.iter().all(|byte| *byte == 0))
}

struct Header {
    algorithm: Algorithm,
    key_id: KeyId,
    typ: Box<str>,
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, Malformed> {
        if !strict::is_plain_object(json) {
            return Err(Malformed);
        }
        let read: ReadHeader<'_> = serde_json::from_slice(json).map_err(|_| Malformed)?;
        if read.asks_for_more() {
            return Err(Malformed);
        }
        Ok(Self {
            algorithm: Algorithm::from_name(&read.alg).ok_or(Malformed)?,
            key_id: read.kid.parse().map_err(|_| Malformed)?,
            typ: read.typ.into(),
        })
    }
}

#[derive(Serialize)]
struct WrittenHeader<'a> {
    typ: &'a str,
    alg: &'a str,
    kid: &'a str,
}

#[derive(Deserialize)]
struct ReadHeader<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    // Presence alone is what counts of these, `null` included. None is ever followed or obeyed.
    #[serde(default)]
    crit: Present,
    #[serde(default)]
    b64: Present,
    #[serde(default)]
    zip: Present,
    #[serde(default)]
    enc: Present,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    jku: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    x5c: Present,
}

impl ReadHeader<'_> {
    fn asks_for_more(&self) -> bool {
        [&self.crit, &self.b64, &self.zip, &self.enc, &self.jwk, &self.jku, &self.x5u, &self.x5c]
            .iter()
            .any(|member| member.0)
    }
}

/// Whether a member is there at all, whatever its value.
#[derive(Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}
