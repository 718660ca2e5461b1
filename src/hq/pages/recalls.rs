//! Recalls and packs of answers: who has confirmed, and what is given where.

use minijinja::{Value, context};
use serde::Serialize;

use crate::hq::error::HqError;
use crate::hq::recalls::{RecallRow, ReceiptRow};
use crate::hq::service::Hq;
use crate::protocol::Label;

/// Recalls of which every box is looked at; of older ones the counts are shown.
const LOOKED_INTO: usize = 8;
/// Boxes that are named for one recall.
const NAMED: usize = 50;
/// Packs that are shown.
const PACKS: usize = 20;

/// A recall with boxes that have not confirmed it.
#[derive(Serialize)]
struct Shown {
    recall: RecallRow,
    reason: String,
    silent: Vec<ReceiptRow>,
    /// Whether more are silent than are named.
    more: bool,
    /// When the last box had it in force.
    last_ms: Option<u64>,
}

/// What the page shows.
pub(super) async fn values(hq: &Hq, tenant: &Label) -> Result<Value, HqError> {
    let mut recalls = Vec::new();
    for (number, recall) in hq.recalls(tenant).await?.into_iter().enumerate() {
        recalls.push(shown(hq, tenant, recall, number < LOOKED_INTO).await?);
    }
    let mut packs = hq.packs(tenant).await?;
    packs.truncate(PACKS);
    Ok(context! { recalls, packs })
}

async fn shown(
    hq: &Hq,
    tenant: &Label,
    recall: RecallRow,
    looked_into: bool,
) -> Result<Shown, HqError> {
    let rows = match recall.catalogue.parse::<Label>() {
        Ok(catalogue) if looked_into => hq.receipts(tenant, &catalogue, &recall.recall).await?,
        _ => Vec::new(),
    };
    let last_ms = rows.iter().filter_map(|row| row.in_force_ms).max();
    let mut silent: Vec<ReceiptRow> = rows.into_iter().filter(|row| !row.confirmed).collect();
    let more = silent.len() > NAMED;
    silent.truncate(NAMED);
    let reason = recall.reasons.get("en").or_else(|| recall.reasons.values().next());
    let reason = reason.cloned().unwrap_or_default();
    Ok(Shown { recall, reason, silent, more, last_ms })
}
