//! The forms that the database had, in order. One that was released is never changed.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

const FORMS: &[(i64, &str, &str)] =
    &[(1, "start", include_str!("0001_start.sql")), (4, "packs", include_str!("0004_packs.sql"))];

/// Brings the database to the last form.
pub(super) async fn run(pool: &SqlitePool) -> Result<(), MigrateError> {
    let one = |(version, name, sql): &(i64, &'static str, &'static str)| {
        let kind = MigrationType::Simple;
        Migration::new(*version, Cow::Borrowed(*name), kind, Cow::Borrowed(*sql), false)
    };
    let mut migrator = Migrator::DEFAULT;
    migrator.migrations = FORMS.iter().map(one).collect::<Vec<_>>().into();
    migrator.run(pool).await
}
