//! How many rows there are of what comes and goes.

use serde_json::{Map, json};
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

use super::Outcome;

/// Tables that origin cleans up.
const TABLES: [&str; 4] = ["sessions", "revocations", "attempts", "audit_unlinked"];

/// Prints the number of rows by table, as one JSON object.
pub(super) async fn count(url: &str) -> Outcome<()> {
    let mut database = AnyConnection::connect(url).await?;
    let mut counted = Map::new();
    for table in TABLES {
        let statement = AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(statement).fetch_one(&mut database).await?;
        counted.insert(table.to_owned(), json!(rows));
    }
    println!("{}", json!(counted));
    Ok(())
}
