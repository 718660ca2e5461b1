//! Packs of answers, and recalls.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::documents::{field, target_of, wrong};
use super::service::Service;
use crate::hq::packs::{Aim, PackRow, Wanted};
use crate::hq::recalls::{RecallRow, ReceiptRow};
use crate::http::{BodyLimits, Problem};
use crate::protocol::{Digest, Label};

const BODY: BodyLimits =
    BodyLimits { bytes: 16 << 10, timeout: std::time::Duration::from_secs(15) };

/// All packs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Packs {
    data: Vec<PackRow>,
}

/// A pack that is to be made.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPack {
    /// What it is called.
    name: String,
    /// SHA-256 of the exported file, which is an artefact here.
    source: String,
}

/// Where a pack is to be: one of target, store and all.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Aimed {
    /// `tenant/store/node` or `tenant/grp/group`.
    target: Option<String>,
    /// Every box of this store.
    store: Option<String>,
    /// Only `true`: every box.
    all: Option<bool>,
    /// The version that its author saw there, 0 for none; with another one there, nothing is done.
    over: Option<u64>,
}

/// What is wanted now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WantedNow {
    data: Vec<Wanted>,
}

/// All recalls.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Recalls {
    data: Vec<RecallRow>,
}

/// What boxes told of a recall.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Receipts {
    data: Vec<ReceiptRow>,
}

impl Aimed {
    fn aim(&self, tenant: &Label) -> Result<Aim, Problem> {
        match (&self.target, &self.store, self.all) {
            (Some(target), None, None) => Ok(Aim::Target(target_of(tenant, target)?)),
            (None, Some(store), None) => Ok(Aim::Store(field("store", store)?)),
            (None, None, Some(true)) => Ok(Aim::All),
            _ => Err(wrong("target", "name one of target, store and all")),
        }
    }
}

pub(super) async fn list(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.packs(&call.tenant()?).await?;
    Ok(Json(Packs { data }).into_response())
}

pub(super) async fn make(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let NewPack { name, source } = call.json(BODY).await?;
    let (name, source): (Label, Digest) = (field("name", &name)?, field("source", &source)?);
    // Whoever asked may go: what was taken in is finished.
    let hq = Arc::clone(&service.hq);
    let made = tokio::spawn(async move { hq.make_pack(&actor, &tenant, &name, source).await });
    Ok(Json(made.await.map_err(Problem::internal)??).into_response())
}

pub(super) async fn want(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant, epoch) = (call.actor()?.clone(), call.tenant()?, call.param("epoch")?);
    let aimed: Aimed = call.json(BODY).await?;
    let aim = aimed.aim(&tenant)?;
    let data = service.hq.want_pack(&actor, &tenant, epoch, &aim, aimed.over).await?;
    Ok(Json(WantedNow { data }).into_response())
}

pub(super) async fn roll_back(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let aimed: Aimed = call.json(BODY).await?;
    let aim = aimed.aim(&tenant)?;
    let data = service.hq.roll_back_pack(&actor, &tenant, &aim, aimed.over).await?;
    Ok(Json(WantedNow { data }).into_response())
}

pub(super) async fn recalls(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.recalls(&call.tenant()?).await?;
    Ok(Json(Recalls { data }).into_response())
}

pub(super) async fn receipts(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (tenant, catalogue): (Label, Label) = (call.tenant()?, call.param("catalogue")?);
    let recall: String = call.param("recall")?;
    let data = service.hq.receipts(&tenant, &catalogue, &recall).await?;
    Ok(Json(Receipts { data }).into_response())
}
