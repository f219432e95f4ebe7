//! Users and live sessions, page by page, by an index whatever is wanted of them.

use shared::{
    id::{SessionId, UserId},
    role::RoleName,
    time::Timestamp,
};
use sqlx::any::AnyExecutor;

use super::{
    Dialect, Error,
    clauses::live,
    row::Columns,
    sessions::{self, Session, session_columns},
    users::{self, User, user_columns},
};

/// What sorts after every address that begins with the same.
const LAST: char = '\u{10ffff}';

/// Which users are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// The one of this address, in its lookup form.
    pub email: Option<&'a str>,
    /// Those whose address begins so, in lower case; they come in the order of addresses.
    pub prefix: Option<&'a str>,
    /// Those who have this role.
    pub role: Option<&'a RoleName>,
    /// Those who are disabled, or who are not.
    pub is_disabled: Option<bool>,
    /// Those after this address where there is a prefix, after this id where there is none.
    pub after: Option<&'a str>,
}

/// Users in the order of their addresses where a prefix is wanted, else in the order in which they were made.
pub async fn users<'e>(
    executor: impl AnyExecutor<'e>,
    dialect: Dialect,
    filter: &Filter<'_>,
    limit: u32,
) -> Result<Vec<User>, Error> {
    // All texts are this program's; what is wanted is bound.
    let address = match dialect {
        Dialect::Sqlite => "u.email_lookup",
        // In the order of bytes, which `users_by_address` has, whatever the database's language.
        Dialect::Postgres => "u.email_lookup COLLATE \"C\"",
    };
    let mut bound: Vec<String> = Vec::new();
    let mut bind = |value: &str| {
        bound.push(value.to_owned());
        format!("${}", bound.len())
    };
    let mut conditions = vec!["u.kind = 'person'".to_owned()];
    let (mut from, mut id) = ("users AS u", "u.id");
    if let Some(role) = filter.role.map(RoleName::as_str) {
        if filter.prefix.is_none() {
            (from, id) = ("user_roles AS w JOIN users AS u ON u.id = w.user_id", "w.user_id");
            conditions.push(format!("w.role = {}", bind(role)));
        } else {
            // In the order of addresses, of which there are fewer than of those who have a common role.
            let has = "EXISTS (SELECT 1 FROM user_roles AS w WHERE w.user_id = u.id AND w.role = ";
            conditions.push(format!("{has}{})", bind(role)));
        }
    }
    if let Some(email) = filter.email {
        conditions.push(format!("u.email_lookup = {}", bind(email)));
    }
    if let Some(prefix) = filter.prefix {
        // One bound from below: SQLite would begin at the first of two.
        let from = match filter.after {
            Some(after) if after >= prefix => format!("> {}", bind(after)),
            _ => format!(">= {}", bind(prefix)),
        };
        conditions.push(format!("{address} {from}"));
        conditions.push(format!("{address} < {}", bind(&format!("{prefix}{LAST}"))));
    } else if let Some(after) = filter.after {
        let after = bind(after);
        conditions.push(format!("{id} > {after}"));
        // Of both, or PostgreSQL would merge who has the role with all users from the first one on.
        conditions.extend(filter.role.map(|_| format!("u.id > {after}")));
    }
    let order = if filter.prefix.is_some() { address } else { id };
    conditions.extend(filter.is_disabled.map(|is_disabled| {
        if is_disabled { "u.disabled_at IS NOT NULL" } else { "u.disabled_at IS NULL" }.to_owned()
    }));
    let statement = format!(
        "SELECT {} FROM {from} WHERE {} ORDER BY {order} LIMIT ${}",
        user_columns!(),
        conditions.join(" AND "),
        bound.len() + 1,
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(statement));
    for value in bound {
        query = query.bind(value);
    }
    let rows = query.bind(i64::from(limit)).fetch_all(executor).await?;
    rows.iter().map(users::user).collect()
}

/// The live sessions of all people or of one, the newest first. The keys of service accounts are none of them.
pub async fn live_sessions<'e>(
    executor: impl AnyExecutor<'e>,
    user: Option<UserId>,
    after: Option<SessionId>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Session>, Error> {
    macro_rules! page {
        ($of:literal) => {
            concat!(
                "SELECT ",
                session_columns!(),
                " FROM sessions WHERE ",
                live!("$1"),
                " AND sessions.id < $2 AND ",
                $of,
                " AND NOT EXISTS (SELECT 1 FROM service_keys AS k WHERE k.session_id = sessions.id)",
                " ORDER BY sessions.id DESC LIMIT $4"
            )
        };
    }
    // Every id is below `g`: it is written in hexadecimal.
    let before = after.map_or_else(|| "g".to_owned(), |id| id.to_string());
    let statement =
        if user.is_some() { page!("sessions.user_id = $3") } else { page!("CAST($3 AS TEXT) IS NULL") };
    let rows = sqlx::query(statement)
        .bind(now.millis())
        .bind(before)
        .bind(user.map(|user| user.to_string()))
        .bind(i64::from(limit))
        .fetch_all(executor)
        .await?;
    rows.iter().map(sessions::session).collect()
}

/// How many users have each role, service accounts among them.
pub async fn count_roles<'e>(executor: impl AnyExecutor<'e>) -> Result<Vec<(RoleName, u64)>, Error> {
    let rows = sqlx::query("SELECT role, COUNT(*) AS users FROM user_roles GROUP BY role ORDER BY role")
        .fetch_all(executor)
        .await?;
    rows.iter().map(|row| Ok((row.parsed("role")?, row.count("users")?))).collect()
}
