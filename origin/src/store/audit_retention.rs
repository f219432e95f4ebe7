//! What of the audit log was signed away, and its removal.

use sqlx::any::AnyExecutor;

use super::{
    Error, Transaction,
    audit_chain::{Signed, signed},
    row::{Columns, as_number},
};

/// The marks up to which the chain may be removed, the last one first; each but the last one that is good was good
/// for a time.
pub async fn marks<'e>(executor: impl AnyExecutor<'e>) -> Result<Vec<Signed>, Error> {
    let statement = "SELECT number, statement FROM audit_retention ORDER BY number DESC";
    let rows = sqlx::query(statement).fetch_all(executor).await?;
    rows.iter().map(signed).collect()
}

/// Lets the chain be removed up to this number. False when that is so already.
pub async fn retire(transaction: &mut Transaction, retired: &Signed) -> Result<bool, Error> {
    let inserted = sqlx::query(
        "INSERT INTO audit_retention (number, statement) VALUES ($1, $2) ON CONFLICT (number) DO NOTHING",
    )
    .bind(as_number(retired.number))
    .bind(&retired.statement)
    .execute(&mut **transaction)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The lowest number of a link; none where there are no links.
pub async fn lowest<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<u64>, Error> {
    let row = sqlx::query("SELECT MIN(number) AS number FROM audit_links").fetch_one(executor).await?;
    row.number_or_null("number")?.map(|_| row.count("number")).transpose()
}

/// The number and the hash of the last of so many of the lowest links up to this number; none where there are none.
pub async fn last_of_batch(
    transaction: &mut Transaction,
    until: u64,
    batch: u32,
) -> Result<Option<(u64, Vec<u8>)>, Error> {
    let row = sqlx::query(
        "SELECT number, hash FROM (SELECT number, hash FROM audit_links WHERE number <= $1 \
         ORDER BY number LIMIT $2) AS batch ORDER BY number DESC LIMIT 1",
    )
    .bind(as_number(until))
    .bind(i64::from(batch))
    .fetch_optional(&mut **transaction)
    .await?;
    row.map(|row| Ok((row.count("number")?, row.bytes("hash")?))).transpose()
}

/// Removes all links up to this number, their events, and what was signed before. How many links.
pub async fn remove(transaction: &mut Transaction, until: u64) -> Result<u64, Error> {
    // First the events: that they may go says the link.
    for statement in [
        "DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_links WHERE number <= $1)",
        "DELETE FROM audit_checkpoints WHERE number < $1",
    ] {
        sqlx::query(statement).bind(as_number(until)).execute(&mut **transaction).await?;
    }
    let deleted = sqlx::query("DELETE FROM audit_links WHERE number <= $1")
        .bind(as_number(until))
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// Removes at most so many of the events that were kept apart when chains up to this number were closed. How many.
pub async fn remove_apart(transaction: &mut Transaction, until: u64, batch: u32) -> Result<u64, Error> {
    const BATCH: &str = "(SELECT seq FROM audit_apart WHERE restart <= $1 ORDER BY seq LIMIT $2)";
    let mut removed = 0;
    for table in ["audit_events", "audit_apart"] {
        let statement = format!("DELETE FROM {table} WHERE seq IN {BATCH}");
        let deleted = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(as_number(until))
            .bind(i64::from(batch))
            .execute(&mut **transaction)
            .await?;
        removed = deleted.rows_affected();
    }
    Ok(removed)
}
