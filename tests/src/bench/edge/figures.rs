//! What was measured, and what follows from it.

use std::time::Duration;

use super::candidate::{
    FORGED, FORWARD, HONO_EDDSA, HONO_ES256, NEW_EDDSA, NEW_ES256, RENEWED, SEEN, SESSION, STRICT, WITHOUT,
};
use super::cold_start::Starts;
use super::load::Outcome;
use super::size::Sizes;

/// Everything that one run has measured.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) connections: u32,
    /// Of each candidate the rounds.
    pub(super) samples: Vec<(&'static str, Vec<Sample>)>,
    pub(super) streamed: Vec<Streamed>,
    pub(super) starts: Starts,
    pub(super) sizes: Sizes,
}

/// One round of one candidate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Processor time of the runtime for a request, in microseconds.
    pub(super) processor_us: Option<f64>,
}

/// Large bodies, in MiB a second of each round.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) name: &'static str,
    pub(super) forward: Vec<f64>,
    pub(super) edge: Vec<f64>,
}

/// A middle and how far the rounds are apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

/// Something that is promised: at least or at most so much.
#[derive(Debug)]
pub(super) struct Goal {
    pub(super) what: &'static str,
    pub(super) wanted: String,
    pub(super) reached: f64,
    pub(super) is_reached: bool,
}

impl Sample {
    pub(super) fn new(outcome: &Outcome, processor: Option<Duration>) -> Self {
        let requests = outcome.requests as f64;
        Self {
            rate: requests / outcome.seconds,
            p50_ms: outcome.p50_us / 1000.0,
            p99_ms: outcome.p99_us / 1000.0,
            processor_us: processor.map(|time| time.as_secs_f64() * 1e6 / requests),
        }
    }
}

impl Spread {
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let median = f64::midpoint(at(values.len().saturating_sub(1) / 2), at(values.len() / 2));
        Self { median, least: at(0), most: at(values.len().saturating_sub(1)) }
    }
}

impl Figures {
    pub(super) fn of(&self, name: &str, value: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.rounds(name).iter().map(value))
    }

    /// Requests a second of one candidate as a multiple of another's, round by round.
    pub(super) fn ratio(&self, name: &str, other: &str) -> Spread {
        let pairs = self.rounds(name).iter().zip(self.rounds(other));
        Spread::of(pairs.map(|(one, other)| one.rate / other.rate))
    }

    /// Processor time of one candidate's request as a multiple of another's; it feels less of what else the machine
    /// does than a rate.
    pub(super) fn processor_ratio(&self, name: &str, other: &str) -> f64 {
        let median = |name| self.of(name, |sample| sample.processor_us.unwrap_or(f64::NAN)).median;
        median(name) / median(other)
    }

    fn rounds(&self, name: &str) -> &[Sample] {
        self.samples.iter().find(|(found, _)| *found == name).map_or(&[], |(_, rounds)| rounds)
    }

    pub(super) fn goals(&self) -> Vec<Goal> {
        let rate = |name| self.of(name, |sample| sample.rate).median;
        let at_least = |what, wanted: f64, reached: f64| Goal {
            what,
            wanted: format!("≥ {wanted:.2}"),
            reached,
            is_reached: reached >= wanted,
        };
        let at_most = |what, wanted: f64, reached: f64| Goal {
            what,
            wanted: format!("≤ {wanted:.2}"),
            reached,
            is_reached: reached <= wanted,
        };
        let refusals = rate(WITHOUT).min(rate(FORGED));
        let accepted = [SEEN, NEW_ES256, NEW_EDDSA, SESSION, STRICT, RENEWED].into_iter().map(rate);
        let start = |times: &[Duration]| Spread::of(times.iter().map(Duration::as_secs_f64)).median;
        vec![
            at_least("token seen before / only forwards", 0.78, rate(SEEN) / rate(FORWARD)),
            at_least("token seen before / hono + jose", 1.25, rate(SEEN) / rate(HONO_ES256)),
            at_least("every token new / hono + jose, ES256", 1.0, rate(NEW_ES256) / rate(HONO_ES256)),
            at_least("every token new / hono + jose, EdDSA", 1.0, rate(NEW_EDDSA) / rate(HONO_EDDSA)),
            at_least("session cookie / bearer", 0.95, rate(SESSION) / rate(SEEN)),
            at_least("slowest refusal / fastest accepted", 1.0, refusals / accepted.fold(0.0, f64::max)),
            at_most("wasm, brotli, in units of 200 KB", 1.0, self.sizes.wasm.brotli as f64 / 200_000.0),
            at_most("cold start / hono + jose", 1.5, start(&self.starts.edge) / start(&self.starts.hono)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_its_middle_and_its_ends() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        assert!(Spread::of([]).median.is_nan());
    }
}
