//! `POST /v2/models/{model}/infer`.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::time::timeout_at;

use super::answer::{self, Answer};
use super::asked::AskedModel;
use super::body::Framing;
use super::request::{Asked, InferRequest};
use super::target::Target;
use crate::api::error::of_inference;
use crate::api::service::Service;
use crate::engine::{Array, InferError, Inference};
use crate::http::{BodyLimits, Problem, discard, read_body};

pub(in crate::api) async fn infer(
    State(service): State<Arc<Service>>,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let started = Instant::now();
    let deadline = started + service.request_timeout;
    // A model that is not there, or a body that is none, is told before the body is waited for.
    let (asked, framing) = match find(&service, &target, &headers).await {
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
    let mut request = read(&service, &asked, framing, bytes, deadline).await?;
    let inference = request.inference(started, deadline);
    let computed = compute(&asked, inference, deadline).await?;
    let bytes = computed.iter().map(|(_, array)| super::tensor::raw_bytes(array)).sum();
    let write = move || {
        let outputs = answer::outputs(&request, computed, asked.labels())?;
        let (model, version) = (asked.name().to_owned(), asked.version().to_owned());
        Answer { model, version, id: request.id, outputs }.respond()
    };
    service.prepare(bytes, deadline, write).await
}

/// The model that is asked, and what the headers say of the body.
async fn find(
    service: &Service,
    target: &Target,
    headers: &HeaderMap,
) -> Result<(AskedModel, Framing), Problem> {
    let lease = target.find(service).await?;
    Ok((AskedModel::of(lease), Framing::of(headers)?))
}

/// Makes a request of a body, off the async threads where it is large.
async fn read(
    service: &Service,
    asked: &AskedModel,
    framing: Framing,
    bytes: Vec<u8>,
    deadline: Instant,
) -> Result<InferRequest, Problem> {
    let (asked, limit_bytes) = (asked.clone(), service.limits.max_tensor_bytes);
    let size = framing.room(bytes.len()).max(bytes.len());
    let work = move || {
        let body = framing.decode(bytes, limit_bytes)?;
        let (json, binary) = framing.split(&body)?;
        let asked = Asked { model: asked.name(), version: asked.version() };
        InferRequest::read(json, binary, asked)
    };
    service.prepare(size, deadline, work).await
}

/// The outputs, by the deadline. Dropping the future cancels what has not begun.
async fn compute(
    asked: &AskedModel,
    inference: Inference,
    deadline: Instant,
) -> Result<Vec<(String, Array)>, Problem> {
    let end = inference.deadline.unwrap_or(deadline);
    let computed = timeout_at(end.into(), asked.infer(inference)).await;
    computed.unwrap_or(Err(InferError::Deadline)).map_err(of_inference)
}
