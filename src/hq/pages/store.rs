//! One store: its boxes, their documents, what they measured and told.

use minijinja::{Value, context};
use serde::Serialize;

use super::plot::{HEIGHT, Plot, WIDTH, plots};
use crate::hq::clock::now;
use crate::hq::documents::ReportedRow;
use crate::hq::error::HqError;
use crate::hq::registry::NodeRow;
use crate::hq::service::Hq;
use crate::hq::told::{EventRow, Page};
use crate::protocol::{Label, Place, StoreName};

/// How far back plots go, and how many values they have at most.
const PLOTTED_MS: u64 = 24 * 3600 * 1000;
const MAX_MEASURED: u32 = 3000;
/// Events and commands that are shown.
const SHOWN: u32 = 20;

#[derive(Debug, Serialize)]
struct Node {
    #[serde(flatten)]
    row: NodeRow,
    name: String,
    groups: Vec<String>,
    documents: Vec<Document>,
    plots: Vec<Plot>,
    gaps: u64,
    audit: Option<(u64, u64)>,
}

/// What is wanted of a document and what is so.
#[derive(Debug, Serialize)]
struct Document {
    name: String,
    wanted: Option<u64>,
    reported: Option<ReportedRow>,
    /// `good` where what is wanted is in effect, `bad` where it failed, `busy` before.
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct Told {
    place: String,
    happened_ms: u64,
    name: String,
    fields: String,
}

/// What the page shows.
pub(super) async fn values(hq: &Hq, tenant: &Label, store: &StoreName) -> Result<Value, HqError> {
    let row = hq.registry().store(tenant, store).await?;
    let mut reported = hq.reported(tenant, store.as_str()).await?;
    let (mut nodes, mut events, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for node in row.nodes {
        let place: Place = node.place.parse()?;
        let own = reported.remove(&node.place).unwrap_or_default();
        events.extend(hq.events(&page(&place)).await?.into_iter().map(told));
        commands.extend(hq.commands(tenant, Some(&place), SHOWN).await?);
        nodes.push(of_node(hq, node, &place, own).await?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.happened_ms));
    events.truncate(SHOWN as usize);
    let (name, title) = (row.name, row.title);
    Ok(context! { name, title, nodes, events, commands, width => WIDTH, height => HEIGHT })
}

fn page(place: &Place) -> Page {
    Page { tenant: place.tenant.clone(), place: Some(place.clone()), before: None, limit: SHOWN }
}

async fn of_node(
    hq: &Hq,
    row: NodeRow,
    place: &Place,
    reported: Vec<ReportedRow>,
) -> Result<Node, HqError> {
    let since = now().0.saturating_sub(PLOTTED_MS);
    let measured = hq.measured(place, since, MAX_MEASURED).await?;
    let gaps = hq.gaps(&page(place)).await?;
    let heads = hq.audit_heads(&page(place)).await?;
    let groups = hq.registry().groups_of(place).await?;
    let wanted = hq.desired_of(place).await?;
    let wanted = wanted.into_iter().map(|pointer| (pointer.document.to_string(), pointer.version));
    Ok(Node {
        name: place.node.to_string(),
        groups: groups.iter().map(Label::to_string).collect(),
        documents: documents(wanted.collect(), reported),
        plots: plots(&measured),
        gaps: gaps.iter().map(|gap| gap.last.saturating_sub(gap.first) + 1).sum(),
        audit: heads.first().map(|head| (head.last, head.loose_blocks)),
        row,
    })
}

fn documents(wanted: Vec<(String, u64)>, mut reported: Vec<ReportedRow>) -> Vec<Document> {
    let mut all: Vec<Document> = wanted
        .into_iter()
        .map(|(name, version)| {
            let at = reported.iter().position(|row| row.document == name);
            let found = at.map(|at| reported.remove(at));
            let state = state(Some(version), found.as_ref());
            Document { name, wanted: Some(version), reported: found, state }
        })
        .collect();
    all.extend(reported.into_iter().map(|row| Document {
        name: row.document.clone(),
        wanted: None,
        state: state(None, Some(&row)),
        reported: Some(row),
    }));
    all
}

fn state(wanted: Option<u64>, found: Option<&ReportedRow>) -> &'static str {
    match (wanted, found) {
        (_, Some(row)) if row.failure.is_some() => "bad",
        (_, Some(row)) if matches!(row.stage.as_str(), "reverted" | "refused") => "bad",
        (Some(version), Some(row)) if row.applied == Some(version) => "good",
        (None, Some(row)) if row.stage == "committed" => "good",
        _ => "busy",
    }
}

fn told(event: EventRow) -> Told {
    let fields: std::collections::BTreeMap<String, serde_json::Value> =
        serde_json::from_str(event.fields.get()).unwrap_or_default();
    let shown = fields.iter().map(|(name, value)| format!("{name} {value}"));
    Told {
        place: event.place,
        happened_ms: event.happened_ms,
        name: event.name,
        fields: shown.collect::<Vec<_>>().join(", "),
    }
}
