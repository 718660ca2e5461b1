//! How HQ is at one moment, for its metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use super::clock::now;
use super::error::HqError;
use super::rows::{int, uint};
use super::service::Hq;
use crate::telemetry::HqFigures;

/// A certificate that ends within this time is one to look after: ten days.
const ENDING_MS: u64 = 10 * 24 * 3600 * 1000;

/// What HQ has counted since the start.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) taken: AtomicU64,
    pub(super) laid_aside: AtomicU64,
    pub(super) strange: AtomicU64,
    pub(super) too_many: AtomicU64,
    pub(super) answers: AtomicU64,
}

impl Tally {
    pub(super) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Hq {
    /// How it is now, but for the line.
    pub(super) async fn figures(&self) -> Result<HqFigures, HqError> {
        let counting = || HqError::database("counting for the metrics");
        let reader = self.database.reader();
        let select = "SELECT presence, count(*) FROM nodes WHERE revoked_ms IS NULL
             GROUP BY presence ORDER BY presence";
        let nodes: Vec<(String, i64)> =
            sqlx::query_as(select).fetch_all(reader).await.map_err(counting())?;
        let now = now();
        let select = "SELECT count(*) FROM commands WHERE outcome IS NULL AND expires_ms > $1";
        let (waiting,): (i64,) =
            sqlx::query_as(select).bind(int(now.0)).fetch_one(reader).await.map_err(counting())?;
        let select = "SELECT count(*) FROM nodes
             WHERE revoked_ms IS NULL AND certificate_until_ms < $1";
        let (ending,): (i64,) = sqlx::query_as(select)
            .bind(int(now.plus(ENDING_MS).0))
            .fetch_one(reader)
            .await
            .map_err(counting())?;
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(HqFigures {
            nodes: nodes.into_iter().map(|(word, count)| (word, uint(count))).collect(),
            commands_waiting: uint(waiting),
            certificates_ending: uint(ending),
            database_bytes: self.database_bytes(),
            listening: false,
            taken: of(&self.tally.taken),
            laid_aside: of(&self.tally.laid_aside),
            strange: of(&self.tally.strange),
            too_many: of(&self.tally.too_many),
            answers: of(&self.tally.answers),
        })
    }

    /// What the database takes on the disk; 0 where that cannot be seen.
    fn database_bytes(&self) -> u64 {
        let size = |name: &str| {
            let found = std::fs::metadata(self.config.data_dir.join(name));
            found.map_or(0, |found| found.len())
        };
        size("hq.db") + size("hq.db-wal")
    }
}
