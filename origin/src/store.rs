//! The database: SQLite on one machine, or PostgreSQL for several origins behind one address.
//!
//! The same statements serve both, through sqlx's `Any` driver; what differs stands in [`Dialect`]. Each
//! race is settled by one conditional statement, and what has to happen together happens in one
//! [`Transaction`]. Whatever fails does so as [`Error`] says.

pub mod attempts;
pub mod audit;
pub mod audit_chain;
pub mod audit_reading;
pub mod audit_restarts;
pub mod audit_retention;
pub mod ceremonies;
pub mod challenges;
mod clauses;
mod connection;
pub mod directory;
pub mod erasure;
mod error;
pub mod holders;
pub mod keys;
pub mod leaving;
pub mod left_behind;
pub mod mail_tokens;
pub mod mails;
pub mod meta;
pub mod passkeys;
pub mod passwords;
pub mod purge;
pub mod recovery_codes;
pub mod renewal;
pub mod revocations;
pub mod rotation;
mod row;
mod schema;
pub mod secrets;
pub mod service_accounts;
pub mod service_keys;
pub mod session_limit;
pub mod sessions;
pub mod totp;
mod transaction;
pub mod users;
mod values;
pub mod words;
mod writer;

use std::time::Duration;

use shared::time::Timestamp;
use sqlx::AnyPool;
use tokio::time::timeout;

use self::writer::Writer;
pub use self::{error::Error, transaction::Transaction};

/// What the two databases do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One writer at a time: whoever begins waits for the one before, and needs no row locks.
    Sqlite,
    /// Many writers: a row that must not change meanwhile is locked.
    Postgres,
}

/// The furthest that origin's clock and the database's may be apart.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5);

/// How long what many wait for is waited for on its own connections: longer than any batch takes that is not stuck.
const SOON: Duration = Duration::from_secs(2);

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    dialect: Dialect,
    reads: AnyPool,
    writes: AnyPool,
    /// For what many wait for.
    batches: AnyPool,
    /// Where one writes after the other.
    writer: Option<Writer>,
}

impl Store {
    /// Opens the database at `sqlite:…` or `postgres://…`, without touching its schema.
    ///
    /// # Errors
    /// [`Error::Address`] when the URL is neither, [`Error::Unreachable`] when nothing answers there.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        connection::open(url).await
    }

    /// Which database it is.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Brings the schema to this version. A newer schema is left as it is: an upgrade may be under way,
    /// and a migration leaves the previous origin working.
    ///
    /// # Errors
    /// [`Error::Migration`] when a migration fails or one that was applied has been edited since,
    /// [`Error::SchemaInUse`] when somebody uses a table for longer than others can be made to wait for it.
    pub async fn migrate(&self) -> Result<(), Error> {
        schema::migrate(self).await
    }

    /// Whether the database answers, has a schema that this origin knows, and agrees on the time.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::SchemaBehind`] or [`Error::ClockApart`].
    pub async fn ready(&self, now: Timestamp) -> Result<(), Error> {
        schema::is_current(self).await?;
        if self.writer.as_ref().is_some_and(Writer::is_gone) {
            return Err(sqlx::Error::PoolClosed.into());
        }
        let difference = match self.dialect {
            // An embedded database has no clock but this machine's.
            Dialect::Sqlite => Duration::ZERO,
            Dialect::Postgres => meta::time(&self.reads).await?.distance(now),
        };
        if difference > MAX_CLOCK_DIFFERENCE {
            return Err(Error::ClockApart { difference });
        }
        Ok(())
    }

    /// What is damaged of an SQLite database file, in SQLite's own words; of PostgreSQL nothing is known.
    ///
    /// # Errors
    /// [`Error::Database`] when it cannot even be looked at.
    pub async fn damage(&self) -> Result<Option<String>, Error> {
        if self.dialect == Dialect::Postgres {
            return Ok(None);
        }
        let found: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&self.reads).await?;
        Ok((found != "ok").then_some(found))
    }

    /// Begins a transaction that may write. On SQLite nobody else does from here on until it ends.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no connection is free in time.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        self.begin_on(&self.writes).await
    }

    /// The same for what many wait for: on connections of its own, so that they do not wait for one together with those
    /// who hold them for longer, such as a storm of logins. Where none is free soon, on any.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when no connection is free in time.
    pub async fn begin_batch(&self) -> Result<Transaction, Error> {
        match self.dialect {
            Dialect::Sqlite => self.begin().await,
            Dialect::Postgres => match timeout(SOON, self.begin_on(&self.batches)).await {
                Ok(begun) => begun,
                Err(_) => self.begin().await,
            },
        }
    }

    async fn begin_on(&self, pool: &AnyPool) -> Result<Transaction, Error> {
        if let Some(writer) = &self.writer {
            return Ok(writer.turn().await?.into());
        }
        let pool = pool.clone();
        // The conditional statements rely on seeing what was committed while they waited for a row.
        let begun = async move { pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await };
        // A BEGIN that is given up before its answer is forgotten by sqlx, which would hand the connection on inside of
        // the transaction. As a task it is answered in any case, and rolled back where nobody takes it.
        let begun =
            tokio::spawn(begun).await.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?;
        Ok(begun?.into())
    }

    /// Where single statements that only read go.
    #[must_use]
    pub const fn reads(&self) -> &AnyPool {
        &self.reads
    }

    /// Where those go that read for what could not be done in a batch.
    #[must_use]
    pub const fn batch_reads(&self) -> &AnyPool {
        match self.dialect {
            Dialect::Sqlite => &self.reads,
            Dialect::Postgres => &self.batches,
        }
    }

    /// Closes every connection, after what is under way.
    pub async fn close(&self) {
        self.writes.close().await;
        self.batches.close().await;
        self.reads.close().await;
    }
}
