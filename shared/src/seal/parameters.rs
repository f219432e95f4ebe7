//! The signature parameters (RFC 9421 §2.3), in the one order and spelling that is written here.

use super::{SealError, base::DERIVED, digest, nonce::Nonce};
use crate::identity;

/// The one algorithm (RFC 9421 §3.3.3).
const ALGORITHM: &str = "hmac-sha256";

/// More than the parameters of a seal ever have.
pub(super) const MAX_LENGTH: usize = 2048;

/// What is covered beside the derived components, and under which conditions.
pub(super) struct Parameters<'a> {
    /// Names of the covered headers, each once.
    pub(super) headers: Vec<&'a str>,
    /// Seconds since the epoch.
    pub(super) created: i64,
    /// Seconds since the epoch.
    pub(super) expires: i64,
    pub(super) nonce: Nonce,
    pub(super) key_id: &'a str,
    pub(super) tag: &'a str,
}

impl<'a> Parameters<'a> {
    pub(super) fn to_text(&self) -> String {
        let mut text = String::with_capacity(512);
        let mut opening = "(\"";
        for component in DERIVED.iter().chain(&self.headers) {
            text.push_str(opening);
            text.push_str(component);
            opening = "\" \"";
        }
        for part in [
            "\");created=",
            &self.created.to_string(),
            ";expires=",
            &self.expires.to_string(),
            ";nonce=\"",
            &self.nonce.to_text(),
            "\";alg=\"",
            ALGORITHM,
            "\";keyid=\"",
            self.key_id,
            "\";tag=\"",
            self.tag,
            "\"",
        ] {
            text.push_str(part);
        }
        text
    }

    /// Reads what [`to_text`](Self::to_text) writes and nothing else: no other order, no whitespace, no
    /// escapes, no parameters of components, no component that is not ours to cover.
    pub(super) fn parse(text: &'a str) -> Result<Self, SealError> {
        if text.len() > MAX_LENGTH {
            return Err(SealError::Malformed);
        }
        let (headers, mut rest) = text
            .strip_prefix('(')
            .and_then(|text| text.split_once(')'))
            .and_then(|(components, rest)| Some((covered_headers(components)?, rest)))
            .ok_or(SealError::Malformed)?;
        let mut next = |name| parameter(&mut rest, name).ok_or(SealError::Malformed);
        let created = integer(next("created")?)?;
        let expires = integer(next("expires")?)?;
        let nonce = Nonce::parse(string(next("nonce")?)?).ok_or(SealError::Malformed)?;
        if string(next("alg")?)? != ALGORITHM {
            return Err(SealError::WrongAlgorithm);
        }
        let key_id = string(next("keyid")?)?;
        let tag = string(next("tag")?)?;
        if rest.is_empty() {
            Ok(Self { headers, created, expires, nonce, key_id, tag })
        } else {
            Err(SealError::Malformed)
        }
    }
}

/// The names after the derived components, which all have to be there, first and in their order.
fn covered_headers(components: &str) -> Option<Vec<&str>> {
    let mut names = components.split(' ').map(|quoted| quoted.strip_prefix('"')?.strip_suffix('"'));
    for derived in DERIVED {
        if names.next()?? != derived {
            return None;
        }
    }
    let mut headers = Vec::new();
    for name in names {
        let name = name.filter(|name| may_be_covered(name) && !headers.contains(name))?;
        headers.push(name);
    }
    Some(headers)
}

fn may_be_covered(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name == digest::HEADER || (name.starts_with(identity::PREFIX) && name.bytes().all(is_plain))
}

/// The value of the parameter that has to come next.
fn parameter<'a>(rest: &mut &'a str, name: &str) -> Option<&'a str> {
    let value = rest.strip_prefix(';')?.strip_prefix(name)?.strip_prefix('=')?;
    let (value, after) = value.split_at(value.find(';').unwrap_or(value.len()));
    *rest = after;
    Some(value)
}

/// A string (RFC 8941 §3.3.3) that needs no escapes.
fn string(value: &str) -> Result<&str, SealError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .filter(|value| value.bytes().all(is_plain))
        .ok_or(SealError::Malformed)
}

/// An integer (RFC 8941 §3.3.1: at most fifteen digits) that is not negative, in its shortest form.
fn integer(value: &str) -> Result<i64, SealError> {
    let is_canonical = (1..=15).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_digit())
        && (value == "0" || !value.starts_with('0'));
    if is_canonical { value.parse().map_err(|_| SealError::Malformed) } else { Err(SealError::Malformed) }
}
