//! A refresh as the database sees it: the statements of origin, and nothing else. The connection is asked for the same
//! durability as origin's.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tests::bench::population;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{Outcome, timing};

/// As in origin's `store/rotation.rs`, but for the counter that a client presents.
const UPDATE: &str = "UPDATE sessions SET spent_counter = current_counter, current_counter = current_counter + 1, \
     rotated_at = $2, issued_at = $2, last_seen_at = $2, idle_expires_at = $2 + idle_limit \
     WHERE sessions.id = $1 AND sessions.kind = 'token' AND sessions.ended_at IS NULL \
     AND sessions.absolute_expires_at > $2 AND sessions.idle_expires_at > $2 \
     AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = sessions.user_id AND u.disabled_at IS NULL) \
     RETURNING current_counter, user_id, authenticated_at, amr, \
     (SELECT u.epoch FROM users AS u WHERE u.id = sessions.user_id) AS epoch, \
     (SELECT u.verified_at FROM users AS u WHERE u.id = sessions.user_id) AS verified_at, \
     (SELECT string_agg(r.role, ',' ORDER BY r.role) FROM user_roles AS r WHERE r.user_id = sessions.user_id) AS roles";

/// As in origin's `store/audit.rs`.
const INSERT: &str = "INSERT INTO audit_events (id, at, kind, outcome, reason, actor, subject, session, address, \
     user_agent, request_id, detail, personal, mac, version) \
     VALUES ($1, $2, 'refresh.rotated', 'success', NULL, $3, $3, $4, '127.0.0.1', 'wrk', $1, '{\"counter\":2}', NULL, \
     $5, 1)";

const SQLITE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
     PRAGMA busy_timeout = 5000";
const POSTGRES: &str = "SET synchronous_commit = on";

/// One rotation: what it is about, and an id for its event.
struct Rotation {
    session: String,
    user: String,
    event: String,
    now: i64,
}

macro_rules! rotations {
    ($name:ident, $connection:ty, $begin:literal) => {
        async fn $name(connection: &mut $connection, rotation: &Rotation) -> sqlx::Result<()> {
            let mut transaction = connection.begin_with($begin).await?;
            sqlx::query(UPDATE)
                .bind(&rotation.session)
                .bind(rotation.now)
                .fetch_one(&mut *transaction)
                .await?;
            sqlx::query(INSERT)
                .bind(&rotation.event)
                .bind(rotation.now)
                .bind(&rotation.user)
                .bind(&rotation.session)
                .bind([7_u8; 32].as_slice())
                .execute(&mut *transaction)
                .await?;
            transaction.commit().await
        }
    };
}

rotations!(on_sqlite, SqliteConnection, "BEGIN IMMEDIATE");
rotations!(on_postgres, PgConnection, "BEGIN ISOLATION LEVEL READ COMMITTED");

/// Rotates on so many connections; SQLite takes one writer at a time, so there it is one.
pub(crate) async fn rotate(url: &str, sessions: u64, connections: usize, seconds: u64) -> Outcome<()> {
    let duration = Duration::from_secs(seconds);
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await?;
        connection.execute(SQLITE).await?;
        let now = sqlx::query_scalar("SELECT unixepoch() * 1000").fetch_one(&mut connection).await?;
        let began = Instant::now();
        let mut times = Vec::new();
        let mut rotation = Numbered::new(0, sessions, now);
        while began.elapsed() < duration {
            let started = Instant::now();
            on_sqlite(&mut connection, &rotation.another()).await?;
            times.push(started.elapsed());
        }
        timing::print(times, began.elapsed());
        return Ok(());
    }
    let mut opened = Vec::new();
    for _ in 0..connections {
        let mut connection = PgConnection::connect(url).await?;
        connection.execute(POSTGRES).await?;
        opened.push(connection);
    }
    let first = opened.first_mut().ok_or("at least one connection is wanted")?;
    let now = sqlx::query_scalar("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)");
    let now = now.fetch_one(first).await?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for (lane, mut connection) in opened.into_iter().enumerate() {
        running.spawn(async move {
            let mut times = Vec::new();
            let mut rotation = Numbered::new(lane as u64, sessions, now);
            while began.elapsed() < duration {
                let started = Instant::now();
                on_postgres(&mut connection, &rotation.another()).await?;
                times.push(started.elapsed());
            }
            Ok::<_, sqlx::Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(joined) = running.join_next().await {
        times.extend(joined??);
    }
    timing::print(times, began.elapsed());
    Ok(())
}

/// Rotations one after the other, each of another session.
struct Numbered {
    lane: u64,
    at: u64,
    sessions: u64,
    /// In milliseconds; it also tells this run's events from those of the run before.
    began: i64,
}

impl Numbered {
    const fn new(lane: u64, sessions: u64, now: i64) -> Self {
        Self { lane, at: 0, sessions, began: now }
    }

    fn another(&mut self) -> Rotation {
        self.at += 1;
        // The apps' sessions have odd numbers.
        let number = population::browser(self.at * 64 + self.lane, self.sessions) - 1;
        Rotation {
            session: population::session(number),
            user: population::user(population::owner(number, self.sessions)),
            event: format!("{:x}-{:x}-{:x}", self.began, self.lane, self.at),
            now: self.began,
        }
    }
}
