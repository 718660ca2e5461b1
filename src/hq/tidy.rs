//! What is old leaves the database, a bounded part at a time.

use std::time::Duration;

use super::database::commit;
use super::error::HqError;
use super::rows::int;
use super::service::Hq;
use crate::protocol::UnixMillis;

/// Rows that leave one table in one change, so that nodes do not wait behind it.
const MAX_ROWS: i64 = 20_000;

impl Hq {
    /// Removes what is older or more than is kept; whether there is more to remove.
    pub async fn tidy(&self, now: UnixMillis) -> Result<bool, HqError> {
        let keep = &self.config.keep;
        let mut more = false;
        for (table, age) in [
            ("events", keep.events),
            ("gaps", keep.events),
            ("laid_aside", keep.events),
            ("telemetry", keep.telemetry),
            ("logs", keep.logs),
            ("audit", keep.audit),
            ("acts", keep.audit),
        ] {
            more |= self.tidy_table(table, age, now).await?;
        }
        more |= self.tidy_deployments(keep.events, now).await?;
        self.tidy_history(now).await?;
        Ok(more)
    }

    async fn tidy_table(
        &self,
        table: &'static str,
        age: Duration,
        now: UnixMillis,
    ) -> Result<bool, HqError> {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let delete = format!(
            "DELETE FROM {table} WHERE id IN (
               SELECT id FROM {table}
               WHERE at_ms < $1 OR id <= (SELECT max(id) FROM {table}) - $2
               ORDER BY id LIMIT $3)"
        );
        let mut change = self.database.begin().await?;
        let gone = sqlx::query(&delete)
            .bind(int(now.0.saturating_sub(age_ms)))
            .bind(i64::from(self.config.keep.rows))
            .bind(MAX_ROWS)
            .execute(&mut *change)
            .await
            .map_err(HqError::database("removing what is old"))?;
        commit(change).await?;
        Ok(gone.rows_affected() >= MAX_ROWS as u64)
    }
}
