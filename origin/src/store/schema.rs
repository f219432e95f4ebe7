//! The schema: embedded migrations, and whether they have been applied.

use sqlx::{
    Row as _, SqlStr,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{Dialect, Error, Store};

/// One migration: its number, its name, its statements.
type Embedded = (i64, &'static str, &'static str);

// Listed by hand: with the macro of sqlx that embeds a directory both drivers are built twice, once for the compiler.
const SQLITE: &[Embedded] = &[
    (1, "sessions", include_str!("../../../migrations/sqlite/0001_sessions.sql")),
    (2, "revocations", include_str!("../../../migrations/sqlite/0002_revocations.sql")),
    (3, "keys", include_str!("../../../migrations/sqlite/0003_keys.sql")),
];
const POSTGRES: &[Embedded] = &[
    (1, "sessions", include_str!("../../../migrations/postgres/0001_sessions.sql")),
    (2, "revocations", include_str!("../../../migrations/postgres/0002_revocations.sql")),
    (3, "keys", include_str!("../../../migrations/postgres/0003_keys.sql")),
];

const fn embedded(dialect: Dialect) -> &'static [Embedded] {
    match dialect {
        Dialect::Sqlite => SQLITE,
        Dialect::Postgres => POSTGRES,
    }
}

fn migrator(dialect: Dialect) -> Migrator {
    let migration = |&(number, name, statements): &Embedded| {
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(statements), false)
    };
    Migrator::with_migrations(embedded(dialect).iter().map(migration).collect())
}

pub(super) async fn migrate(store: &Store) -> Result<(), Error> {
    let mut migrator = migrator(store.dialect);
    migrator.set_ignore_missing(true);
    migrator.run(&store.writes).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(cause) => match Error::from(cause) {
            Error::Database(cause) => Error::Migration(sqlx::migrate::MigrateError::Execute(cause)),
            unreachable => unreachable,
        },
        error => Error::Migration(error),
    })
}

pub(super) async fn is_current(store: &Store) -> Result<(), Error> {
    let needed = embedded(store.dialect).iter().map(|(number, ..)| *number).max().unwrap_or_default();
    let applied = sqlx::query("SELECT MAX(version) AS version FROM _sqlx_migrations WHERE success")
        .fetch_one(&store.reads)
        .await
        .map_err(Error::from);
    let found = match applied {
        Ok(row) => row.try_get::<Option<i64>, _>("version")?.unwrap_or_default(),
        // Without the table, nothing was ever applied.
        Err(Error::Database(sqlx::Error::Database(_))) => 0,
        Err(error) => return Err(error),
    };
    if found < needed { Err(Error::SchemaBehind { found, needed }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_migrations_is_embedded() {
        for (dialect, name) in [(Dialect::Sqlite, "sqlite"), (Dialect::Postgres, "postgres")] {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(name);
            let mut files: Vec<String> = fs::read_dir(&directory)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            let file = |&(number, name, _): &Embedded| format!("{number:04}_{name}.sql");
            assert_eq!(embedded(dialect).iter().map(file).collect::<Vec<_>>(), files);
            for ((.., statements), file) in embedded(dialect).iter().zip(files) {
                assert_eq!(*statements, fs::read_to_string(directory.join(file)).unwrap());
            }
        }
    }
}
