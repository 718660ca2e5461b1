//! `POST /v1/chat/completions`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::answers::{self, Answers, Whole};
use super::cached;
use super::chat_request::{Chat, ChatRequest, Form as Delivery};
use super::chat_response::{ChatCompletion, ChatTranscript};
use super::events;
use super::plan::fresh_seed;
use super::usage::{Label, Source};
use crate::api::answered;
use crate::api::error::{no_template, of_constraint, of_engine, of_failure, of_template};
use crate::api::json::Asked;
use crate::api::service::{ServedModel, Service};
use crate::api::shelf::Lent;
use crate::api::voice::tell;
use crate::cache::{self, Look};
use crate::engine::{Constraint, Form, Request, TokenId};
use crate::http::{Problem, RequestId};
use crate::privacy;
use crate::skills::chat::Message;

/// The field that errors of the prompt name.
const PROMPT: &str = "messages";

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    Asked(request): Asked<ChatRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let chat = request.check(&service.limits)?;
    let wanted = answered::wanted(&chat.model, &headers, chat.user.as_deref());
    let served = service.language(wanted).await?;
    chat.plan.check_tokens(served.model.tokenizer().vocabulary())?;
    let label = Label::new("chatcmpl-", &served);
    let (form, n, with_logprobs) = (chat.form, chat.plan.n, chat.logprobs.is_some());
    let name = served.name.clone();
    let answer = found_or_made(&service, served, &headers, chat, deadline).await?;
    let status = answer.status().clone();
    let source = Source::of(&status);
    let response = match form {
        Delivery::Whole => {
            let answers = whole(answer, n, deadline).await?;
            Json(ChatCompletion::of(label, answers, with_logprobs, source)).into_response()
        }
        Delivery::Stream { include_usage } => {
            let transcript = ChatTranscript::new(label, n, with_logprobs, include_usage, source);
            let answers = Answers::of_cache(answer, n, deadline);
            events::respond(answers, transcript, id.map(|Extension(id)| id), PROMPT)
        }
    };
    Ok(cached::told(answered::by(response, &name), &status))
}

/// What the cache has, or what the model says.
async fn found_or_made(
    service: &Service,
    served: Lent<ServedModel>,
    headers: &HeaderMap,
    chat: Chat,
    deadline: Instant,
) -> Result<cache::Answer, Problem> {
    let alike = chat.plan.request(&[], &served.defaults, &service.limits, 0, deadline);
    let dated = served.template.as_ref().is_some_and(|template| template.tells_time());
    let early = match dated {
        true => Some(prompt_tokens(service, &served, chat.messages.clone(), deadline).await?),
        false => None,
    };
    let blocked = service.blocked(&served);
    let asked =
        cached::Asked { chat: &chat, alike: &alike, prompt: early.as_deref(), blocked: &blocked };
    let ask = cached::ask(service, &served, headers, &asked);
    let ticket = match service.cache.look(ask).await {
        Look::Answer(answer) | Look::Stale(answer, _) => return Ok(answer),
        Look::Miss(ticket) if is_personal(service, &chat.messages, deadline).await => {
            ticket.past_the_cache()
        }
        Look::Miss(ticket) => ticket,
    };
    let prompt = match early {
        Some(tokens) => tokens,
        None => prompt_tokens(service, &served, chat.messages, deadline).await?,
    };
    let constraint = constraint(service, &served, chat.shape, deadline).await?;
    let seed = fresh_seed()?;
    let requests = chat.plan.requests(&prompt, &served.defaults, &service.limits, seed, deadline);
    let with = |request| Request { constraint: constraint.clone(), ..request };
    let requests: Vec<_> = requests.into_iter().map(with).collect();
    let generate = move || answers::generate(&served, requests.clone(), &blocked);
    ticket.make(Arc::new(generate)).map_err(|failure| of_failure(failure, PROMPT))
}

/// Whether there is personal data in what is said, as patterns tell it or, of what was said last, whoever
/// tags words. What was made of it is for nobody else.
async fn is_personal(service: &Service, messages: &[Message], deadline: Instant) -> bool {
    if messages.iter().any(|message| !privacy::find(&message.content).is_empty()) {
        return true;
    }
    match messages.last() {
        Some(last) => service.clerk.screen(&last.content, deadline).await.is_named(),
        None => false,
    }
}

/// All choices, at the end of the answer.
async fn whole(
    answer: cache::Answer,
    choices: usize,
    deadline: Instant,
) -> Result<Vec<Whole>, Problem> {
    if let Some(events) = answer.whole() {
        return Ok(answers::whole(events, choices));
    }
    let answers = Answers::of_cache(answer, choices, deadline).collect().await;
    answers.map_err(|failure| of_failure(failure, PROMPT))
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
        let text = text.map_err(|error| {
            tell(&served, &error);
            of_template(error)
        })?;
        tokenizer.encode(&text, true).map_err(|error| of_engine(error, PROMPT))
    };
    service.prepare(bytes, deadline, work).await
}
