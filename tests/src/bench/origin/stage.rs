//! All that takes part: origin on both databases, each database once more for its bare statements, and Better Auth.

use std::path::PathBuf;
use std::time::Duration;

use super::peer::{Hash, Peer};
use super::subject::Subject;
use crate::bench::bare::{self, Bare, pgbench};
use crate::bench::served::Served;
use crate::bench::wrk::Outcome;
use crate::failure::Failure;
use crate::setup::place::Place;
use crate::setup::{self, Artifacts, binary, npm};
use crate::system::data::Data;
use crate::system::postgres::Postgres;
use crate::test_run;

/// One of the two databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::bench) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(in crate::bench) const BOTH: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub(in crate::bench) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// How many sessions there are where their number is not what is measured.
const SESSIONS: u64 = 1000;

/// What is built and started before anything is measured.
#[derive(Debug)]
pub(in crate::bench) struct Ground {
    pub(in crate::bench) origin: PathBuf,
    pub(in crate::bench) bare: Bare,
    pub(in crate::bench) server: Postgres,
    pub(in crate::bench) has_pgbench: bool,
}

impl Ground {
    pub(in crate::bench) async fn lay(place: &Place) -> Result<Self, Failure> {
        let known = test_run::artifacts_list().map(|list| Artifacts::read(&list)).transpose()?;
        let built = move |place: &Place| {
            let _alone = place.lock()?;
            npm::install(place)?;
            let origin = match known {
                Some(known) => known.origin,
                None => binary::origin(place, true, false)?,
            };
            Ok((origin, binary::bare(place)?))
        };
        let (origin, program) = setup::in_background(place, built).await?;
        let server = Postgres::start_durable(&npm::postgres(place)?, &place.watchdog).await?;
        Ok(Self { origin, bare: Bare { program }, server, has_pgbench: bare::has_pgbench().await })
    }

    /// A filled origin on a database of its own.
    pub(in crate::bench) async fn subject(
        &self,
        place: &Place,
        engine: Engine,
        sessions: u64,
    ) -> Result<Subject, Failure> {
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let name = format!("origin_{sessions}");
                Some(self.bare.create(self.server.url(), &name).await?)
            }
        };
        Subject::start(place, &self.origin, &self.bare, database.as_deref(), sessions).await
    }
}

/// What runs.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) ground: Ground,
    sqlite: Subject,
    postgres: Subject,
    /// Databases like theirs that only bare statements touch.
    bare_sqlite: Data,
    bare_postgres: String,
    pub(super) scrypt: Peer,
    pub(super) argon2id: Peer,
}

impl Stage {
    pub(super) async fn set(place: &Place) -> Result<Self, Failure> {
        let ground = Ground::lay(place).await?;
        let Ground { origin, bare, server, .. } = &ground;
        eprintln!("cargo dev: filling the databases");
        let sqlite = ground.subject(place, Engine::Sqlite, SESSIONS).await?;
        let postgres = ground.subject(place, Engine::Postgres, SESSIONS).await?;

        let bare_sqlite = Served::only_database(place, origin, &[]).await?;
        bare.fill(&bare_sqlite.sqlite_url(), SESSIONS, &[]).await?;
        let bare_postgres = bare.create(server.url(), "bare").await?;
        Served::only_database(place, origin, &[("DATABASE_URL", &bare_postgres)]).await?;
        bare.fill(&bare_postgres, SESSIONS, &[]).await?;

        let scrypt = bare.create(server.url(), "better_auth").await?;
        let scrypt = Peer::start(place, &scrypt, Hash::Scrypt).await?;
        let argon2id = bare.create(server.url(), "better_auth_argon2id").await?;
        let argon2id = Peer::start(place, &argon2id, Hash::Argon2id).await?;
        Ok(Self { ground, sqlite, postgres, bare_sqlite, bare_postgres, scrypt, argon2id })
    }

    pub(super) const fn subject(&self, engine: Engine) -> &Subject {
        match engine {
            Engine::Sqlite => &self.sqlite,
            Engine::Postgres => &self.postgres,
        }
    }

    /// What a refresh asks of a database, bare.
    pub(super) async fn rotate_bare(
        &self,
        engine: Engine,
        connections: u32,
        duration: Duration,
    ) -> Result<Outcome, Failure> {
        let bare = &self.ground.bare;
        match engine {
            Engine::Sqlite => bare.rotate(&self.bare_sqlite.sqlite_url(), SESSIONS, 1, duration).await,
            Engine::Postgres if self.ground.has_pgbench => {
                pgbench(&self.bare_postgres, SESSIONS, connections, duration, self.bare_sqlite.path()).await
            }
            Engine::Postgres => bare.rotate(&self.bare_postgres, SESSIONS, connections, duration).await,
        }
    }

    pub(super) async fn stop(self) {
        let Self { ground, sqlite, postgres, scrypt, argon2id, .. } = self;
        for subject in [sqlite, postgres] {
            subject.stop().await;
        }
        for peer in [scrypt, argon2id] {
            peer.stop().await;
        }
        ground.server.stop().await;
    }
}
