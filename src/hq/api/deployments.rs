//! Deployments.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::documents::{field, wrong};
use super::routes::{QueryField, forbidden};
use super::service::Service;
use crate::hq::acts::Actor;
use crate::hq::deployments::{Asked, DeploymentNodeRow, DeploymentRow, NodesPage, Reach};
use crate::hq::users::Role;
use crate::http::Problem;
use crate::protocol::Label;

pub(super) const AFTER: QueryField =
    QueryField { name: "after", about: "Boxes after this place; the last one of the page before" };
pub(super) const BEFORE: QueryField = QueryField {
    name: "before",
    about: "Deployments before this number; the last one of the page before",
};

/// A deployment that is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDeployment {
    /// Id or SHA-256 of a published bundle.
    bundle: String,
    /// For whom: `tenant` for all boxes, `tenant/store`, `tenant/store/node` or `tenant/grp/group`.
    target: String,
    /// Seconds that it may take once it has begun; without, as long as the bundle gives its boxes.
    within_s: Option<u64>,
    /// How many boxes may be bad before the rest is set back; 0 without.
    max_bad: Option<u64>,
    /// The newest deployment of the same target that its author saw, 0 for none; with another one
    /// there, nothing is done.
    over: Option<u64>,
    /// Approves it as well, which takes an approver.
    #[serde(default)]
    approve: bool,
}

/// What somebody decides about the deployment that they saw.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    /// The revision that they saw; with another one there, nothing is done.
    over: Option<u64>,
}

/// What the boxes of a deployment had is asked for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Back {
    /// Approves it as well, which takes an approver.
    #[serde(default)]
    approve: bool,
}

/// A page of deployments.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deployments {
    data: Vec<DeploymentRow>,
}

/// A page of boxes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Nodes {
    data: Vec<DeploymentNodeRow>,
    /// Ask for what is after this place; none at the end.
    next: Option<String>,
}

pub(super) async fn ask(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let new: NewDeployment = call.json(service.body).await?;
    let reach: Reach = field("target", &new.target)?;
    if *reach.tenant() != tenant {
        return Err(wrong("target", &format!("it does not belong to {tenant}")));
    }
    may_approve(&actor, new.approve)?;
    let asked = Asked {
        reach,
        bundle: new.bundle,
        within_s: new.within_s,
        max_bad: new.max_bad.unwrap_or(0),
        over: new.over,
    };
    let row = service.hq.ask(&actor, &asked).await?;
    approved(&service, &actor, &tenant, row, new.approve).await
}

fn may_approve(actor: &Actor, approve: bool) -> Result<(), Problem> {
    if approve && actor.role < Role::Approver {
        return Err(forbidden(actor.role, Role::Approver).param("approve"));
    }
    Ok(())
}

/// The second act, where one person does both.
async fn approved(
    service: &Service,
    actor: &Actor,
    tenant: &Label,
    row: DeploymentRow,
    approve: bool,
) -> Result<Response, Problem> {
    if !approve {
        return Ok(Json(row).into_response());
    }
    let row = service.hq.approve(actor, tenant, row.number, Some(row.revision)).await?;
    Ok(Json(row).into_response())
}

pub(super) async fn list(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let before = call.asked("before")?;
    let data = service.hq.deployments(&call.tenant()?, before, call.limit()?).await?;
    Ok(Json(Deployments { data }).into_response())
}

pub(super) async fn one(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let row = service.hq.deployment(&call.tenant()?, call.param("number")?).await?;
    Ok(Json(row).into_response())
}

pub(super) async fn nodes(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let after = call.asked::<String>("after")?.unwrap_or_default();
    let page = NodesPage { after, limit: call.limit()? };
    let data = service.hq.deployment_nodes(&call.tenant()?, call.param("number")?, &page).await?;
    let full = data.len() as u32 == page.limit;
    let next = data.last().filter(|_| full).map(|row| row.place.clone());
    Ok(Json(Nodes { data, next }).into_response())
}

pub(super) async fn approve(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant, number) = decision(&call)?;
    let Decided { over } = call.json(service.body).await?;
    Ok(Json(service.hq.approve(&actor, &tenant, number, over).await?).into_response())
}

pub(super) async fn cancel(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant, number) = decision(&call)?;
    let Decided { over } = call.json(service.body).await?;
    Ok(Json(service.hq.cancel(&actor, &tenant, number, over).await?).into_response())
}

pub(super) async fn revert(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant, number) = decision(&call)?;
    let Back { approve } = call.json(service.body).await?;
    may_approve(&actor, approve)?;
    let row = service.hq.ask_back(&actor, &tenant, number).await?;
    approved(&service, &actor, &tenant, row, approve).await
}

fn decision(call: &Call) -> Result<(Actor, Label, u64), Problem> {
    Ok((call.actor()?.clone(), call.tenant()?, call.param("number")?))
}
