//! Where chains of the audit log were closed and others began, and what was kept apart then.

use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    audit::{Record, event_columns, record},
    audit_chain::{Signed, signed},
    row::{Columns, as_number, corrupt},
};

/// All of them, the first one first.
pub async fn all<'e>(executor: impl AnyExecutor<'e>) -> Result<Vec<Signed>, Error> {
    let statement = "SELECT number, statement FROM audit_restarts ORDER BY number";
    let rows = sqlx::query(statement).fetch_all(executor).await?;
    rows.iter().map(signed).collect()
}

/// The first number after all that are used, whoever has used them.
///
/// # Errors
/// [`Error::Corrupt`] where somebody has used the last one that there is.
pub async fn next_number(transaction: &mut Transaction) -> Result<u64, Error> {
    let row = sqlx::query(
        "SELECT MAX(number) AS number FROM (SELECT MAX(number) AS number FROM audit_links \
         UNION ALL SELECT MAX(number) FROM audit_checkpoints \
         UNION ALL SELECT MAX(number) FROM audit_retention \
         UNION ALL SELECT MAX(number) FROM audit_restarts) AS used",
    )
    .fetch_one(&mut **transaction)
    .await?;
    let used = row.number_or_null("number")?.unwrap_or_default();
    let next = used.checked_add(1).and_then(|next| u64::try_from(next).ok());
    next.ok_or_else(|| corrupt("number", "no number is left after it"))
}

/// Keeps the statement by which a chain is closed and another begins.
pub async fn insert(transaction: &mut Transaction, restart: &Signed) -> Result<(), Error> {
    sqlx::query("INSERT INTO audit_restarts (number, statement) VALUES ($1, $2)")
        .bind(as_number(restart.number))
        .bind(&restart.statement)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// Keeps an event apart, whether it is there or not, unless it is kept apart already.
pub async fn set_apart(transaction: &mut Transaction, seq: u64, restart: u64) -> Result<(), Error> {
    sqlx::query("INSERT INTO audit_apart (seq, restart) VALUES ($1, $2) ON CONFLICT (seq) DO NOTHING")
        .bind(as_number(seq))
        .bind(as_number(restart))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// What has a place in a chain, or was kept apart, waits for none any more.
pub async fn forget_waiting(transaction: &mut Transaction) -> Result<(), Error> {
    for statement in [
        "DELETE FROM audit_unlinked WHERE seq IN (SELECT seq FROM audit_links)",
        "DELETE FROM audit_unlinked WHERE seq IN (SELECT seq FROM audit_apart)",
    ] {
        sqlx::query(statement).execute(&mut **transaction).await?;
    }
    Ok(())
}

/// What was kept apart when chains were closed from after the first to the second number, and has a number above this
/// one: at most so many, each with the event, if it is there.
pub async fn apart<'e>(
    executor: impl AnyExecutor<'e>,
    (after, until): (u64, u64),
    above: u64,
    limit: u32,
) -> Result<Vec<(u64, Option<Record>)>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT audit_apart.seq AS apart, ",
        event_columns!(),
        " FROM audit_apart LEFT JOIN audit_events ON audit_events.seq = audit_apart.seq ",
        "WHERE audit_apart.restart > $1 AND audit_apart.restart <= $2 AND audit_apart.seq > $3 ",
        "ORDER BY audit_apart.seq LIMIT $4"
    ))
    .bind(as_number(after))
    .bind(as_number(until))
    .bind(as_number(above))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(one_apart).collect()
}

fn one_apart(row: &AnyRow) -> Result<(u64, Option<Record>), Error> {
    let event = row.number_or_null("seq")?.map(|_| record(row)).transpose()?;
    Ok((row.count("apart")?, event))
}
