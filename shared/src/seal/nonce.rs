//! Nonces that are cheap to make and cheap to remember: a random prefix for each maker, then a counter.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use base64ct::{Base64UrlUnpadded, Encoding};

use super::SealError;
use crate::time::Timestamp;

/// One request's number among those of its maker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce {
    prefix: [u8; 8],
    counter: u64,
}

impl Nonce {
    /// 22 characters of base64url.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.prefix);
        bytes[8..].copy_from_slice(&self.counter.to_be_bytes());
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// Reads what [`to_text`](Self::to_text) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        if Base64UrlUnpadded::decode(text, &mut bytes).ok()?.len() != 16 {
            return None;
        }
        let (prefix, counter) = bytes.split_first_chunk()?;
        Some(Self { prefix: *prefix, counter: u64::from_be_bytes(counter.try_into().ok()?) })
    }
}

/// Makes nonces, each once. There is one for each process or isolate, with a prefix of its own.
#[derive(Debug)]
pub struct NonceSource {
    prefix: [u8; 8],
    counter: AtomicU64,
}

impl NonceSource {
    /// Takes a prefix that was drawn at random.
    #[must_use]
    pub const fn new(prefix: [u8; 8]) -> Self {
        Self { prefix, counter: AtomicU64::new(0) }
    }

    /// The next nonce.
    pub fn next(&self) -> Nonce {
        Nonce { prefix: self.prefix, counter: self.counter.fetch_add(1, Ordering::Relaxed) }
    }
}

/// How many counters below the highest are told apart; what is older counts as seen.
pub const WINDOW: u64 = 65_536;

const WORD: u64 = u64::BITS as u64;
/// The most prefixes that are remembered at once.
const MAX_PREFIXES: usize = 65_536;
/// The most words of all windows together: 8 MiB, which is 1,024 windows of full length.
const MAX_WORDS: usize = 1 << 20;
/// Prefixes are kept beyond their last seal's end, so that a clock that is set back a little costs nothing.
const KEPT: Duration = Duration::from_secs(60);
/// How often is looked for what can be forgotten.
const PURGED_EVERY: Duration = Duration::from_secs(1);

/// The nonces that were seen. It never lets one pass twice, whatever the clock does, and its memory is
/// bounded: where it has to forget it refuses rather than guesses.
///
/// Ask it only about nonces of seals that were verified, or anybody could fill it.
#[derive(Debug, Default)]
pub struct NonceMemory {
    windows: BTreeMap<[u8; 8], Window>,
    words: usize,
    /// No seal that ends by then is accepted from an unknown prefix: it may be a forgotten one.
    forgotten: Option<Timestamp>,
    purged: Option<Timestamp>,
}

impl NonceMemory {
    /// Remembers the nonce of a verified seal that ends at `expires`.
    ///
    /// # Errors
    /// [`SealError::Replayed`] when it was seen before, or might have been.
    pub fn accept(&mut self, nonce: Nonce, expires: Timestamp, now: Timestamp) -> Result<(), SealError> {
        if !self.windows.contains_key(&nonce.prefix) {
            self.purge(now);
            let is_forgotten = self.forgotten.is_some_and(|forgotten| expires <= forgotten);
            if is_forgotten || self.windows.len() >= MAX_PREFIXES {
                return Err(SealError::Replayed);
            }
        }
        if self.words >= MAX_WORDS {
            self.shorten();
        }
        let window = self.windows.entry(nonce.prefix).or_insert_with(|| Window::new(expires));
        let before = window.words.len();
        let accepted = window.accept(nonce.counter, expires);
        self.words = self.words - before + window.words.len();
        if accepted { Ok(()) } else { Err(SealError::Replayed) }
    }

    /// Forgets the prefixes whose last seal ended a while ago.
    fn purge(&mut self, now: Timestamp) {
        if self.purged.is_some_and(|purged| now < purged + PURGED_EVERY && purged <= now) {
            return;
        }
        self.purged = Some(now);
        let (words, forgotten) = (&mut self.words, &mut self.forgotten);
        self.windows.retain(|_, window| {
            let is_over = window.expires + KEPT <= now;
            if is_over {
                *words -= window.words.len();
                *forgotten = (*forgotten).max(Some(window.expires));
            }
            !is_over
        });
    }

    /// Halves the windows when all of them together have grown too long.
    fn shorten(&mut self) {
        for window in self.windows.values_mut() {
            window.shorten();
        }
        self.words = self.windows.values().map(|window| window.words.len()).sum();
    }
}

/// Which of the latest counters of one prefix were seen, a bit for each.
#[derive(Debug)]
struct Window {
    words: VecDeque<u64>,
    /// The place of the first word; the bit of counter `n` is in the word at `n / 64`.
    first: u64,
    /// Words before this one count as seen.
    floor: u64,
    /// When the last of its seals ends.
    expires: Timestamp,
}

impl Window {
    const LENGTH: u64 = WINDOW / WORD;

    const fn new(expires: Timestamp) -> Self {
        Self { words: VecDeque::new(), first: 0, floor: 0, expires }
    }

    /// Sets the counter's bit, if the window reaches back to it and it is not set.
    fn accept(&mut self, counter: u64, expires: Timestamp) -> bool {
        let (place, bit) = (counter / WORD, 1 << (counter % WORD));
        if place < self.floor {
            return false;
        }
        self.reach(place);
        let Some(word) = usize::try_from(place - self.first).ok().and_then(|at| self.words.get_mut(at))
        else {
            return false;
        };
        if *word & bit != 0 {
            return false;
        }
        *word |= bit;
        self.expires = self.expires.max(expires);
        true
    }

    /// Makes the word at a place at or above the floor one of the window's, and slides on if it is ahead.
    fn reach(&mut self, place: u64) {
        self.floor = self.floor.max((place + 1).saturating_sub(Self::LENGTH));
        while self.first < self.floor && self.words.pop_front().is_some() {
            self.first += 1;
        }
        if self.words.is_empty() {
            self.first = place;
        }
        while place < self.first {
            self.words.push_front(0);
            self.first -= 1;
        }
        while self.first + self.words.len() as u64 <= place {
            self.words.push_back(0);
        }
    }

    fn shorten(&mut self) {
        let dropped = self.words.len() / 2;
        self.words.drain(..dropped);
        self.words.shrink_to_fit();
        self.first += dropped as u64;
        self.floor = self.floor.max(self.first);
    }
}
