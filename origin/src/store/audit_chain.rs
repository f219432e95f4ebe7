//! The chain of the audit log: the links, what waits to be linked, what was signed, and who links.

use shared::time::Timestamp;
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    audit::{Record, digest, record},
    meta,
    row::{Columns, as_number},
    words::words,
};

words! {
    /// Whether an origin is known to have written an event.
    Proof {
        /// It had a good mac when it was linked.
        Mac = "mac",
        /// It came from an origin of an earlier version, which had no macs, when there still could be one.
        EarlierVersion = "earlier_version",
        /// It is not known.
        None = "none",
    }
}

/// One link as it is kept: also one that somebody has tampered with can be read so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub number: u64,
    /// The event's own number, which says nothing about the order.
    pub seq: u64,
    /// The event's id.
    pub event: String,
    /// Whether an origin is known to have written it, as a [`Proof`].
    pub proof: String,
    /// What the digest is salted with; none once what names a person is erased.
    pub salt: Option<Vec<u8>>,
    /// The salted digest of what names a person.
    pub personal_digest: Vec<u8>,
    /// The hash.
    pub hash: Vec<u8>,
}

/// Where the chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last link.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Something that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The number of the link that it speaks of.
    pub number: u64,
    /// The statement, in the compact form of RFC 7515.
    pub statement: String,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many events wait to be linked, at most [`MOST_COUNTED`].
    pub count: u64,
    /// When the oldest of them happened.
    pub since: Option<Timestamp>,
    /// The number of the last link, 0 for none.
    pub head: u64,
    /// The number of the last checkpoint, if there is one, and when it was made.
    pub checkpoint: Option<(u64, Timestamp)>,
    /// Who links.
    pub leader: String,
    /// Until when they are left alone.
    pub leads_until: Timestamp,
}

/// More than this are not counted.
pub const MOST_COUNTED: u64 = 10_000;

/// What there is to do, and whose task it is.
pub async fn waiting<'e>(executor: impl AnyExecutor<'e>) -> Result<Waiting, Error> {
    let row = sqlx::query(
        "SELECT (SELECT COUNT(*) FROM (SELECT seq FROM audit_unlinked LIMIT 10000) AS few) AS waiting, \
         (SELECT at FROM audit_events WHERE seq = (SELECT MIN(seq) FROM audit_unlinked)) AS since, \
         (SELECT COALESCE(MAX(number), 0) FROM audit_links) AS head, \
         (SELECT MAX(number) FROM audit_checkpoints) AS checkpoint, \
         (SELECT at FROM audit_checkpoints ORDER BY number DESC LIMIT 1) AS checkpoint_at, \
         holder, leads_until FROM audit_leader",
    )
    .fetch_one(executor)
    .await?;
    Ok(Waiting {
        count: row.count("waiting")?,
        since: row.time_or_null("since")?,
        head: row.count("head")?,
        checkpoint: match row.number_or_null("checkpoint")? {
            Some(_) => Some((row.count("checkpoint")?, row.time("checkpoint_at")?)),
            None => None,
        },
        leader: row.text("holder")?,
        leads_until: row.time("leads_until")?,
    })
}

/// Makes this origin the leader until then, or lets it stay so; false while another one is. Whoever has done it
/// holds the lock to the end of the transaction: two never link at once, whatever their clocks say.
pub async fn lead(
    transaction: &mut Transaction,
    holder: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    // A time further ahead than anybody asks for was written by a clock that has been set back since.
    let updated = sqlx::query(
        "UPDATE audit_leader SET holder = $1, leads_until = $3 \
         WHERE holder = $1 OR leads_until <= $2 OR leads_until > $3",
    )
    .bind(holder)
    .bind(now.millis())
    .bind(until.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(updated.rows_affected() == 1)
}

/// Waits for whoever links, and keeps everybody from it to the end of the transaction.
pub async fn lock(transaction: &mut Transaction) -> Result<(), Error> {
    sqlx::query("UPDATE audit_leader SET holder = holder").execute(&mut **transaction).await?;
    Ok(())
}

/// At most so many of the events that wait, with their numbers, the lowest first.
pub async fn unlinked(transaction: &mut Transaction, limit: u32) -> Result<Vec<(u64, Record)>, Error> {
    let rows = sqlx::query(
        "SELECT audit_events.* FROM audit_unlinked JOIN audit_events ON audit_events.seq = audit_unlinked.seq \
         ORDER BY audit_unlinked.seq LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(&mut **transaction)
    .await?;
    rows.iter().map(numbered).collect()
}

pub(super) fn numbered(row: &AnyRow) -> Result<(u64, Record), Error> {
    Ok((row.count("seq")?, record(row)?))
}

/// Where the chain ends; none where it has no link.
pub async fn head<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<Head>, Error> {
    let row = sqlx::query("SELECT number, hash FROM audit_links ORDER BY number DESC LIMIT 1")
        .fetch_optional(executor)
        .await?;
    row.map(|row| Ok(Head { number: row.count("number")?, hash: digest(&row, "hash")? })).transpose()
}

/// Where the chain ends, and where it is signed to end, of one moment.
pub async fn end<'e>(executor: impl AnyExecutor<'e>) -> Result<(Option<Head>, Option<String>), Error> {
    let row = sqlx::query(
        "SELECT (SELECT value FROM meta WHERE name = $1) AS statement, \
         (SELECT MAX(number) FROM audit_links) AS number, \
         (SELECT hash FROM audit_links ORDER BY number DESC LIMIT 1) AS hash",
    )
    .bind(meta::AUDIT_HEAD)
    .fetch_one(executor)
    .await?;
    let head = match row.number_or_null("number")? {
        Some(_) => Some(Head { number: row.count("number")?, hash: digest(&row, "hash")? }),
        None => None,
    };
    Ok((head, row.text_or_null("statement")?))
}

/// Appends links.
pub async fn insert(transaction: &mut Transaction, mut links: &[Link]) -> Result<(), Error> {
    // A few lengths, so that there are a few statements to prepare.
    for length in [256, 64, 16, 4, 1] {
        while let Some((some, rest)) = links.split_at_checked(length) {
            insert_some(transaction, some).await?;
            links = rest;
        }
    }
    Ok(())
}

async fn insert_some(transaction: &mut Transaction, links: &[Link]) -> Result<(), Error> {
    const COLUMNS: usize = 7;
    let places: Vec<String> = (0..links.len())
        .map(|row| {
            let places: Vec<String> =
                (1..=COLUMNS).map(|column| format!("${}", row * COLUMNS + column)).collect();
            format!("({})", places.join(", "))
        })
        .collect();
    let statement = format!(
        "INSERT INTO audit_links (number, seq, event, proof, salt, personal_digest, hash) VALUES {}",
        places.join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for link in links {
        query = query
            .bind(as_number(link.number))
            .bind(as_number(link.seq))
            .bind(&link.event)
            .bind(&link.proof)
            .bind(link.salt.as_deref())
            .bind(link.personal_digest.as_slice())
            .bind(link.hash.as_slice());
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

/// Those that were linked after this number wait no longer. How many.
pub async fn forget_waiting(transaction: &mut Transaction, after: u64) -> Result<u64, Error> {
    let deleted = sqlx::query(
        "DELETE FROM audit_unlinked WHERE seq IN (SELECT seq FROM audit_links WHERE number > $1)",
    )
    .bind(as_number(after))
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected())
}

/// Keeps a checkpoint.
pub async fn insert_checkpoint(
    transaction: &mut Transaction,
    checkpoint: &Signed,
    at: Timestamp,
) -> Result<(), Error> {
    sqlx::query("INSERT INTO audit_checkpoints (number, at, statement) VALUES ($1, $2, $3)")
        .bind(as_number(checkpoint.number))
        .bind(at.millis())
        .bind(&checkpoint.statement)
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

/// The last checkpoint.
pub async fn last_checkpoint<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<Signed>, Error> {
    let statement = "SELECT number, statement FROM audit_checkpoints ORDER BY number DESC LIMIT 1";
    let row = sqlx::query(statement).fetch_optional(executor).await?;
    row.as_ref().map(signed).transpose()
}

fn signed(row: &AnyRow) -> Result<Signed, Error> {
    Ok(Signed { number: row.count("number")?, statement: row.text("statement")? })
}

/// The links from after this number, each with its event and the number that it has, if it is there.
pub async fn links<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    limit: u32,
) -> Result<Vec<(Link, Option<Record>)>, Error> {
    let rows = sqlx::query(
        "SELECT audit_links.number, audit_links.seq AS link_seq, audit_links.event, audit_links.proof, \
         audit_links.salt, audit_links.personal_digest, audit_links.hash, audit_events.* \
         FROM audit_links LEFT JOIN audit_events ON audit_events.seq = audit_links.seq \
         WHERE audit_links.number > $1 ORDER BY audit_links.number LIMIT $2",
    )
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

/// Up to where the chain may be removed, if anything may.
pub async fn retired<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<Signed>, Error> {
    let statement = "SELECT number, statement FROM audit_retention ORDER BY number DESC LIMIT 1";
    let row = sqlx::query(statement).fetch_optional(executor).await?;
    row.as_ref().map(signed).transpose()
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

/// Removes at most about so many of the oldest links up to this number, and their events. How many.
pub async fn remove(transaction: &mut Transaction, until: u64, batch: u32) -> Result<u64, Error> {
    let row =
        sqlx::query("SELECT MIN(number) AS oldest FROM audit_links").fetch_one(&mut **transaction).await?;
    let Some(oldest) = row.number_or_null("oldest")? else { return Ok(0) };
    let last = as_number(until).min(oldest.saturating_add(i64::from(batch)) - 1);
    // First the events: that they may go says the link.
    for statement in [
        "DELETE FROM audit_events WHERE seq IN (SELECT seq FROM audit_links WHERE number <= $1)",
        "DELETE FROM audit_checkpoints WHERE number < $1",
    ] {
        sqlx::query(statement).bind(last).execute(&mut **transaction).await?;
    }
    let deleted = sqlx::query("DELETE FROM audit_links WHERE number <= $1")
        .bind(last)
        .execute(&mut **transaction)
        .await?;
    Ok(deleted.rows_affected())
}

/// The events numbered from after the first to the second number that have no link, and whether each waits for one.
pub async fn without_link<'e>(
    executor: impl AnyExecutor<'e>,
    after: u64,
    until: u64,
) -> Result<Vec<(u64, Record, bool)>, Error> {
    let rows = sqlx::query(
        "SELECT audit_events.*, audit_unlinked.seq AS waiting FROM audit_events \
         LEFT JOIN audit_unlinked ON audit_unlinked.seq = audit_events.seq \
         WHERE audit_events.seq > $1 AND audit_events.seq <= $2 \
         AND NOT EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = audit_events.seq) \
         ORDER BY audit_events.seq",
    )
    .bind(as_number(after))
    .bind(as_number(until))
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            let (seq, record) = numbered(row)?;
            Ok((seq, record, row.number_or_null("waiting")?.is_some()))
        })
        .collect()
}

/// The lowest and the highest number that an event has; none where there are no events.
pub async fn numbers<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<(u64, u64)>, Error> {
    let row = sqlx::query(
        "SELECT (SELECT MIN(seq) FROM audit_events) AS lowest, (SELECT MAX(seq) FROM audit_events) AS highest",
    )
    .fetch_one(executor)
    .await?;
    match row.number_or_null("lowest")? {
        Some(_) => Ok(Some((row.count("lowest")?, row.count("highest")?))),
        None => Ok(None),
    }
}

/// The number of an event that waits for its link, and is not there.
pub async fn waiting_for_nothing<'e>(executor: impl AnyExecutor<'e>) -> Result<Option<u64>, Error> {
    let row = sqlx::query(
        "SELECT seq FROM audit_unlinked \
         WHERE NOT EXISTS (SELECT 1 FROM audit_events WHERE audit_events.seq = audit_unlinked.seq) LIMIT 1",
    )
    .fetch_optional(executor)
    .await?;
    row.map(|row| row.count("seq")).transpose()
}
