//! Tenants, stores, boxes, groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::operations::done;
use super::routes::QueryField;
use super::service::Service;
use crate::hq::documents::ReportedRow;
use crate::hq::registry::{GroupRow, NodeRow, StoreRow};
use crate::http::Problem;
use crate::protocol::{Label, Place, StoreName};

pub(super) const AFTER: QueryField =
    QueryField { name: "after", about: "Rows after this name; `next` of the page before" };

/// A name for people.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Titled {
    /// At most 128 characters; without, the name itself.
    #[serde(default)]
    title: String,
}

/// All tenants.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tenants {
    data: Vec<String>,
}

/// A page of stores.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Stores {
    data: Vec<StoreRow>,
    /// Where the next page begins; none at the end.
    next: Option<String>,
    /// How many stores there are.
    total: u64,
    /// How many boxes are in which state of presence.
    presence: BTreeMap<String, u64>,
}

/// All groups.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Groups {
    data: Vec<GroupRow>,
}

/// A store and all that is known of its boxes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StoreState {
    tenant: String,
    name: String,
    title: String,
    nodes: Vec<NodeState>,
}

/// A box, what is wanted of it and what is so.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NodeState {
    #[serde(flatten)]
    node: NodeRow,
    groups: Vec<String>,
    desired: Vec<WantedRow>,
    reported: Vec<ReportedRow>,
}

/// The newest version of a document that is wanted of a box.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WantedRow {
    document: String,
    version: u64,
    digest: String,
    issued_ms: u64,
}

pub(super) async fn tenants(service: Arc<Service>, _: Call) -> Result<Response, Problem> {
    let tenants = service.hq.registry().tenants().await?;
    Ok(Json(Tenants { data: tenants.iter().map(Label::to_string).collect() }).into_response())
}

pub(super) async fn set_tenant(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    service.hq.registry().add_tenant(call.actor()?, &call.tenant()?).await?;
    Ok(done())
}

pub(super) async fn stores(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (tenant, limit) = (call.tenant()?, call.limit()?);
    let after: String = call.asked("after")?.unwrap_or_default();
    let registry = service.hq.registry();
    let data = registry.stores(&tenant, &after, limit).await?;
    let full = data.len() as u64 >= u64::from(limit);
    let next = data.last().filter(|_| full).map(|store| store.name.clone());
    let (total, presence) = registry.counts(&tenant).await?;
    let presence = presence.into_iter().collect();
    Ok(Json(Stores { data, next, total, presence }).into_response())
}

pub(super) async fn store(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (tenant, store): (Label, StoreName) = (call.tenant()?, call.param("store")?);
    let hq = &service.hq;
    let row = hq.registry().store(&tenant, &store).await?;
    let mut reported = hq.reported(&tenant, store.as_str()).await?;
    let mut nodes = Vec::new();
    let StoreRow { tenant: owner, name, title, nodes: boxes, .. } = row;
    for node in boxes {
        let place: Place = node.place.parse().map_err(Problem::internal)?;
        let groups = hq.registry().groups_of(&place).await?;
        let desired = hq.desired_of(&place).await?.into_iter().map(|pointer| WantedRow {
            document: pointer.document.to_string(),
            version: pointer.version,
            digest: pointer.digest.to_string(),
            issued_ms: pointer.issued.0,
        });
        nodes.push(NodeState {
            groups: groups.iter().map(Label::to_string).collect(),
            desired: desired.collect(),
            reported: reported.remove(&node.place).unwrap_or_default(),
            node,
        });
    }
    Ok(Json(StoreState { tenant: owner, name, title, nodes }).into_response())
}

pub(super) async fn set_store(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let store: StoreName = call.param("store")?;
    let Titled { title } = call.json(service.body).await?;
    service.hq.registry().set_store(&actor, &tenant, &store, &title).await?;
    Ok(done())
}

pub(super) async fn set_node(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    service.hq.registry().add_node(call.actor()?, &call.place()?).await?;
    Ok(done())
}

pub(super) async fn revoke_node(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    service.hq.revoke_node(call.actor()?, &call.place()?).await?;
    Ok(done())
}

pub(super) async fn groups(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.registry().groups(&call.tenant()?).await?;
    Ok(Json(Groups { data }).into_response())
}

pub(super) async fn set_group(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let group: Label = call.param("group")?;
    let Titled { title } = call.json(service.body).await?;
    service.hq.registry().set_group(&actor, &tenant, &group, &title).await?;
    Ok(done())
}

pub(super) async fn join(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let registry = service.hq.registry();
    registry.join(call.actor()?, &call.place()?, &call.param("group")?).await?;
    Ok(done())
}

pub(super) async fn leave(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let registry = service.hq.registry();
    registry.leave(call.actor()?, &call.place()?, &call.param("group")?).await?;
    Ok(done())
}
