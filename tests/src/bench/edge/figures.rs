//! What was measured, and what follows from it.

use std::time::Duration;

use super::candidate::{
    FORGED, FORWARD, HONO_EDDSA, HONO_ES256, NEW_EDDSA, NEW_ES256, RENEWED, SEEN, SESSION, STRICT, WITHOUT,
};
use super::cold_start::Starts;
use super::size::Sizes;
use crate::bench::spread::{Goal, Spread};
use crate::bench::wrk::Sample;

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

/// Large bodies, in MiB a second of each round.
#[derive(Debug)]
pub(super) struct Streamed {
    pub(super) name: &'static str,
    pub(super) forward: Vec<f64>,
    pub(super) edge: Vec<f64>,
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
        let (at_least, at_most) = (Goal::at_least, Goal::at_most);
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
