//! What was measured, and what follows from it.

use super::candidate::{Candidate, Case, USUAL};
use super::operation::Operation;
use super::stage::Engine;
use super::storm::{Memory, Storm};
use crate::bench::spread::{Goal, Spread};
use crate::bench::wrk::Sample;

/// Everything that one run has measured.
#[derive(Debug)]
pub(super) struct Figures {
    /// Of each case the rounds.
    pub(super) samples: Vec<(Case, Vec<Sample>)>,
    /// On each database.
    pub(super) storms: Vec<(Engine, Storm)>,
    pub(super) memory: Vec<(Engine, Memory)>,
    /// Whether pgbench ran the bare statements on PostgreSQL.
    pub(super) by_pgbench: bool,
}

impl Figures {
    pub(super) fn of(&self, case: Case, value: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.rounds(case).iter().map(value))
    }

    /// Requests a second of one case as a multiple of another's, round by round.
    pub(super) fn ratio(&self, case: Case, other: Case) -> Spread {
        let pairs = self.rounds(case).iter().zip(self.rounds(other));
        Spread::of(pairs.map(|(one, other)| one.rate / other.rate))
    }

    fn rounds(&self, case: Case) -> &[Sample] {
        self.samples.iter().find(|(found, _)| *found == case).map_or(&[], |(_, rounds)| rounds)
    }

    /// One case as a multiple of another that has the usual number of connections, or as many.
    fn reached(&self, candidate: Candidate, connections: u32, other: Candidate) -> f64 {
        let of = |connections| Case { candidate: other, connections };
        let other = if self.rounds(of(connections)).is_empty() { of(USUAL) } else { of(connections) };
        self.ratio(Case { candidate, connections }, other).median
    }

    pub(super) fn goals(&self) -> Vec<Goal> {
        use Engine::{Postgres, Sqlite};
        let origin = Candidate::Origin;
        let refresh = |engine, connections| {
            self.reached(origin(engine, Operation::Refresh), connections, Candidate::Bare(engine))
        };
        let look_up = |operation| self.reached(origin(Postgres, operation), USUAL, Candidate::LookUp);
        let login = |engine| self.reached(origin(engine, Operation::Login), USUAL, Candidate::Argon2id);
        let most = |values: Vec<f64>| values.into_iter().fold(f64::NAN, f64::max);
        let late =
            |value: fn(&Storm) -> f64| most(self.storms.iter().map(|(_, storm)| value(storm)).collect());
        let mib = |value: fn(&Memory) -> u64| {
            most(self.memory.iter().map(|(_, memory)| value(memory) as f64 / MIB).collect())
        };
        let mut goals = vec![
            Goal::at_least(
                "refresh / bare statements, PostgreSQL, 16 connections",
                0.4,
                refresh(Postgres, 16),
            ),
            Goal::at_least("refresh / bare statements, SQLite, 16 connections", 0.8, refresh(Sqlite, 16)),
            Goal::at_least("refresh / bare statements, SQLite, 64 connections", 1.0, refresh(Sqlite, 64)),
            Goal::at_least("strict check / Better Auth's session look-up", 5.0, look_up(Operation::Check)),
            Goal::at_least(
                "assertion renewed / Better Auth's session look-up",
                5.0,
                look_up(Operation::Renewal),
            ),
            Goal::at_least("login / argon2id alone, SQLite", 0.95, login(Sqlite)),
            Goal::at_least("login / argon2id alone, PostgreSQL", 0.95, login(Postgres)),
            Goal::at_most(
                "p99 of /health/live in a storm of logins, ms",
                50.0,
                late(|storm| storm.live_p99_ms),
            ),
            Goal::at_most(
                "p99 of a refresh in a storm of logins, ms",
                50.0,
                late(|storm| storm.refresh_p99_ms),
            ),
            Goal::at_most("memory at rest after the start, MiB", 40.0, mib(|memory| memory.at_first)),
            Goal::at_most("memory at rest after all of it, MiB", 40.0, mib(|memory| memory.at_last)),
        ];
        // A quick run has not all of them.
        goals.retain(|goal| !goal.reached.is_nan());
        goals
    }
}

/// Bytes of a MiB.
pub(super) const MIB: f64 = 1_048_576.0;
