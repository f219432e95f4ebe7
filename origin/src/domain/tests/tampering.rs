//! Somebody with the database in hand, and a log for them to tamper with.

use sqlx::Row as _;

use super::*;
use crate::{
    domain::{AuditFault, AuditVerified, audit::chain::Linked},
    store::Dialect,
};

const TABLES: [&str; 7] = [
    "audit_events",
    "audit_links",
    "audit_unlinked",
    "audit_checkpoints",
    "audit_retention",
    "audit_restarts",
    "audit_apart",
];

/// An event that no origin has written.
pub(super) const INSERT: &str = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version, mac) \
                                 SELECT 'planted', at, kind, outcome, request_id, version, mac FROM audit_events \
                                 WHERE seq = (SELECT MAX(seq) FROM audit_events)";

/// Runs a statement of somebody who may write to the database.
pub(super) async fn run(w: &World, statement: &str) -> Result<u64, sqlx::Error> {
    let mut transaction = w.store.begin().await.unwrap();
    let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await?;
    transaction.commit().await.unwrap();
    Ok(done.rows_affected())
}

/// Runs statements of somebody who owns the tables, and puts the triggers aside for as long.
pub(super) async fn tamper(w: &World, statements: &[&str]) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    match w.store.dialect() {
        Dialect::Sqlite => {
            let found = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
            for row in sqlx::query(found).fetch_all(w.store.reads()).await.unwrap() {
                before.push(format!("DROP TRIGGER {}", row.get::<String, _>("name")));
                after.push(row.get::<String, _>("sql"));
            }
        }
        Dialect::Postgres => {
            before.extend(TABLES.map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER USER")));
            after.extend(TABLES.map(|table| format!("ALTER TABLE {table} ENABLE TRIGGER USER")));
        }
    }
    // In one transaction: that is one wait for the disk.
    let mut transaction = w.store.begin().await.unwrap();
    let all = before.iter().map(String::as_str).chain(statements.iter().copied());
    for statement in all.chain(after.iter().map(String::as_str)) {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *transaction).await;
        let changed = done.unwrap_or_else(|error| panic!("{statement}: {error}")).rows_affected();
        let is_of_rows = ["UPDATE", "INSERT", "DELETE"].iter().any(|verb| statement.starts_with(verb));
        assert!(changed > 0 || !is_of_rows, "{statement}");
    }
    transaction.commit().await.unwrap();
}

/// How many events there are of which this holds.
pub(super) async fn count(w: &World, condition: &str) -> i64 {
    let statement = format!("SELECT COUNT(*) AS n FROM audit_events WHERE {condition}");
    sqlx::query(sqlx::AssertSqlSafe(statement)).fetch_one(w.store.reads()).await.unwrap().get("n")
}

pub(super) async fn link(w: &World, seconds: u64) -> Linked {
    w.domain.link_audit("one", time(seconds)).await.unwrap()
}

pub(super) async fn verify(w: &World) -> Result<AuditVerified, AuditFault> {
    w.domain.verify_audit(|_, _| {}).await.unwrap()
}

/// A world with some twenty events, a checkpoint in the middle and one near the end.
pub(super) async fn worlds() -> Vec<World> {
    let worlds = World::each().await;
    for w in &worlds {
        w.user(EMAIL, &["viewer"]).await;
        w.tokens(1).await;
        w.tokens(2).await;
        link(w, 20).await;
        for seconds in 21..25 {
            w.domain.login_token(&w.at(seconds), &Attempt::new(EMAIL, "a wrong password")).await.unwrap_err();
        }
        link(w, 40).await;
        w.user("bob@example.test", &["viewer"]).await;
        w.tokens(41).await;
        link(w, 41).await;
        let verified = verify(w).await.unwrap();
        assert_eq!((verified.after, verified.checkpoints, verified.waiting), (0, 2, 0));
        assert!(verified.number >= 12 && verified.signed == verified.number, "{verified:?}");
    }
    worlds
}
