//! What can go wrong with the database. Rich here and in the log; a caller is told little of it.

use std::time::Duration;

use sqlx::migrate::MigrateError;

/// A statement that did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL names no database that this origin can use.
    #[error("the database's URL is wanted as sqlite:///path/to/file?mode=rwc or postgres://user@host/name")]
    Address,
    /// Nothing answers, or no connection was free in time.
    #[error("the database cannot be reached")]
    Unreachable(#[source] sqlx::Error),
    /// The schema lacks migrations that this origin needs.
    #[error("the database's schema is at version {found}, this origin needs {needed}: run `origin migrate`")]
    SchemaBehind {
        /// The newest migration that was applied, 0 for none.
        found: i64,
        /// The newest that this origin knows.
        needed: i64,
    },
    /// A migration failed, or one that was applied has been edited since.
    #[error("the database's schema cannot be brought up to date")]
    Migration(#[source] MigrateError),
    /// Origin's clock and the database's are too far apart for times to be compared.
    #[error("origin's clock and the database's are {} s apart: at most 5 are allowed", .difference.as_secs())]
    ClockApart {
        /// By how much.
        difference: Duration,
    },
    /// A column holds what this origin never writes there.
    #[error("the column {column} holds what cannot be read: {problem}")]
    Corrupt {
        /// Its name in the result.
        column: &'static str,
        /// What is wrong, without the value.
        problem: String,
    },
    /// Anything else that the database said.
    #[error("the database refused a statement")]
    Database(#[source] sqlx::Error),
}

impl Error {
    /// Whether this constraint of the schema stood in the way.
    #[must_use]
    pub fn is_violation_of(&self, constraint: &str) -> bool {
        let Self::Database(sqlx::Error::Database(cause)) = self else { return false };
        cause.constraint() == Some(constraint)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Configuration(_) => Self::Address,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unreachable(error),
            sqlx::Error::Database(ref cause) if is_unavailability(cause.code().as_deref()) => {
                Self::Unreachable(error)
            }
            _ => Self::Database(error),
        }
    }
}

/// `SQLSTATE` classes and SQLite's result codes that mean the database is away, not the statement wrong.
fn is_unavailability(code: Option<&str>) -> bool {
    match code {
        // 08: connection exception; 28: may not log in; 3D: no such database; 53: too many connections, disk
        // full; 57: shut down, starting, took too long.
        Some(state) if state.len() == 5 => {
            ["08", "28", "3D", "53", "57"].iter().any(|class| state.starts_with(class))
        }
        // SQLITE_BUSY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN in the low byte of the extended code.
        Some(code) => code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 10 | 13 | 14)),
        None => false,
    }
}
