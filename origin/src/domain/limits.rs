//! How many attempts are let through: limits of one shape, which their operator sets.

use std::{fmt, str::FromStr, time::Duration};

use crate::store::attempts::Pace;

/// The milliseconds of an hour.
const HOUR: u32 = 3_600_000;
/// The longest that anybody has to wait: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A number of attempts at once, more of them as time passes, and a delay that doubles with each one past
/// the number. Nobody is locked out: after the longest delay there is always one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    free: u32,
    per_hour: u32,
    first_delay: Duration,
    longest_delay: Duration,
}

impl Limit {
    /// One an hour.
    pub const STRICTEST: Self = Self {
        free: 1,
        per_hour: 1,
        first_delay: Duration::from_secs(3600),
        longest_delay: Duration::from_secs(3600),
    };

    /// `free` attempts at once, of which `per_hour` are forgiven in an hour; past them each has to wait, the
    /// first for `first_delay`, none for more than `longest_delay`. None when a number makes no sense:
    /// nothing free, nothing forgiven, more forgiven than one each millisecond, no delay, or more than a day.
    #[must_use]
    pub fn new(free: u32, per_hour: u32, first_delay: Duration, longest_delay: Duration) -> Option<Self> {
        let makes_sense = free >= 1
            && (1..=HOUR).contains(&per_hour)
            && first_delay >= Duration::from_millis(1)
            && (first_delay..=LONGEST).contains(&longest_delay);
        makes_sense.then_some(Self { free, per_hour, first_delay, longest_delay })
    }

    /// One as wide as so many of this one.
    #[must_use]
    pub(super) fn times(self, many: u32) -> Self {
        let (free, per_hour) = (self.free.saturating_mul(many), self.per_hour.saturating_mul(many).min(HOUR));
        Self { free, per_hour, ..self }
    }

    /// The limit as the database counts by it.
    pub(super) fn pace(&self) -> Pace {
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Pace {
            free: self.free.into(),
            forgiven_after: (HOUR / self.per_hour).into(),
            first_delay: millis(self.first_delay),
            longest_delay: millis(self.longest_delay),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, longest) = (self.first_delay.as_secs(), self.longest_delay.as_secs());
        write!(f, "{}/{}/{first}/{longest}", self.free, self.per_hour)
    }
}

/// A text that is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a limit is free/per hour/first delay/longest delay, the delays in seconds, such as 10/4/1/900")]
pub struct InvalidLimit;

impl FromStr for Limit {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let numbers: Result<Vec<u32>, _> = text.split('/').map(|number| number.trim().parse()).collect();
        let Ok(&[free, per_hour, first, longest]) = numbers.as_deref() else { return Err(InvalidLimit) };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        Self::new(free, per_hour, seconds(first), seconds(longest)).ok_or(InvalidLimit)
    }
}

/// The limits there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Guesses at one account by clients that it does not know.
    pub account: Limit,
    /// Guesses at an account from one device that it knows, or in one session.
    pub device: Limit,
    /// Guesses from one client's address.
    pub address: Limit,
    /// Guesses of all clients that are not known.
    pub overall: Limit,
    /// Mails that strangers may have sent to one address.
    pub mail_recipient: Limit,
    /// Mails that one client's address may have sent.
    pub mail_address: Limit,
    /// Mails that all strangers may have sent.
    pub mail_overall: Limit,
    /// Refusals of one client's address that are written into the audit log.
    pub records: Limit,
    /// Passkeys that one client's address asks to be asked for: each is kept until it is answered.
    pub ceremonies: Limit,
    /// Refreshes of one session, or new assertions for its handle.
    pub session: Limit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_written_as_it_is_read() {
        for text in ["10/4/1/900", "1/1/1/1", "100/3600000/60/86400"] {
            assert_eq!(text.parse::<Limit>().unwrap().to_string(), text);
        }
        assert_eq!("10 / 4/1/ 900".parse::<Limit>().unwrap().to_string(), "10/4/1/900");
    }

    #[test]
    fn a_limit_that_lets_nothing_through_or_never_slows_is_none() {
        for text in [
            "",
            "10",
            "10/4/1",
            "10/4/1/900/1",
            "0/4/1/900",
            "10/0/1/900",
            "10/3600001/1/900",
            "10/4/0/900",
            "10/4/2/1",
            "10/4/1/86401",
            "-1/4/1/900",
            "10/4/1/9e2",
        ] {
            assert_eq!(text.parse::<Limit>(), Err(InvalidLimit), "{text}");
        }
    }
}
