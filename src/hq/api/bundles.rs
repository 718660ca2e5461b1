//! Bundles that can be deployed.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::call::Call;
use super::service::Service;
use crate::hq::bundles::BundleRow;
use crate::http::{BodyLimits, Problem};

/// The document of a bundle names every chunk of its files.
const BODY: BodyLimits = BodyLimits { bytes: 8 << 20, timeout: Duration::from_secs(30) };

/// A bundle to be known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewBundle {
    /// Its document, as `endcap hq bundle build` writes it. Its files must be here.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    contents: Box<RawValue>,
}

/// A page of bundles.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Bundles {
    data: Vec<BundleRow>,
}

pub(super) async fn publish(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let NewBundle { contents } = call.json(BODY).await?;
    let row = service.hq.publish_bundle(&actor, &tenant, contents.get()).await?;
    Ok(Json(row).into_response())
}

pub(super) async fn list(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let data = service.hq.bundles(&call.tenant()?, call.limit()?).await?;
    Ok(Json(Bundles { data }).into_response())
}
