//! Secrets that do not print, and the digests that are kept of them.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// `N` secret bytes: they never print, compare in constant time and are wiped when dropped.
#[derive(Clone)]
pub struct Secret<const N: usize>([u8; N]);

impl<const N: usize> Secret<N> {
    /// Takes bytes drawn or read by the caller.
    #[must_use]
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// From exactly `N` bytes in unpadded base64url.
    ///
    /// # Errors
    /// [`InvalidSecret`] when the text is something else; it does not repeat the text.
    pub fn from_base64url(text: &str) -> Result<Self, InvalidSecret> {
        let mut bytes = [0; N];
        match Base64UrlUnpadded::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == N => Ok(Self(bytes)),
            _ => Err(InvalidSecret { bytes: N }),
        }
    }

    /// The bytes, at the place where they are used. Search for this name to find them all.
    #[must_use]
    pub const fn expose(&self) -> &[u8; N] {
        &self.0
    }

    /// The SHA-256 by which the secret is found again without being kept.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl<const N: usize> Drop for Secret<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Secret<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret<{N}>(…)")
    }
}

impl<const N: usize> PartialEq for Secret<N> {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<const N: usize> Eq for Secret<N> {}

/// The text is not the number of bytes that is wanted, in unpadded base64url.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes in unpadded base64url are wanted")]
pub struct InvalidSecret {
    bytes: usize,
}

/// A SHA-256 digest of a secret of high entropy. It finds the secret again and does not give it away;
/// it is kept, but neither printed nor compared by the time that takes.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest read back from where it was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, to be kept.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 32 bytes in unpadded base64url, as claims carry them.
    #[must_use]
    pub fn to_base64url(&self) -> String {
        Base64UrlUnpadded::encode_string(&self.0)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_secret_nor_its_digest_prints() {
        let secret = Secret::new([0x41; 32]);
        assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret<32>(…) Digest(…)");
    }

    #[test]
    fn different_secrets_and_their_digests_differ() {
        assert_ne!(Secret::new([1; 32]), Secret::new([2; 32]));
        assert_eq!(Secret::new([1; 32]).digest(), Digest::of(&[1; 32]));
        assert_ne!(Secret::new([1; 32]).digest(), Secret::new([2; 32]).digest());
    }

    #[test]
    fn a_secret_is_read_only_in_its_canonical_form() {
        let text = Base64UrlUnpadded::encode_string(&[7; 32]);
        assert_eq!(Secret::from_base64url(&text), Ok(Secret::new([7; 32])));
        assert!(Secret::<32>::from_base64url(&text[1..]).is_err());
        assert!(Secret::<32>::from_base64url(&format!("{text}=")).is_err());
        assert!(Secret::<16>::from_base64url(&text).is_err());
    }
}
