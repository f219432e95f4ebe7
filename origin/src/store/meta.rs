//! What there is once in a database.

use shared::time::Timestamp;
use sqlx::any::AnyExecutor;

use super::{Error, row::Columns};

/// The name of the incarnation: the life of this database since it was made or last restored.
pub const INCARNATION: &str = "incarnation";

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

/// PostgreSQL's clock.
pub(super) async fn time<'e>(executor: impl AnyExecutor<'e>) -> Result<Timestamp, Error> {
    sqlx::query("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now")
        .fetch_one(executor)
        .await?
        .time("now")
}
