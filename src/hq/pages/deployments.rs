//! What is wanted where, and how far it has come.

use minijinja::{Value, context};
use serde::Serialize;

use super::steps::Box;
use crate::hq::deployments::{DeploymentRow, NodesPage};
use crate::hq::documents::DesiredRow;
use crate::hq::error::HqError;
use crate::hq::rows::uint;
use crate::hq::service::Hq;
use crate::protocol::Label;

/// Deployments on the page; older ones are asked for over the API.
const SHOWN: u32 = 50;
/// Boxes of a deployment that the overview shows one by one; of more it shows how many are where.
const MAX_BOXES: u64 = 24;
/// Boxes on one page of a deployment.
const PER_PAGE: u32 = 200;
/// Stores that a form offers; others are typed.
const MAX_OFFERED: u32 = 200;

/// A deployment as it is shown.
#[derive(Debug, Serialize)]
struct Deployment {
    #[serde(flatten)]
    row: DeploymentRow,
    /// Below its tenant: a store, a box, a group, or `all boxes`.
    whom: String,
    /// `good`, `bad`, `away`, `busy` or `new`.
    colour: &'static str,
    is_over: bool,
    /// Parts of a bar of 100: ok, bad, silent, and where bad and silent begin.
    bar: Bar,
    boxes: Vec<Box>,
    /// Where the boxes are that are not judged, where there are too many to show.
    stages: Vec<(String, u64)>,
}

#[derive(Debug, Serialize)]
struct Bar {
    ok: f64,
    bad: f64,
    silent: f64,
    bad_at: f64,
    silent_at: f64,
}

/// A wanted version of another document and its boxes.
#[derive(Debug, Serialize)]
struct Wanted {
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
    let (mut open, mut past) = (Vec::new(), Vec::new());
    for row in hq.deployments(tenant, None, SHOWN).await? {
        let one = deployment(hq, tenant, row).await?;
        if one.is_over { past.push(one) } else { open.push(one) }
    }
    let mut wanted = Vec::new();
    for row in hq.desired(tenant).await? {
        if !row.target.starts_with("deployment:") {
            wanted.push(with_progress(hq, row).await?);
        }
    }
    let catalogues = hq.catalogues(tenant).await?;
    let bundles = hq.bundles(tenant, SHOWN).await?;
    let targets = targets(hq, tenant).await?;
    Ok(context! { open, past, wanted, catalogues, bundles, targets })
}

/// What the page of one deployment shows: boxes after a place.
pub(super) async fn one(
    hq: &Hq,
    tenant: &Label,
    number: u64,
    after: String,
) -> Result<Value, HqError> {
    let row = hq.deployment(tenant, number).await?;
    let mut one = deployment(hq, tenant, row).await?;
    let page = NodesPage { after, limit: PER_PAGE };
    let rows = hq.deployment_nodes(tenant, number, &page).await?;
    let next = rows.last().filter(|_| rows.len() as u32 == PER_PAGE).map(|row| row.place.clone());
    one.boxes = rows.into_iter().map(Box::of).collect();
    Ok(context! { row => one, next })
}

async fn deployment(hq: &Hq, tenant: &Label, row: DeploymentRow) -> Result<Deployment, HqError> {
    let is_over = row.state.is_over();
    let (mut boxes, mut stages) = (Vec::new(), Vec::new());
    if !is_over && row.tally.boxes <= MAX_BOXES {
        let page = NodesPage { after: String::new(), limit: MAX_BOXES as u32 };
        let rows = hq.deployment_nodes(tenant, row.number, &page).await?;
        boxes = rows.into_iter().map(Box::of).collect();
    } else if !is_over {
        stages = hq.stages(tenant, row.number).await?;
    }
    let whom =
        match row.target.strip_prefix(tenant.as_str()).map(|rest| rest.trim_start_matches('/')) {
            Some("") => "all boxes".to_owned(),
            Some(rest) => rest.replacen("grp/", "group ", 1),
            None => row.target.clone(),
        };
    let colour = match row.state.as_str() {
        "complete" => "good",
        "halted" => "bad",
        "running" | "approved" => "busy",
        "draft" => "new",
        _ => "away",
    };
    let share = |part: u64| part as f64 * 100.0 / row.tally.boxes.max(1) as f64;
    let (ok, bad, silent) = (share(row.tally.ok), share(row.tally.bad), share(row.tally.silent));
    let bar = Bar { ok, bad, silent, bad_at: ok, silent_at: ok + bad };
    Ok(Deployment { whom, colour, is_over, bar, boxes, stages, row })
}

/// Whom a form can name, below its tenant: groups, then stores.
async fn targets(hq: &Hq, tenant: &Label) -> Result<Vec<String>, HqError> {
    let registry = hq.registry();
    let groups = registry.groups(tenant).await?;
    let stores = registry.stores(tenant, "", MAX_OFFERED).await?;
    let groups = groups.into_iter().map(|group| format!("grp/{}", group.name));
    Ok(groups.chain(stores.into_iter().map(|store| store.name)).collect())
}

async fn with_progress(hq: &Hq, row: DesiredRow) -> Result<Wanted, HqError> {
    let (boxes, good, bad) = progress(hq, &row).await?;
    let share = |part: u64| if boxes > 0 { part as f64 * 100.0 / boxes as f64 } else { 0.0 };
    Ok(Wanted {
        open: boxes.saturating_sub(good + bad),
        good_share: share(good),
        bad_share: share(bad),
        boxes,
        good,
        bad,
        row,
    })
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
