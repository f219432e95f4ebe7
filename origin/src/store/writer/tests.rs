//! Transactions that are committed together, and what each of them may rely on.

use sqlx::Row as _;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::*;
use crate::store::{Store, Transaction};

/// A database with one table, that only these tests know.
async fn database() -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
    let store = Store::connect(&url).await.unwrap();
    let mut transaction = store.begin().await.unwrap();
    transaction.execute("CREATE TABLE written (number INTEGER PRIMARY KEY)").await.unwrap();
    transaction.commit().await.unwrap();
    (directory, store)
}

async fn write_down(transaction: &mut Transaction, number: i64) -> Result<(), sqlx::Error> {
    let insert = sqlx::query("INSERT INTO written (number) VALUES ($1)").bind(number);
    insert.execute(&mut **transaction).await.map(drop)
}

/// What everybody sees.
async fn written(store: &Store) -> Vec<i64> {
    let rows =
        sqlx::query("SELECT number FROM written ORDER BY number").fetch_all(store.reads()).await.unwrap();
    rows.iter().map(|row| row.get("number")).collect()
}

/// Waits until so many are in the queue behind a turn that is held.
async fn queued(tasks: usize) {
    for _ in 0..100 * tasks {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn all_that_wait_are_committed_together_and_not_before() {
    let (_directory, store) = database().await;
    let mut first = store.begin().await.unwrap();
    write_down(&mut first, 0).await.unwrap();
    let mut others = JoinSet::new();
    for number in 1..10 {
        let store = store.clone();
        others.spawn(async move {
            let mut transaction = store.begin().await.unwrap();
            write_down(&mut transaction, number).await.unwrap();
            // Its own turn has come, and nobody sees what those before it have kept.
            assert!(written(&store).await.is_empty());
            transaction.commit().await.unwrap();
            written(&store).await
        });
    }
    queued(10).await;
    first.commit().await.unwrap();
    let seen = others.join_all().await;
    assert!(seen.iter().all(|seen| *seen == (0..10).collect::<Vec<_>>()), "{seen:?}");
}

#[tokio::test]
async fn what_fails_or_is_dropped_or_undone_touches_no_other() {
    let (_directory, store) = database().await;
    let mut first = store.begin().await.unwrap();
    write_down(&mut first, 0).await.unwrap();
    let mut others = JoinSet::new();
    for number in 1..40 {
        let store = store.clone();
        others.spawn(async move {
            let mut transaction = store.begin().await.unwrap();
            write_down(&mut transaction, number).await.unwrap();
            match number % 4 {
                0 => transaction.commit().await.unwrap(),
                1 => drop(transaction),
                2 => transaction.rollback().await.unwrap(),
                _ => {
                    // A number that is taken, by one that is not committed yet.
                    let error = write_down(&mut transaction, 0).await.unwrap_err();
                    assert!(error.as_database_error().is_some_and(|error| error.is_unique_violation()));
                }
            }
        });
    }
    queued(40).await;
    first.commit().await.unwrap();
    others.join_all().await;
    assert_eq!(written(&store).await, (0..40).step_by(4).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_undoes_sees_afterwards_what_it_has_seen_of_others() {
    let (_directory, store) = database().await;
    let mut first = store.begin().await.unwrap();
    write_down(&mut first, 1).await.unwrap();
    let other = tokio::spawn({
        let store = store.clone();
        async move {
            let mut transaction = store.begin().await.unwrap();
            write_down(&mut transaction, 1).await.unwrap_err();
            transaction.rollback().await.unwrap();
            written(&store).await
        }
    });
    queued(1).await;
    first.commit().await.unwrap();
    assert_eq!(other.await.unwrap(), [1]);
}

#[tokio::test]
async fn when_sqlite_gives_the_transaction_up_everybody_in_it_is_told_and_the_next_one_is_good() {
    let (_directory, store) = database().await;
    let mut first = store.begin().await.unwrap();
    write_down(&mut first, 1).await.unwrap();
    let second = tokio::spawn({
        let store = store.clone();
        async move {
            let mut transaction = store.begin().await.unwrap();
            // As SQLite does it by itself when the disk is full.
            transaction.execute("ROLLBACK").await.unwrap();
            transaction.commit().await
        }
    });
    let third = tokio::spawn({
        let store = store.clone();
        async move {
            let mut transaction = store.begin().await.unwrap();
            write_down(&mut transaction, 3).await.unwrap();
            transaction.commit().await
        }
    });
    queued(2).await;
    let (first, second, third) = tokio::join!(first.commit(), second, third);
    assert!(first.is_err() && second.unwrap().is_err());
    third.unwrap().unwrap();
    assert_eq!(written(&store).await, [3]);
}

#[tokio::test]
async fn who_waits_too_long_gives_up_and_keeps_nobody() {
    let (_directory, store) = database().await;
    let writer = store.writer.unwrap();
    let impatient = Writer { patience: Duration::from_millis(20), ..writer.clone() };
    let held = writer.turn().await.unwrap();
    assert!(matches!(impatient.turn().await, Err(sqlx::Error::PoolTimedOut)));
    held.keep().await.unwrap();
    writer.turn().await.unwrap().keep().await.unwrap();
}
