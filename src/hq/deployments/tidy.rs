//! Deployments that were over long ago leave.

use std::time::Duration;

use super::record::writing;
use crate::hq::database::commit;
use crate::hq::error::HqError;
use crate::hq::rows::int;
use crate::hq::service::Hq;
use crate::protocol::UnixMillis;

/// Deployments that leave in one change.
const MAX_AT_ONCE: i64 = 16;

impl Hq {
    /// Removes deployments that ended longer ago than is kept; whether there are more. One that a box
    /// still has its bundle from, or that another takes back, stays.
    pub(in crate::hq) async fn tidy_deployments(
        &self,
        age: Duration,
        now: UnixMillis,
    ) -> Result<bool, HqError> {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        let select = "SELECT number FROM deployments WHERE ended_ms < $1
               AND NOT EXISTS (SELECT 1 FROM wishes w WHERE w.deployment = number)
               AND NOT EXISTS (SELECT 1 FROM deployments d WHERE d.reverts = deployments.number)
             ORDER BY number LIMIT $2";
        let mut change = self.database.begin().await?;
        let old: Vec<(i64,)> = sqlx::query_as(select)
            .bind(int(now.0.saturating_sub(age_ms)))
            .bind(MAX_AT_ONCE)
            .fetch_all(&mut *change)
            .await
            .map_err(writing())?;
        for (number,) in &old {
            for delete in [
                "DELETE FROM deployment_nodes WHERE deployment = $1",
                "DELETE FROM deployments WHERE number = $1",
            ] {
                sqlx::query(delete).bind(number).execute(&mut *change).await.map_err(writing())?;
            }
        }
        commit(change).await?;
        Ok(old.len() as i64 >= MAX_AT_ONCE)
    }
}
