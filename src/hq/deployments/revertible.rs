//! Which boxes of a deployment can go back to what they had before it.

use std::collections::BTreeSet;

use super::before::befores;
use super::record::reading;
use crate::hq::bundles::find;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{int, parsed};
use crate::protocol::{Label, Place};

type Columns = (String, String, String, bool);

/// Boxes of a deployment that had another bundle before it, with the digest of that: those that run this
/// one's, however they came to it, and those of which no later deployment wanted anything. A box that
/// went on to another bundle is another deployment's affair.
pub(super) async fn revertible(
    change: &mut Transaction,
    tenant: &Label,
    number: u64,
) -> Result<Vec<(Place, String)>, HqError> {
    let select = "SELECT d.place, d.digest, d.before_digest, d.deployment = (
           SELECT max(later.deployment) FROM deployment_nodes later WHERE later.place = d.place)
         FROM deployment_nodes d
         WHERE d.deployment = $1 AND d.before_digest <> d.digest ORDER BY d.place";
    let rows: Vec<Columns> = sqlx::query_as(select)
        .bind(int(number))
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let live = befores(change, tenant).await?;
    let mut boxes = Vec::new();
    for (place, digest, before, is_newest) in rows {
        let place: Place = parsed("a place", &place)?;
        let runs = live.get(&place).map(|live| live.digest.to_string());
        if is_newest || runs == Some(digest) {
            boxes.push((place, before));
        }
    }
    Ok(boxes)
}

/// How long the slowest of the bundles to go back to is watched, in seconds.
pub(super) async fn watched_s(
    change: &mut Transaction,
    tenant: &Label,
    boxes: &[(Place, String)],
) -> Result<u64, HqError> {
    let mut longest = 0;
    for digest in boxes.iter().map(|(_, digest)| digest).collect::<BTreeSet<_>>() {
        let bundle = find(change, tenant, digest).await?;
        longest = longest.max(bundle.map_or(0, |bundle| bundle.watch_s));
    }
    Ok(longest)
}
