//! What others notice of a storm of logins, and how much memory there is of all that.

use std::time::Duration;

use tokio::time::sleep;

use super::operation::Operation;
use super::subject::Subject;
use crate::bench::spread::Spread;
use crate::bench::wrk::resident;
use crate::failure::Failure;

/// How many log in at once, over and over.
const STORM: u32 = 64;
/// How many others there are of each kind …
const OTHERS: u32 = 4;
/// … and for how long each pauses after an answer, on average: without it they would be a storm of their own, which two
/// cores have no time left for.
const PAUSE: Duration = Duration::from_millis(20);

/// What was noticed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storm {
    /// Logins a second.
    pub(super) logins: f64,
    pub(super) live_p99_ms: f64,
    pub(super) refresh_p99_ms: f64,
}

impl Storm {
    /// What was noticed in the middle one of several.
    pub(super) fn median(rounds: &[Self]) -> Self {
        let of = |value: fn(&Self) -> f64| Spread::of(rounds.iter().map(value)).median;
        Self {
            logins: of(|storm| storm.logins),
            live_p99_ms: of(|storm| storm.live_p99_ms),
            refresh_p99_ms: of(|storm| storm.refresh_p99_ms),
        }
    }
}

/// Bytes that are in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// After the start and a first hundred logins.
    pub(super) at_first: u64,
    /// The most that was seen between runs and under the storm.
    pub(super) most: u64,
    /// When all is over.
    pub(super) at_last: u64,
}

/// Lets a storm go on for so long.
pub(super) async fn storm(subject: &Subject, duration: Duration) -> Result<(Storm, u64), Failure> {
    let watched = async {
        let mut most = 0;
        let steps = duration.as_secs().max(1) * 10;
        for _ in 0..steps {
            sleep(duration / u32::try_from(steps).unwrap_or(u32::MAX)).await;
            most = most.max(resident(subject.part()).unwrap_or_default());
        }
        Ok::<_, Failure>(most)
    };
    let (logins, live, refresh, most) = tokio::try_join!(
        subject.load(Operation::Login, STORM, duration),
        subject.load_with_pauses(Operation::Live, OTHERS, duration, PAUSE),
        subject.load_with_pauses(Operation::Refresh, OTHERS, duration, PAUSE),
        watched,
    )?;
    let storm = Storm {
        logins: logins.requests as f64 / logins.seconds,
        live_p99_ms: live.p99_us / 1000.0,
        refresh_p99_ms: refresh.p99_us / 1000.0,
    };
    Ok((storm, most))
}
