//! All stores as tiles.

use minijinja::{Value, context};
use serde::Serialize;

use crate::hq::clock::now;
use crate::hq::error::HqError;
use crate::hq::registry::StoreRow;
use crate::hq::rows::uint;
use crate::hq::service::Hq;
use crate::protocol::Label;

/// Tiles on one page; there is a next one.
const PER_PAGE: u32 = 240;
/// A box that was silent for longer is shown as silent, whatever it last said.
const SILENT_MS: u64 = 15 * 60 * 1000;

/// A store as a tile.
#[derive(Debug, Serialize)]
struct Tile {
    name: String,
    title: String,
    /// `good`, `busy`, `away`, `bad` or `new`.
    state: &'static str,
    /// The state in words.
    says: String,
    heard_ms: u64,
    boxes: Vec<Dot>,
    facts: Option<u64>,
    config: Option<u64>,
    bundle: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Dot {
    name: String,
    state: &'static str,
    says: String,
}

/// What a store's boxes report of one document, the least advanced of them.
struct Reported {
    store: String,
    document: String,
    stage: String,
    applied: Option<u64>,
}

/// What the page shows.
pub(super) async fn values(hq: &Hq, tenant: &Label, after: &str) -> Result<Value, HqError> {
    let registry = hq.registry();
    let stores = registry.stores(tenant, after, PER_PAGE).await?;
    let (total, presence) = registry.counts(tenant).await?;
    let reported = reported(hq, tenant, &stores).await?;
    let now_ms = now().0;
    let next = stores.last().filter(|_| stores.len() as u32 == PER_PAGE).map(|s| s.name.clone());
    let tiles: Vec<Tile> = stores.into_iter().map(|store| tile(store, &reported, now_ms)).collect();
    let count = |word: &str| {
        presence.iter().filter(|(known, _)| known == word).map(|(_, count)| count).sum::<u64>()
    };
    let catalogues = hq.catalogues(tenant).await?;
    Ok(context! {
        tiles, total, next, catalogues,
        online => count("online"),
        away => count("lost") + count("left"),
        never => count("never"),
    })
}

fn tile(store: StoreRow, reported: &[Reported], now_ms: u64) -> Tile {
    let boxes: Vec<Dot> = store
        .nodes
        .iter()
        .map(|node| {
            let silent = now_ms.saturating_sub(node.heard_ms) > SILENT_MS;
            let state = match node.presence.as_str() {
                "online" if silent => "busy",
                "online" => "good",
                "never" => "new",
                _ => "away",
            };
            let name = node.place.rsplit('/').next().unwrap_or_default().to_owned();
            Dot { name, state, says: node.presence.clone() }
        })
        .collect();
    let of = |document: &str| {
        reported.iter().filter(|row| row.store == store.name && row.document == document).collect()
    };
    let applied = |rows: Vec<&Reported>| rows.iter().filter_map(|row| row.applied).min();
    let bad = reported.iter().find(|row| {
        row.store == store.name && matches!(row.stage.as_str(), "reverted" | "refused")
    });
    let (state, says) = match (bad, boxes.iter().map(|b| b.state).collect::<Vec<_>>().as_slice()) {
        (Some(row), _) => ("bad", format!("{} {}", row.document, row.stage)),
        (None, []) => ("new", "no box yet".to_owned()),
        (None, states) if states.iter().all(|state| *state == "good") => {
            ("good", "on the line".to_owned())
        }
        (None, states) if states.iter().all(|state| *state == "new") => {
            ("new", "never heard of".to_owned())
        }
        (None, states) if states.iter().all(|state| *state == "busy") => {
            ("busy", "silent".to_owned())
        }
        (None, states) if states.contains(&"good") => ("busy", "partly on the line".to_owned()),
        (None, _) => ("away", "away".to_owned()),
    };
    Tile {
        heard_ms: store.nodes.iter().map(|node| node.heard_ms).max().unwrap_or(0),
        facts: applied(of("facts")),
        config: applied(of("config")),
        bundle: applied(of("bundle")),
        name: store.name,
        title: store.title,
        state,
        says,
        boxes,
    }
}

/// What boxes of these stores report; they are a part of all stores in the order of their names.
async fn reported(hq: &Hq, tenant: &Label, stores: &[StoreRow]) -> Result<Vec<Reported>, HqError> {
    let (Some(first), Some(last)) = (stores.first(), stores.last()) else { return Ok(Vec::new()) };
    let select = "SELECT n.store, r.document, r.stage, r.applied FROM reported r
         JOIN nodes n ON n.place = r.place
         WHERE n.tenant = $1 AND n.store >= $2 AND n.store <= $3 ORDER BY n.store";
    let rows: Vec<(String, String, String, Option<i64>)> = sqlx::query_as(select)
        .bind(tenant.as_str())
        .bind(&first.name)
        .bind(&last.name)
        .fetch_all(hq.database.reader())
        .await
        .map_err(HqError::database("reading what stores report"))?;
    let row = |(store, document, stage, applied): (String, String, String, Option<i64>)| Reported {
        store,
        document,
        stage,
        applied: applied.map(uint),
    };
    Ok(rows.into_iter().map(row).collect())
}
