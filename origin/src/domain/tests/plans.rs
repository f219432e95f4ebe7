//! By what the databases find what is asked for while others wait.

use sqlx::Row as _;

use super::*;
use crate::store::{Dialect, audit, leaving};

/// How the database would do it. PostgreSQL reads no table from end to end where there is another way, however few rows
/// there are.
async fn plan(w: &World, statement: &str, texts: &[&str], limit: Option<i64>) -> String {
    let mut transaction = w.store.begin().await.unwrap();
    let explain = match w.store.dialect() {
        Dialect::Sqlite => "EXPLAIN QUERY PLAN",
        Dialect::Postgres => {
            sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *transaction).await.unwrap();
            "EXPLAIN"
        }
    };
    let explained = sqlx::AssertSqlSafe(format!("{explain} {statement}"));
    let mut explained = sqlx::query(explained);
    for text in texts {
        explained = explained.bind(*text);
    }
    if let Some(limit) = limit {
        explained = explained.bind(limit);
    }
    let column = if w.store.dialect() == Dialect::Sqlite { "detail" } else { "QUERY PLAN" };
    let lines = explained.fetch_all(&mut *transaction).await.unwrap();
    let lines: Vec<String> = lines.iter().map(|line| line.get(column)).collect();
    assert!(!lines.is_empty());
    lines.join("\n")
}

#[tokio::test]
async fn the_mail_of_who_leaves_is_found_without_reading_all_mail() {
    for w in World::each().await {
        for (statement, texts) in [
            (leaving::MAIL_OF_USER, &["somebody", "ada@example.test"][..]),
            (leaving::MAIL_WITH_LINKS_OF_USER, &["somebody"]),
        ] {
            let plan = plan(&w, statement, texts, None).await;
            assert!(!plan.contains("SCAN mail") && !plan.contains("Seq Scan"), "{plan}");
        }
    }
}

#[tokio::test]
async fn the_former_addresses_of_who_leaves_are_found_without_reading_all_that_ever_happened_to_them() {
    for w in World::each().await {
        let statement = audit::rare_by_kind(w.store.dialect());
        let plan = plan(&w, statement, &["email.changed", "somebody"], Some(100)).await;
        // PostgreSQL knows of which there are more, and chooses by that.
        let by_kind = w.store.dialect() == Dialect::Postgres || plan.contains("(kind=?)");
        assert!(by_kind && !plan.contains("SCAN audit") && !plan.contains("Seq Scan"), "{plan}");
    }
}
