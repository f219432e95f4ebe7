//! The system's clock, read nowhere else in origin.

#[cfg(feature = "movable-clock")]
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use std::time::{SystemTime, UNIX_EPOCH};

use shared::time::Timestamp;

/// Tells the time. Cheap to clone, and clones are one clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds that tests moved the clock by.
    #[cfg(feature = "movable-clock")]
    moved: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = self.unmoved();
        #[cfg(feature = "movable-clock")]
        let now = Timestamp::from_millis(now.millis().saturating_add(self.moved.load(Ordering::SeqCst)));
        now
    }

    /// The system's time, also where tests moved the clock: seals are made and checked by it, because
    /// nobody can move the clock of whoever made them.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn unmoved(&self) -> Timestamp {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(0) + system
    }

    /// Moves this clock, and all its clones, by so many milliseconds. Only tests have this.
    #[cfg(feature = "movable-clock")]
    pub fn advance(&self, millis: i64) {
        self.moved.fetch_add(millis, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_tells_a_time_of_this_century() {
        assert!(Clock::new().now() > Timestamp::from_seconds(1_700_000_000));
    }

    #[cfg(feature = "movable-clock")]
    #[test]
    fn clones_move_together() {
        let clock = Clock::new();
        let before = clock.clone().now();
        clock.advance(3_600_000);
        assert!(clock.clone().now().since(before) >= std::time::Duration::from_secs(3600));
    }
}
