//! A box that is none of ours any more.

use crate::hq::acts::{self, Actor};
use crate::hq::clock::now;
use crate::hq::database::commit;
use crate::hq::error::HqError;
use crate::hq::rows::int;
use crate::hq::service::Hq;
use crate::protocol::Place;

impl Hq {
    /// Takes a box's identity back: its token opens nothing, its key renews nothing, and what it says
    /// is left aside. Its certificate holds until its end, so the broker must be told as well
    /// ([`crate::hq::broker_files`]). Its name is given to nobody else: whoever
    /// showed the old certificate to the broker could speak for the new box.
    pub async fn revoke_node(&self, actor: &Actor, place: &Place) -> Result<(), HqError> {
        let mut change = self.database.begin().await?;
        let update = "UPDATE nodes SET revoked_ms = $2, token = NULL, public_key = NULL,
               next_token = NULL, next_public_key = NULL, presence = 'left', presence_ms = $2
             WHERE place = $1 AND revoked_ms IS NULL";
        let done = sqlx::query(update)
            .bind(place.to_string())
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("revoking a node"))?;
        if done.rows_affected() == 0 {
            return Err(HqError::unknown("node that is not revoked", place));
        }
        // A claim that waits, or that the box could repeat, would let it in again.
        let over = "UPDATE claims SET expires_ms = $4
             WHERE tenant = $1 AND store = $2 AND node = $3 AND expires_ms > $4";
        sqlx::query(over)
            .bind(place.tenant.as_str())
            .bind(place.store.as_str())
            .bind(place.node.as_str())
            .bind(int(now().0))
            .execute(&mut *change)
            .await
            .map_err(HqError::database("revoking a node's claims"))?;
        acts::record(&mut change, actor, "node.revoke", &place.to_string(), "").await?;
        commit(change).await?;
        self.changed();
        Ok(())
    }

    /// Boxes whose identity was taken back, by name.
    pub async fn revoked(&self) -> Result<Vec<Place>, HqError> {
        let select = "SELECT place FROM nodes WHERE revoked_ms IS NOT NULL ORDER BY place";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("reading revoked nodes"))?;
        rows.iter().map(|(place,)| crate::hq::rows::parsed("a place", place)).collect()
    }
}
