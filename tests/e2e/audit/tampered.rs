//! Somebody with the rights of the tables' owner changes the log of a system that goes on running.

use serde_json::Value;
use sqlx::Executor as _;
use sqlx::Row;

use super::{linked, verified};
use crate::fixture::{Mobile, System, is_postgres};

const TABLES: [&str; 5] =
    ["audit_events", "audit_links", "audit_checkpoints", "audit_restarts", "audit_apart"];

/// Takes away what keeps the log from being changed.
pub(super) async fn without_triggers(system: &System) {
    let mut database = system.database().await;
    let mut statements: Vec<String> =
        TABLES.map(|table| format!("ALTER TABLE {table} DISABLE TRIGGER USER")).into();
    // What is recorded from then on has to wait for its link as ever.
    statements.push("ALTER TABLE audit_events ENABLE TRIGGER audit_events_await_their_link".to_owned());
    if !is_postgres() {
        let found = "SELECT name FROM sqlite_master WHERE type = 'trigger' \
                     AND name <> 'audit_events_await_their_link'";
        let rows = sqlx::query(found).fetch_all(&mut database).await.expect("triggers");
        statements =
            rows.iter().map(|row| format!("DROP TRIGGER {}", row.get::<String, _>("name"))).collect();
    }
    for statement in statements {
        database.execute(sqlx::AssertSqlSafe(statement)).await.expect("no triggers");
    }
}

pub(super) async fn run(system: &System, statement: &str) {
    let done = system.database().await.execute(sqlx::AssertSqlSafe(statement.to_owned())).await;
    assert!(done.expect(statement).rows_affected() > 0, "{statement}");
}

pub(super) async fn with_events() -> System {
    let system = System::own(&[]).await;
    let user = system.new_user().await;
    for _ in 0..5 {
        Mobile::of(&system.edge, &user).await;
    }
    linked(&system).await;
    assert_eq!(verified(&system)["ok"], true);
    system
}

fn number(said: &Value) -> Option<u64> {
    assert_eq!(said["ok"], false, "{said}");
    said["number"].as_u64()
}

#[tokio::test]
async fn what_is_altered_deleted_or_swapped_is_named() {
    let system = with_events().await;
    without_triggers(&system).await;
    let swap = |a: &str, b: &str| format!("UPDATE audit_links SET number = {a} WHERE number = {b}");
    for statement in [swap("100000", "7"), swap("7", "8"), swap("8", "100000")] {
        run(&system, &statement).await;
    }
    assert_eq!(number(&verified(&system)), Some(7));
    run(
        &system,
        "UPDATE audit_events SET reason = 'x' WHERE seq = (SELECT seq FROM audit_links WHERE number = 6)",
    )
    .await;
    assert_eq!(number(&verified(&system)), Some(6));
    run(&system, "DELETE FROM audit_events WHERE seq = (SELECT seq FROM audit_links WHERE number = 5)").await;
    let said = verified(&system);
    assert_eq!(number(&said), Some(5));
    assert!(said["event"].is_string(), "{said}");
    run(&system, "DELETE FROM audit_links WHERE number = 4").await;
    assert_eq!(number(&verified(&system)), Some(4));
    let said = system.origin_command(&["audit", "verify"]);
    assert!(!said.success && said.output.contains("NOT intact: number 4: is missing"), "{said:?}");
}

#[tokio::test]
async fn what_is_inserted_is_named_although_it_is_linked_like_all_else() {
    let system = with_events().await;
    let insert = "INSERT INTO audit_events (id, at, kind, outcome, request_id, version) \
                  SELECT 'planted', MAX(at), 'login', 'success', 'x', 1 FROM audit_events";
    run(&system, insert).await;
    let is_planted = |said: &Value| said["event"] == "planted";
    assert!(is_planted(&verified(&system)));
    crate::fixture::until("it is linked", async || number(&verified(&system)).is_some()).await;
    assert!(is_planted(&verified(&system)));
    assert!(system.log().contains("no origin has written"), "the log tells of it");
}

#[tokio::test]
async fn nothing_can_be_changed_while_the_triggers_are_there() {
    let system = with_events().await;
    for statement in [
        "UPDATE audit_events SET reason = 'x'",
        "DELETE FROM audit_events",
        "UPDATE audit_links SET number = number + 1",
        "DELETE FROM audit_checkpoints",
    ] {
        let refused =
            system.database().await.execute(sqlx::AssertSqlSafe(statement)).await.expect_err(statement);
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    assert_eq!(verified(&system)["ok"], true);
}

#[tokio::test]
async fn the_chain_goes_on_in_a_restored_backup() {
    let system = with_events().await;
    let backup = system.backup().await;
    let verify = || system.origin_command_on(Some(&backup), &["audit", "verify", "--json"]);
    verify().succeeded();
    system.origin_command_on(Some(&backup), &["database", "restored", "--yes"]).succeeded();
    let restored = system.further_origin(Some(&backup)).await;
    Mobile::of(&restored.url, &system.admin).await;
    crate::fixture::until("all is linked", async || verify().output.contains("\"waiting\":0")).await;
    let listed =
        system.origin_command_on(Some(&backup), &["audit", "list", "--kind", "database.restored", "--json"]);
    let listed: Value = serde_json::from_str(&listed.succeeded()).expect("JSON");
    assert!(listed["events"][0]["details"]["audit_number"].as_u64() >= Some(5), "{listed}");
}
