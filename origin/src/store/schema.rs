//! The schema: embedded migrations, and whether they have been applied.

use sqlx::{Row as _, migrate::Migrator};

use super::{Dialect, Error, Store};

static SQLITE: Migrator = sqlx::migrate!("../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../migrations/postgres");

const fn migrations(dialect: Dialect) -> &'static Migrator {
    match dialect {
        Dialect::Sqlite => &SQLITE,
        Dialect::Postgres => &POSTGRES,
    }
}

pub(super) async fn migrate(store: &Store) -> Result<(), Error> {
    let mut migrator = Migrator::with_migrations(migrations(store.dialect).iter().cloned().collect());
    migrator.set_ignore_missing(true);
    let applied = match store.dialect {
        Dialect::Sqlite => migrator.run(&store.writes).await,
        Dialect::Postgres => {
            // On a connection of its own, where an index of a large table may take its time.
            let mut connection = store.writes.acquire().await?.detach();
            sqlx::query("SET statement_timeout = 0").execute(&mut connection).await?;
            migrator.run(&mut connection).await
        }
    };
    applied.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(cause) => match Error::from(cause) {
            Error::Database(cause) => Error::Migration(sqlx::migrate::MigrateError::Execute(cause)),
            unreachable => unreachable,
        },
        error => Error::Migration(error),
    })
}

pub(super) async fn is_current(store: &Store) -> Result<(), Error> {
    let needed =
        migrations(store.dialect).iter().map(|migration| migration.version).max().unwrap_or_default();
    let applied = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success")
        .fetch_one(&store.reads)
        .await
        .map_err(Error::from);
    let found = match applied {
        Ok(row) => row.try_get::<Option<i64>, _>("version")?.unwrap_or_default(),
        // Without the table, nothing was ever applied.
        Err(error @ Error::Database(sqlx::Error::Database(_)))
            if error.code().as_deref() != Some("42501") =>
        {
            0
        }
        Err(error) => return Err(error),
    };
    if found < needed { Err(Error::SchemaBehind { found, needed }) } else { Ok(()) }
}
