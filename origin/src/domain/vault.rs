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

/// What the secret parts of the database are encrypted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeys {
    /// The one that encrypts.
    pub current: Secret<32>,
    /// The one before, which still decrypts until all is encrypted anew.
    pub previous: Option<Secret<32>>,
}

/// Encrypts under the master key, and decrypts under it or the one before.
#[derive(Clone)]
pub(super) struct Vault {
    current: XChaCha20Poly1305,
    previous: Option<XChaCha20Poly1305>,
}

impl Vault {
    pub(super) fn new(master_keys: &MasterKeys) -> Self {
        let cipher = |key: &Secret<32>| XChaCha20Poly1305::new(key.expose().into());
        Self { current: cipher(&master_keys.current), previous: master_keys.previous.as_ref().map(cipher) }
    }

    /// `nonce || ciphertext`, good only for this place.
    pub(super) fn seal(&self, plain: &[u8], place: &str, random: Random) -> Result<Vec<u8>, Error> {
        let nonce = random.bytes::<NONCE_LENGTH>()?;
        let payload = Payload { msg: plain, aad: place.as_bytes() };
        let encrypted = self.current.encrypt(&nonce.into(), payload).map_err(|_| failed(place))?;
        Ok([nonce.as_slice(), &encrypted].concat())
    }

    /// What [`seal`](Self::seal) was given for this place.
    pub(super) fn open(&self, sealed: &[u8], place: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (nonce, encrypted) = sealed.split_first_chunk::<NONCE_LENGTH>().ok_or_else(|| failed(place))?;
        let ciphers = [Some(&self.current), self.previous.as_ref()];
        let open = |cipher: &XChaCha20Poly1305| {
            cipher.decrypt(&(*nonce).into(), Payload { msg: encrypted, aad: place.as_bytes() }).ok()
        };
        ciphers.into_iter().flatten().find_map(open).map(Zeroizing::new).ok_or_else(|| failed(place))
    }

    /// The same under the master key; none when it is that already.
    pub(super) fn reseal(
        &self,
        sealed: &[u8],
        place: &str,
        random: Random,
    ) -> Result<Option<Vec<u8>>, Error> {
        let current_alone = Self { current: self.current.clone(), previous: None };
        if current_alone.open(sealed, place).is_ok() {
            return Ok(None);
        }
        self.seal(&self.open(sealed, place)?, place, random).map(Some)
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

    fn vault_of(current: u8, previous: Option<u8>) -> Vault {
        let key = |byte| Secret::new([byte; 32]);
        Vault::new(&MasterKeys { current: key(current), previous: previous.map(key) })
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let vault = vault_of(1, None);
        let sealed = vault.seal(b"private", "signing_keys/a", Random).unwrap();
        assert_eq!(vault.open(&sealed, "signing_keys/a").unwrap().as_slice(), b"private");
        assert!(!sealed.windows(7).any(|window| window == b"private"));
        assert!(matches!(vault.open(&sealed, "signing_keys/b"), Err(Error::MasterKey { .. })));
        let other = vault_of(2, None);
        assert!(matches!(other.open(&sealed, "signing_keys/a"), Err(Error::MasterKey { .. })));
        assert!(matches!(vault.open(&sealed[..20], "signing_keys/a"), Err(Error::MasterKey { .. })));
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(vault.open(&changed, "signing_keys/a"), Err(Error::MasterKey { .. })));
    }

    #[test]
    fn the_same_is_never_sealed_alike() {
        let vault = vault_of(1, None);
        assert_ne!(vault.seal(b"x", "p", Random).unwrap(), vault.seal(b"x", "p", Random).unwrap());
    }

    #[test]
    fn the_master_key_before_opens_and_never_seals() {
        let old = vault_of(1, None).seal(b"private", "p", Random).unwrap();
        let both = vault_of(2, Some(1));
        assert_eq!(both.open(&old, "p").unwrap().as_slice(), b"private");
        let new = both.reseal(&old, "p", Random).unwrap().unwrap();
        assert_eq!(vault_of(2, None).open(&new, "p").unwrap().as_slice(), b"private");
        assert_eq!(both.reseal(&new, "p", Random).unwrap(), None);
        assert!(matches!(vault_of(2, None).reseal(&old, "p", Random), Err(Error::MasterKey { .. })));
        assert!(vault_of(1, None).open(&both.seal(b"x", "p", Random).unwrap(), "p").is_err());
    }
}
