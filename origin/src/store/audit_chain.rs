//! The chain of the audit log: the links, what waits to be linked, what was signed, and who links.

use shared::time::Timestamp;
use sqlx::any::{AnyExecutor, AnyRow};

use super::{
    Error, Transaction,
    audit::{Record, event_columns, record},
    meta,
    row::{Columns, as_number},
    values::places,
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
    /// By which origin says, signed, that it has erased what names a person.
    pub erasure: Option<String>,
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
    /// How many events wait to be linked; where there are more than ten thousand, that many.
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
    // Where it begins is said, or PostgreSQL may well read the whole log up to there to merge it with what waits.
    let rows = sqlx::query(concat!(
        "SELECT ",
        event_columns!(),
        " FROM audit_unlinked JOIN audit_events ON audit_events.seq = audit_unlinked.seq ",
        "WHERE audit_events.seq >= (SELECT MIN(seq) FROM audit_unlinked) ORDER BY audit_unlinked.seq LIMIT $1"
    ))
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
    row.as_ref().map(as_head).transpose()
}

fn as_head(row: &AnyRow) -> Result<Head, Error> {
    // What is no hash is none that was ever signed.
    Ok(Head { number: row.count("number")?, hash: row.bytes("hash")?.try_into().unwrap_or_default() })
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
    let head = row.number_or_null("number")?.map(|_| as_head(&row)).transpose()?;
    Ok((head, row.text_or_null("statement")?))
}

/// Appends links.
pub async fn insert(transaction: &mut Transaction, mut links: &[Link]) -> Result<(), Error> {
    // A few lengths, so that there are a few statements to prepare; none is long, for each parameter's name is looked
    // up among those of all.
    for length in [32, 8, 1] {
        while let Some((some, rest)) = links.split_at_checked(length) {
            insert_some(transaction, some).await?;
            links = rest;
        }
    }
    Ok(())
}

async fn insert_some(transaction: &mut Transaction, links: &[Link]) -> Result<(), Error> {
    let statement = format!(
        "INSERT INTO audit_links (number, seq, event, proof, salt, personal_digest, hash) VALUES {}",
        places(links.len(), 7)
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

pub(super) fn signed(row: &AnyRow) -> Result<Signed, Error> {
    Ok(Signed { number: row.count("number")?, statement: row.text("statement")? })
}
