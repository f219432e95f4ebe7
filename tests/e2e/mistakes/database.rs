//! A database that is away, empty, no database, or another one's.

use sqlx::AssertSqlSafe;

use super::Settings;
use crate::fixture::System;

/// What needs a database.
const COMMANDS: [&[&str]; 4] =
    [&["serve"], &["user", "list"], &["session", "list", "--email", "a@b.example"], &["key", "list"]];

#[tokio::test]
async fn a_server_that_does_not_answer_is_told_without_its_password() {
    let url = "postgres://somebody:hidden-word@127.0.0.1:1/nothing";
    let settings = Settings::good().with("database_url", url);
    for command in [&COMMANDS[..], &[&["migrate"]]].concat() {
        let said = settings.refused(command).await;
        assert!(said.contains("the database cannot be reached"), "{said}");
        assert!(said.contains("COUNTERSIGN_DATABASE_URL"), "{said}");
        assert!(!said.contains("hidden-word"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_told() {
    let settings = Settings::good();
    let url = format!("sqlite://{}/nowhere/origin.db?mode=rwc", settings.directory.path().display());
    let settings = settings.with("database_url", url);
    for command in [&COMMANDS[..], &[&["migrate"]]].concat() {
        let said = settings.refused(command).await;
        assert!(said.contains("the database cannot be reached") && said.contains("mode=rwc"), "{said}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_and_left_alone() {
    let settings = Settings::good();
    let text = "somebody's notes, which are no database; ".repeat(100);
    let file = settings.file("notes.txt", &text);
    let settings = settings.with("database_url", format!("sqlite://{}", file.display()));
    let said = settings.refused(&["serve", "--migrate"]).await;
    assert!(said.contains("database"), "{said}");
    assert_eq!(std::fs::read_to_string(file).expect("the file"), text);
}

#[tokio::test]
async fn a_database_of_no_known_kind_is_told_without_its_password() {
    let settings = Settings::good().with("database_url", "mysql://somebody:hidden-word@host/db");
    let said = settings.refused(&["migrate"]).await;
    assert!(said.contains("database_url") && said.contains("postgres://"), "{said}");
    assert!(!said.contains("hidden-word"), "{said}");
}

#[tokio::test]
async fn a_database_without_the_schema_is_told_with_the_command_that_makes_it() {
    let settings = Settings::good();
    let settings = match empty_database(System::shared().await).await {
        Some(url) => settings.with("database_url", url),
        None => settings,
    };
    for command in COMMANDS {
        let said = settings.refused(command).await;
        assert!(said.contains("run `origin migrate`"), "{said}");
    }
}

/// A new database on the server of this system; none where it has no server.
async fn empty_database(system: &System) -> Option<String> {
    let url = system.database_url();
    let (server, name) = url.strip_prefix("postgres").and(url.rsplit_once('/'))?;
    let empty = format!("{}_empty", name.split('?').next()?);
    let statement = format!("CREATE DATABASE {empty}");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut system.database().await).await.expect("a database");
    Some(format!("{server}/{empty}"))
}

#[tokio::test]
async fn another_master_key_than_the_databases_is_told() {
    let system = System::shared().await;
    let settings = Settings::good().with("database_url", system.database_url());
    for command in COMMANDS {
        let said = settings.refused(command).await;
        assert!(said.contains("the master key is not the one"), "{said}");
        assert!(said.contains("set the COUNTERSIGN_MASTER_KEY that this database was made with"), "{said}");
    }
}
