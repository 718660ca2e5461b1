//! What the server is, what its models take and give, and whether they are ready.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::target::{self, Target};
use crate::api::error::of_shelf;
use crate::api::service::Service;
use crate::api::shelf::Ports;
use crate::engine::{Dim, Port};
use crate::http::{Kind, Problem, Stage};

/// Extensions of the protocol by Triton's names, of which all is honoured.
const EXTENSIONS: [&str; 3] = ["binary_tensor_data", "classification", "statistics"];
/// As the protocol calls ONNX graphs.
const PLATFORM: &str = "onnx_onnxv1";

/// `$metadata_server_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ServerMetadata {
    name: &'static str,
    version: &'static str,
    extensions: [&'static str; 3],
}

/// `$live_server_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ServerLive {
    live: bool,
}

/// `$ready_server_response`. The protocol calls its field `live`, its clients read `ready`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ServerReady {
    live: bool,
    ready: bool,
}

/// `$ready_model_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ModelReady {
    name: String,
    ready: bool,
}

/// `$metadata_model_response`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ModelMetadata {
    name: String,
    versions: Vec<String>,
    platform: &'static str,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

/// `$metadata_tensor`.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct TensorMetadata {
    name: String,
    datatype: &'static str,
    /// −1 where a request chooses the length. An output whose number of axes depends on the input
    /// has one axis of −1.
    shape: Vec<i64>,
}

impl TensorMetadata {
    fn of(port: &Port) -> Self {
        let length = |dim: &Dim| match dim {
            Dim::Fixed(length) => i64::try_from(*length).unwrap_or(i64::MAX),
            Dim::Free(_) => -1,
        };
        let shape = match &port.dims {
            Some(dims) => dims.iter().map(length).collect(),
            None => vec![-1],
        };
        Self { name: port.name.clone(), datatype: port.element.name(), shape }
    }
}

/// `GET /v2`.
pub(in crate::api) async fn server() -> Json<ServerMetadata> {
    let version = env!("CARGO_PKG_VERSION");
    Json(ServerMetadata { name: "endcap", version, extensions: EXTENSIONS })
}

/// `GET /v2/health/live`: 200 as long as the process can answer at all.
pub(in crate::api) async fn live() -> Json<ServerLive> {
    Json(ServerLive { live: true })
}

/// `GET /v2/health/ready`: 200 when requests are answered, 503 before and after.
pub(in crate::api) async fn ready(
    State(service): State<Arc<Service>>,
) -> Result<Json<ServerReady>, Problem> {
    check_ready(&service)?;
    Ok(Json(ServerReady { live: true, ready: true }))
}

/// `GET /v2/models/{model}/ready`: whether it would be answered, which may have to load it first.
/// Asking this loads nothing.
pub(in crate::api) async fn model_ready(
    State(service): State<Arc<Service>>,
    target: Target,
) -> Result<Json<ModelReady>, Problem> {
    let shelved = target.look(&service).await?;
    check_ready(&service)?;
    if shelved.failure.is_some() {
        let why = format!("the model `{}` cannot be loaded just now", shelved.name);
        return Err(not_ready(why));
    }
    Ok(Json(ModelReady { name: shelved.name, ready: true }))
}

fn check_ready(service: &Service) -> Result<(), Problem> {
    let why = match service.health.stage() {
        Stage::Ready => return Ok(()),
        Stage::Starting => "models are being loaded",
        Stage::Draining => "the server is stopping",
    };
    Err(not_ready(why))
}

fn not_ready(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, Kind::OverloadedError, why).code("not_ready")
}

/// `GET /v2/models/{model}`. A language model takes tokens and gives logits. Asking this loads nothing:
/// of a model that is not in memory is told what its files declare.
pub(in crate::api) async fn model(
    State(service): State<Arc<Service>>,
    target: Target,
) -> Result<Json<ModelMetadata>, Problem> {
    let shelved = target.look(&service).await?;
    let Ports { inputs, outputs } = match target::loaded(&service, &shelved) {
        Some(served) => served.ports(),
        None => service.shelf.ports(&shelved.name).await.map_err(of_shelf)?,
    };
    Ok(Json(ModelMetadata {
        name: shelved.name,
        versions: vec![shelved.about.version],
        platform: PLATFORM,
        inputs: inputs.iter().map(TensorMetadata::of).collect(),
        outputs: outputs.iter().map(TensorMetadata::of).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ElementType;

    #[test]
    fn a_length_that_a_request_chooses_is_minus_one() {
        let port = |dims| Port { name: "x".into(), element: ElementType::Float16, dims };
        let fixed = port(Some(vec![Dim::Free("batch".into()), Dim::Fixed(3)]));
        let told = TensorMetadata::of(&fixed);
        assert_eq!((told.datatype, told.shape), ("FP16", vec![-1, 3]));
        assert_eq!(TensorMetadata::of(&port(None)).shape, [-1]);
        assert_eq!(TensorMetadata::of(&port(Some(vec![]))).shape, [0i64; 0]);
    }
}
