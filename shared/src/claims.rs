//! What a token says: the claims of an access token (RFC 9068 §2.2) and of a browser's assertion.
//!
//! Every claim is typed, and required but for those of [`Authentication`], which a token of an earlier
//! version lacks. Times are whole seconds; a float, a string, a negative number or `null` is not a time.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{
    authentication::{Authentication, Methods},
    id::{SessionId, TokenId, UserId},
    role::RoleName,
    secret::Digest,
    time::Timestamp,
};

/// The claims that both kinds of token have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Common {
    /// Who minted it.
    pub iss: String,
    /// Whom it speaks of.
    pub sub: UserId,
    /// Whom it is for: one audience, not a list.
    pub aud: String,
    /// The client that it was given to.
    pub client_id: String,
    /// When it ends, in seconds since the epoch.
    pub exp: u64,
    /// When it was minted, in seconds since the epoch.
    pub iat: u64,
    /// Its own id.
    pub jti: TokenId,
    /// The session that it belongs to.
    pub sid: SessionId,
    /// The user's epoch when it was minted; it grows when rights change.
    pub epoch: u64,
    /// The user's roles when it was minted.
    pub roles: Vec<RoleName>,
    /// When the user last proved to be who they are, in seconds since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read_time")]
    pub auth_time: Option<u64>,
    /// How the user proved it then.
    #[serde(default, skip_serializing_if = "Methods::is_empty")]
    pub amr: Methods,
    /// Whether the user's e-mail address has been shown to be theirs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub email_verified: bool,
}

impl Common {
    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        from_seconds(self.exp)
    }

    /// When it was minted.
    #[must_use]
    pub fn issued(&self) -> Timestamp {
        from_seconds(self.iat)
    }

    /// How well it is known who the user is.
    #[must_use]
    pub fn authentication(&self) -> Authentication {
        Authentication {
            at: self.auth_time.map(from_seconds),
            methods: self.amr.clone(),
            email_verified: self.email_verified,
        }
    }
}

fn from_seconds(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// A kind of token: its type and what it claims.
pub trait TokenClaims: Sized {
    /// The `typ` of its header (RFC 8725 §3.11).
    const TYP: &'static str;

    /// From the JSON of a token of this type, in which no member stands twice.
    ///
    /// # Errors
    /// [`InvalidClaims`] when a claim that this kind must have is missing or of the wrong type, or one is
    /// there that it must not have.
    fn from_json(json: &[u8]) -> Result<Self, InvalidClaims>;

    /// The claims that every kind has.
    fn common(&self) -> &Common;
}

/// An access token: what an app, an API consumer or a service presents as a bearer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AccessClaims(pub Common);

impl TokenClaims for AccessClaims {
    const TYP: &'static str = "at+jwt";

    fn from_json(json: &[u8]) -> Result<Self, InvalidClaims> {
        match named_handle(json)? {
            None => Common::from_json(json).map(Self),
            Some(_) => Err(InvalidClaims),
        }
    }

    fn common(&self) -> &Common {
        &self.0
    }
}

/// A browser's assertion, which counts only beside the handle that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AssertionClaims {
    /// What every token claims.
    #[serde(flatten)]
    pub common: Common,
    /// The digest of its handle.
    #[serde(rename = "hnd", serialize_with = "write_digest")]
    pub handle: Digest,
}

impl TokenClaims for AssertionClaims {
    const TYP: &'static str = "assertion+jwt";

    fn from_json(json: &[u8]) -> Result<Self, InvalidClaims> {
        let handle = named_handle(json)?.ok_or(InvalidClaims)?;
        Ok(Self { common: Common::from_json(json)?, handle })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

/// A claim is missing, of the wrong type, or has no place in a token of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim is missing, of the wrong type or out of place")]
pub struct InvalidClaims;

impl Common {
    fn from_json(json: &[u8]) -> Result<Self, InvalidClaims> {
        serde_json::from_slice(json).map_err(|_| InvalidClaims)
    }
}

/// The digest of the handle that the claims name, if they name one.
fn named_handle(json: &[u8]) -> Result<Option<Digest>, InvalidClaims> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default, deserialize_with = "read_digest")]
        hnd: Option<Digest>,
    }
    let named: Named = serde_json::from_slice(json).map_err(|_| InvalidClaims)?;
    Ok(named.hnd)
}

/// A time that is there is a number.
fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(deserializer).map(Some)
}

fn write_digest<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&digest.to_base64url())
}

fn read_digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut bytes = [0; 32];
    match Base64UrlUnpadded::decode(&text, &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => Ok(Some(Digest::from_bytes(bytes))),
        _ => Err(D::Error::custom("not a digest")),
    }
}
