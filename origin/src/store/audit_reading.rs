//! Reading the chain of the audit log, page by page: to verify it, and to export it.

use shared::time::Timestamp;
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error,
    audit::{Record, event_columns, record},
    audit_chain::{Link, Signed, numbered, signed},
    row::{Columns, as_number},
};

/// The links from after this number, each with its event and the number that it has, if it is there.
pub async fn links<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    limit: u32,
) -> Result<Vec<(Link, Option<Record>)>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT audit_links.number, audit_links.seq AS link_seq, audit_links.event, audit_links.proof, ",
        "audit_links.salt, audit_links.personal_digest, audit_links.hash, audit_links.erasure, ",
        event_columns!(),
        " FROM audit_links LEFT JOIN audit_events ON audit_events.seq = audit_links.seq ",
        "WHERE audit_links.number > $1 ORDER BY audit_links.number LIMIT $2"
    ))
    .bind(as_number(after))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let event = row.number_or_null("seq")?.map(|_| record(row)).transpose()?;
            Ok((link(row)?, event))
        })
        .collect()
}

fn link(row: &AnyRow) -> Result<Link, Error> {
    Ok(Link {
        number: row.count("number")?,
        seq: row.count("link_seq")?,
        event: row.text("event")?,
        proof: row.text("proof")?,
        salt: row.bytes_or_null("salt")?,
        personal_digest: row.bytes("personal_digest")?,
        hash: row.bytes("hash")?,
        erasure: row.text_or_null("erasure")?,
    })
}

/// At most so many checkpoints from after this number, up to that one.
pub async fn checkpoints<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    until: u64,
    limit: u32,
) -> Result<Vec<Signed>, Error> {
    let rows = sqlx::query(
        "SELECT number, statement FROM audit_checkpoints WHERE number > $1 AND number <= $2 \
         ORDER BY number LIMIT $3",
    )
    .bind(as_number(after))
    .bind(as_number(until))
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(signed).collect()
}

/// The checkpoint of this number.
pub async fn checkpoint<'e>(executor: impl AnyExecutor<'e>, number: u64) -> Result<Option<Signed>, Error> {
    let statement = "SELECT number, statement FROM audit_checkpoints WHERE number = $1";
    let row = sqlx::query(statement).bind(as_number(number)).fetch_optional(executor).await?;
    row.as_ref().map(signed).transpose()
}

/// The last checkpoint that was made before this time.
pub async fn checkpoint_before<'e>(
    executor: impl AnyExecutor<'e>,
    at: Timestamp,
) -> Result<Option<Signed>, Error> {
    let statement =
        "SELECT number, statement FROM audit_checkpoints WHERE at < $1 ORDER BY at DESC, number DESC LIMIT 1";
    let row = sqlx::query(statement).bind(at.millis()).fetch_optional(executor).await?;
    row.as_ref().map(signed).transpose()
}

/// The last checkpoint that was made before this time and has at most this number.
pub async fn checkpoint_of<'e>(
    executor: impl AnyExecutor<'e>,
    at: Timestamp,
    number: u64,
) -> Result<Option<Signed>, Error> {
    let row = sqlx::query(
        "SELECT number, statement FROM audit_checkpoints WHERE number <= $1 AND at < $2 \
         ORDER BY number DESC LIMIT 1",
    )
    .bind(as_number(number))
    .bind(at.millis())
    .fetch_optional(executor)
    .await?;
    row.as_ref().map(signed).transpose()
}

/// The first checkpoint that was made at this time or later.
pub async fn checkpoint_from<'e>(
    executor: impl AnyExecutor<'e>,
    at: Timestamp,
) -> Result<Option<Signed>, Error> {
    let statement =
        "SELECT number, statement FROM audit_checkpoints WHERE at >= $1 ORDER BY at, number LIMIT 1";
    let row = sqlx::query(statement).bind(at.millis()).fetch_optional(executor).await?;
    row.as_ref().map(signed).transpose()
}

/// The events numbered from after the first to the second number that have no link and were not kept apart up to the
/// third number, and whether each waits for a link.
pub async fn without_link<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    until: u64,
    apart_until: u64,
) -> Result<Vec<(u64, Record, bool)>, Error> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        ", audit_unlinked.seq AS waiting FROM audit_events ",
        "LEFT JOIN audit_unlinked ON audit_unlinked.seq = audit_events.seq ",
        "WHERE audit_events.seq > $1 AND audit_events.seq <= $2 ",
        "AND NOT EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = audit_events.seq) ",
        "AND NOT EXISTS (SELECT 1 FROM audit_apart WHERE audit_apart.seq = audit_events.seq AND restart <= $3) ",
        "ORDER BY audit_events.seq"
    ))
    .bind(as_number(after))
    .bind(as_number(until))
    .bind(as_number(apart_until))
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let (seq, record) = numbered(row)?;
            Ok((seq, record, row.number_or_null("waiting")?.is_some()))
        })
        .collect()
}

/// The highest number that an event has; none where there are no events.
pub async fn highest<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<u64>, Error> {
    last(&sqlx::query("SELECT MAX(seq) AS last FROM audit_events").fetch_one(executor).await?)
}

/// The number of an event below all that there can be. The schema refuses it, unless its owner puts that aside.
pub async fn below_one<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<i64>, Error> {
    let row = sqlx::query("SELECT MIN(seq) AS lowest FROM audit_events").fetch_one(executor).await?;
    Ok(row.number_or_null("lowest")?.filter(|lowest| *lowest < 1))
}

/// The number of the last of at most so many events that follow the first and go no further than the second number;
/// none where none follows. It goes by the events that are there: numbers may be left out, and anybody who can write
/// can leave out as many as there are.
pub async fn stretch<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    until: u64,
    events: u32,
) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "SELECT MAX(seq) AS last FROM (SELECT seq FROM audit_events WHERE seq > $1 AND seq <= $2 \
         ORDER BY seq LIMIT $3) AS stretch",
    )
    .bind(as_number(after))
    .bind(as_number(until))
    .bind(i64::from(events))
    .fetch_one(executor)
    .await?;
    last(&row)
}

fn last(row: &AnyRow) -> Result<Option<u64>, Error> {
    row.number_or_null("last")?.map(|_| row.count("last")).transpose()
}

/// The numbers of at most so many events that wait for their link, and are not there.
pub async fn waiting_for_nothing<'e>(executor: impl AnyExecutor<'e>, limit: u32) -> Result<Vec<u64>, Error> {
    let rows = sqlx::query(
        "SELECT seq FROM audit_unlinked \
         WHERE NOT EXISTS (SELECT 1 FROM audit_events WHERE audit_events.seq = audit_unlinked.seq) LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(executor)
    .await?;
    rows.iter().map(|row| row.count("seq")).collect()
}
