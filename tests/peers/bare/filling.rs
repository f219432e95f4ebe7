//! Sessions in bulk, and rules in bulk: numbers become rows by one statement for ten thousand of them.

use std::io::{self, BufRead as _};

use shared::secret::Digest;
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};
use tests::bench::population;

use crate::Outcome;

const BATCH: u64 = 10_000;

/// Thirty days and seven, in milliseconds.
const ABSOLUTE: i64 = 30 * 24 * 3_600_000;
const IDLE: i64 = 7 * 24 * 3_600_000;

/// What the two databases spell differently.
struct Dialect {
    /// The id of the number `{n}` as [`population`] makes it, `{k}` being what tells users from sessions.
    id: &'static str,
    /// 32 bytes that no other number has.
    digest: &'static str,
    /// Where origin lays the session `n` of the user `{owner}`, one of `{users}`: the column and its value, if it says so.
    place: [&'static str; 2],
    now: &'static str,
    /// After so much was written.
    settle: &'static str,
}

const SQLITE: Dialect = Dialect {
    id: "printf('%08x-0000-4000-{k}000-%012x', ({n} * 2654435761) & 4294967295, {n})",
    digest: "randomblob(32)",
    place: ["rowid, ", "((SELECT u.rowid FROM users AS u WHERE u.id = {owner}) << 20) + n / {users} + 1, "],
    now: "SELECT unixepoch() * 1000",
    settle: "PRAGMA wal_checkpoint(TRUNCATE)",
};
const POSTGRES: Dialect = Dialect {
    id: "lpad(to_hex(({n} * 2654435761) & 4294967295), 8, '0') || '-0000-4000-{k}000-' || \
         lpad(to_hex({n}), 12, '0')",
    digest: "sha256(convert_to('handle ' || n, 'UTF8'))",
    place: ["", ""],
    now: "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
    settle: "VACUUM ANALYZE",
};

impl Dialect {
    fn of(url: &str) -> &'static Self {
        if url.starts_with("sqlite:") { &SQLITE } else { &POSTGRES }
    }

    fn session(&self, number: &str) -> String {
        self.id.replace("{n}", number).replace("{k}", "8")
    }

    fn user(&self, number: &str) -> String {
        self.id.replace("{n}", number).replace("{k}", "9")
    }
}

async fn connected(url: &str) -> Outcome<AnyConnection> {
    let mut connection = AnyConnection::connect(url).await?;
    if url.starts_with("sqlite:") {
        // Ids are scattered all over the indexes: with less memory every batch is written all over the file.
        let setup = "PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 60000; PRAGMA cache_size = -2000000";
        connection.execute(setup).await?;
    }
    Ok(connection)
}

/// Makes a database.
pub(crate) async fn create(url: &str, name: &str) -> Outcome<()> {
    let statement = format!("CREATE DATABASE \"{}\"", name.replace('"', ""));
    connected(url).await?.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

/// Fills it.
pub(crate) async fn fill(url: &str, sessions: u64) -> Outcome<()> {
    let dialect = Dialect::of(url);
    let mut connection = connected(url).await?;
    let now: i64 = sqlx::query_scalar(dialect.now).fetch_one(&mut connection).await?;
    let users = population::users(sessions);
    let owner = dialect.user(&format!("(n % {users} + 1)"));
    let [column, place] =
        dialect.place.map(|text| text.replace("{owner}", &owner).replace("{users}", &users.to_string()));
    let numbers = "WITH RECURSIVE numbers (n) AS \
         (SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) ";
    let (user, session, digest) = (dialect.user("n"), dialect.session("n"), dialect.digest);
    let rows = [
        (
            users,
            format!(
                "INSERT INTO users (id, email, email_lookup, epoch, created_at) \
                 {numbers} SELECT {user}, 'user' || n || '@example.test', 'user' || n || '@example.test', 1, $3 FROM numbers"
            ),
        ),
        (
            users,
            format!(
                "INSERT INTO user_roles (user_id, role, granted_at) {numbers} SELECT {user}, 'editor', $3 FROM numbers"
            ),
        ),
        (
            sessions,
            format!(
                "INSERT INTO sessions ({column}id, user_id, kind, device, address, user_agent, created_at, last_seen_at, \
                 idle_limit, idle_expires_at, absolute_expires_at, handle_digest, current_counter, issued_at, \
                 authenticated_at, amr) {numbers} SELECT {place}{session}, {owner}, \
                 CASE WHEN n % 2 = 0 THEN 'browser' ELSE 'token' END, 'a device', '192.0.2.1', 'a client', $3, $3, \
                 {IDLE}, $3 + {IDLE}, $3 + {ABSOLUTE}, CASE WHEN n % 2 = 0 THEN {digest} END, \
                 CASE WHEN n % 2 = 1 THEN 1 END, CASE WHEN n % 2 = 1 THEN $3 END, $3, 'pwd' FROM numbers"
            ),
        ),
    ];
    for (count, statement) in rows {
        for first in (1..=count).step_by(usize::try_from(BATCH)?) {
            sqlx::query(AssertSqlSafe(statement.clone()))
                .bind(i64::try_from(first)?)
                .bind(i64::try_from((first + BATCH - 1).min(count))?)
                .bind(now)
                .execute(&mut connection)
                .await?;
        }
    }
    know(&mut connection, sessions).await?;
    put_in_places(&mut connection, sessions).await?;
    connection.execute(dialect.settle).await?;
    Ok(())
}

/// Gives some sessions handles that are known.
async fn know(connection: &mut AnyConnection, sessions: u64) -> Outcome<()> {
    let mut transaction = connection.begin().await?;
    for number in population::known(sessions) {
        sqlx::query("UPDATE sessions SET handle_digest = $1 WHERE id = $2")
            .bind(Digest::of(&population::handle(number)).as_bytes().to_vec())
            .bind(population::session(number))
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Puts sessions that were logged in in the places of others, so that they do not all lie side by side.
async fn put_in_places(connection: &mut AnyConnection, sessions: u64) -> Outcome<()> {
    let apps: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let mut transaction = connection.begin().await?;
    for (at, app) in apps.iter().enumerate() {
        sqlx::query("DELETE FROM sessions WHERE id = $1").bind(app).execute(&mut *transaction).await?;
        sqlx::query("UPDATE sessions SET id = $1 WHERE id = $2")
            .bind(app)
            .bind(population::session(population::place(at as u64, apps.len() as u64, sessions)))
            .execute(&mut *transaction)
            .await?;
    }
    Ok(transaction.commit().await?)
}

/// Appends rules about sessions, good for a day.
pub(crate) async fn revoke(url: &str, rules: u64) -> Outcome<()> {
    if rules == 0 {
        return Ok(());
    }
    let dialect = Dialect::of(url);
    let mut connection = connected(url).await?;
    let now: i64 = sqlx::query_scalar(dialect.now).fetch_one(&mut connection).await?;
    let mut transaction = connection.begin().await?;
    let number: i64 =
        sqlx::query_scalar("UPDATE revocation_counter SET number = number + $1 RETURNING number")
            .bind(i64::try_from(rules)?)
            .fetch_one(&mut *transaction)
            .await?;
    let statement = format!(
        "INSERT INTO revocations (number, kind, subject, epoch, at, expires_at) \
         WITH RECURSIVE numbers (n) AS \
         (SELECT CAST($1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) \
         SELECT n, 'session', {}, CAST(NULL AS BIGINT), $3, $3 + 86400000 FROM numbers",
        dialect.session("n")
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(number - i64::try_from(rules)? + 1)
        .bind(number)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    connection.execute(dialect.settle).await?;
    Ok(())
}
