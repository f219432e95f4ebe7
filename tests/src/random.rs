//! The system's randomness, for the secrets of a development system and its ports, and chance that can be repeated.

use std::time::Duration;

use crate::failure::Failure;

/// Random bytes from the operating system.
#[expect(clippy::disallowed_methods, reason = "`cargo dev` makes the secrets of the systems that it starts")]
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("no randomness from the system: {error}"), "try again"))?;
    Ok(bytes)
}

/// Numbers that follow from a seed and are like random ones: SplitMix64 (Steele, Lea, Flood 2014). For nothing that has
/// to stay secret.
#[derive(Clone, Debug)]
pub(crate) struct Seeded(u64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`, or 0.
    pub(crate) const fn number(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = mixed ^ (mixed >> 31);
        if end == 0 { 0 } else { (number % end as u64) as usize }
    }

    /// A time below `end`, to the millisecond.
    pub(crate) const fn below(&mut self, end: Duration) -> Duration {
        Duration::from_millis(self.number(end.as_millis() as usize) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_another_gives_others() {
        let ten = |seed| {
            let mut chance = Seeded::new(seed);
            [(); 10].map(|()| chance.number(1000))
        };
        assert_eq!(ten(1), ten(1));
        assert_ne!(ten(1), ten(2));
        assert!(ten(3).iter().all(|&number| number < 1000));
    }
}
