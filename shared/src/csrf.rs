//! The token against cross-site requests (`x-csrf-token`), bound to the session's handle: whoever cannot
//! read an answer of this site cannot know it, and it changes whenever the handle does.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::{
    mac::{MacKey, MacKeys},
    secret::Digest,
};

/// The header that carries the token.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// The token that belongs to the handle of this digest.
#[must_use]
pub fn token(handle: &Digest, key: &MacKey) -> String {
    Base64UrlUnpadded::encode_string(&key.tag(handle.as_bytes()))
}

/// Whether the token belongs to the handle of this digest, by one of the keys.
#[must_use]
pub fn verify(handle: &Digest, token: &str, keys: &MacKeys) -> bool {
    let mut tag = [0; 32];
    Base64UrlUnpadded::decode(token, &mut tag).is_ok_and(|tag| keys.verify(handle.as_bytes(), tag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mac::SharedSecret;

    #[test]
    fn a_token_is_good_for_its_handle_alone() {
        let key = SharedSecret::new([1; 32]).csrf_key();
        let (mine, other) = (Digest::of(b"mine"), Digest::of(b"other"));
        let token = token(&mine, &key);
        let keys = key.into();
        assert!(verify(&mine, &token, &keys));
        assert!(!verify(&other, &token, &keys));
        assert!(!verify(&mine, &token, &SharedSecret::new([2; 32]).csrf_key().into()));
        for text in ["", "=", &token[1..], &format!("{token}="), &format!("{token}A"), &"A".repeat(10_000)] {
            assert!(!verify(&mine, text, &keys), "{text}");
        }
    }
}
