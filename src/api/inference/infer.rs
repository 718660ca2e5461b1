//! `POST /v2/models/{model}/infer`.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::timeout_at;

use super::answer::{self, Answer};
use super::body::Framing;
use super::request::{Asked, InferRequest};
use super::target::Target;
use crate::api::error::{not_a_network, of_inference};
use crate::api::service::{Served, ServedNetwork, Service};
use crate::engine::{Array, InferError, Inference};
use crate::http::{BodyLimits, Problem, discard, read_body};
use crate::skills::heads::Head;

pub(in crate::api) async fn infer(
    State(service): State<Arc<Service>>,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let started = Instant::now();
    let deadline = started + service.request_timeout;
    // A model that is not there, or a body that is none, is told before the body is waited for.
    let (network, framing) = match find(&service, &target, &headers).await {
        Ok(found) => found,
        Err(problem) => {
            discard(body);
            return Err(problem);
        }
    };
    let limit_bytes = service.limits.max_tensor_bytes;
    let limits = BodyLimits { bytes: limit_bytes, timeout: service.body.timeout };
    let _held = service.tensor_memory.hold(framing.room(limit_bytes), limits.timeout).await?;
    let bytes = read_body(&headers, body, limits).await?;
    let mut request = read(&service, &network, framing, bytes, deadline).await?;
    let inference = request.inference(started, deadline);
    let computed = compute(&network, inference, deadline).await?;
    let bytes = computed.iter().map(|(_, array)| super::tensor::raw_bytes(array)).sum();
    let write = move || {
        let outputs = answer::outputs(&request, computed, labels(&network))?;
        let (model, version) = (network.name.clone(), network.version.clone());
        Answer { model, version, id: request.id, outputs }.respond()
    };
    service.prepare(bytes, deadline, write).await
}

/// The network that is asked, and what the headers say of the body.
async fn find(
    service: &Service,
    target: &Target,
    headers: &HeaderMap,
) -> Result<(Arc<ServedNetwork>, Framing), Problem> {
    match target.find(service).await? {
        Served::Network(network) => Ok((network, Framing::of(headers)?)),
        Served::Language(model) => Err(not_a_network(&model.name)),
    }
}

/// Makes a request of a body, off the async threads where it is large.
async fn read(
    service: &Service,
    network: &Arc<ServedNetwork>,
    framing: Framing,
    bytes: Vec<u8>,
    deadline: Instant,
) -> Result<InferRequest, Problem> {
    let (network, limit_bytes) = (Arc::clone(network), service.limits.max_tensor_bytes);
    let size = framing.room(bytes.len()).max(bytes.len());
    let work = move || {
        let body = framing.decode(bytes, limit_bytes)?;
        let (json, binary) = framing.split(&body)?;
        let asked = Asked { model: &network.name, version: &network.version };
        InferRequest::read(json, binary, asked)
    };
    service.prepare(size, deadline, work).await
}

/// The outputs, by the deadline. Dropping the future cancels what has not begun.
async fn compute(
    network: &ServedNetwork,
    inference: Inference,
    deadline: Instant,
) -> Result<Vec<(String, Array)>, Problem> {
    let end = inference.deadline.unwrap_or(deadline);
    let computed = timeout_at(end.into(), network.network.infer(inference)).await;
    computed.unwrap_or(Err(InferError::Deadline)).map_err(of_inference)
}

/// What the classes of a network are called, where it has a head for classes.
fn labels(network: &ServedNetwork) -> Option<&[String]> {
    match network.head.as_ref()? {
        Head::Classify(head) => Some(head.classes.labels.list()),
        Head::ClassifyText(head) => Some(head.classes.labels.list()),
        _ => None,
    }
}
