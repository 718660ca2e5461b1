//! The forms that the database had, in order. One that was released is never changed.

use std::borrow::Cow;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqlitePool;

const FORMS: &[(i64, &str, &str)] = &[
    (1, "start", include_str!("0001_start.sql")),
    (2, "deployments", include_str!("0002_deployments.sql")),
    (3, "history", include_str!("0003_history.sql")),
    (4, "packs", include_str!("0004_packs.sql")),
    (5, "identity", include_str!("0005_identity.sql")),
    (6, "speed", include_str!("0006_speed.sql")),
    (7, "doubles", include_str!("0007_doubles.sql")),
    (8, "made", include_str!("0008_made.sql")),
    (9, "audit acks", include_str!("0009_audit_acks.sql")),
    (11, "audit chains", include_str!("0011_audit_chains.sql")),
    (12, "shares", include_str!("0012_shares.sql")),
    (14, "examples", include_str!("0014_examples.sql")),
];

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
