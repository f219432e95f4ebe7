//! Tokens whose signature has been found good, so that the next request with one does not pay for it
//! again. Only the signature is remembered: key, times, revocation and policy are asked anew every time.

use std::{cell::RefCell, collections::BTreeSet};

use shared::{
    jwt::{
        compact::Unverified,
        keys::PublicKey,
        verify::{CheckUnavailable, SignatureCheck},
    },
    secret::Digest,
};

/// The most tokens of one generation; an isolate remembers two of them, which is 256 KiB and some.
const GENERATION: usize = 4096;

/// The good tokens of one isolate, each as the SHA-256 of all its bytes.
///
/// What was seen in the present generation or the one before is known. A full generation replaces the one
/// before, so memory is bounded and what is in use stays.
#[derive(Debug, Default)]
pub struct Remembered {
    present: RefCell<BTreeSet<[u8; 32]>>,
    before: RefCell<BTreeSet<[u8; 32]>>,
}

impl Remembered {
    fn knows(&self, token: &[u8; 32]) -> bool {
        if self.present.borrow().contains(token) {
            return true;
        }
        let known = self.before.borrow().contains(token);
        if known {
            self.keep(*token);
        }
        known
    }

    fn keep(&self, token: [u8; 32]) {
        let mut present = self.present.borrow_mut();
        present.insert(token);
        if present.len() >= GENERATION {
            *self.before.borrow_mut() = std::mem::take(&mut *present);
        }
    }
}

/// A [`SignatureCheck`] that asks another only about tokens that are not remembered.
pub struct Remembering<'a, C> {
    /// What is remembered.
    pub remembered: &'a Remembered,
    /// Who is asked about the rest.
    pub check: &'a C,
}

impl<C: SignatureCheck> SignatureCheck for Remembering<'_, C> {
    /// A key's id is made from its bytes, and the token that is digested names the id: the digest stands
    /// for the key as well.
    async fn check(&self, key: &PublicKey, token: &Unverified<'_>) -> Result<bool, CheckUnavailable> {
        let digest = *Digest::of(token.token().as_bytes()).as_bytes();
        if self.remembered.knows(&digest) {
            return Ok(true);
        }
        let good = self.check.check(key, token).await?;
        if good {
            self.remembered.keep(digest);
        }
        Ok(good)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> [u8; 32] {
        *Digest::of(&number.to_be_bytes()).as_bytes()
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let remembered = Remembered::default();
        let in_use = token(usize::MAX);
        remembered.keep(in_use);
        for number in 0..10 * GENERATION {
            remembered.keep(token(number));
            assert!(remembered.knows(&in_use));
        }
        let (present, before) = (remembered.present.borrow().len(), remembered.before.borrow().len());
        assert!(present < GENERATION && before <= GENERATION, "{present} {before}");
        assert!(!remembered.knows(&token(0)));
        assert!(remembered.knows(&token(10 * GENERATION - 1)));
    }
}
