//! Message authentication: one shared secret, and by HKDF a key of its own for each party and purpose.
//!
//! Who can check an HMAC can make one, so no two parties share a key: a service behind the edge holds
//! its seal key and nothing from which another could be derived.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret::{InvalidSecret, Secret};

/// Separates what is derived here from whatever else the same secret may have been used for.
const SALT: &[u8] = b"countersign/1";

/// The secret that origin and edge share, and from which every [`MacKey`] is derived (RFC 5869).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedSecret(Secret<32>);

impl SharedSecret {
    /// Takes 32 bytes that were drawn at random.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// From 32 bytes in unpadded base64url, the form of the setting.
    ///
    /// # Errors
    /// [`InvalidSecret`] when the text is something else.
    pub fn from_base64url(text: &str) -> Result<Self, InvalidSecret> {
        Secret::from_base64url(text).map(Self)
    }

    /// The key that seals requests to this upstream, and to no other.
    #[must_use]
    pub fn seal_key(&self, upstream: &str) -> MacKey {
        self.derive(&["seal/", upstream].concat())
    }

    /// The key that signs the edge's calls to origin.
    #[must_use]
    pub fn edge_call_key(&self) -> MacKey {
        self.derive("edge-call")
    }

    /// The key that authenticates the edge state.
    #[must_use]
    pub fn edge_state_key(&self) -> MacKey {
        self.derive("edge-state")
    }

    /// The key by which the isolates of the edge know their own copies of the edge state.
    #[must_use]
    pub fn edge_state_copy_key(&self) -> MacKey {
        self.derive("edge-state-copy")
    }

    /// The key of the mac in the session cookie.
    #[must_use]
    pub fn handle_key(&self) -> MacKey {
        self.derive("handle")
    }

    /// The key of the CSRF token.
    #[must_use]
    pub fn csrf_key(&self) -> MacKey {
        self.derive("csrf")
    }

    /// The key of the mac in a refresh token. Origin derives it from a secret of its own, not from the
    /// one that it shares with the edge: the edge must not be able to mint refresh tokens.
    #[must_use]
    pub fn refresh_key(&self) -> MacKey {
        self.derive("refresh")
    }

    /// The key of the mac by which an account knows a device; derived by origin from the same secret of its
    /// own as [`refresh_key`](Self::refresh_key).
    #[must_use]
    pub fn device_key(&self) -> MacKey {
        self.derive("device")
    }

    /// The key of the mac in the keys of service accounts. Origin derives it from a secret of its own that stays
    /// the same, for such a key has no end.
    #[must_use]
    pub fn service_key(&self) -> MacKey {
        self.derive("service-key")
    }

    /// The key of the mac in where the copy of an account goes on; derived by origin from the same secret of its own
    /// as [`refresh_key`](Self::refresh_key).
    #[must_use]
    pub fn copy_key(&self) -> MacKey {
        self.derive("account-copy")
    }

    fn derive(&self, purpose: &str) -> MacKey {
        let hkdf = Hkdf::<Sha256>::new(Some(SALT), self.0.expose());
        let mut key = [0; 32];
        let mut id = [0; 8];
        expand(&hkdf, &[purpose, "\0key"].concat(), &mut key);
        expand(&hkdf, &[purpose, "\0id"].concat(), &mut id);
        MacKey { id: Base64UrlUnpadded::encode_string(&id), key: Secret::new(key) }
    }
}

#[expect(clippy::expect_used, reason = "at most 32 bytes are asked for, where 8,160 are the limit")]
fn expand(hkdf: &Hkdf<Sha256>, info: &str, output: &mut [u8]) {
    hkdf.expand(info.as_bytes(), output).expect("the output is within HKDF's limit");
}

/// A key of HMAC-SHA256 with the id by which the other side finds it.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey {
    id: String,
    key: Secret<32>,
}

impl MacKey {
    /// The public id: eleven characters of base64url that say nothing about the key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `<id>.<key in base64url>`, the form in which a service is handed its own key. It is a secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        [&self.id, ".", &Base64UrlUnpadded::encode_string(self.key.expose())].concat()
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// [`InvalidMacKey`] when the text is something else; it does not repeat the text.
    pub fn from_text(text: &str) -> Result<Self, InvalidMacKey> {
        let (id, key) = text.split_once('.').ok_or(InvalidMacKey)?;
        Secret::<8>::from_base64url(id).map_err(|_| InvalidMacKey)?;
        let key = Secret::from_base64url(key).map_err(|_| InvalidMacKey)?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// The HMAC-SHA256 of a message (RFC 2104).
    #[must_use]
    pub fn tag(&self, message: &[u8]) -> [u8; 32] {
        // A key shorter than the block is padded with zeros (RFC 2104 §2), so this cannot fail.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(self.key.expose());
        Hmac::<Sha256>::new((&*block).into()).chain_update(message).finalize().into_bytes().into()
    }

    /// Whether this is the whole tag of the message, found out in constant time.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        self.tag(message).as_slice().ct_eq(tag).into()
    }

    /// Whether these are the tag's first 128 bits (RFC 2104 §5), found out in constant time.
    #[must_use]
    pub fn verify_half(&self, message: &[u8], half: &[u8; 16]) -> bool {
        self.tag(message)[..16].ct_eq(half).into()
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacKey({}, …)", self.id)
    }
}

/// The text is not a key in the form `<id>.<key>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key in the form <id>.<key>, both in unpadded base64url, is wanted")]
pub struct InvalidMacKey;

/// The keys of one purpose while a secret is exchanged: the current one signs, both are accepted.
#[derive(Clone, Debug)]
pub struct MacKeys {
    current: MacKey,
    previous: Option<MacKey>,
}

impl MacKeys {
    /// The current key, and the previous one for as long as what it signed may still arrive.
    #[must_use]
    pub const fn new(current: MacKey, previous: Option<MacKey>) -> Self {
        Self { current, previous }
    }

    /// The key that signs.
    #[must_use]
    pub const fn current(&self) -> &MacKey {
        &self.current
    }

    /// The accepted key of this id.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&MacKey> {
        self.iter().find(|key| key.id == id)
    }

    /// The key among these that derives from the same root secret as the key of this id among `others`. A peer that
    /// has just used that one holds this one too, on whichever side a new secret arrived first.
    #[must_use]
    pub fn beside(&self, others: &Self, id: &str) -> Option<&MacKey> {
        if others.current.id == id {
            return Some(&self.current);
        }
        others.previous.as_ref().filter(|previous| previous.id == id)?;
        self.previous.as_ref()
    }

    /// Whether either key made this tag; for formats that do not carry a key's id.
    #[must_use]
    pub fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        self.iter().any(|key| key.verify(message, tag))
    }

    /// Whether either key made this tag's first 128 bits.
    #[must_use]
    pub fn verify_half(&self, message: &[u8], half: &[u8; 16]) -> bool {
        self.iter().any(|key| key.verify_half(message, half))
    }

    fn iter(&self) -> impl Iterator<Item = &MacKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl From<MacKey> for MacKeys {
    fn from(current: MacKey) -> Self {
        Self::new(current, None)
    }
}

/// The shared secret and, while it is being exchanged, the one before it.
#[derive(Clone, Debug)]
pub struct SharedSecrets {
    current: SharedSecret,
    previous: Option<SharedSecret>,
}

impl SharedSecrets {
    /// The current secret, and the previous one while it is still accepted.
    #[must_use]
    pub const fn new(current: SharedSecret, previous: Option<SharedSecret>) -> Self {
        Self { current, previous }
    }

    /// See [`SharedSecret::seal_key`].
    #[must_use]
    pub fn seal_keys(&self, upstream: &str) -> MacKeys {
        self.keys(|secret| secret.seal_key(upstream))
    }

    /// See [`SharedSecret::edge_call_key`].
    #[must_use]
    pub fn edge_call_keys(&self) -> MacKeys {
        self.keys(SharedSecret::edge_call_key)
    }

    /// See [`SharedSecret::edge_state_key`].
    #[must_use]
    pub fn edge_state_keys(&self) -> MacKeys {
        self.keys(SharedSecret::edge_state_key)
    }

    /// See [`SharedSecret::edge_state_copy_key`].
    #[must_use]
    pub fn edge_state_copy_keys(&self) -> MacKeys {
        self.keys(SharedSecret::edge_state_copy_key)
    }

    /// See [`SharedSecret::handle_key`].
    #[must_use]
    pub fn handle_keys(&self) -> MacKeys {
        self.keys(SharedSecret::handle_key)
    }

    /// See [`SharedSecret::csrf_key`].
    #[must_use]
    pub fn csrf_keys(&self) -> MacKeys {
        self.keys(SharedSecret::csrf_key)
    }

    /// See [`SharedSecret::refresh_key`].
    #[must_use]
    pub fn refresh_keys(&self) -> MacKeys {
        self.keys(SharedSecret::refresh_key)
    }

    /// See [`SharedSecret::device_key`].
    #[must_use]
    pub fn device_keys(&self) -> MacKeys {
        self.keys(SharedSecret::device_key)
    }

    /// See [`SharedSecret::service_key`].
    #[must_use]
    pub fn service_keys(&self) -> MacKeys {
        self.keys(SharedSecret::service_key)
    }

    /// See [`SharedSecret::copy_key`].
    #[must_use]
    pub fn copy_keys(&self) -> MacKeys {
        self.keys(SharedSecret::copy_key)
    }

    fn keys(&self, derive: impl Fn(&SharedSecret) -> MacKey) -> MacKeys {
        MacKeys::new(derive(&self.current), self.previous.as_ref().map(derive))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn secret(byte: u8) -> SharedSecret {
        SharedSecret::new([byte; 32])
    }

    #[test]
    fn no_two_purposes_share_a_key_or_an_id() {
        let secret = secret(1);
        let keys = [
            secret.seal_key("origin"),
            secret.seal_key("demo"),
            secret.seal_key(""),
            secret.edge_call_key(),
            secret.edge_state_key(),
            secret.edge_state_copy_key(),
            secret.handle_key(),
            secret.csrf_key(),
            secret.refresh_key(),
            secret.device_key(),
        ];
        assert_eq!(keys.iter().map(MacKey::to_text).collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(keys.iter().map(MacKey::id).collect::<BTreeSet<_>>().len(), keys.len());
    }

    #[test]
    fn a_tag_is_hmac_sha256() {
        // RFC 4231 §4.3 has keys of other lengths; a key padded with zeros to 32 bytes is the same key.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let key = MacKey { id: String::new(), key: Secret::new(key) };
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(key.tag(b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn only_the_whole_tag_is_accepted() {
        let key = secret(1).handle_key();
        let tag = key.tag(b"message");
        assert!(key.verify(b"message", &tag));
        assert!(!key.verify(b"massage", &tag));
        assert!(!key.verify(b"message", &tag[..31]));
        assert!(!key.verify(b"message", &[]));
        assert!(key.verify_half(b"message", tag[..16].try_into().unwrap()));
        assert!(!key.verify_half(b"message", tag[16..].try_into().unwrap()));
    }

    #[test]
    fn the_previous_secret_is_accepted_and_does_not_sign() {
        let old = SharedSecrets::new(secret(1), None).csrf_keys();
        let both = SharedSecrets::new(secret(2), Some(secret(1))).csrf_keys();
        let new = SharedSecrets::new(secret(2), None).csrf_keys();
        assert!(both.verify(b"m", &old.current().tag(b"m")));
        assert!(new.verify(b"m", &both.current().tag(b"m")));
        assert!(!new.verify(b"m", &old.current().tag(b"m")));
        assert!(both.by_id(old.current().id()).is_some());
        assert!(new.by_id(old.current().id()).is_none());
    }

    #[test]
    fn an_answer_is_given_by_the_secret_that_asked() {
        let both = SharedSecrets::new(secret(2), Some(secret(1)));
        let (calls, states) = (both.edge_call_keys(), both.edge_state_keys());
        for asking in [secret(1), secret(2)] {
            let found = states.beside(&calls, asking.edge_call_key().id());
            assert_eq!(found, Some(&asking.edge_state_key()));
        }
        assert_eq!(states.beside(&calls, secret(3).edge_call_key().id()), None);
    }

    #[test]
    fn a_service_is_handed_its_key_as_text() {
        let key = secret(1).seal_key("demo");
        assert_eq!(MacKey::from_text(&key.to_text()), Ok(key.clone()));
        let whole = key.to_text();
        for text in ["", ".", "a.b", &whole[1..], &whole[..53], &format!("{whole}="), &format!(" {whole}")] {
            assert_eq!(MacKey::from_text(text), Err(InvalidMacKey), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_print() {
        let key = secret(1).csrf_key();
        assert_eq!(format!("{key:?}"), format!("MacKey({}, …)", key.id()));
        assert_eq!(format!("{:?}", secret(1)), "SharedSecret(Secret<32>(…))");
    }
}
