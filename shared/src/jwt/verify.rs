//! From `Unverified` to `Verified`: the one door.

use std::{future::Future, time::Duration};

use serde::Deserialize;

use super::{
    compact::Unverified,
    keys::{KeyId, KeySet, PublicKey},
    strict,
};
use crate::{
    claims::{Common, TokenClaims},
    time::Timestamp,
};

/// How far the clocks of issuer and verifier may be apart.
pub const TOLERANCE: Duration = Duration::from_secs(30);

/// A token whose signature, type, times, issuer and audience have been checked. Only [`verify`] makes it.
/// Whether it has been revoked is asked elsewhere, every time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<C> {
    claims: C,
    key: KeyId,
    not_before: Timestamp,
}

impl<C> Verified<C> {
    /// What the issuer says.
    #[must_use]
    pub const fn claims(&self) -> &C {
        &self.claims
    }

    /// The key that signed it, by which it can be revoked.
    #[must_use]
    pub const fn key(&self) -> &KeyId {
        &self.key
    }
}

impl<C: TokenClaims> Verified<C> {
    /// Whether the token would be accepted once more: what it says does not change, but keys and time do.
    ///
    /// # Errors
    /// [`Refused::UnknownKey`], [`Refused::Expired`] or [`Refused::NotYetValid`], as [`verify`] would say.
    pub fn still_holds(&self, keys: &KeySet, now: Timestamp) -> Result<(), Refused> {
        // A key's id is made from its bytes, so one of the same id is the same key.
        keys.get(&self.key).ok_or_else(|| Refused::UnknownKey(self.key.clone()))?;
        in_time(self.claims.common(), self.not_before, now)
    }
}

/// What a token has to say to be for us.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `iss`.
    pub issuer: &'a str,
    /// The `aud`.
    pub audience: &'a str,
    /// The longest time from `iat` to `exp` that the issuer gives tokens of this kind.
    pub max_lifetime: Duration,
}

/// Whoever can check a signature: the platform's cryptography at the edge, jwt-simple elsewhere.
pub trait SignatureCheck {
    /// Whether [`Unverified::signature`] is this key's over [`Unverified::signing_input`], by the key's
    /// own algorithm. A key that is not usable, such as a point off its curve, is `Ok(false)`.
    ///
    /// # Errors
    /// [`CheckUnavailable`] when the answer cannot be had at all; the token is then not accepted.
    fn check(
        &self,
        key: &PublicKey,
        token: &Unverified<'_>,
    ) -> impl Future<Output = Result<bool, CheckUnavailable>>;
}

/// Whether a signature is good could not be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signatures cannot be checked at the moment")]
pub struct CheckUnavailable;

/// Checks a token as a whole (RFC 8725, RFC 9068 §4): its form, key, algorithm, type and signature, then
/// its claims at `now`. It makes no request, whatever the token says.
///
/// # Errors
/// [`Refused`] says for the log what was wrong first. A client is told no more than that it was refused.
pub async fn verify<C: TokenClaims>(
    token: &str,
    keys: &KeySet,
    check: &impl SignatureCheck,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Verified<C>, Refused> {
    let token = Unverified::parse(token).map_err(|_| Refused::Malformed)?;
    let key = keys.get(token.key_id()).ok_or_else(|| Refused::UnknownKey(token.key_id().clone()))?;
    // The key decides how it is used; a token that claims another algorithm is an attack (RFC 8725 §3.1).
    if token.algorithm() != key.algorithm() {
        return Err(Refused::WrongAlgorithm);
    }
    if !is_type(token.typ(), C::TYP) {
        return Err(Refused::WrongType);
    }
    match check.check(key, &token).await {
        Ok(true) => {}
        Ok(false) => return Err(Refused::BadSignature),
        Err(CheckUnavailable) => return Err(Refused::Unavailable),
    }
    let (claims, not_before) = accepted_claims(token.claims(), expected, now)?;
    Ok(Verified { claims, key: key.id().clone(), not_before })
}

/// The short and the full name of a media type (RFC 7515 §4.1.9).
fn is_type(typ: &str, wanted: &str) -> bool {
    typ.strip_prefix("application/").unwrap_or(typ) == wanted
}

fn accepted_claims<C: TokenClaims>(
    json: &[u8],
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<(C, Timestamp), Refused> {
    if !strict::is_plain_object(json) {
        return Err(Refused::InvalidClaims);
    }
    let claims = C::from_json(json).map_err(|_| Refused::InvalidClaims)?;
    let common = claims.common();
    if common.iss != expected.issuer {
        return Err(Refused::WrongIssuer);
    }
    if common.aud != expected.audience {
        return Err(Refused::WrongAudience);
    }
    let not_before = not_before(json)?;
    in_time(common, not_before, now)?;
    if common.client_id.is_empty() || common.exp <= common.iat {
        return Err(Refused::InvalidClaims);
    }
    if common.expires().since(common.issued()) > expected.max_lifetime {
        return Err(Refused::LifetimeTooLong);
    }
    Ok((claims, not_before))
}

fn in_time(claims: &Common, not_before: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if now >= claims.expires() + TOLERANCE {
        Err(Refused::Expired)
    } else if claims.issued() > now + TOLERANCE || not_before > now + TOLERANCE {
        Err(Refused::NotYetValid)
    } else {
        Ok(())
    }
}

/// Our issuer writes no `nbf`; one that is there counts all the same (RFC 7519 §4.1.5).
fn not_before(json: &[u8]) -> Result<Timestamp, Refused> {
    #[derive(Deserialize)]
    struct NotBefore {
        #[serde(default)]
        nbf: u64,
    }
    let read: NotBefore = serde_json::from_slice(json).map_err(|_| Refused::InvalidClaims)?;
    Ok(Timestamp::from_seconds(i64::try_from(read.nbf).unwrap_or(i64::MAX)))
}

/// Why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not in the one form that is accepted.
    #[error("malformed")]
    Malformed,
    /// No key of this id is known, or no longer.
    #[error("unknown key {0}")]
    UnknownKey(KeyId),
    /// It names another algorithm than its key's.
    #[error("wrong algorithm")]
    WrongAlgorithm,
    /// It is a token of another kind.
    #[error("wrong type")]
    WrongType,
    /// The signature is not the key's.
    #[error("bad signature")]
    BadSignature,
    /// A claim is missing, stands twice or is of the wrong type.
    #[error("invalid claims")]
    InvalidClaims,
    /// Somebody else minted it.
    #[error("wrong issuer")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("wrong audience")]
    WrongAudience,
    /// Its time is over.
    #[error("expired")]
    Expired,
    /// It was minted in the future.
    #[error("not yet valid")]
    NotYetValid,
    /// It lives longer than our issuer lets tokens live.
    #[error("lifetime too long")]
    LifetimeTooLong,
    /// It was good until it was taken back. [`verify`] never says so: the rules are asked after it.
    #[error("revoked")]
    Revoked,
    /// Its signature could not be checked.
    #[error("signatures cannot be checked")]
    Unavailable,
}
