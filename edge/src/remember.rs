//! Tokens that were found good, so that the next request with one does not pay for it again. Remembered is what
//! cannot change: the signature, and what the token says. Key, times, revocation and policy are asked anew every
//! time.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use shared::{
    claims::{AccessClaims, AssertionClaims, TokenClaims},
    jwt::verify::Verified,
    secret::Digest,
};

/// The most tokens of one generation; an isolate remembers two of each kind of token, which is a few megabytes.
const GENERATION: usize = 2048;

/// The good tokens of one isolate.
#[derive(Debug, Default)]
pub struct Remembered {
    access: Memory<Verified<AccessClaims>>,
    assertions: Memory<Verified<AssertionClaims>>,
}

/// A kind of token that is remembered.
pub trait Memorable: TokenClaims {
    /// Where.
    fn memory(remembered: &Remembered) -> &Memory<Verified<Self>>;
}

impl Memorable for AccessClaims {
    fn memory(remembered: &Remembered) -> &Memory<Verified<Self>> {
        &remembered.access
    }
}

impl Memorable for AssertionClaims {
    fn memory(remembered: &Remembered) -> &Memory<Verified<Self>> {
        &remembered.assertions
    }
}

/// What was found out about texts, each known by the SHA-256 of all its bytes.
///
/// What was seen in the present generation or the one before is known. A full generation replaces the one
/// before, so memory is bounded and what is in use stays.
#[derive(Debug)]
pub struct Memory<T> {
    present: RefCell<Generation<T>>,
    before: RefCell<Generation<T>>,
}

type Generation<T> = BTreeMap<[u8; 32], Rc<T>>;

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self { present: RefCell::default(), before: RefCell::default() }
    }
}

impl<T> Memory<T> {
    /// What was kept of this text.
    pub fn recall(&self, text: &Digest) -> Option<Rc<T>> {
        if let Some(known) = self.present.borrow().get(text.as_bytes()) {
            return Some(Rc::clone(known));
        }
        let known = self.before.borrow().get(text.as_bytes()).cloned()?;
        self.keep(text, Rc::clone(&known));
        Some(known)
    }

    /// Keeps this of a text.
    pub fn keep(&self, text: &Digest, known: Rc<T>) {
        let mut present = self.present.borrow_mut();
        present.insert(*text.as_bytes(), known);
        if present.len() >= GENERATION {
            *self.before.borrow_mut() = std::mem::take(&mut *present);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> Digest {
        Digest::of(&number.to_be_bytes())
    }

    #[test]
    fn memory_is_bounded_and_what_is_in_use_stays() {
        let remembered = Memory::default();
        let in_use = token(usize::MAX);
        remembered.keep(&in_use, Rc::new(usize::MAX));
        for number in 0..10 * GENERATION {
            remembered.keep(&token(number), Rc::new(number));
            assert_eq!(remembered.recall(&in_use).as_deref(), Some(&usize::MAX));
        }
        let (present, before) = (remembered.present.borrow().len(), remembered.before.borrow().len());
        assert!(present < GENERATION && before <= GENERATION, "{present} {before}");
        assert_eq!(remembered.recall(&token(0)), None);
        let last = 10 * GENERATION - 1;
        assert_eq!(remembered.recall(&token(last)).as_deref(), Some(&last));
    }
}
