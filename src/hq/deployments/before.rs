//! What each box had, and goes back to when a deployment does not end well for it.

use std::collections::BTreeMap;

use super::record::reading;
use super::step::readable;
use crate::hq::database::Transaction;
use crate::hq::error::HqError;
use crate::hq::rows::{parsed, uint};
use crate::protocol::{Digest, Label, Place};

/// What a box had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) version: u64,
    pub(super) digest: Digest,
}

/// A wish, and what its box had before the deployment that made it.
type Wish = (String, i64, String, Option<i64>, Option<i64>, Option<String>);

/// What the boxes of a tenant had: the newest that was settled for each, whether HQ set it back to that
/// or the box committed it. What is still on its way was never theirs.
pub(super) async fn befores(
    change: &mut Transaction,
    tenant: &Label,
) -> Result<BTreeMap<Place, Before>, HqError> {
    let select =
        "SELECT w.place, w.version, v.digest, w.until_ms, d.before_version, d.before_digest
         FROM wishes w JOIN desired v
           ON v.tenant = $1 AND v.document = 'bundle' AND v.version = w.version
         JOIN nodes n ON n.place = w.place AND n.tenant = $1
         LEFT JOIN deployment_nodes d ON d.deployment = w.deployment AND d.place = w.place";
    let wishes: Vec<Wish> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let (mut all, mut on_its_way) = (BTreeMap::new(), BTreeMap::new());
    for (place, version, digest, until, before_version, before_digest) in wishes {
        let place: Place = parsed("a place", &place)?;
        let settled = match until {
            None => Some((version, digest)),
            Some(_) => {
                on_its_way.insert(place.clone(), uint(version));
                before_version.zip(before_digest)
            }
        };
        if let Some((version, digest)) = settled {
            let digest = parsed("a digest", &digest)?;
            all.insert(place, Before { version: uint(version), digest });
        }
    }
    for (place, committed) in committed(change, tenant).await? {
        let newer = all.get(&place).is_none_or(|known: &Before| known.version < committed.version);
        if newer && on_its_way.get(&place) != Some(&committed.version) {
            all.insert(place, committed);
        }
    }
    Ok(all)
}

/// What the boxes of a tenant say that they committed last.
async fn committed(
    change: &mut Transaction,
    tenant: &Label,
) -> Result<Vec<(Place, Before)>, HqError> {
    let select = "SELECT r.place, r.body FROM reported r JOIN nodes n ON n.place = r.place
         WHERE n.tenant = $1 AND r.document = 'bundle'";
    let rows: Vec<(String, String)> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .fetch_all(&mut **change)
        .await
        .map_err(reading())?;
    let mut all = Vec::new();
    for (place, body) in rows {
        let place = parsed("a place", &place)?;
        if let Some(applied) = readable(&place, &body).and_then(|reported| reported.applied) {
            let (version, digest) = (applied.version, applied.digest);
            all.push((place, Before { version, digest }));
        }
    }
    Ok(all)
}
