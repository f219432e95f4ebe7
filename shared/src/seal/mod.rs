//! The seal: an HTTP Message Signature (RFC 9421, hmac-sha256) over what was decided on, so that the
//! identity in a request counts for that request, that service and a few seconds alone.
//!
//! Covered are method, authority, path, query, every `x-identity-*` header and, where there is one, the
//! body's digest. Any RFC 9421 library can check it; this one accepts no other spelling than it writes.

#[cfg(test)]
mod attacks;
mod base;
pub mod digest;
pub mod nonce;
mod parameters;

use std::time::Duration;

use base64ct::{Base64, Encoding};

use self::{nonce::Nonce, parameters::Parameters};
use crate::{
    identity,
    mac::{MacKey, MacKeys},
    time::Timestamp,
};

/// The header that says what is signed (RFC 9421 §4.1).
pub const INPUT_HEADER: &str = "signature-input";
/// The header that holds the signature (RFC 9421 §4.2).
pub const SIGNATURE_HEADER: &str = "signature";

/// The longest time from `created` to `expires`.
pub const MAX_LIFETIME: Duration = Duration::from_secs(30);

/// How far ahead `created` may be, for clocks that are apart. `expires` is never stretched.
pub const TOLERANCE: Duration = Duration::from_secs(10);

/// The label of the signature in both headers.
const LABEL: &str = "countersign";

/// What a seal is for. A seal of one purpose is none for the other, whatever its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// A request that the edge forwards to a service.
    Request,
    /// A call that the edge makes to origin on its own behalf.
    EdgeCall,
}

impl Tag {
    /// The value of the parameter `tag`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "countersign",
            Self::EdgeCall => "countersign-edge",
        }
    }
}

/// A request, as far as a seal is concerned with it.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The method, in its case.
    pub method: &'a str,
    /// Host and, unless it is the scheme's own, port; the case does not matter.
    pub authority: &'a str,
    /// The path as it stands in the request line.
    pub path: &'a str,
    /// What follows the question mark, if there is one.
    pub query: Option<&'a str>,
    /// Headers with their names in lower case. To sign: exactly those to be covered. To verify: at least
    /// all that [`concerns_seal`] names, repeated ones repeatedly; others do no harm.
    pub headers: &'a [(&'a str, &'a str)],
}

/// Whether [`verify`] has to see the header of this name, given in lower case.
#[must_use]
pub fn concerns_seal(name: &str) -> bool {
    matches!(name, INPUT_HEADER | SIGNATURE_HEADER | digest::HEADER) || is_identity(name)
}

/// The values of the two headers that seal a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// For [`INPUT_HEADER`].
    pub input: String,
    /// For [`SIGNATURE_HEADER`].
    pub signature: String,
}

/// Seals a request from now for `lifetime`, in whole seconds and at most [`MAX_LIFETIME`].
///
/// # Errors
/// [`SealError`] when a part of the request cannot be covered: a value that is not printable ASCII, a
/// header that stands twice or is not of the kind that is covered, a lifetime that is too long.
pub fn sign(
    message: &Message<'_>,
    key: &MacKey,
    tag: Tag,
    now: Timestamp,
    lifetime: Duration,
    nonce: Nonce,
) -> Result<Seal, SealError> {
    if lifetime > MAX_LIFETIME {
        return Err(SealError::LifetimeTooLong);
    }
    let created = now.seconds();
    let parameters = Parameters {
        headers: message.headers.iter().map(|(name, _)| *name).collect(),
        created,
        expires: created + i64::try_from(lifetime.as_secs()).unwrap_or_default(),
        nonce,
        key_id: key.id(),
        tag: tag.name(),
    }
    .to_text();
    // Read back what was written: what cannot be verified is not sent.
    let base = base::of(message, &Parameters::parse(&parameters)?.headers, &parameters)?;
    Ok(Seal {
        input: [LABEL, "=", &parameters].concat(),
        signature: [LABEL, "=:", &Base64::encode_string(&key.tag(base.as_bytes())), ":"].concat(),
    })
}

/// A seal that was verified. Only [`verify`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    key_id: String,
    nonce: Nonce,
    expires: Timestamp,
    digest: Option<String>,
}

impl Sealed {
    /// The key that made it, for an answer that the other side can check.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What must not be seen twice ([`nonce::NonceMemory`]).
    #[must_use]
    pub const fn nonce(&self) -> Nonce {
        self.nonce
    }

    /// When the seal ends, and with it the need to remember its nonce.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether the body's digest is covered, so that the body must be checked before it is used.
    #[must_use]
    pub const fn covers_body(&self) -> bool {
        self.digest.is_some()
    }

    /// Whether this is the body whose digest is covered; never, if none is.
    #[must_use]
    pub fn is_body(&self, body: &[u8]) -> bool {
        self.digest.as_ref().is_some_and(|covered| *covered == digest::of(body))
    }
}

/// Verifies the seal of a request at `now`. What remains to the caller: the nonce, after this, and the
/// body where its digest is covered.
///
/// # Errors
/// [`SealError`], [`SealError::Missing`] when there is neither a signature nor anything that needs one.
pub fn verify(message: &Message<'_>, keys: &MacKeys, tag: Tag, now: Timestamp) -> Result<Sealed, SealError> {
    let (input, signature) = match (single(message, INPUT_HEADER)?, single(message, SIGNATURE_HEADER)?) {
        (Some(input), Some(signature)) => (input, signature),
        (None, None) if message.headers.iter().any(|(name, _)| is_identity(name)) => {
            return Err(SealError::UnsignedHeader);
        }
        (None, None) => return Err(SealError::Missing),
        _ => return Err(SealError::Malformed),
    };
    let text = labelled(input).ok_or(SealError::Malformed)?;
    let parameters = Parameters::parse(text)?;
    let key = keys.by_id(parameters.key_id).ok_or(SealError::UnknownKey)?;
    let mac = signature_bytes(signature).ok_or(SealError::Malformed)?;
    let base = base::of(message, &parameters.headers, text)?;
    if !key.verify(base.as_bytes(), &mac) {
        return Err(SealError::BadSignature);
    }
    if parameters.tag != tag.name() {
        return Err(SealError::WrongTag);
    }
    let covered = |name: &str| parameters.headers.contains(&name);
    if message.headers.iter().any(|(name, _)| is_identity(name) && !covered(name)) {
        return Err(SealError::UnsignedHeader);
    }
    let expires = in_time(&parameters, now)?;
    let digest = if covered(digest::HEADER) { single(message, digest::HEADER)? } else { None };
    Ok(Sealed {
        key_id: key.id().to_owned(),
        nonce: parameters.nonce,
        expires,
        digest: digest.map(str::to_owned),
    })
}

/// The end of a seal that has begun and not ended.
fn in_time(parameters: &Parameters<'_>, now: Timestamp) -> Result<Timestamp, SealError> {
    let created = Timestamp::from_seconds(parameters.created);
    let expires = Timestamp::from_seconds(parameters.expires);
    if expires < created || expires.since(created) > MAX_LIFETIME {
        Err(SealError::LifetimeTooLong)
    } else if created > now + TOLERANCE {
        Err(SealError::NotYetValid)
    } else if now >= expires {
        Err(SealError::Expired)
    } else {
        Ok(expires)
    }
}

/// Whether a name is or looks like that of an identity header.
fn is_identity(name: &str) -> bool {
    identity::starts_alike(name, identity::PREFIX)
}

/// The value of a header that may stand once.
fn single<'a>(message: &Message<'a>, wanted: &str) -> Result<Option<&'a str>, SealError> {
    let mut values = message.headers.iter().filter(|(name, _)| *name == wanted);
    match (values.next(), values.next()) {
        (first, None) => Ok(first.map(|(_, value)| *value)),
        (_, Some(_)) => Err(SealError::DuplicateHeader),
    }
}

fn labelled(value: &str) -> Option<&str> {
    value.strip_prefix(LABEL)?.strip_prefix('=')
}

/// One byte sequence (RFC 8941 §3.3.5) of the length of an HMAC-SHA256.
fn signature_bytes(value: &str) -> Option<[u8; 32]> {
    let text = labelled(value)?.strip_prefix(':')?.strip_suffix(':')?;
    let mut bytes = [0; 32];
    (Base64::decode(text, &mut bytes).ok()?.len() == 32).then_some(bytes)
}

/// Why a request is not sealed, or cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no seal.
    #[error("there is no seal")]
    Missing,
    /// The seal is not in its one form.
    #[error("the seal is malformed")]
    Malformed,
    /// A header that is covered, or is the seal, stands more than once.
    #[error("a header stands twice")]
    DuplicateHeader,
    /// A header that is said to be covered is not there.
    #[error("a covered header is missing")]
    MissingHeader,
    /// An identity header, or what looks like one, is not covered.
    #[error("an identity header is not covered")]
    UnsignedHeader,
    /// A value that is covered has other characters than printable ASCII.
    #[error("a covered value is not printable")]
    Unprintable,
    /// The key is none of ours.
    #[error("the key is unknown")]
    UnknownKey,
    /// The algorithm is not hmac-sha256.
    #[error("the algorithm is not hmac-sha256")]
    WrongAlgorithm,
    /// It is a seal for another purpose.
    #[error("the seal is for another purpose")]
    WrongTag,
    /// The signature is not the key's over this request.
    #[error("the signature is wrong")]
    BadSignature,
    /// It ends before it begins, or lasts longer than seals do.
    #[error("the seal's lifetime is wrong")]
    LifetimeTooLong,
    /// It begins in the future.
    #[error("the seal is not yet valid")]
    NotYetValid,
    /// Its time is over.
    #[error("the seal has expired")]
    Expired,
    /// Its nonce was seen before.
    #[error("the seal was used before")]
    Replayed,
    /// The body is not the one whose digest is covered, or none is where one has to be.
    #[error("the body is not the sealed one")]
    WrongBody,
    /// The sealed headers do not make an identity.
    #[error("the identity is malformed")]
    InvalidIdentity,
}

impl SealError {
    /// Every reason, for whoever counts them.
    pub const ALL: [Self; 16] = [
        Self::Missing,
        Self::Malformed,
        Self::DuplicateHeader,
        Self::MissingHeader,
        Self::UnsignedHeader,
        Self::Unprintable,
        Self::UnknownKey,
        Self::WrongAlgorithm,
        Self::WrongTag,
        Self::BadSignature,
        Self::LifetimeTooLong,
        Self::NotYetValid,
        Self::Expired,
        Self::Replayed,
        Self::WrongBody,
        Self::InvalidIdentity,
    ];
}
