//! Whether the system's clock can be relied on, where nothing but time itself is there to compare it with.

use std::time::Duration;

use shared::time::Timestamp;
use tokio::time::Instant;

/// The furthest that the clock may get ahead of the time that passes between two looks.
const LEAP: Duration = Duration::from_secs(60);

/// What is known of the clock.
#[derive(Debug)]
pub(super) struct Steadiness {
    /// When it was relied on last, and what it said.
    relied_on: (Instant, Timestamp),
    /// When it was seen to be ahead, if it has been since.
    leapt: Option<Instant>,
}

impl Steadiness {
    /// The clock is relied on as it is at first.
    pub(super) const fn since(passed: Instant, clock: Timestamp) -> Self {
        Self { relied_on: (passed, clock), leapt: None }
    }

    /// By how much the clock got ahead of the time that passed, if by too much to rely on it; and for how long that
    /// goes on.
    ///
    /// It ends when the clock is set back, or after so much patience: the clock was wrong before then, or the machine
    /// slept, which not every clock that nobody sets counts. A clock that falls behind removes nothing too early.
    pub(super) fn ahead(
        &mut self,
        passed: Instant,
        clock: Timestamp,
        patience: Duration,
    ) -> Option<(Duration, Duration)> {
        let (then, said) = self.relied_on;
        let by = clock.since(said).saturating_sub(passed.duration_since(then));
        let waited = self.leapt.map_or(Duration::ZERO, |leapt| passed.duration_since(leapt));
        if by <= LEAP || waited >= patience {
            *self = Self::since(passed, clock);
            return None;
        }
        self.leapt.get_or_insert(passed);
        Some((by, patience.saturating_sub(waited)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(600);

    /// What is said of a clock at each of these looks: the seconds that passed, and those that it got on by.
    fn ahead(looks: &[(u64, u64)]) -> Vec<Option<(u64, u64)>> {
        let (began, clock) = (Instant::now(), Timestamp::from_seconds(1_800_000_000));
        let mut steadiness = Steadiness::since(began, clock);
        let seconds = Duration::from_secs;
        let looks = looks.iter().map(|(passed, got_on)| {
            let said = steadiness.ahead(began + seconds(*passed), clock + seconds(*got_on), PATIENCE);
            said.map(|(by, rest)| (by.as_secs(), rest.as_secs()))
        });
        looks.collect()
    }

    #[test]
    fn a_clock_that_goes_as_fast_as_time_is_relied_on_and_one_that_is_corrected_by_seconds() {
        assert_eq!(ahead(&[(60, 60), (120, 150), (180, 260), (240, 240), (300, 310)]), [None; 5]);
    }

    #[test]
    fn a_clock_that_is_set_ahead_is_not_relied_on_until_it_is_set_back() {
        let looks = [(60, 60), (120, 7320), (180, 7380), (240, 240), (300, 300)];
        assert_eq!(ahead(&looks), [None, Some((7200, 600)), Some((7200, 540)), None, None]);
    }

    #[test]
    fn a_machine_that_slept_goes_on_after_as_long_as_a_token_lives() {
        let slept = 8 * 3600;
        let looks = [(60, 60 + slept), (600, 600 + slept), (660, 660 + slept), (720, 720 + slept)];
        assert_eq!(ahead(&looks), [Some((slept, 600)), Some((slept, 60)), None, None]);
        // However often: what it was awake counts.
        let looks =
            [(60, 60 + slept), (360, 360 + 2 * slept), (660, 660 + 3 * slept), (720, 720 + 3 * slept)];
        assert_eq!(ahead(&looks), [Some((slept, 600)), Some((2 * slept, 300)), None, None]);
    }
}
