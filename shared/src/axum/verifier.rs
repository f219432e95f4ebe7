//! The seal of an `http` request: what [`seal::verify`] needs is read from its parts, and its nonce is
//! remembered.

use std::sync::{Mutex, PoisonError};

use axum::extract::OriginalUri;
use http::{Uri, header::HOST, request::Parts};

use crate::{
    identity::Identity,
    mac::MacKeys,
    seal::{self, Message, SealError, Sealed, Tag, nonce::NonceMemory},
    time::Timestamp,
};

/// Whether a seal counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoncePolicy {
    /// Once for each process: the default.
    #[default]
    Remember,
    /// As often as it arrives before it ends, for services behind a proxy that repeats requests.
    Off,
}

/// Verifies the seals of one purpose. It is shared by all requests of a process.
#[derive(Debug)]
pub struct SealVerifier {
    keys: MacKeys,
    tag: Tag,
    authority: Option<String>,
    nonces: Option<Mutex<NonceMemory>>,
}

impl SealVerifier {
    /// `authority` is what the edge calls this service, where a proxy between changes the `Host`.
    #[must_use]
    pub fn new(keys: MacKeys, tag: Tag, nonces: NoncePolicy, authority: Option<String>) -> Self {
        let nonces = (nonces == NoncePolicy::Remember).then(Mutex::default);
        Self { keys, tag, authority, nonces }
    }

    /// The identity in a request and its seal; `None` when there is neither a seal nor anything that needs
    /// one. Where the seal covers the body ([`Sealed::covers_body`]), that remains to be checked.
    ///
    /// # Errors
    /// [`SealError`] when the request has a seal that does not hold, or an identity header without one. It
    /// is never a reason to look at other credentials.
    pub fn verify(&self, parts: &Parts, now: Timestamp) -> Result<Option<(Identity, Sealed)>, SealError> {
        // A digest alone says something about the body, and nothing about a seal.
        let needs_seal = |name: &str| seal::concerns_seal(name) && name != seal::digest::HEADER;
        if !parts.headers.keys().any(|name| needs_seal(name.as_str())) {
            return Ok(None);
        }
        let headers = relevant_headers(parts)?;
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let message = Message {
            method: parts.method.as_str(),
            authority: self.authority_of(parts, uri)?,
            path: uri.path(),
            query: uri.query(),
            headers: &headers,
        };
        let sealed = seal::verify(&message, &self.keys, self.tag, now)?;
        self.remember(&sealed, now)?;
        let identity = Identity::from_headers(headers).map_err(|_| SealError::InvalidIdentity)?;
        Ok(Some((identity, sealed)))
    }

    /// Verifies a call that has to be sealed, and whose seal has to cover its body.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn verify_call(&self, parts: &Parts, body: &[u8], now: Timestamp) -> Result<Sealed, SealError> {
        let (_, sealed) = self.verify(parts, now)?.ok_or(SealError::Missing)?;
        if sealed.is_body(body) { Ok(sealed) } else { Err(SealError::WrongBody) }
    }

    /// What the client called this host: of HTTP/2's `:authority` and `Host`, those that are there have to
    /// agree.
    fn authority_of<'p>(&'p self, parts: &'p Parts, uri: &'p Uri) -> Result<&'p str, SealError> {
        if let Some(authority) = &self.authority {
            return Ok(authority);
        }
        let mut hosts = parts.headers.get_all(HOST).iter();
        let host = hosts.next().map(|host| host.to_str()).transpose().map_err(|_| SealError::Unprintable)?;
        if hosts.next().is_some() {
            return Err(SealError::DuplicateHeader);
        }
        match (uri.authority().map(http::uri::Authority::as_str), host) {
            (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
                Err(SealError::DuplicateHeader)
            }
            (authority, host) => Ok(authority.or(host).unwrap_or_default()),
        }
    }

    fn remember(&self, sealed: &Sealed, now: Timestamp) -> Result<(), SealError> {
        let Some(nonces) = &self.nonces else { return Ok(()) };
        // A panic elsewhere leaves the memory whole: what it has seen stays seen.
        let mut nonces = nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.accept(sealed.nonce(), sealed.expires(), now)
    }
}

/// The headers that a seal is about, each as often as it stands in the request.
fn relevant_headers(parts: &Parts) -> Result<Vec<(&str, &str)>, SealError> {
    parts
        .headers
        .iter()
        .filter(|(name, _)| seal::concerns_seal(name.as_str()))
        .map(|(name, value)| Ok((name.as_str(), value.to_str().map_err(|_| SealError::Unprintable)?)))
        .collect()
}
