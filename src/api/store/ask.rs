//! `POST /store/v1/ask`.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::skilled::{self, Backing, Delivery, ScopeName};
use crate::api::error::of_failure;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::{Identity, Problem, RequestId};
use crate::skills::ask;
use crate::skills::language::Language;

/// Bytes of a question.
const MAX_QUESTION_BYTES: usize = 2000;
/// The field that errors of the question name.
const QUESTION: &str = "question";

/// A question about the shop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct AskRequest {
    /// As somebody asks it.
    question: String,
    /// In which it is asked and to be answered; told from its words where it is left out.
    language: Option<Language>,
    /// Who may be given the same answer; `store` where it is left out.
    scope: Option<ScopeName>,
    /// Who asks, by a name of the caller's own: the answer is kept for them alone.
    shopper: Option<String>,
    /// Events instead of one answer.
    stream: Option<bool>,
    /// The model to be asked where facts alone do not answer.
    model: Option<String>,
}

/// An answer from the shop's facts.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct AskAnswer {
    answer: String,
    #[serde(flatten)]
    backing: Backing,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    id: Option<Extension<RequestId>>,
    Extension(asker): Extension<Option<Identity>>,
    headers: HeaderMap,
    Asked(request): Asked<AskRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let scope = skilled::scope(request.scope, request.shopper.as_deref())?;
    skilled::check_model(&service, request.model.as_deref())?;
    let asked = ask::Asked {
        question: skilled::text(QUESTION, request.question, MAX_QUESTION_BYTES)?,
        language: request.language,
        scope,
        model: request.model,
        wishes: skilled::wishes(&headers),
        deadline,
    };
    let stream = request.stream.unwrap_or_default();
    let delivery = Delivery { service, stream, id: id.map(|Extension(id)| id) };
    let make = |service: Arc<Service>, progress| {
        async move {
            let screened = service.clerk.screen(&asked.question, asked.deadline).await;
            let answer = service.clerk.ask(asked, &screened, progress).await;
            let answer = answer.map_err(|failure| of_failure(failure, QUESTION))?;
            let text = answer.text.clone();
            let about = ("ask", screened.text());
            let recorded = skilled::recorded(&service, asker.as_ref(), about, &answer);
            let backing = Backing::of(&answer, recorded);
            Ok((AskAnswer { answer: text.clone(), backing }, text, answer))
        }
        .boxed()
    };
    delivery.of(make).await
}
