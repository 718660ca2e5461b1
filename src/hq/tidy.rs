//! What is old leaves the database, a bounded part at a time.

use std::time::Duration;

use super::database::commit;
use super::error::HqError;
use super::rows::int;
use super::service::Hq;
use crate::protocol::UnixMillis;

/// Rows that leave one table in one change, so that nodes do not wait behind it.
const MAX_ROWS: i64 = 20_000;

/// Commands that are over; a box's last one stays, as its number goes on.
const OLD_COMMANDS: &str = "DELETE FROM commands WHERE id IN (
       SELECT id FROM commands c WHERE expires_ms < $1
       AND seq < (SELECT max(seq) FROM commands same WHERE same.place = c.place) LIMIT $2)";

/// Versions that others replaced at the same target, and that no deployment wants any more.
const OLD_VERSIONS: &str = "DELETE FROM desired WHERE (tenant, document, version) IN (
       SELECT tenant, document, version FROM desired d WHERE issued_ms < $1
       AND version < (SELECT max(version) FROM desired same
         WHERE same.target = d.target AND same.document = d.document)
       AND NOT EXISTS (SELECT 1 FROM wishes w WHERE w.version = d.version) LIMIT $2)";

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
            ("examples", keep.audit),
        ] {
            more |= self.tidy_table(table, age, now).await?;
        }
        for table in ["events", "gaps", "telemetry", "logs", "audit"] {
            more |= self.tidy_shares(table).await?;
        }
        for delete in [OLD_COMMANDS, OLD_VERSIONS] {
            more |= self.tidy_rows(delete, keep.events, now).await?;
        }
        more |= self.tidy_deployments(keep.events, now).await?;
        more |= self.tidy_epochs(now).await?;
        self.tidy_history(now).await?;
        Ok(more)
    }

    async fn tidy_table(
        &self,
        table: &'static str,
        age: Duration,
        now: UnixMillis,
    ) -> Result<bool, HqError> {
        // The oldest have the least ids; a look at all of them would keep nodes waiting.
        let delete = format!(
            "DELETE FROM {table} WHERE id IN (
               SELECT id FROM (SELECT id, at_ms FROM {table} ORDER BY id LIMIT $2) oldest
               WHERE at_ms < $1 OR id <= (SELECT max(id) FROM {table}) - {})",
            self.config.keep.rows
        );
        self.tidy_rows(&delete, age, now).await
    }

    /// Removes the oldest rows of nodes that have more than their share, so that no node pushes out what
    /// others told; whether there is more to remove.
    async fn tidy_shares(&self, table: &'static str) -> Result<bool, HqError> {
        let share = i64::from(self.config.keep.rows_of_a_node);
        let counting = || HqError::database("counting rows of nodes");
        // Where the table has no more than one share, nobody has: its nodes need not be counted.
        let select = format!(
            "SELECT coalesce((SELECT max(id) FROM {table}) - (SELECT min(id) FROM {table}), 0)"
        );
        let (span,): (i64,) =
            sqlx::query_as(&select).fetch_one(self.database.reader()).await.map_err(counting())?;
        if span < share {
            return Ok(false);
        }
        let select =
            format!("SELECT place, count(*) FROM {table} GROUP BY place HAVING count(*) > $1");
        let rows: Vec<(String, i64)> = sqlx::query_as(&select)
            .bind(share)
            .fetch_all(self.database.reader())
            .await
            .map_err(counting())?;
        let mut more = false;
        for (place, rows) in rows {
            let over = rows - share;
            more |= over > MAX_ROWS;
            let delete = format!(
                "DELETE FROM {table} WHERE id IN (
                   SELECT id FROM {table} WHERE place = $1 ORDER BY id LIMIT $2)"
            );
            let mut change = self.database.begin().await?;
            sqlx::query(&delete)
                .bind(&place)
                .bind(over.min(MAX_ROWS))
                .execute(&mut *change)
                .await
                .map_err(HqError::database("removing a node's oldest rows"))?;
            commit(change).await?;
            tracing::warn!(
                place,
                table,
                rows,
                most = share,
                "a node told more than is kept of one"
            );
        }
        Ok(more)
    }

    /// Removes what `delete` says is older than `$1`, at most `$2` rows.
    async fn tidy_rows(
        &self,
        delete: &str,
        age: Duration,
        now: UnixMillis,
    ) -> Result<bool, HqError> {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let mut change = self.database.begin().await?;
        let gone = sqlx::query(delete)
            .bind(int(now.0.saturating_sub(age_ms)))
            .bind(MAX_ROWS)
            .execute(&mut *change)
            .await
            .map_err(HqError::database("removing what is old"))?;
        commit(change).await?;
        Ok(gone.rows_affected() >= MAX_ROWS as u64)
    }
}
