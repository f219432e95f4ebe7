//! Texts that almost are what they should be. Some are tried whenever the tests run; `MUTATIONS=N` asks for N.

use proptest::{
    prelude::RngExt,
    test_runner::{RngAlgorithm, TestRng},
};

/// As many as come from a text in every run of the tests.
const SOME: u64 = 5000;

/// Wants that nothing which came of these texts by small changes is accepted, and that they themselves are.
pub(crate) fn none_is_accepted(originals: &[String], mut is_accepted: impl FnMut(&str) -> bool) {
    for original in originals {
        assert!(is_accepted(original), "{original}");
    }
    let asked = std::env::var("MUTATIONS").ok().and_then(|number| number.parse().ok());
    let mut mutator = Mutator(TestRng::deterministic_rng(RngAlgorithm::XorShift));
    for case in 0_u64..asked.unwrap_or(SOME) {
        let text = mutator.changed(originals);
        assert!(originals.contains(&text) || !is_accepted(&text), "case {case}: {text:?}");
    }
}

/// What means something to one parser or another.
const MEANINGFUL: [&str; 24] = [
    ".", "..", "=", "==", "-", "_", "+", "/", "\"", "\\", "{", "}", ",", ";", ":", "(", ")", " ", "\t",
    "\r\n", "\0", "%2e", "é", "\u{202e}",
];

/// Changes texts, by numbers that are the same in every run.
struct Mutator(TestRng);

impl Mutator {
    /// One of the texts with one to three changes.
    fn changed(&mut self, originals: &[String]) -> String {
        let mut text = originals[self.below(originals.len())].clone().into_bytes();
        for _ in 0..=self.below(3) {
            let other = &originals[self.below(originals.len())];
            self.change(&mut text, other.as_bytes());
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn change(&mut self, text: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(text.len() + 1);
        let to = at + self.below((text.len() - at).min(64) + 1);
        match self.below(10) {
            0 => text.truncate(at),
            1 => drop(text.drain(..at)),
            2 => drop(text.drain(at..to)),
            3 => drop(text.splice(at..at, MEANINGFUL[self.below(MEANINGFUL.len())].bytes())),
            4 => drop(text.splice(at..to, MEANINGFUL[self.below(MEANINGFUL.len())].bytes())),
            // A part twice, in another place, in another case, of another text.
            5 => text.extend_from_within(at..to),
            6 => text.rotate_left(at),
            7 => text[at..to].iter_mut().for_each(|byte| byte.make_ascii_uppercase()),
            8 => drop(text.splice(at.., other.iter().skip(at).copied())),
            _ => {
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }
}
