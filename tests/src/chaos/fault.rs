//! What can happen to the parts, and that they recover from it.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::stage::Stage;
use super::wire::Conduct;
use crate::failure::Failure;
use crate::random::Seeded;
use crate::test_run::Database;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(super) enum Fault {
    /// `SIGKILL` to origin
    OriginKilled,
    /// `SIGKILL` to the edge
    EdgeKilled,
    /// An immediate stop of PostgreSQL, which then has to recover
    DatabaseKilled,
    /// PostgreSQL stands still: no answer, and no end of a connection
    DatabaseHangs,
    /// Origin can write nothing more to its disk
    DiskFull,
    /// What edge and origin say to each other is held back
    WireSlow,
    /// Edge and origin cannot reach each other
    WireCut,
    /// Bytes of origin's answers to the edge are changed
    WireGarbled,
    /// Origin's clock steps, there or back
    ClockSteps,
}

/// For how long something is held up, at most.
const HELD_UP: Duration = Duration::from_secs(4);

/// How far a clock steps, at most: what the edge still takes for the same time is half a minute.
const STEP_MS: usize = 20_000;

impl Fault {
    /// What can happen with this database.
    pub(super) fn all(database: Database) -> impl Iterator<Item = Self> {
        let of_both = [
            Self::OriginKilled,
            Self::EdgeKilled,
            Self::WireSlow,
            Self::WireCut,
            Self::WireGarbled,
            Self::ClockSteps,
        ];
        let of_one: &[Self] = match database {
            Database::Postgres => &[Self::DatabaseKilled, Self::DatabaseHangs],
            Database::Sqlite => &[Self::DiskFull],
        };
        of_both.into_iter().chain(of_one.iter().copied())
    }

    /// Strikes, mends it again, and tells after what time all was ready.
    ///
    /// # Errors
    /// When a part does not come back.
    pub(super) async fn strike(
        self,
        stage: &mut Stage<'_>,
        chance: &mut Seeded,
    ) -> Result<Duration, Failure> {
        let while_it_lasts = chance.below(HELD_UP);
        let mended = match self {
            Self::OriginKilled => {
                stage.kill_origin().await;
                let mended = Instant::now();
                stage.start_origin()?;
                mended
            }
            Self::EdgeKilled => {
                stage.kill_edge().await;
                let mended = Instant::now();
                stage.start_edge()?;
                mended
            }
            Self::DatabaseKilled => {
                let database = stage.database()?;
                database.stop_immediately().await;
                let mended = Instant::now();
                database.start_again().await?;
                mended
            }
            Self::DatabaseHangs => {
                let _stopped = stage.database()?.suspended()?;
                sleep(while_it_lasts).await;
                Instant::now()
            }
            Self::DiskFull => {
                stage.let_origin_write(false)?;
                sleep(while_it_lasts).await;
                stage.let_origin_write(true)?;
                Instant::now()
            }
            Self::WireSlow => {
                stage.wire.behave(Conduct::Slow(chance.below(Duration::from_millis(1500))));
                sleep(while_it_lasts).await;
                stage.wire.behave(Conduct::Good);
                Instant::now()
            }
            Self::WireCut => {
                stage.wire.behave(Conduct::Cut);
                sleep(while_it_lasts).await;
                stage.wire.behave(Conduct::Good);
                Instant::now()
            }
            Self::WireGarbled => {
                stage.wire.behave(Conduct::Garbled);
                sleep(while_it_lasts).await;
                stage.wire.behave(Conduct::Good);
                Instant::now()
            }
            Self::ClockSteps => {
                let there = chance.number(2 * STEP_MS) as i64 - STEP_MS as i64;
                stage.step_clock(there).await?;
                Instant::now()
            }
        };
        stage.ready().await?;
        Ok(mended.elapsed())
    }
}
