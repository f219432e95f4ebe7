//! Who takes part, and with what.

use std::time::Duration;

use super::operation::Operation;
use super::stage::{Engine, Stage};
use crate::bench::wrk::{Outcome, Sample, processor_time};
use crate::failure::Failure;

/// One way to have something done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate {
    /// Origin, on one of the databases.
    Origin(Engine, Operation),
    /// The statements of a refresh, bare.
    Bare(Engine),
    /// Argon2id alone, as many at once as origin lets.
    Argon2id,
    /// Better Auth looks sessions up.
    LookUp,
    /// Better Auth logs somebody in, by its own hash.
    Scrypt,
    /// The same by origin's hash.
    PeerArgon2id,
}

/// One of them, with so many connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Case {
    pub(super) candidate: Candidate,
    pub(super) connections: u32,
}

/// What all are compared at.
pub(super) const USUAL: u32 = 16;

impl Candidate {
    /// Its name in tables.
    pub(super) fn name(self) -> String {
        match self {
            Self::Origin(engine, operation) => format!("{}, {}", operation.name(), engine.name()),
            Self::Bare(Engine::Sqlite) => "a refresh's statements bare, SQLite, one writer".to_owned(),
            Self::Bare(Engine::Postgres) => "a refresh's statements bare, PostgreSQL".to_owned(),
            Self::Argon2id => "argon2id alone, one for each core".to_owned(),
            Self::LookUp => "Better Auth, session looked up, PostgreSQL".to_owned(),
            Self::Scrypt => "Better Auth, login, scrypt as it comes, PostgreSQL".to_owned(),
            Self::PeerArgon2id => "Better Auth, login, argon2id, PostgreSQL".to_owned(),
        }
    }

    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Origin(..))
    }

    pub(super) const fn is_peer(self) -> bool {
        matches!(self, Self::LookUp | Self::Scrypt | Self::PeerArgon2id)
    }
}

/// All cases with these numbers of connections, which the usual one is among.
pub(super) fn cases(connections: &[u32]) -> Vec<Case> {
    let mut cases = Vec::new();
    for &connections in connections {
        let mut add = |candidate| cases.push(Case { candidate, connections });
        for operation in Operation::MEASURED {
            Engine::BOTH.into_iter().for_each(|engine| add(Candidate::Origin(engine, operation)));
        }
        add(Candidate::Bare(Engine::Postgres));
        add(Candidate::LookUp);
        if connections == USUAL {
            // However many ask, one writes; and however many log in, so many are hashed.
            [
                Candidate::Bare(Engine::Sqlite),
                Candidate::Argon2id,
                Candidate::Scrypt,
                Candidate::PeerArgon2id,
            ]
            .into_iter()
            .for_each(add);
        }
    }
    cases
}

impl Case {
    /// Lets it work for so long.
    pub(super) async fn run(&self, stage: &Stage, duration: Duration) -> Result<Sample, Failure> {
        let part = match self.candidate {
            Candidate::Origin(engine, _) => Some(stage.subject(engine).part()),
            _ => None,
        };
        let before = part.and_then(processor_time);
        let outcome = self.outcome(stage, duration).await?;
        let after = part.and_then(processor_time);
        Ok(Sample::new(&outcome, after.zip(before).map(|(after, before)| after.saturating_sub(before))))
    }

    async fn outcome(&self, stage: &Stage, duration: Duration) -> Result<Outcome, Failure> {
        let Self { candidate, connections } = *self;
        match candidate {
            Candidate::Origin(engine, operation) => {
                stage.subject(engine).load(operation, connections, duration).await
            }
            Candidate::Bare(engine) => stage.rotate_bare(engine, connections, duration).await,
            Candidate::Argon2id => {
                let permits = std::thread::available_parallelism().map_or(1, usize::from);
                stage.ground.bare.hash(permits, duration).await
            }
            Candidate::LookUp => stage.scrypt.look_up(connections, duration).await,
            Candidate::Scrypt => stage.scrypt.log_in(connections, duration).await,
            Candidate::PeerArgon2id => stage.argon2id.log_in(connections, duration).await,
        }
    }
}
