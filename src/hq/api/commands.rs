//! Commands.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::call::Call;
use super::documents::{field, target_of};
use super::service::Service;
use crate::hq::commands::{CommandRow, Order};
use crate::http::Problem;
use crate::protocol::Fields;

/// How long a command waits where nothing is said.
const LIFE_S: u64 = 3600;

/// Something to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ordered {
    /// Which box, or all of a group: `tenant/store/node` or `tenant/grp/group`.
    target: String,
    /// What to do.
    name: String,
    /// With what: texts, whole numbers, `true` and `false`.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    arguments: Fields,
    /// Seconds that it may wait for a box that is away; 3600 without, 30 days at most.
    expires_in_s: Option<u64>,
}

/// The ids of what was given, one a box.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Given {
    ids: Vec<String>,
}

/// A page of commands.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Commands {
    data: Vec<CommandRow>,
}

pub(super) async fn give(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let (actor, tenant) = (call.actor()?.clone(), call.tenant()?);
    let ordered: Ordered = call.json(service.body).await?;
    let order = Order {
        target: target_of(&tenant, &ordered.target)?,
        name: field("name", &ordered.name)?,
        arguments: ordered.arguments,
        life_ms: ordered.expires_in_s.unwrap_or(LIFE_S).saturating_mul(1000),
    };
    let ids = service.hq.command(&actor, &order).await?;
    Ok(Json(Given { ids: ids.iter().map(ToString::to_string).collect() }).into_response())
}

pub(super) async fn list(service: Arc<Service>, call: Call) -> Result<Response, Problem> {
    let place = call.asked("place")?;
    let data = service.hq.commands(&call.tenant()?, place.as_ref(), call.limit()?).await?;
    Ok(Json(Commands { data }).into_response())
}
