//! What can go wrong with the database. Rich here and in the log; a caller is told little of it.

use std::{borrow::Cow, time::Duration};

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
    /// The database undid it for the sake of others who did something at the same moment: two waited for each other.
    #[error("the database gave a statement up for the sake of others")]
    Contended(#[source] sqlx::Error),
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
    /// A table that a migration alters is being used for longer than one waits for it.
    #[error("the database's schema cannot be brought up to date while {by} uses it")]
    SchemaInUse {
        /// Who does.
        by: String,
    },
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

    /// What is wrong by the database's own code, where it gave one: an `SQLSTATE` of PostgreSQL, a result code of
    /// SQLite.
    #[must_use]
    pub fn code(&self) -> Option<Cow<'_, str>> {
        let (Self::Unreachable(cause)
        | Self::Contended(cause)
        | Self::Database(cause)
        | Self::Migration(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _))) = self
        else {
            return None;
        };
        cause.as_database_error()?.code()
    }

    /// Whether the database's migrations are not those that this origin knows by the same numbers.
    #[must_use]
    pub const fn is_of_other_migrations(&self) -> bool {
        matches!(self, Self::Migration(MigrateError::VersionMismatch(_) | MigrateError::Dirty(_)))
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
            sqlx::Error::Database(ref cause) if is_contention(cause.code().as_deref()) => {
                Self::Contended(error)
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

/// `SQLSTATE` class 40, as of a deadlock: nothing is wrong with the statement, and done once more it succeeds.
fn is_contention(code: Option<&str>) -> bool {
    code.is_some_and(|code| code.len() == 5 && code.starts_with("40"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn the_databases_own_code_is_told_also_of_a_migration() {
        let directory = tempfile::TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
        let store = Store::connect(&url).await.unwrap();
        let refused =
            || async { sqlx::query("CREATE TABLE t (a INTEGER)").execute(store.reads()).await.unwrap_err() };
        let read_only = Some("8".into());
        assert_eq!(Error::from(refused().await).code(), read_only);
        assert_eq!(Error::Migration(MigrateError::Execute(refused().await)).code(), read_only);
        assert_eq!(Error::Migration(MigrateError::ExecuteMigration(refused().await, 1)).code(), read_only);
        assert_eq!(Error::Unreachable(sqlx::Error::PoolTimedOut).code(), None);
    }

    #[tokio::test]
    async fn a_deadlock_is_worth_another_try() {
        let Ok(url) = std::env::var("TEST_POSTGRES_URL") else { return };
        let store = Store::connect(&url).await.unwrap();
        let refused = async |code: &str| {
            let raise = format!("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$");
            let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(raise)).execute(store.reads()).await;
            Error::from(refused.unwrap_err())
        };
        for code in ["40P01", "40001"] {
            let error = refused(code).await;
            assert_eq!(error.code().as_deref(), Some(code));
            assert!(matches!(error, Error::Contended(_)), "{error:?}");
        }
        assert!(matches!(refused("53300").await, Error::Unreachable(_)));
        assert!(matches!(refused("23505").await, Error::Database(_)));
    }

    #[test]
    fn only_migrations_that_were_edited_or_broken_off_are_others() {
        for (error, are_others) in [
            (MigrateError::VersionMismatch(1), true),
            (MigrateError::Dirty(1), true),
            (MigrateError::Execute(sqlx::Error::RowNotFound), false),
        ] {
            assert_eq!(Error::Migration(error).is_of_other_migrations(), are_others);
        }
    }
}
