//! One store: its boxes, their documents, what they measured and told.

use minijinja::{Value, context};
use serde::Serialize;

use super::plot::{Group, HEIGHT, WIDTH, Window, groups};
use crate::hq::clock::now;
use crate::hq::documents::ReportedRow;
use crate::hq::error::HqError;
use crate::hq::history::{HistoryRow, Span};
use crate::hq::registry::NodeRow;
use crate::hq::service::Hq;
use crate::hq::told::{EventRow, Page};
use crate::protocol::{Label, Place, StoreName};

/// Measurements of the last hour that are looked at, as many as come one a second.
const MAX_MEASURED: u32 = 3600;
const HOUR_MS: u64 = 3600 * 1000;
/// How long after its first measurement a box is shown by the hour.
const NEW_MS: u64 = 3 * HOUR_MS;
/// Events and commands that are shown.
const SHOWN: u32 = 20;

#[derive(Debug, Serialize)]
struct Node {
    #[serde(flatten)]
    row: NodeRow,
    name: String,
    groups: Vec<String>,
    documents: Vec<Document>,
    groups_of_plots: Vec<Group>,
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

/// How far back plots go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    Hour,
    Day,
    Fortnight,
    Year,
}

impl Range {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Hour, "hour", "1 hour"),
        (Self::Day, "day", "24 hours"),
        (Self::Fortnight, "fortnight", "14 days"),
        (Self::Year, "year", "1 year"),
    ];

    /// That of an address; none where it has none that is known.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == name).map(|(range, ..)| range)
    }

    fn ms(self) -> u64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => 24 * HOUR_MS,
            Self::Fortnight => 14 * 24 * HOUR_MS,
            Self::Year => 365 * 24 * HOUR_MS,
        }
    }

    async fn rows(self, hq: &Hq, place: &Place, since_ms: u64) -> Result<Vec<HistoryRow>, HqError> {
        let span = match self {
            Self::Hour => return hq.newest_measured(place, since_ms, MAX_MEASURED).await,
            Self::Day => Span::Quarter,
            Self::Fortnight => Span::Watch,
            Self::Year => Span::Day,
        };
        hq.history(place, span, since_ms).await
    }
}

/// An hour for a store that has just begun, a day for others.
async fn usual_range(hq: &Hq, nodes: &[NodeRow], now_ms: u64) -> Result<Range, HqError> {
    for node in nodes {
        let since = now_ms.saturating_sub(Range::Day.ms());
        let rows = hq.history(&node.place.parse()?, Span::Quarter, since).await?;
        if rows.first().is_some_and(|row| row.from_ms < now_ms.saturating_sub(NEW_MS)) {
            return Ok(Range::Day);
        }
    }
    Ok(Range::Hour)
}

/// What the page shows.
pub(super) async fn values(
    hq: &Hq,
    tenant: &Label,
    store: &StoreName,
    range: Option<Range>,
) -> Result<Value, HqError> {
    let row = hq.registry().store(tenant, store).await?;
    let mut reported = hq.reported(tenant, store.as_str()).await?;
    let now_ms = now().0;
    let range = match range {
        Some(range) => range,
        None => usual_range(hq, &row.nodes, now_ms).await?,
    };
    let window = Window { from_ms: now_ms.saturating_sub(range.ms()), until_ms: now_ms };
    let (mut nodes, mut events, mut commands) = (Vec::new(), Vec::new(), Vec::new());
    for node in row.nodes {
        let place: Place = node.place.parse()?;
        let own = reported.remove(&node.place).unwrap_or_default();
        events.extend(hq.events(&page(&place)).await?.into_iter().map(told));
        commands.extend(hq.commands(tenant, Some(&place), SHOWN).await?);
        let rows = range.rows(hq, &place, window.from_ms).await?;
        nodes.push(of_node(hq, node, &place, own, groups(&rows, window)).await?);
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.happened_ms));
    events.truncate(SHOWN as usize);
    let (name, title) = (row.name, row.title);
    let ranges = Range::ALL.map(|(one, name, says)| context! { name, says, here => one == range });
    let (width, height) = (WIDTH, HEIGHT);
    Ok(context! { name, title, nodes, events, commands, ranges, width, height })
}

fn page(place: &Place) -> Page {
    Page { tenant: place.tenant.clone(), place: Some(place.clone()), before: None, limit: SHOWN }
}

async fn of_node(
    hq: &Hq,
    row: NodeRow,
    place: &Place,
    reported: Vec<ReportedRow>,
    groups_of_plots: Vec<Group>,
) -> Result<Node, HqError> {
    let gaps = hq.gaps(&page(place)).await?;
    let heads = hq.audit_heads(&page(place)).await?;
    let groups = hq.registry().groups_of(place).await?;
    let wanted = hq.desired_of(place).await?;
    let wanted = wanted.into_iter().map(|pointer| (pointer.document.to_string(), pointer.version));
    Ok(Node {
        name: place.node.to_string(),
        groups: groups.iter().map(Label::to_string).collect(),
        documents: documents(wanted.collect(), reported),
        groups_of_plots,
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
