//! One fact: `GET`, `PUT`, `PATCH` and `DELETE /store/v1/facts/{table}/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::FactEntry;
use super::key::{self, Fingerprint, Key};
use super::refusal::{Named, named, not_found, of_facts};
use crate::api::query::Query;
use crate::api::routes::QueryField;
use crate::api::service::Service;
use crate::facts::{
    Batch, Change, Fact, FactId, FactsError, Fault, Outcome, Revision, Source, Table, UnixSeconds,
};
use crate::http::{Identity, Problem, read_body, require_json};

/// Bytes of a write that an entry of the audit log has.
const MAX_AUDITED: usize = 1024;

/// As RFC 7396 calls it.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// The stamp of a write, for feeds that have one.
pub(in crate::api) const STAMP: &[QueryField] = &[
    QueryField {
        name: "version",
        about: "Stamp of the feed: the write counts only where it is newer than that of the last",
    },
    QueryField { name: "epoch", about: "Counts for more than the version; 0 where it is left out" },
];

/// What a write did to a fact.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct FactWritten {
    table: Table,
    id: String,
    outcome: Outcome,
    /// The store's revision behind the write.
    revision: Revision,
}

/// `GET`.
pub(in crate::api) async fn show(
    State(service): State<Arc<Service>>,
    path: Named,
) -> Result<Json<FactEntry>, Problem> {
    let id = named(path)?;
    let held = service.facts.get(&id).ok_or_else(|| not_found(&id))?;
    Ok(Json(held.into()))
}

/// `PUT`.
pub(in crate::api) async fn put(
    State(service): State<Arc<Service>>,
    path: Named,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(&service, path, request).await?;
    require_json(&asked.parts.headers)?;
    let invalid = |fault| FactsError::Invalid { id: asked.id.clone(), fault };
    let fact = Fact::parse(asked.id.table, &asked.body).map_err(invalid);
    let fact = fact.map_err(|error| of_facts(&service, error))?;
    let change = Change::Put { id: asked.id.id.clone(), fact, source: asked.source };
    asked.write(service, change).await
}

/// `PATCH`.
pub(in crate::api) async fn patch(
    State(service): State<Arc<Service>>,
    path: Named,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(&service, path, request).await?;
    let given = asked.parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if given.is_none_or(|given| !given.eq_ignore_ascii_case(MERGE_PATCH)) {
        require_json(&asked.parts.headers)?;
    }
    let patch = serde_json::from_slice(&asked.body).map_err(|error| {
        let fault = Fault::new("", error.to_string());
        of_facts(&service, FactsError::Invalid { id: asked.id.clone(), fault })
    })?;
    let change = Change::Patch { id: asked.id.clone(), patch, source: asked.source };
    asked.write(service, change).await
}

/// `DELETE`.
pub(in crate::api) async fn delete(
    State(service): State<Arc<Service>>,
    path: Named,
    request: Request,
) -> Result<Response, Problem> {
    let asked = Asked::read(&service, path, request).await?;
    if !asked.body.is_empty() {
        return Err(Problem::invalid("a DELETE has no body").code("invalid_value"));
    }
    let change = Change::Delete { id: asked.id.clone(), source: asked.source };
    asked.write(service, change).await
}

/// A write of one fact as it was asked for.
struct Asked {
    id: FactId,
    source: Option<Source>,
    parts: Parts,
    body: Vec<u8>,
}

impl Asked {
    async fn read(service: &Service, path: Named, request: Request) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let id = named(path)?;
        let source = stamp(parts.uri.query())?;
        let body = read_body(&parts.headers, body, service.body).await?;
        Ok(Self { id, source, parts, body })
    }

    async fn write(self, service: Arc<Service>, change: Change) -> Result<Response, Problem> {
        let mut fingerprint = Fingerprint::of(&self.parts);
        fingerprint.add(&self.body);
        let idempotency = Key::of(&self.parts)?.map(|key| key.with(fingerprint));
        let batch = Batch { changes: vec![change], idempotency };
        let asker = self.parts.extensions.get::<Option<Identity>>().and_then(Option::as_ref);
        let act = match &batch.changes[..] {
            [Change::Put { .. }] => "facts.put",
            [Change::Patch { .. }] => "facts.patch",
            _ => "facts.delete",
        };
        let mut about = vec![("fact", self.id.to_string().into())];
        if self.body.len() <= MAX_AUDITED {
            about.push(("body", String::from_utf8_lossy(&self.body).into()));
        }
        service.write_down(asker, act, about).await?;
        let facts = service.facts.clone();
        let written =
            tokio::task::spawn_blocking(move || facts.write(batch, UnixSeconds::now())).await;
        let written = written.map_err(Problem::internal)?;
        let written = written.map_err(|error| of_facts(&service, error))?;
        let FactId { table, id } = self.id;
        let outcome = written.last.unwrap_or(Outcome::Unchanged);
        let told = FactWritten { table, id: id.into(), outcome, revision: written.revision };
        let mut response = Json(told).into_response();
        key::mark(response.headers_mut(), &written);
        Ok(response)
    }
}

fn stamp(query: Option<&str>) -> Result<Option<Source>, Problem> {
    let query = Query::parse(query, STAMP)?;
    let number = |name| query.number(name, 0, u64::MAX, "a whole number");
    match (number("epoch")?, number("version")?) {
        (epoch, Some(version)) => Ok(Some(Source { epoch: epoch.unwrap_or(0), version })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            let message = "epoch: it needs `version` as well";
            Err(Problem::invalid(message).param("version").code("invalid_value"))
        }
    }
}
