//! Migrations of a database that is being used, and several at once.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType},
};
use tempfile::TempDir;
use tokio::{
    task::{JoinSet, LocalSet},
    time::{sleep, timeout},
};

use super::*;
use crate::random::Random;

const SOON: Duration = Duration::from_secs(2);
/// Other tests migrate meanwhile, one after the other.
const AT_LAST: Duration = Duration::from_secs(30);

/// Gives up sooner than operators want it to, and tries it more often.
const HASTE: Patience =
    Patience { lock: Duration::from_millis(200), tries: 100, rest: Duration::from_millis(100) };

/// The migrations that there are, and this one.
fn and(statement: &'static str) -> Migrator {
    let last = Migration::new(
        9999,
        "a migration of a test".into(),
        MigrationType::Simple,
        statement.into_sql_str(),
        false,
    );
    Migrator::with_migrations(POSTGRES.iter().cloned().chain([last]).collect())
}

/// So many stores of one PostgreSQL database that is up to date, if there is one.
async fn on_postgres<const N: usize>() -> Option<[Store; N]> {
    let url = std::env::var("TEST_POSTGRES_URL").ok()?;
    let schema = format!("test_{:032x}", u128::from_be_bytes(Random.bytes().unwrap()));
    let all = Store::connect(&url).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE SCHEMA {schema}"));
    sqlx::query(create).execute(all.reads()).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20search_path%3D{schema}");
    let mut stores = Vec::new();
    for _ in 0..N {
        stores.push(Store::connect(&url).await.unwrap());
    }
    stores[0].migrate().await.unwrap();
    stores.try_into().ok()
}

/// Reads all users, as a backup does, until it is dropped.
async fn backup(store: &Store) -> sqlx::Transaction<'static, sqlx::Any> {
    let mut backup = store.reads.begin().await.unwrap();
    for statement in [
        "SET LOCAL application_name = 'a backup'",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
        "LOCK TABLE users IN ACCESS SHARE MODE",
    ] {
        sqlx::query(statement).execute(&mut *backup).await.unwrap();
    }
    backup
}

async fn until_somebody_waits(store: &Store) {
    let waiting = "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = CAST('users' AS regclass)";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(store.reads()).await.unwrap() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn while_a_migration_waits_for_a_backup_others_go_on() {
    let Some([store, migrating]) = on_postgres().await else { return };
    let backup = backup(&store).await;
    let migrations = and("ALTER TABLE users ADD COLUMN of_a_test BIGINT");
    let others = async {
        for _ in 0..3 {
            until_somebody_waits(&store).await;
            // Behind it.
            let read = sqlx::query("SELECT COUNT(*) FROM users").fetch_one(store.reads());
            timeout(SOON, read).await.expect("others are answered soon").unwrap();
        }
        assert!(newest(&store).await.unwrap() < 9999);
        backup.rollback().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(apply(&migrating, &migrations, HASTE), others);
    migrated.unwrap();
    assert_eq!(newest(&store).await.unwrap(), 9999);
    sqlx::query("SELECT of_a_test FROM users").fetch_optional(store.reads()).await.unwrap();
}

#[tokio::test]
async fn a_migration_that_waited_in_vain_says_for_whom() {
    let Some([store, migrating]) = on_postgres().await else { return };
    let backup = backup(&store).await;
    let migrations = and("ALTER TABLE users ADD COLUMN of_a_test BIGINT");
    let gives_up = apply(&migrating, &migrations, Patience { tries: 2, ..HASTE });
    let gave_up = timeout(AT_LAST, gives_up).await.expect("it gives up");
    let Err(Error::SchemaInUse { by }) = gave_up else { panic!("{gave_up:?}") };
    assert!(by.contains("process") && by.contains("a backup"), "{by}");
    backup.rollback().await.unwrap();
    apply(&migrating, &migrations, Patience { tries: 1, ..HASTE }).await.unwrap();
    // Nobody has its settings after it.
    for store in [&store, &migrating] {
        let mut connection = store.writes.acquire().await.unwrap();
        for (setting, value) in [("SHOW statement_timeout", "10s"), ("SHOW lock_timeout", "0")] {
            let shown: String = sqlx::query_scalar(setting).fetch_one(&mut *connection).await.unwrap();
            assert_eq!(shown, value, "{setting}");
        }
    }
}

#[tokio::test]
async fn a_migration_waits_for_another_as_long_as_that_takes() {
    let Some(stores) = on_postgres::<2>().await else { return };
    let slow = and("SELECT pg_sleep(1)");
    let [first, second] = stores.each_ref().map(|store| apply(store, &slow, Patience { tries: 1, ..HASTE }));
    let (first, second) = tokio::join!(first, second);
    first.unwrap();
    second.unwrap();
}

#[tokio::test]
async fn of_many_who_migrate_a_new_file_at_once_none_fails() {
    let directory = TempDir::new().unwrap();
    let url = format!("sqlite://{}?mode=rwc", directory.path().join("test.db").display());
    let mut migrations = JoinSet::new();
    let together = LocalSet::new();
    for _ in 0..8 {
        let store = Store::connect(&url).await.unwrap();
        migrations.spawn_local_on(async move { store.migrate().await }, &together);
    }
    let migrated = together.run_until(migrations.join_all()).await;
    for migrated in migrated {
        migrated.unwrap();
    }
    is_current(&Store::connect(&url).await.unwrap()).await.unwrap();
}
