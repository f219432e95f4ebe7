//! What stands in the database, as whoever has a copy of it reads it.

use sqlx::Row as _;

use super::*;
use crate::store::Dialect;

impl World {
    /// How many rows of a table there are.
    pub(super) async fn count(&self, table: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) AS rows_found FROM {table}"));
        sqlx::query(statement).fetch_one(self.store.reads()).await.unwrap().get("rows_found")
    }

    async fn texts(&self, statement: &str) -> Vec<String> {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        let rows = sqlx::query(statement).fetch_all(self.store.reads()).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>(0)).collect()
    }

    /// All rows of all tables but this one, each with its table's name before it, bytes in hexadecimal.
    pub(super) async fn rows_but_of(&self, left_out: &str) -> Vec<String> {
        let tables = match self.store.dialect() {
            Dialect::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Dialect::Postgres => {
                "SELECT CAST(table_name AS TEXT) FROM information_schema.tables \
                 WHERE table_schema = current_schema()"
            }
        };
        let mut lines = Vec::new();
        for table in self.texts(tables).await {
            if table == left_out {
                continue;
            }
            let row = match self.store.dialect() {
                Dialect::Sqlite => {
                    let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')")).await;
                    let columns: Vec<String> = columns.iter().map(|name| format!("quote({name})")).collect();
                    columns.join(" || ' ' || ")
                }
                Dialect::Postgres => "CAST(t AS TEXT)".to_owned(),
            };
            let rows = self.texts(&format!("SELECT {row} FROM {table} AS t")).await;
            lines.extend(rows.into_iter().map(|row| format!("{table}: {row}")));
        }
        assert!(lines.len() > 10, "the database is there");
        lines.sort_unstable();
        lines
    }

    /// All that stands in all tables of the database, in small letters.
    pub(super) async fn everything(&self) -> String {
        self.rows_but_of("").await.join("\n").to_lowercase()
    }

    /// Wants these words to stand nowhere in the database, in whatever case.
    pub(super) async fn nothing_names(&self, words: &[&str]) {
        let everything = self.everything().await;
        for word in words {
            let word = word.to_lowercase();
            let bytes: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
            for form in [word, bytes] {
                let line = everything.lines().find(|line| line.contains(&form));
                assert_eq!(line, None, "{form}");
            }
        }
    }
}
