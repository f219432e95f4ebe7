//! A service account's key as it is handed out: `csk_` and 64 bytes, which are the key's id, 256 random bits and a
//! mac by which a made-up one is refused without a look at the database. That keeps the digest alone.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use shared::{
    id::SessionId,
    mac::{MacKey, MacKeys},
    secret::{Digest, Secret},
};
use uuid::Uuid;

/// What every key begins with, so that whoever finds one in a log or a repository knows what it is.
const PREFIX: &str = "csk_";

/// What only its service account and nobody else has. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Secret<64>);

impl SecretKey {
    /// A new key of this id, of random bits that the caller drew.
    pub(super) fn mint(id: SessionId, random: [u8; 32], mac: &MacKey) -> Self {
        let mut bytes = [0; 64];
        bytes[..16].copy_from_slice(id.uuid().as_bytes());
        bytes[16..48].copy_from_slice(&random);
        let tag = mac.tag(&bytes[..48]);
        bytes[48..].copy_from_slice(&tag[..16]);
        Self(Secret::new(bytes))
    }

    /// The key that was presented, if one of these made it.
    pub(super) fn parse(text: &str, macs: &MacKeys) -> Option<Self> {
        let key = Self(Secret::from_base64url(text.strip_prefix(PREFIX)?).ok()?);
        let (signed, mac) = key.0.expose().split_first_chunk::<48>()?;
        macs.verify_half(signed, mac.try_into().ok()?).then_some(key)
    }

    /// The key's id.
    pub(super) fn id(&self) -> SessionId {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0.expose()[..16]);
        Uuid::from_bytes(id).into()
    }

    /// The digest that the database knows the key by.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.0.expose())
    }

    /// The text that is handed out: `csk_` and 86 characters of base64url. It is a secret.
    #[must_use]
    pub fn to_text(&self) -> String {
        [PREFIX, &Base64UrlUnpadded::encode_string(self.0.expose())].concat()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({}, …)", self.id())
    }
}

#[cfg(test)]
mod tests {
    use shared::{mac::SharedSecret, time::Timestamp};

    use super::*;

    fn macs(secret: u8) -> MacKeys {
        SharedSecret::new([secret; 32]).service_key().into()
    }

    fn key() -> SecretKey {
        let id = SessionId::new(Timestamp::from_seconds(1_800_000_000), [3; 10]);
        SecretKey::mint(id, [7; 32], macs(1).current())
    }

    #[test]
    fn a_key_is_read_back_by_the_mac_that_made_it_alone() {
        let text = key().to_text();
        assert!(text.starts_with("csk_") && text.len() == 90, "{text}");
        let read = SecretKey::parse(&text, &macs(1)).unwrap();
        assert!(read == key() && read.id() == key().id());
        assert!(SecretKey::parse(&text, &macs(2)).is_none());
        assert!(!format!("{read:?}").contains(&text[30..]));
    }

    #[test]
    fn no_altered_character_passes() {
        let text = key().to_text();
        for at in 0..text.len() {
            let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
            let altered = [&text[..at], other, &text[at + 1..]].concat();
            assert!(SecretKey::parse(&altered, &macs(1)).is_none(), "{at}");
        }
        for altered in
            [&text[4..], &text[..89], &format!("{text}A"), &format!(" {text}"), &text.to_uppercase()]
        {
            assert!(SecretKey::parse(altered, &macs(1)).is_none(), "{altered}");
        }
    }
}
