//! What names a person in the audit log, and its removal, a part at a time.
//!
//! What somebody did to others, or to the site, is not about them alone: it is evidence, and outlives the account.

use super::{
    Error, Transaction,
    audit::{Record, event_columns},
    audit_chain::{Signed, numbered},
    row::{Columns, as_number},
};

/// Which events are looked at.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// Those about this user, whoever did it.
    User(&'a str),
    /// That this user was refused by a limit, where an origin of the version before wrote it: about nobody.
    RefusalOf(&'a str),
    /// Those about nobody that have this as what names somebody, from an origin of the version before.
    Named(&'a str),
}

/// Events from after the first to the second number.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    /// The number before the first.
    pub after: u64,
    /// The number of the last.
    pub last: u64,
}

/// There is something to erase.
const HOLDS: &str = "(address IS NOT NULL OR user_agent IS NOT NULL OR personal IS NOT NULL \
                     OR (version = 0 AND detail IS NOT NULL))";

impl<'a> About<'a> {
    const fn word(self) -> &'a str {
        match self {
            Self::User(word) | Self::RefusalOf(word) | Self::Named(word) => word,
        }
    }

    /// By which they are found, each by its index.
    const fn condition(self) -> &'static str {
        match self {
            Self::User(_) => "subject = $1",
            Self::RefusalOf(_) => {
                "actor = $1 AND actor IS NOT NULL AND (subject IS NULL OR subject <> actor) \
                 AND subject IS NULL AND kind = 'attempts.refused'"
            }
            Self::Named(_) => "subject IS NULL AND personal = $1",
        }
    }

    /// Which of them name somebody who goes. From where somebody else acted stays where nothing names the user, and
    /// who it was that has acted on others does in any case.
    const fn names(self) -> &'static str {
        match self {
            Self::User(_) => {
                "kind <> 'administrator.left' AND (actor IS NULL OR actor = $1 OR personal IS NOT NULL \
                 OR (version = 0 AND detail IS NOT NULL))"
            }
            Self::RefusalOf(_) | Self::Named(_) => "1 = 1",
        }
    }

    /// Once erased they are not found again, so that there is nothing to remember of where one was.
    const fn vanish(self) -> bool {
        matches!(self, Self::RefusalOf(_) | Self::Named(_))
    }

    fn within(self) -> String {
        format!("{} AND {} AND {HOLDS} AND seq > $2 AND seq <= $3", self.condition(), self.names())
    }
}

/// The next events after this number, at most so many: the number of the last, and how many there are. None where
/// there are none.
pub async fn next(
    transaction: &mut Transaction,
    about: About<'_>,
    after: u64,
    limit: u32,
) -> Result<Option<(Range, u64)>, Error> {
    // What stands apart since the chain was begun anew is evidence of that, and keeps what it says.
    let found = if about.vanish() {
        format!("{HOLDS} AND NOT EXISTS (SELECT 1 FROM audit_apart WHERE audit_apart.seq = audit_events.seq)")
    } else {
        "1 = 1".to_owned()
    };
    let statement = format!(
        "SELECT MAX(seq) AS last, COUNT(*) AS events FROM (SELECT seq FROM audit_events \
         WHERE {} AND {found} AND seq > $2 ORDER BY seq LIMIT $3) AS part",
        about.condition()
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(about.word())
        .bind(as_number(after))
        .bind(i64::from(limit))
        .fetch_one(&mut **transaction)
        .await?;
    let events = row.count("events")?;
    if events == 0 {
        return Ok(None);
    }
    Ok(Some((Range { after, last: row.count("last")? }, events)))
}

/// Those of them that name somebody who goes and are not linked yet.
pub async fn unlinked(
    transaction: &mut Transaction,
    about: About<'_>,
    range: Range,
) -> Result<Vec<(u64, Record)>, Error> {
    let statement = format!(
        "SELECT {} FROM audit_events WHERE {} AND seq IN (SELECT seq FROM audit_unlinked) ORDER BY seq",
        event_columns!(),
        about.within()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(about.word())
        .bind(as_number(range.after))
        .bind(as_number(range.last))
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter().map(numbered).collect()
}

/// The links of the same events of which nothing was erased yet, by number, with the events' ids.
pub async fn still_whole(
    transaction: &mut Transaction,
    about: About<'_>,
    range: Range,
) -> Result<Vec<(u64, String)>, Error> {
    let statement = format!(
        "SELECT number, event FROM audit_links WHERE salt IS NOT NULL \
         AND seq IN (SELECT seq FROM audit_events WHERE {}) ORDER BY number",
        about.within()
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(about.word())
        .bind(as_number(range.after))
        .bind(as_number(range.last))
        .fetch_all(&mut **transaction)
        .await?;
    rows.iter().map(|row| Ok((row.count("number")?, row.text("event")?))).collect()
}

/// Removes the salts of these links, each with what says so.
pub async fn erase_salts(transaction: &mut Transaction, told: &[Signed]) -> Result<(), Error> {
    for told in told {
        sqlx::query("UPDATE audit_links SET salt = NULL, erasure = $2 WHERE number = $1")
            .bind(as_number(told.number))
            .bind(&told.statement)
            .execute(&mut **transaction)
            .await?;
    }
    Ok(())
}

/// Removes from the same events what names somebody, once their salts have gone. How many events.
pub async fn erase(transaction: &mut Transaction, about: About<'_>, range: Range) -> Result<u64, Error> {
    // What has no link yet, because somebody put it in beside the chain, stays as it is.
    let statement = format!(
        "UPDATE audit_events SET address = NULL, user_agent = NULL, personal = NULL, mac = NULL, \
         detail = CASE WHEN version = 0 THEN NULL ELSE detail END WHERE {} \
         AND EXISTS (SELECT 1 FROM audit_links WHERE audit_links.seq = audit_events.seq AND salt IS NULL)",
        about.within()
    );
    let updated = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(about.word())
        .bind(as_number(range.after))
        .bind(as_number(range.last))
        .execute(&mut **transaction)
        .await?;
    Ok(updated.rows_affected())
}

/// Whether a user ever did something to others, or to the site.
pub async fn has_acted_on_others(transaction: &mut Transaction, user: &str) -> Result<bool, Error> {
    let found = sqlx::query(
        "SELECT seq FROM audit_events WHERE actor = $1 AND actor IS NOT NULL \
         AND (subject IS NULL OR subject <> actor) AND kind <> 'attempts.refused' LIMIT 1",
    )
    .bind(user)
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(found.is_some())
}
