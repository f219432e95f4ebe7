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
        Self::starting_at(prefix, 0)
    }

    pub(super) const fn starting_at(prefix: [u8; 8], counter: u64) -> Self {
        Self { prefix, counter: AtomicU64::new(counter) }
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
    /// When the last seal of the forgotten prefixes ends.
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
            if self.windows.len() >= MAX_PREFIXES {
                return Err(SealError::Replayed);
            }
        }
        if self.words >= MAX_WORDS {
            self.shorten();
        }
        let forgotten = self.forgotten;
        let window = self.windows.entry(nonce.prefix).or_insert_with(|| Window::new(forgotten));
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
            let is_over = window.expires.is_none_or(|expires| expires + KEPT <= now);
            if is_over {
                *words -= window.words.len();
                *forgotten = (*forgotten).max(window.expires);
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
    /// What ends by then counts as seen: the prefix may have been forgotten before.
    forgotten: Option<Timestamp>,
    /// When the last of its seals ends.
    expires: Option<Timestamp>,
}

impl Window {
    const LENGTH: u64 = WINDOW / WORD;

    const fn new(forgotten: Option<Timestamp>) -> Self {
        Self { words: VecDeque::new(), first: 0, floor: 0, forgotten, expires: None }
    }

    /// Sets the counter's bit, if the window reaches back to it and it is not set.
    fn accept(&mut self, counter: u64, expires: Timestamp) -> bool {
        let (place, bit) = (counter / WORD, 1 << (counter % WORD));
        if place < self.floor || Some(expires) <= self.forgotten {
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
        self.expires = self.expires.max(Some(expires));
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const END: Timestamp = Timestamp::from_seconds(30);
    const NOW: Timestamp = Timestamp::from_seconds(0);

    fn nonce(prefix: u64, counter: u64) -> Nonce {
        Nonce { prefix: prefix.to_be_bytes(), counter }
    }

    #[test]
    fn a_source_makes_each_nonce_once() {
        let source = NonceSource::new([7; 8]);
        let texts: BTreeSet<_> = (0..1000).map(|_| source.next().to_text()).collect();
        assert_eq!(texts.len(), 1000);
        for text in texts {
            assert_eq!(Nonce::parse(&text).map(Nonce::to_text), Some(text));
        }
        for text in
            ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(Nonce::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_window_slides_and_what_is_behind_it_counts_as_seen() {
        let mut memory = NonceMemory::default();
        let mut accept = |counter| memory.accept(nonce(1, counter), END, NOW).is_ok();
        assert!(accept(100_000));
        assert!(!accept(100_000));
        assert!(accept(99_999), "they may come out of order");
        assert!(accept(100_000 - WINDOW + WORD), "back to the window's first word");
        assert!(!accept((100_000 / WORD + 1) * WORD - WINDOW - 1), "the last before it");
        assert!(accept(u64::MAX));
        assert!(!accept(u64::MAX));
        assert!(!accept(100_001));
        assert!(accept(u64::MAX - 1));
    }

    #[test]
    fn what_stays_in_a_window_that_slides_stays_seen() {
        let mut memory = NonceMemory::default();
        let mut accept = |counter| memory.accept(nonce(1, counter), END, NOW).is_ok();
        assert!(accept(0) && accept(WINDOW / 2) && accept(WINDOW + WORD));
        assert!(!accept(WINDOW / 2));
    }

    #[test]
    fn half_of_a_window_that_is_shortened_is_behind_it() {
        let mut window = Window::new(None);
        assert!(window.accept(0, END) && window.accept(9 * WORD, END));
        window.shorten();
        assert_eq!((window.words.len(), window.first, window.floor), (5, 5, 5));
    }

    #[test]
    fn a_prefix_is_forgotten_when_its_last_seal_ended_a_while_ago_and_not_before() {
        let mut memory = NonceMemory::default();
        let next = NOW + PURGED_EVERY;
        let over = next - KEPT;
        assert_eq!(memory.accept(nonce(1, 0), over, NOW), Ok(()));
        assert_eq!(memory.accept(nonce(2, 0), over + Duration::from_millis(1), NOW), Ok(()));
        assert_eq!(memory.accept(nonce(3, 0), END, next), Ok(()));
        let held: Vec<u64> = memory.windows.keys().map(|prefix| u64::from_be_bytes(*prefix)).collect();
        assert_eq!((held, memory.words), (vec![2, 3], 2));
    }

    #[test]
    fn prefixes_do_not_disturb_each_other() {
        let mut memory = NonceMemory::default();
        for prefix in 0..100 {
            assert_eq!(memory.accept(nonce(prefix, 5), END, NOW), Ok(()));
        }
        for prefix in 0..100 {
            assert_eq!(memory.accept(nonce(prefix, 5), END, NOW), Err(SealError::Replayed));
        }
    }

    #[test]
    fn the_number_of_prefixes_is_bounded_and_the_last_is_refused() {
        let mut memory = NonceMemory::default();
        for prefix in 0..MAX_PREFIXES as u64 {
            assert_eq!(memory.accept(nonce(prefix, 0), END, NOW), Ok(()));
        }
        assert_eq!(memory.accept(nonce(u64::MAX, 0), END, NOW), Err(SealError::Replayed));
        assert_eq!(memory.accept(nonce(7, 1), END, NOW), Ok(()), "who is known goes on");
        let later = END + KEPT;
        assert_eq!(memory.accept(nonce(u64::MAX, 0), later + KEPT, later), Ok(()));
        assert_eq!(memory.windows.len(), 1);
    }

    #[test]
    fn the_length_of_all_windows_is_bounded() {
        let mut memory = NonceMemory::default();
        for prefix in 0..3000 {
            for step in [0, 1] {
                let counter = nonce(prefix, step * (WINDOW - WORD));
                assert_eq!(memory.accept(counter, END, NOW), Ok(()));
                assert_eq!(memory.accept(counter, END, NOW), Err(SealError::Replayed));
            }
            assert!(memory.words <= MAX_WORDS + 1024);
        }
        let held: usize = memory.windows.values().map(|window| window.words.len()).sum();
        assert_eq!(held, memory.words);
        for prefix in 0..3000 {
            for step in [0, 1] {
                let again = memory.accept(nonce(prefix, step * (WINDOW - WORD)), END, NOW);
                assert_eq!(again, Err(SealError::Replayed), "shortened is not forgotten");
            }
        }
    }

    #[test]
    fn what_was_forgotten_stays_refused_when_the_clock_is_set_back() {
        let mut memory = NonceMemory::default();
        assert_eq!(memory.accept(nonce(1, 1), END, NOW), Ok(()));
        let later = END + KEPT;
        assert_eq!(memory.accept(nonce(2, 1), later + KEPT, later), Ok(()));
        assert_eq!(memory.windows.len(), 1, "the first prefix is forgotten");
        assert_eq!(memory.accept(nonce(1, 1), END, NOW), Err(SealError::Replayed));
        // Nor does it come back with a later seal of its maker.
        assert_eq!(memory.accept(nonce(1, 0), END + KEPT, NOW), Ok(()));
        assert_eq!(memory.accept(nonce(1, 1), END, NOW), Err(SealError::Replayed));
    }

    proptest! {
        #[test]
        fn no_seal_is_accepted_twice(
            seals in prop::collection::vec((0_u64..4, 0_u64..200_000, 0_i64..200, 0_i64..300), 1..300),
        ) {
            let mut memory = NonceMemory::default();
            let mut accepted = BTreeSet::new();
            // The end of a seal is bound to its nonce; the clock jumps at will.
            for (prefix, counter, end, now) in seals {
                let counter = counter / 100 * 100 + u64::try_from(end).unwrap() % 100;
                let end = Timestamp::from_seconds(i64::try_from(counter % 100).unwrap() * 2);
                let seen = memory.accept(nonce(prefix, counter), end, Timestamp::from_seconds(now)).is_ok();
                prop_assert!(!seen || accepted.insert((prefix, counter)));
            }
        }
    }
}
