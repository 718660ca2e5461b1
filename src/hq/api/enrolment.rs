//! Claims, certificates, and the next ones.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::documents::{field, wrong};
use super::service::Service;
use crate::hq::enrolment::ClaimRow;
use crate::http::Problem;
use crate::identity::Request;
use crate::protocol::Place;

/// How long a claim waits where nothing is said.
const LIFE_S: u64 = 24 * 3600;

/// A box that may enrol.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClaim {
    /// The store.
    store: String,
    /// The box.
    node: String,
    /// Seconds until the claim is worthless; one day without, 30 days at most.
    expires_in_s: Option<u64>,
}

/// Claims.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Claims {
    data: Vec<ClaimRow>,
}

pub(super) async fn claims(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.claims(&call.tenant()?).await?;
    Ok(Json(Claims { data }).into_response())
}

pub(super) async fn add_claim(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let asked: NewClaim = call.json(service.body).await?;
    let (store, node) = (field("store", &asked.store)?, field("node", &asked.node)?);
    let life_ms = asked.expires_in_s.unwrap_or(LIFE_S).saturating_mul(1000);
    let claim = service.hq.add_claim(&actor, &Place { tenant, store, node }, life_ms).await?;
    Ok(Json(claim).into_response())
}

pub(super) async fn enrol(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let Request { claim, request, proof } = call.json(service.body).await?;
    if proof.is_some() {
        return Err(wrong("proof", "a box that enrols has no old key to prove anything with"));
    }
    let claim = claim.ok_or_else(|| wrong("claim", "it must be there"))?;
    Ok(Json(service.hq.enrol(&claim, &request).await?).into_response())
}

pub(super) async fn renew(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let place = call.node()?.clone();
    let Request { claim, request, proof } = call.json(service.body).await?;
    if claim.is_some() {
        return Err(wrong("claim", "a node that renews needs none"));
    }
    let proof = proof.ok_or_else(|| wrong("proof", "it must be there"))?;
    Ok(Json(service.hq.renew(&place, &request, &proof).await?).into_response())
}
