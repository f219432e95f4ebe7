//! Opening a database: what is asked of every connection before it is used.

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, sync::Once, time::Duration};

use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};

use super::{Dialect, Error, Store, writer::Writer};

/// How long a request waits for a connection before it is told to come back later.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is tried before it is used.
const TRY_AFTER_IDLE: Duration = Duration::from_secs(1);

const POSTGRES_CONNECTIONS: u32 = 16;
/// Besides: two for refreshes and two for renewals, which many wait for at once.
const POSTGRES_FOR_BATCHES: u32 = 4;

/// An answered request survives a power cut: FULL also for the log of WAL mode.
const SQLITE_WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000";
/// Half a megabyte of pages each, besides what the system keeps in memory for all of them.
const SQLITE_READER: &str = "PRAGMA query_only = ON; PRAGMA busy_timeout = 5000; PRAGMA cache_size = -512";
/// Each statement here is made for an index. As it comes, PostgreSQL reckons with disks that turn, and would read small
/// tables from end to end.
const POSTGRES: &str = "SET synchronous_commit = on; SET random_page_cost = 1.1; SET statement_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '10s'";

pub(super) async fn open(url: &str) -> Result<Store, Error> {
    static DRIVERS: Once = Once::new();
    DRIVERS.call_once(sqlx::any::install_default_drivers);

    let dialect = dialect(url)?;
    let options: AnyConnectOptions = url.parse().map_err(|_| Error::Address)?;
    if dialect == Dialect::Sqlite {
        create_for_us_alone(url);
    }
    // A pool would go on trying and then say only that it took too long.
    let first = tokio::time::timeout(ACQUIRE_TIMEOUT, AnyConnection::connect_with(&options));
    let mut first = first.await.map_err(|_| Error::Unreachable(sqlx::Error::PoolTimedOut))??;
    if dialect == Dialect::Sqlite {
        // Until then nobody has looked into the file, or tried to write it.
        first.execute(SQLITE_WRITER).await?;
    }
    first.close().await?;
    Ok(match dialect {
        Dialect::Sqlite => {
            // One writer, so that writers queue fairly instead of polling for the file's lock. It comes
            // first, since it turns on the mode in which readers do not block it.
            let writes = pool(options.clone(), 1, SQLITE_WRITER).await?;
            let reads = pool(options, sqlite_readers(), SQLITE_READER).await?;
            let writer = Some(Writer::start(writes.clone(), ACQUIRE_TIMEOUT));
            Store { dialect, reads, batches: writes.clone(), writes, writer }
        }
        Dialect::Postgres => {
            let batches = pool(options.clone(), POSTGRES_FOR_BATCHES, POSTGRES).await?;
            let pool = pool(options, POSTGRES_CONNECTIONS, POSTGRES).await?;
            Store { dialect, reads: pool.clone(), writes: pool, batches, writer: None }
        }
    })
}

/// Creates the file, if the URL wants that and there is none, so that no other account of the system can read it. SQLite
/// gives its log the mode of the database. What fails here SQLite meets again, and says.
fn create_for_us_alone(url: &str) {
    let Ok(options) = url.parse::<SqliteConnectOptions>() else { return };
    if url.contains("mode=rwc") {
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(options.get_filename());
    }
}

/// Two for each core, within reason: each is a thread with memory of its own.
fn sqlite_readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    u32::try_from(cores).unwrap_or(u32::MAX).saturating_mul(2).clamp(4, 16)
}

fn dialect(url: &str) -> Result<Dialect, Error> {
    let (scheme, rest) = url.split_once(':').ok_or(Error::Address)?;
    match scheme {
        // A database in memory would be another one for each connection.
        "sqlite" if !rest.contains(":memory:") && !rest.contains("mode=memory") => Ok(Dialect::Sqlite),
        "postgres" | "postgresql" => Ok(Dialect::Postgres),
        _ => Err(Error::Address),
    }
}

async fn pool(options: AnyConnectOptions, size: u32, setup: &'static str) -> Result<AnyPool, Error> {
    let pool = AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for < TRY_AFTER_IDLE {
                    return Ok(true);
                }
                Ok(connection.ping().await.is_ok())
            })
        })
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(setup).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_says_which_database_it_is() {
        for url in ["sqlite:data.db", "sqlite:///var/data.db?mode=rwc"] {
            assert_eq!(dialect(url).unwrap(), Dialect::Sqlite, "{url}");
        }
        for url in ["postgres://u@h/d", "postgresql://u@h/d"] {
            assert_eq!(dialect(url).unwrap(), Dialect::Postgres, "{url}");
        }
        for url in ["", "data.db", "mysql://u@h/d", "sqlite::memory:", "sqlite://x?mode=memory"] {
            assert!(matches!(dialect(url), Err(Error::Address)), "{url}");
        }
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_said_to_be_unreachable_at_once() {
        for url in [
            "sqlite:///nowhere/at/all.db?mode=rwc",
            "sqlite:///tmp/countersign-has-no-such-file.db",
            "postgres://nobody@127.0.0.1:1/nothing",
        ] {
            let opened = tokio::time::timeout(Duration::from_secs(2), open(url)).await.unwrap();
            assert!(matches!(opened, Err(Error::Unreachable(_))), "{url} {opened:?}");
        }
        assert!(matches!(open("postgres://h:port/d").await, Err(Error::Address)));
    }

    #[tokio::test]
    async fn a_new_database_is_for_nobody_else_to_read_and_one_that_is_there_keeps_its_mode() {
        use std::{fs, os::unix::fs::PermissionsExt as _};

        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("origin.db");
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let mode =
            |file: &str| fs::metadata(directory.path().join(file)).unwrap().permissions().mode() & 0o777;
        let store = open(&url).await.unwrap();
        sqlx::query("CREATE TABLE t (a INTEGER)").execute(&store.writes).await.unwrap();
        assert_eq!((mode("origin.db"), mode("origin.db-wal"), mode("origin.db-shm")), (0o600, 0o600, 0o600));
        drop(store);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        open(&url).await.unwrap();
        assert_eq!(mode("origin.db"), 0o640);
    }

    #[tokio::test]
    async fn where_tls_is_asked_for_a_server_without_it_is_told_nothing() {
        let Ok(url) = std::env::var("TEST_POSTGRES_URL") else { return };
        let url = format!("{url}{}sslmode=require", if url.contains('?') { '&' } else { '?' });
        let opened = open(&url).await;
        assert!(matches!(opened, Err(Error::Unreachable(sqlx::Error::Tls(_)))), "{opened:?}");
    }
}
