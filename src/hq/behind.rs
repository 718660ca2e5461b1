//! Boxes that have not taken up what is wanted of them, though they are on the line.

use super::documents::newest_for;
use super::error::HqError;
use super::ingest::Outgoing;
use super::rows::{int, parsed};
use super::service::Hq;
use crate::protocol::{Place, UnixMillis};

/// Boxes that one round looks at.
const MAX_BOXES: i64 = 500;
/// How long a version is said again unasked. Every box asks by itself within that time.
const AGAIN_FOR_MS: u64 = 3_600_000;

impl Hq {
    /// Documents of boxes on the line that know of an older version than was wanted lately, to be said
    /// again: of some boxes after `after`, and the last of those; none at the end.
    pub(super) async fn desired_again(
        &self,
        after: &str,
        now: UnixMillis,
    ) -> Result<(Vec<Outgoing>, Option<String>), HqError> {
        // From the few versions to their boxes, never from all boxes to all versions.
        let select = "WITH lately AS MATERIALIZED (
               SELECT target, document, max(version) AS version FROM desired
               WHERE issued_ms > $3 GROUP BY target, document),
             wanted AS (
               SELECT target AS place, document, version FROM lately
               UNION ALL
               SELECT place, 'bundle', version FROM wishes
               UNION ALL
               SELECT e.place, l.document, l.version FROM lately l
               JOIN nodes e ON l.target = e.tenant || '/*'
               UNION ALL
               SELECT m.place, l.document, l.version FROM lately l
               CROSS JOIN groups g JOIN members m ON m.tenant = g.tenant AND m.grp = g.name
               WHERE l.target = g.tenant || '/grp/' || g.name)
             SELECT DISTINCT n.place FROM wanted w CROSS JOIN nodes n
             LEFT JOIN reported r ON r.place = n.place AND r.document = w.document
             WHERE n.place = w.place AND n.presence = 'online' AND n.place > $2
               AND (r.desired IS NULL OR r.desired < w.version)
             ORDER BY n.place LIMIT $1";
        let rows: Vec<(String,)> = sqlx::query_as(select)
            .bind(MAX_BOXES)
            .bind(after)
            .bind(int(now.0.saturating_sub(AGAIN_FOR_MS)))
            .fetch_all(self.database.reader())
            .await
            .map_err(HqError::database("looking for nodes that are behind"))?;
        let last = rows.last().map(|(place,)| place.clone());
        let mut messages = Vec::new();
        let mut reading = self.database.read().await?;
        for (place,) in &rows {
            let place: Place = parsed("a place", place)?;
            for pointer in newest_for(&mut reading, &place, now).await? {
                messages.push(self.desired_message(&place, &pointer, now)?);
            }
        }
        Ok((messages, last))
    }
}
