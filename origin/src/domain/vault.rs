//! Encryption of what is kept in the database and must not be read from a copy of it.
//!
//! XChaCha20-Poly1305 under the master key: its nonce is long enough to be drawn at random. What is
//! encrypted is bound to its place, so that nothing in the database can be exchanged for another.

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead, KeyInit, Payload},
};
use shared::secret::Secret;
use zeroize::Zeroizing;

use super::Error;
use crate::random::Random;

const NONCE_LENGTH: usize = 24;

/// Encrypts and decrypts under the master key.
#[derive(Clone)]
pub(super) struct Vault(XChaCha20Poly1305);

impl Vault {
    pub(super) fn new(master_key: &Secret<32>) -> Self {
        Self(XChaCha20Poly1305::new(master_key.expose().into()))
    }

    /// `nonce || ciphertext`, good only for this place.
    pub(super) fn seal(&self, plain: &[u8], place: &str, random: Random) -> Result<Vec<u8>, Error> {
        let nonce = random.bytes::<NONCE_LENGTH>()?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let encrypted = self.0.encrypt(&nonce.into(), payload).map_err(|_| failed(place))?;
        Ok([nonce.as_slice(), &encrypted].concat())
    }

    /// What [`seal`](Self::seal) was given for this place.
    pub(super) fn open(&self, sealed: &[u8], place: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or_else(|| failed(place))?;
        let payload = Payload { msg: encrypted, aad: place.as_bytes() };
        let plain = self.0.decrypt(&(*nonce).into(), payload).map_err(|_| failed(place))?;
        Ok(Zeroizing::new(plain))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

fn failed(place: &str) -> Error {
    Error::MasterKey { what: place.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let vault = Vault::new(&Secret::new([1; 32]));
        let sealed = vault.seal(b"private", "signing_keys/a", Random).unwrap();
        assert_eq!(vault.open(&sealed, "signing_keys/a").unwrap().as_slice(), b"private");
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert!(matches!(vault.open(&sealed, "signing_keys/b"), Err(Error::MasterKey { .. })));
        let other = Vault::new(&Secret::new([2; 32]));
        assert!(matches!(other.open(&sealed, "signing_keys/a"), Err(Error::MasterKey { .. })));
        assert!(matches!(vault.open(&sealed[..20], "signing_keys/a"), Err(Error::MasterKey { .. })));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(vault.open(&changed, "signing_keys/a"), Err(Error::MasterKey { .. })));
    }

    #[test]
    fn the_same_is_never_sealed_alike() {
        let vault = Vault::new(&Secret::new([1; 32]));
        assert_ne!(vault.seal(b"x", "p", Random).unwrap(), vault.seal(b"x", "p", Random).unwrap());
    }
}
