//! How often a session's credential is exchanged for new ones, counted before the database is asked. Each exchange is an
//! event, so whoever is signed in could fill the audit log with nothing else.
//!
//! It is counted in memory: an exchange is to cost one statement and no second row. So each origin counts for itself, and
//! has forgotten all when it starts; nothing can be guessed at here, and all that is bounded is what one session costs.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use shared::{id::SessionId, secret::Digest, time::Timestamp};

use super::{
    Context, Domain, Error, Limit,
    admission::whole_seconds,
    audit::{Event, Kind},
};
use crate::store::{attempts::Pace, renewal, rotation};

/// How many sessions are counted at once, each in some sixty bytes. Those beyond are let through.
const MOST: usize = 65_536;

/// How long those that no longer count are looked for in vain, before it is done again.
const SWEEP: Duration = Duration::from_secs(1);

/// What is exchanged. Its mac was good, so it is one that was handed out: nobody fills the memory with made-up ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Exchanged {
    /// A refresh token of this session.
    RefreshToken(SessionId),
    /// The handle with this digest.
    Handle([u8; 32]),
}

impl fmt::Debug for Exchanged {
    /// Without the digest, which does not print anywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefreshToken(session) => write!(f, "RefreshToken({session})"),
            Self::Handle(_) => f.write_str("Handle(…)"),
        }
    }
}

/// The exchanges of all sessions.
#[derive(Debug)]
pub(super) struct SessionPaces {
    pace: Pace,
    most: usize,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    exchanges: HashMap<Exchanged, Exchanges>,
    swept_at: Timestamp,
}

/// Those of one session, as the limits in the database are counted. Times are milliseconds.
#[derive(Clone, Copy, Debug, Default)]
struct Exchanges {
    forgiven_at: i64,
    allowed_at: i64,
    /// Whether one was refused since the last one that was let through.
    is_refused: bool,
}

/// An exchange that is one too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    wait: Duration,
    /// Whether it is the first that has to wait until then.
    is_first: bool,
}

impl Domain {
    /// Counts one more exchange, if it is let through.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the time to wait.
    pub(super) async fn keep_pace(&self, context: &Context, exchanged: Exchanged) -> Result<(), Error> {
        let Err(refused) = self.0.session_paces.count(exchanged, context.now) else { return Ok(()) };
        if refused.is_first {
            self.record_too_many(context, exchanged, refused.wait).await?;
        }
        Err(Error::TooManyAttempts { wait: refused.wait })
    }

    /// Records the first refusal of each delay. A session of which nothing is kept any more is not written down again.
    async fn record_too_many(
        &self,
        context: &Context,
        exchanged: Exchanged,
        wait: Duration,
    ) -> Result<(), Error> {
        let reads = self.0.store.reads();
        let found = match exchanged {
            Exchanged::RefreshToken(session) => {
                rotation::read(reads, session, context.now).await?.map(|read| (session, read.user))
            }
            Exchanged::Handle(digest) => renewal::find(reads, Digest::from_bytes(digest)).await?,
        };
        let (session, user) = found.unzip();
        let event = Event::failure(Kind::AttemptsRefused, "session")
            .detail("budget", "exchange")
            .detail("seconds", whole_seconds(wait))
            .subject(user)
            .session(session);
        self.record_alone(context, event).await
    }
}

impl SessionPaces {
    pub(super) fn new(limit: &Limit) -> Self {
        let counted = Counted { exchanges: HashMap::new(), swept_at: Timestamp::from_millis(0) };
        Self { pace: limit.pace(), most: MOST, counted: Mutex::new(counted) }
    }

    fn count(&self, exchanged: Exchanged, now: Timestamp) -> Result<(), Refused> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if !counted.exchanges.contains_key(&exchanged) && !counted.has_room(self.most, now) {
            return Ok(());
        }
        counted.exchanges.entry(exchanged).or_default().count(&self.pace, now.millis())
    }
}

impl Counted {
    /// Whether one more session can be counted, once those are forgotten that count nothing any more.
    fn has_room(&mut self, most: usize, now: Timestamp) -> bool {
        if self.exchanges.len() >= most && now.distance(self.swept_at) >= SWEEP {
            self.swept_at = now;
            self.exchanges.retain(|_, exchanges| !exchanges.are_forgiven(now.millis()));
        }
        self.exchanges.len() < most
    }
}

impl Exchanges {
    fn are_forgiven(&self, now: i64) -> bool {
        self.forgiven_at <= now && self.allowed_at <= now
    }

    /// Like `attempts::count`. A time that lies further ahead than any delay is of a clock that was set back since.
    fn count(&mut self, pace: &Pace, now: i64) -> Result<(), Refused> {
        let wait = self.allowed_at - now;
        if (1..=pace.longest_delay).contains(&wait) {
            let is_first = !std::mem::replace(&mut self.is_refused, true);
            return Err(Refused { wait: Duration::from_millis(wait.unsigned_abs()), is_first });
        }
        let most = (pace.free + pace.doublings()) * pace.forgiven_after;
        let unforgiven = (self.forgiven_at - now).clamp(0, most);
        let counting = 1 + (unforgiven + pace.forgiven_after / 2) / pace.forgiven_after;
        let has_to_wait = counting >= pace.free;
        *self = Self {
            forgiven_at: now + unforgiven + pace.forgiven_after,
            allowed_at: if has_to_wait { now + pace.delay(counting - pace.free) } else { 0 },
            is_refused: false,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + millis)
    }

    fn handle(number: u8) -> Exchanged {
        Exchanged::Handle([number; 32])
    }

    fn paces(limit: &str, most: usize) -> SessionPaces {
        SessionPaces { most, ..SessionPaces::new(&limit.parse().unwrap()) }
    }

    #[test]
    fn past_the_free_ones_each_waits_longer_until_some_are_forgiven() {
        let paces = paces("3/60/2/8", MOST);
        let counted = |millis| paces.count(handle(1), at(millis)).map_err(|refused| refused.wait.as_millis());
        let as_free = [Ok(()), Ok(()), Ok(()), Err(2000)];
        assert_eq!([0; 4].map(counted), as_free);
        assert_eq!([1999, 2000, 2000].map(counted), [Err(1), Ok(()), Err(4000)]);
        assert_eq!([6000, 6000, 14_000, 14_000].map(counted), [Ok(()), Err(8000), Ok(()), Err(8000)]);
        assert_eq!(paces.count(handle(2), at(14_000)), Ok(()));
        assert_eq!([600_000; 4].map(counted), as_free);
    }

    #[test]
    fn only_the_first_that_waits_is_told_of() {
        let paces = paces("1/3600/1/1", MOST);
        let is_first = |millis| paces.count(handle(1), at(millis)).map_err(|refused| refused.is_first);
        let expected = [Ok(()), Err(true), Err(false), Ok(()), Err(true)];
        assert_eq!([0, 1, 2, 1000, 1001].map(is_first), expected);
    }

    #[test]
    fn a_clock_that_was_ahead_keeps_nobody_waiting() {
        let paces = paces("1/1/10/10", MOST);
        assert_eq!(paces.count(handle(1), at(3_600_000)), Ok(()));
        assert_eq!(paces.count(handle(1), at(0)), Ok(()));
        assert!(paces.count(handle(1), at(1)).is_err());
    }

    #[test]
    fn no_more_are_counted_than_there_is_room_for_and_those_beyond_are_let_through() {
        let paces = paces("2/3600/1/1", 3);
        for number in 0..10 {
            assert_eq!(paces.count(handle(number), at(0)), Ok(()));
        }
        let counted = || paces.counted.lock().unwrap().exchanges.len();
        assert_eq!(counted(), 3);
        assert_eq!(paces.count(handle(9), at(0)), Ok(()));
        assert_eq!([0, 1].map(|millis| paces.count(handle(0), at(millis)).is_ok()), [true, false]);
        // What counts nothing any more makes room; who waits is not forgotten.
        assert_eq!(paces.count(handle(9), at(1000)), Ok(()));
        assert_eq!(counted(), 2);
        assert_eq!(paces.count(handle(0), at(1000)), Ok(()));
        assert!(paces.count(handle(0), at(1001)).is_err());
    }
}
