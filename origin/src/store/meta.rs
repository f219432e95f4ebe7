//! What there is once in a database.

use shared::time::Timestamp;
use sqlx::any::AnyExecutor;

use super::{Dialect, Error, Transaction, row::Columns};

/// The name of the incarnation: the life of this database since it was made or last restored.
pub const INCARNATION: &str = "incarnation";

/// The name of the number that grows with every change of keys or secrets.
pub const KEY_GENERATION: &str = "key_generation";

/// The name of what proves that the database went back in time; there is none until it did.
pub const WENT_BACK: &str = "went_back";

/// The name of where the chain of the audit log ends, signed with every batch of links.
pub const AUDIT_HEAD: &str = "audit_head";

/// The name of how much of what was signed away of the audit log has been removed, signed with every batch.
pub const AUDIT_REMOVED: &str = "audit_removed";

/// The name of the domain that passkeys are for.
pub const PASSKEY_DOMAIN: &str = "passkey_domain";

/// The name whose lock whoever takes an administrator away holds.
pub const ADMINISTRATORS: &str = "administrators";

/// What is kept under a name.
pub async fn get<'e>(executor: impl AnyExecutor<'e>, name: &str) -> Result<Option<String>, Error> {
    let row =
        sqlx::query("SELECT value FROM meta WHERE name = $1").bind(name).fetch_optional(executor).await?;
    row.map(|row| row.text("value")).transpose()
}

/// Keeps a value under a name that has none; an existing one stays.
pub async fn insert<'e>(executor: impl AnyExecutor<'e>, name: &str, value: &str) -> Result<(), Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(name)
        .bind(value)
        .execute(executor)
        .await?;
    Ok(())
}

/// Keeps a value under a name in the place of any other.
pub async fn set(transaction: &mut Transaction, name: &str, value: &str) -> Result<(), Error> {
    sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2")
        .bind(name)
        .bind(value)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Keeps nothing under a name any more.
pub async fn remove(transaction: &mut Transaction, name: &str) -> Result<(), Error> {
    sqlx::query("DELETE FROM meta WHERE name = $1").bind(name).execute(&mut **transaction).await?;
    Ok(())
}

/// Waits for whoever holds the lock of a name that is there, and holds it to the end of the transaction.
pub async fn lock(transaction: &mut Transaction, dialect: Dialect, name: &str) -> Result<(), Error> {
    match dialect {
        // The transaction is the only one that writes.
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            sqlx::query("SELECT name FROM meta WHERE name = $1 FOR UPDATE")
                .bind(name)
                .execute(&mut **transaction)
                .await?;
        }
    }
    Ok(())
}

/// PostgreSQL's clock.
pub(super) async fn time<'e>(executor: impl AnyExecutor<'e>) -> Result<Timestamp, Error> {
    sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now")
        .fetch_one(executor)
        .await?
        .time("now")
}
