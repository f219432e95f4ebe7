//! The revocation log: what no longer counts, numbered without a gap, and kept until the last token that
//! it hits has expired.

use std::time::Duration;

use shared::{
    edge_state::Rule,
    id::{SessionId, UserId},
    time::Timestamp,
};
use sqlx::any::AnyExecutor;

use super::{
    Error, Store, Transaction,
    row::{Columns, as_number, corrupt},
    sessions::duration_number,
};

/// How long a rule is kept past the lifetime of a token: 30 s of tolerance for clocks that differ, and a
/// minute for what was issued while the act was under way.
const MARGIN: Duration = Duration::from_secs(90);

/// What an act revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation<'a> {
    /// Whatever was issued in this session.
    Session(SessionId),
    /// Whatever tells of this user at an epoch below this one.
    UserBelow(UserId, u64),
    /// Whatever the key of this id signed.
    Key(&'a str),
}

/// Appends a rule, and tells its number. Nothing but the commit may follow in the transaction: others that
/// append wait for its end, so that rules appear in the order of their numbers.
pub async fn append(
    transaction: &mut Transaction,
    revocation: Revocation<'_>,
    now: Timestamp,
) -> Result<u64, Error> {
    let counted = sqlx::query(
        "UPDATE revocation_counter SET number = number + 1 WHERE id = 1 RETURNING number, token_lifetime",
    )
    .fetch_one(&mut **transaction)
    .await?;
    let number = counted.number("number")?;
    let (kind, subject, epoch) = match revocation {
        Revocation::Session(id) => ("session", id.to_string(), None),
        Revocation::UserBelow(id, epoch) => ("user", id.to_string(), Some(as_number(epoch))),
        Revocation::Key(kid) => ("key", kid.to_owned(), None),
    };
    sqlx::query(
        "INSERT INTO revocations (number, kind, subject, epoch, at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $5 + $6)",
    )
    .bind(number)
    .bind(kind)
    .bind(subject)
    .bind(epoch)
    .bind(now.millis())
    .bind(counted.number("token_lifetime")?.saturating_add(duration_number(MARGIN)))
    .execute(&mut **transaction)
    .await?;
    counted.count("number")
}

/// Lets rules be kept for tokens that live so long; those that were issued to live longer stay covered.
pub async fn cover(store: &Store, token_lifetime: Duration) -> Result<(), Error> {
    let mut transaction = store.begin().await?;
    sqlx::query("UPDATE revocation_counter SET token_lifetime = $1 WHERE token_lifetime < $1")
        .bind(duration_number(token_lifetime))
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// How long the tokens live that were issued to live longest, whatever the settings of whoever issued them were.
pub async fn token_lifetime<'e>(executor: impl AnyExecutor<'e>) -> Result<Duration, Error> {
    let row =
        sqlx::query("SELECT token_lifetime FROM revocation_counter WHERE id = 1").fetch_one(executor).await?;
    Ok(Duration::from_millis(row.count("token_lifetime")?))
}

/// How far somebody has read the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// In which incarnation.
    pub incarnation: &'a str,
    /// To which number.
    pub number: u64,
}

/// The log, or what is new of it, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The database's incarnation.
    pub incarnation: String,
    /// The last rule's number.
    pub number: u64,
    /// The number of the first rule that is kept; one more than `number` when there is none.
    pub floor: u64,
    /// The number of the first of `rules`; one more than `number` when there is none.
    pub from: u64,
    /// The rules, in the order of their numbers.
    pub rules: Vec<Rule>,
}

/// What whoever has read to this position lacks; everything, if that is not a position in this log. All of
/// it is read by one statement, which sees the log between two commits.
pub async fn since<'e>(executor: impl AnyExecutor<'e>, position: Option<Position<'_>>) -> Result<Log, Error> {
    let row = sqlx::query(
        "SELECT m.value AS incarnation, c.number, \
         COALESCE((SELECT MIN(number) FROM revocations), c.number + 1) AS floor, \
         (SELECT string_agg(r.kind || ' ' || r.subject || ' ' || COALESCE(r.epoch, 0), ',' ORDER BY r.number) \
         FROM revocations AS r WHERE r.number > \
         CASE WHEN m.value = $1 AND c.number >= $2 THEN $2 ELSE 0 END) AS rules \
         FROM revocation_counter AS c JOIN meta AS m ON m.name = 'incarnation' WHERE c.id = 1",
    )
    .bind(position.map(|position| position.incarnation))
    .bind(position.map_or(0, |position| as_number(position.number)))
    .fetch_one(executor)
    .await?;
    let (incarnation, number, floor) = (row.text("incarnation")?, row.count("number")?, row.count("floor")?);
    let rules: Vec<Rule> = match row.text_or_null("rules")? {
        Some(rules) => rules.split(',').map(rule).collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let after = position
        .filter(|position| position.incarnation == incarnation && position.number <= number)
        .map_or(0, |position| position.number);
    let from = floor.max(after + 1);
    if from + rules.len() as u64 != number + 1 {
        return Err(corrupt("number", "a rule of the revocation log is missing"));
    }
    Ok(Log { incarnation, number, floor, from, rules })
}

fn rule(text: &str) -> Result<Rule, Error> {
    let mut parts = text.splitn(3, ' ');
    let (kind, subject) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match kind {
        "session" => Ok(Rule::Session(subject.parse().map_err(|error| corrupt("subject", error))?)),
        "user" => {
            let epoch = parts.next().unwrap_or_default().parse().map_err(|error| corrupt("epoch", error))?;
            Ok(Rule::UserBelow(subject.parse().map_err(|error| corrupt("subject", error))?, epoch))
        }
        "key" => Ok(Rule::Key),
        _ => Err(corrupt("kind", "an unknown word")),
    }
}

/// Removes at most so many rules from the beginning of the log that hit no token any more. How many. One
/// that still does keeps all that came after it, so that the rest has no gap.
pub async fn prune(transaction: &mut Transaction, now: Timestamp, batch: u32) -> Result<u64, Error> {
    let deleted = sqlx::query(
        "DELETE FROM revocations WHERE number < (SELECT MIN(number) FROM revocations) + $2 \
         AND number < COALESCE((SELECT MIN(number) FROM revocations WHERE expires_at > $1), \
         (SELECT MAX(number) FROM revocations) + 1)",
    )
    .bind(now.millis())
    .bind(i64::from(batch))
    .execute(&mut **transaction)
    .await?;
    Ok(deleted.rows_affected())
}

/// How far the log reaches, and how much of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The last rule's number; 0 before the first.
    pub number: u64,
    /// How many rules are kept.
    pub kept: u64,
}

/// How far the log reaches, and how much of it is kept.
pub async fn extent<'e>(executor: impl AnyExecutor<'e>) -> Result<Extent, Error> {
    let row = sqlx::query(
        "SELECT c.number, c.number + 1 - COALESCE((SELECT MIN(number) FROM revocations), c.number + 1) AS kept \
         FROM revocation_counter AS c WHERE c.id = 1",
    )
    .fetch_one(executor)
    .await?;
    Ok(Extent { number: row.count("number")?, kept: row.count("kept")? })
}
