//! What is wanted where, and how far it has come.

use minijinja::{Value, context};
use serde::Serialize;

use crate::hq::documents::DesiredRow;
use crate::hq::error::HqError;
use crate::hq::rows::uint;
use crate::hq::service::Hq;
use crate::protocol::Label;

/// A wanted version and its boxes.
#[derive(Debug, Serialize)]
struct Deployment {
    #[serde(flatten)]
    row: DesiredRow,
    boxes: u64,
    good: u64,
    bad: u64,
    /// Boxes that have not come to an end.
    open: u64,
    /// Shares of a bar of 100.
    good_share: f64,
    bad_share: f64,
}

/// What the page shows.
pub(super) async fn values(hq: &Hq, tenant: &Label) -> Result<Value, HqError> {
    let mut deployments = Vec::new();
    for row in hq.desired(tenant).await? {
        let (boxes, good, bad) = progress(hq, &row).await?;
        let share = |part: u64| if boxes > 0 { part as f64 * 100.0 / boxes as f64 } else { 0.0 };
        deployments.push(Deployment {
            open: boxes.saturating_sub(good + bad),
            good_share: share(good),
            bad_share: share(bad),
            boxes,
            good,
            bad,
            row,
        });
    }
    let catalogues = hq.catalogues(tenant).await?;
    Ok(context! { deployments, catalogues })
}

/// How many boxes a version is for, has been put into effect on, and failed on.
async fn progress(hq: &Hq, row: &DesiredRow) -> Result<(u64, u64, u64), HqError> {
    let select = "SELECT count(*),
           coalesce(sum(CASE WHEN r.applied >= $2 AND r.stage = 'committed' THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN r.desired = $2 AND r.stage IN ('reverted', 'refused')
             THEN 1 ELSE 0 END), 0)
         FROM nodes n LEFT JOIN reported r ON r.place = n.place AND r.document = $3
         WHERE n.place = $1 OR n.place IN (
           SELECT m.place FROM members m WHERE m.tenant || '/grp/' || m.grp = $1)";
    let (boxes, good, bad): (i64, i64, i64) = sqlx::query_as(select)
        .bind(&row.target)
        .bind(crate::hq::rows::int(row.version))
        .bind(&row.document)
        .fetch_one(hq.database.reader())
        .await
        .map_err(HqError::database("counting boxes"))?;
    Ok((uint(boxes), uint(good), uint(bad)))
}
