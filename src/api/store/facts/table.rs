//! Tables: `GET /store/v1/facts` and `GET /store/v1/facts/{table}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use schemars::JsonSchema;
use serde::Serialize;

use super::FactEntry;
use super::refusal::table_of;
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::facts::{Revision, Table, TableStatus, UnixSeconds};
use crate::http::Problem;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

pub(in crate::api) const PAGE: &[QueryField] = &[
    QueryField { name: "after", about: "Facts behind this id; `next` of the page before" },
    QueryField { name: "limit", about: "Facts of a page: 1 to 1000, 100 where it is left out" },
];

/// Some facts of a table, in the order of their ids.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FactPage {
    facts: Vec<FactEntry>,
    /// What to give as `after` for the next page; null where this is the last.
    next: Option<String>,
}

/// All facts in a few numbers.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FactTables {
    /// Of the last change.
    revision: Revision,
    /// What all facts take, as it is counted against the limit.
    memory_bytes: usize,
    max_memory_bytes: usize,
    tables: Vec<FactTable>,
}

/// One table.
#[derive(Debug, Serialize, JsonSchema)]
struct FactTable {
    table: Table,
    facts: usize,
    /// When its feed was last heard of.
    heard: Option<UnixSeconds>,
    /// How long ago that is.
    age_s: Option<u64>,
    /// How long it may be before answers hedge.
    max_age_s: Option<u64>,
}

/// `GET /store/v1/facts`.
pub(in crate::api) async fn all(State(service): State<Arc<Service>>) -> Json<FactTables> {
    let (status, now) = (service.facts.status(), UnixSeconds::now());
    let table = |status: TableStatus| FactTable {
        table: status.table,
        facts: status.facts,
        heard: status.heard,
        age_s: status.heard.map(|heard| now.since(heard)),
        max_age_s: status.max_age.map(|age| age.as_secs()),
    };
    Json(FactTables {
        revision: status.revision,
        memory_bytes: status.memory_bytes,
        max_memory_bytes: service.facts.config().max_memory_bytes,
        tables: status.tables.map(table).into(),
    })
}

/// `GET /store/v1/facts/{table}`.
pub(in crate::api) async fn list(
    State(service): State<Arc<Service>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<FactPage>, Problem> {
    let Path(name) = path.map_err(|error| Problem::invalid(error.body_text()))?;
    let table = table_of(&name)?;
    let query = Query::parse(uri.query(), PAGE)?;
    let limit = query.number("limit", 1, MAX_LIMIT, "1 to 1000")?.unwrap_or(DEFAULT_LIMIT);
    let after = query.text("after").unwrap_or_default();
    // One more tells whether there is another page.
    let mut held = service.facts.list(table, after, limit + 1);
    let more = held.len() > limit;
    held.truncate(limit);
    let next = held.last().filter(|_| more).map(|last| last.id.id.to_string());
    Ok(Json(FactPage { facts: held.into_iter().map(FactEntry::from).collect(), next }))
}
