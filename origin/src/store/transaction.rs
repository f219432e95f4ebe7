//! What happens together or not at all.

use std::ops::{Deref, DerefMut};

use sqlx::{Any, AnyConnection};

use super::{Error, writer::Turn};

/// A transaction that may write. Dropped without [`commit`](Self::commit), nothing of it happened.
#[derive(Debug)]
pub struct Transaction(Kind);

#[derive(Debug)]
enum Kind {
    /// On a connection of its own, beside others.
    Beside(sqlx::Transaction<'static, Any>),
    /// After others on the one connection that writes.
    After(Turn),
}

impl Transaction {
    /// Makes everything in it last. When this returns, a power cut takes none of it away.
    ///
    /// # Errors
    /// When that cannot be done; then nothing of it happened.
    pub async fn commit(self) -> Result<(), Error> {
        match self.0 {
            Kind::Beside(transaction) => transaction.commit().await?,
            Kind::After(turn) => turn.keep().await?,
        }
        Ok(())
    }

    /// Undoes everything in it. When this returns, everybody sees what it saw of others.
    ///
    /// # Errors
    /// When the connection is lost, or what it saw of others was undone as well.
    pub async fn rollback(self) -> Result<(), Error> {
        match self.0 {
            Kind::Beside(transaction) => transaction.rollback().await?,
            Kind::After(turn) => turn.undo().await?,
        }
        Ok(())
    }
}

impl From<sqlx::Transaction<'static, Any>> for Transaction {
    fn from(transaction: sqlx::Transaction<'static, Any>) -> Self {
        Self(Kind::Beside(transaction))
    }
}

impl From<Turn> for Transaction {
    fn from(turn: Turn) -> Self {
        Self(Kind::After(turn))
    }
}

impl Deref for Transaction {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match &self.0 {
            Kind::Beside(transaction) => transaction,
            Kind::After(turn) => turn,
        }
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match &mut self.0 {
            Kind::Beside(transaction) => transaction,
            Kind::After(turn) => turn,
        }
    }
}
