//! `POST /store/v1/copy`.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::skilled::{self, Backing, Delivery, ScopeName};
use crate::api::error::of_failure;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Kind as Fault, Problem, RequestId};
use crate::skills::clerk::SkillError;
use crate::skills::copy::{CopyError, CopyOrder, Kind, Length, Tone};
use crate::skills::language::Language;

const MAX_SKU_BYTES: usize = 100;
const MAX_AUDIENCE_BYTES: usize = 200;
/// The field that errors of the product name.
const SKU: &str = "sku";

/// A text about a product.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CopyRequest {
    /// Of which product.
    sku: String,
    /// What is to be written.
    kind: Kind,
    /// In which language; English where it is left out.
    language: Option<Language>,
    /// How it sounds; `neutral` where it is left out.
    tone: Option<Tone>,
    /// How long it is; `short` where it is left out.
    length: Option<Length>,
    /// For whom it is, in a few words.
    audience: Option<String>,
    /// Who may be given the same text; `store` where it is left out.
    scope: Option<ScopeName>,
    /// Events instead of one answer.
    stream: Option<bool>,
    /// The model that writes.
    model: Option<String>,
}

/// A text about a product.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct CopyAnswer {
    text: String,
    #[serde(flatten)]
    backing: Backing,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    id: Option<Extension<RequestId>>,
    Extension(asker): Extension<Option<Identity>>,
    headers: HeaderMap,
    Asked(request): Asked<CopyRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    skilled::check_model(&service, request.model.as_deref())?;
    let audience = request.audience;
    let audience = audience.map(|text| skilled::text("audience", text, MAX_AUDIENCE_BYTES));
    let order = CopyOrder {
        sku: skilled::text(SKU, request.sku, MAX_SKU_BYTES)?,
        kind: request.kind,
        language: request.language.unwrap_or_default(),
        tone: request.tone.unwrap_or_default(),
        length: request.length.unwrap_or_default(),
        audience: audience.transpose()?,
        scope: skilled::scope(request.scope, None)?,
        model: request.model,
        wishes: skilled::wishes(&headers),
        deadline,
    };
    let stream = request.stream.unwrap_or_default();
    let delivery = Delivery { service, stream, id: id.map(|Extension(id)| id) };
    let make = |service: Arc<Service>, progress| {
        async move {
            let about = format!("{} of {}", order.kind.name(), order.sku);
            let answer = service.clerk.copy(order, progress).await.map_err(of_copy)?;
            let text = answer.text.clone();
            let about = ("copy", about.as_str());
            let recorded = skilled::recorded(&service, asker.as_ref(), about, &answer);
            let backing = Backing::of(&answer, recorded);
            Ok((CopyAnswer { text: text.clone(), backing }, text, answer))
        }
        .boxed()
    };
    delivery.of(make).await
}

fn of_copy(error: CopyError) -> Problem {
    let message = error.to_string();
    let (status, code) = match error {
        CopyError::Failed(failure) => return of_failure(failure, SKU),
        CopyError::Skill(SkillError::NoProduct { .. }) => {
            (StatusCode::NOT_FOUND, "product_not_found")
        }
        CopyError::Skill(SkillError::Recalled { .. }) => (StatusCode::CONFLICT, "recalled"),
        CopyError::Skill(SkillError::NotOnOffer { .. }) => (StatusCode::CONFLICT, "not_on_offer"),
    };
    Problem::new(status, Fault::InvalidRequestError, message).param(SKU).code(code)
}
