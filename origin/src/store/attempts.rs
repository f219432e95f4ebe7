//! Attempts that are limited. Each limit of each account, device or client is one row, and whether one more
//! attempt is let through is settled by the one statement that counts it: however many come at once, on
//! however many origins, the database lets through as many as there are to let through.

use shared::{secret::Digest, time::Timestamp};
use sqlx::any::AnyExecutor;

use super::{
    Error, Transaction,
    row::{Columns, corrupt},
    values::places,
};

/// How a limit lets attempts through. Times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many are let through without a delay, at least one.
    pub free: i64,
    /// How long it takes until one is forgiven, at least 1.
    pub forgiven_after: i64,
    /// How long the next has to wait when as many as are free count; twice as long for each one more.
    pub first_delay: i64,
    /// The longest that one has to wait.
    pub longest_delay: i64,
}

impl Pace {
    /// After how many doublings the delay is the longest.
    pub fn doublings(&self) -> i64 {
        let grows = |doublings: &i64| self.delay(*doublings) < self.longest_delay;
        // Forty doublings of a millisecond are thirty-five years.
        (0..40).take_while(grows).count().try_into().unwrap_or_default()
    }

    /// The delay after so many doublings.
    pub fn delay(&self, doublings: i64) -> i64 {
        let factor = 1_i64 << doublings.clamp(0, 40);
        self.first_delay.saturating_mul(factor).min(self.longest_delay)
    }
}

/// How much further than the longest delay a time may lie ahead, and be believed. The clocks of two origins are allowed
/// to be ten seconds apart; whoever wrote a time that lies beyond had a clock that was wrong.
const CLOCKS_APART: i64 = 60_000;

/// One attempt as one limit counts it.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// What is limited, and for whom.
    pub key: Digest,
    /// How.
    pub pace: Pace,
    /// Where it comes from, if those from there are given back together.
    pub source: Option<Digest>,
}

/// A limit that lets nothing through just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is limited, and for whom.
    pub key: Digest,
    /// From when on it lets the next one through.
    pub allowed_at: Timestamp,
    /// Whether the audit log says so already.
    pub is_recorded: bool,
}

/// How long it takes until all are forgiven: no longer than as many take as bring the longest delay. A clock that was
/// ahead for a moment would count as thousands otherwise, long after it is right again.
macro_rules! unforgiven {
    () => {
        "(CASE WHEN attempts.forgiven_at <= {now} THEN 0 \
         WHEN attempts.forgiven_at - {now} > (free + doublings) * forgiven_after \
         THEN (free + doublings) * forgiven_after ELSE attempts.forgiven_at - {now} END)"
    };
}

/// How many attempts count now, this one included: those that are not forgiven, in units of the time that one
/// takes to be. Rounded, so that it does not matter whether the clocks of those who come at once, perhaps to
/// several origins, agree.
macro_rules! counting {
    () => {
        concat!("(1 + (", unforgiven!(), " + forgiven_after / 2) / forgiven_after)")
    };
}

/// Counts an attempt against these limits, one after the other; says whether all let it through. If they do not, the
/// transaction is to be given up.
pub async fn count(
    transaction: &mut Transaction,
    attempt: &[&Counted],
    now: Timestamp,
) -> Result<bool, Error> {
    // Each row is counted by the numbers of its own limit, which are found again by its key.
    let statement = format!(
        concat!(
            "WITH asked (limit_key, source, forgiven_after, first_allows_at, free, doublings, longest_delay, \
             first_delay) AS (VALUES {asked}) \
             INSERT INTO attempts (limit_key, forgiven_at, allowed_at, recorded_at, source, source_streak) \
             SELECT limit_key, {now} + forgiven_after, first_allows_at, 0, source, 1 FROM asked WHERE 1 = 1 \
             ON CONFLICT (limit_key) DO UPDATE SET forgiven_at = excluded.forgiven_at + (SELECT ",
            unforgiven!(),
            " FROM asked WHERE asked.limit_key = excluded.limit_key), \
             allowed_at = (SELECT CASE WHEN ",
            counting!(),
            " < free THEN 0 WHEN ",
            counting!(),
            " - free >= doublings THEN {now} + longest_delay ELSE {now} + (first_delay << CAST(",
            counting!(),
            " - free AS INTEGER)) END FROM asked WHERE asked.limit_key = excluded.limit_key), \
             source_streak = CASE WHEN attempts.source = excluded.source THEN attempts.source_streak + 1 ELSE 1 END, \
             source = excluded.source WHERE attempts.allowed_at <= {now} OR attempts.allowed_at > (SELECT {now} \
             + longest_delay + {apart} FROM asked WHERE asked.limit_key = excluded.limit_key)"
        ),
        asked = places(attempt.len(), 8),
        now = format_args!("${}", attempt.len() * 8 + 1),
        apart = CLOCKS_APART,
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for Counted { key, pace, source } in attempt {
        let first_allows_at = if pace.free > 1 { 0 } else { now.millis() + pace.delay(0) };
        query = query
            .bind(key.as_bytes().to_vec())
            .bind(source.map(|source| source.as_bytes().to_vec()))
            .bind(pace.forgiven_after)
            .bind(first_allows_at)
            .bind(pace.free)
            .bind(pace.doublings())
            .bind(pace.longest_delay)
            .bind(pace.first_delay);
    }
    let counted = query.bind(now.millis()).execute(&mut **transaction).await?;
    Ok(usize::try_from(counted.rows_affected()) == Ok(attempt.len()))
}

/// Of these three limits, the one that lets nothing through for the longest.
pub async fn longest_refusal<'e>(
    executor: impl AnyExecutor<'e>,
    limits: [&Counted; 3],
    now: Timestamp,
) -> Result<Option<Refusal>, Error> {
    let [first, second, third] = limits.map(|limit| limit.key.as_bytes().to_vec());
    let [first_believed, second_believed, third_believed] =
        limits.map(|limit| now.millis() + limit.pace.longest_delay + CLOCKS_APART);
    let row = sqlx::query(
        "SELECT limit_key, allowed_at, recorded_at FROM attempts \
         WHERE limit_key IN ($1, $2, $3) AND allowed_at > $4 \
         AND allowed_at <= (CASE limit_key WHEN $1 THEN $5 WHEN $2 THEN $6 ELSE $7 END) \
         ORDER BY allowed_at DESC LIMIT 1",
    )
    .bind(first)
    .bind(second)
    .bind(third)
    .bind(now.millis())
    .bind(first_believed)
    .bind(second_believed)
    .bind(third_believed)
    .fetch_optional(executor)
    .await?;
    row.map(|row| {
        let key = row.digest_or_null("limit_key")?.ok_or_else(|| corrupt("limit_key", "it is NULL"))?;
        let allowed_at = row.time("allowed_at")?;
        Ok(Refusal { key, allowed_at, is_recorded: row.time("recorded_at")? == allowed_at })
    })
    .transpose()
}

/// Marks a refusal as recorded. False when another has done so, or it is no refusal any more.
pub async fn mark_recorded(
    transaction: &mut Transaction,
    key: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let marked = sqlx::query(
        "UPDATE attempts SET recorded_at = allowed_at \
         WHERE limit_key = $1 AND allowed_at > $2 AND recorded_at <> allowed_at",
    )
    .bind(key.as_bytes().to_vec())
    .bind(now.millis())
    .execute(&mut **transaction)
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// Takes an attempt back, and with it those that came from the same source before it with none from
/// elsewhere between. Whatever delay it brought is over.
///
/// It takes the rows in the order in which they are counted, which an INSERT does. One that has gone meanwhile comes
/// back, and counts nothing.
pub async fn give_back(transaction: &mut Transaction, attempt: &[Counted]) -> Result<(), Error> {
    let statement = format!(
        "WITH asked (limit_key, source, forgiven_after) AS (VALUES {}) \
         INSERT INTO attempts (limit_key, forgiven_at, allowed_at, recorded_at, source, source_streak) \
         SELECT limit_key, forgiven_after, 0, 0, source, 0 FROM asked WHERE 1 = 1 \
         ON CONFLICT (limit_key) DO UPDATE SET forgiven_at = attempts.forgiven_at - excluded.forgiven_at \
         * (CASE WHEN attempts.source = excluded.source THEN attempts.source_streak ELSE 1 END), \
         allowed_at = 0, source = NULL, source_streak = 0",
        places(attempt.len(), 3)
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for Counted { key, pace, source } in attempt {
        query = query
            .bind(key.as_bytes().to_vec())
            .bind(source.map(|source| source.as_bytes().to_vec()))
            .bind(pace.forgiven_after);
    }
    query.execute(&mut **transaction).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_until_it_is_the_longest() {
        let pace = Pace { free: 10, forgiven_after: 900_000, first_delay: 1000, longest_delay: 900_000 };
        assert_eq!(pace.doublings(), 10);
        let delays: Vec<i64> = (0..12).map(|doublings| pace.delay(doublings) / 1000).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(Pace { longest_delay: 1000, ..pace }.doublings(), 0);
        assert_eq!(Pace { first_delay: 1, longest_delay: i64::MAX, ..pace }.doublings(), 40);
    }
}
