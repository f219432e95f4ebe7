//! The schema: embedded migrations, and whether they have been applied.

use std::time::Duration;

use sqlx::{
    AnyConnection, Connection as _, Row as _,
    migrate::{MigrateError, Migrator},
};

use super::{Dialect, Error, Store};

#[cfg(test)]
mod tests;

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

const fn migrations(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

/// How a migration of PostgreSQL waits for a table that somebody else uses. Whoever wants that table meanwhile waits
/// behind it, so it gives up soon, lets them through and begins again.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// For how long a statement waits: much less than the ten seconds that those of an origin may take.
    lock: Duration,
    /// How often it is tried.
    tries: u32,
    /// How long the others have before it is tried again.
    rest: Duration,
}

const PATIENCE: Patience = Patience { lock: Duration::from_secs(3), tries: 5, rest: Duration::from_secs(3) };

/// The name of the lock that whoever migrates a PostgreSQL database holds.
const MIGRATES: i64 = i64::from_be_bytes(*b"migrates");

pub(super) async fn migrate(store: &Store) -> Result<(), Error> {
    apply(store, migrations(store.dialect), PATIENCE).await
}

async fn apply(store: &Store, migrations: &Migrator, patience: Patience) -> Result<(), Error> {
    let mut migrator = Migrator::with_migrations(migrations.iter().cloned().collect());
    migrator.set_ignore_missing(true);
    match store.dialect {
        Dialect::Sqlite => apply_beside_others(store, &migrator).await,
        Dialect::Postgres => {
            // On a connection of its own, which nobody has after it with these settings and locks.
            let mut connection = store.writes.acquire().await?.detach();
            let applied = apply_in_turn(&mut connection, &migrator, patience).await;
            // Whatever it held is free as soon as it is closed.
            let _ = connection.close().await;
            applied
        }
    }
}

/// SQLite has no lock for all of the migrations, so of two that apply the same one the second fails. What another has
/// applied meanwhile need not be applied: the failure counts where nothing was.
async fn apply_beside_others(store: &Store, migrator: &Migrator) -> Result<(), Error> {
    loop {
        let before = newest(store).await?;
        let Err(error) = migrator.run(&store.writes).await else { return Ok(()) };
        if newest(store).await? <= before {
            return Err(failed(error));
        }
    }
}

/// One after the other, however long the one before takes, where an index of a large table may take its time.
async fn apply_in_turn(
    connection: &mut AnyConnection,
    migrator: &Migrator,
    patience: Patience,
) -> Result<(), Error> {
    for setting in ["SET statement_timeout = 0", "SET lock_timeout = 0"] {
        sqlx::query(setting).execute(&mut *connection).await?;
    }
    // The migrator has a lock of its own, for which it would wait no longer than for a table.
    sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATES).execute(&mut *connection).await?;
    let timeout = format!("SET lock_timeout = {}", patience.lock.as_millis());
    sqlx::query(sqlx::AssertSqlSafe(timeout)).execute(&mut *connection).await?;
    let mut tried = 0;
    loop {
        let Err(error) = migrator.run(&mut *connection).await else { return Ok(()) };
        let error = failed(error);
        // lock_not_available, deadlock_detected
        if !matches!(error.code().as_deref(), Some("55P03" | "40P01")) {
            return Err(error);
        }
        tried += 1;
        if tried >= patience.tries {
            return Err(Error::SchemaInUse { by: who_holds_it(connection).await? });
        }
        tokio::time::sleep(patience.rest).await;
    }
}

/// Of those who hold a lock of a table of this schema just now, the one that has done so for the longest. When a process
/// of another user began is not told to everybody.
async fn who_holds_it(connection: &mut AnyConnection) -> Result<String, Error> {
    let holder = sqlx::query(
        "SELECT CAST(a.pid AS TEXT) AS pid, COALESCE(NULLIF(a.application_name, ''), a.backend_type, '') AS name \
         FROM pg_stat_activity AS a WHERE a.pid <> pg_backend_pid() AND a.pid IN (\
         SELECT l.pid FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation \
         JOIN pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE l.granted AND n.nspname = current_schema() AND l.database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())) \
         ORDER BY a.xact_start NULLS FIRST LIMIT 1",
    )
    .fetch_optional(connection)
    .await?;
    let Some(holder) = holder else { return Ok("somebody".to_owned()) };
    let (pid, name): (String, String) = (holder.try_get("pid")?, holder.try_get("name")?);
    Ok(format!("process {pid} of the database ({name})"))
}

fn failed(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(cause) => match Error::from(cause) {
            Error::Database(cause) => Error::Migration(MigrateError::Execute(cause)),
            unreachable => unreachable,
        },
        error => Error::Migration(error),
    }
}

pub(super) async fn is_current(store: &Store) -> Result<(), Error> {
    let needed =
        migrations(store.dialect).iter().map(|migration| migration.version).max().unwrap_or_default();
    let found = newest(store).await?;
    if found < needed { Err(Error::SchemaBehind { found, needed }) } else { Ok(()) }
}

/// The newest migration that was applied, 0 for none.
async fn newest(store: &Store) -> Result<i64, Error> {
    let applied = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success")
        .fetch_one(&store.reads)
        .await
        .map_err(Error::from);
    match applied {
        Ok(row) => Ok(row.try_get::<Option<i64>, _>("version")?.unwrap_or_default()),
        // Without the table, nothing was ever applied.
        Err(error @ Error::Database(sqlx::Error::Database(_)))
            if error.code().as_deref() != Some("42501") =>
        {
            Ok(0)
        }
        Err(error) => Err(error),
    }
}
