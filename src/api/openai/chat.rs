//! `POST /v1/chat/completions`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::answers::Answers;
use super::chat_request::{ChatRequest, Form as Delivery};
use super::chat_response::{ChatCompletion, ChatTranscript};
use super::events;
use super::plan::fresh_seed;
use super::usage::Label;
use crate::api::error::{no_template, of_constraint, of_engine, of_template};
use crate::api::json::Asked;
use crate::api::service::{ServedModel, Service};
use crate::engine::{Constraint, Form, Request, TokenId};
use crate::http::{Problem, RequestId};
use crate::skills::chat::Message;

/// The field that errors of the prompt name.
const PROMPT: &str = "messages";

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    id: Option<Extension<RequestId>>,
    Asked(request): Asked<ChatRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let chat = request.check(&service.limits)?;
    let served = service.language(&chat.model).await?;
    chat.plan.check_tokens(served.model.tokenizer().vocabulary())?;
    let prompt = prompt_tokens(&service, &served, chat.messages, deadline).await?;
    let seed = fresh_seed()?;
    let constraint = constraint(&service, &served, chat.shape, deadline).await?;
    let requests = chat.plan.requests(&prompt, &served.defaults, &service.limits, seed, deadline);
    let requests =
        requests.into_iter().map(|r| Request { constraint: constraint.clone(), ..r }).collect();
    let refused = |error| of_engine(error, PROMPT);
    let answers = Answers::start(&served.model, requests, deadline).map_err(refused)?;
    let label = Label::new("chatcmpl", &served)?;
    let with_logprobs = chat.logprobs.is_some();
    match chat.form {
        Delivery::Whole => {
            let answers = answers.collect().await.map_err(refused)?;
            Ok(Json(ChatCompletion::of(label, answers, with_logprobs)).into_response())
        }
        Delivery::Stream { include_usage } => {
            let transcript = ChatTranscript::new(label, chat.plan.n, with_logprobs, include_usage);
            Ok(events::respond(answers, transcript, id.map(|Extension(id)| id), PROMPT))
        }
    }
}

/// The form that the answer must have, ready for this model.
async fn constraint(
    service: &Service,
    served: &Arc<ServedModel>,
    shape: Option<Form>,
    deadline: Instant,
) -> Result<Option<Constraint>, Problem> {
    let Some(shape) = shape else { return Ok(None) };
    let served = Arc::clone(served);
    let work = move || served.model.constrain(&shape).map(Some).map_err(of_constraint);
    // However short, a form may take milliseconds.
    service.prepare(usize::MAX, deadline, work).await
}

async fn prompt_tokens(
    service: &Service,
    served: &Arc<ServedModel>,
    messages: Vec<Message>,
    deadline: Instant,
) -> Result<Vec<TokenId>, Problem> {
    let bytes = messages.iter().map(|message| message.content.len()).sum();
    let served = Arc::clone(served);
    let work = move || {
        let template = served.template.as_ref().ok_or_else(|| no_template(&served.name))?;
        let tokenizer = served.model.tokenizer();
        let text = template.prompt(&messages, |typed| tokenizer.guard(typed));
        let text = text.map_err(of_template)?;
        tokenizer.encode(&text, true).map_err(|error| of_engine(error, PROMPT))
    };
    service.prepare(bytes, deadline, work).await
}
