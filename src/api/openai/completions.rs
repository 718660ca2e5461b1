//! `POST /v1/completions`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::answers::Answers;
use super::chat_request::Form;
use super::completion_request::CompletionRequest;
use super::completion_response::{CompletionTranscript, Shape};
use super::events;
use super::fields::Prompts;
use super::plan::fresh_seed;
use super::usage::Label;
use crate::api::answered;
use crate::api::error::{of_engine, of_failure};
use crate::api::json::Asked;
use crate::api::service::{ServedModel, Service};
use crate::engine::TokenId;
use crate::http::{Problem, RequestId};

/// The field that errors of the prompt name.
const PROMPT: &str = "prompt";

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    id: Option<Extension<RequestId>>,
    headers: HeaderMap,
    Asked(request): Asked<CompletionRequest>,
) -> Result<Response, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let asked = request.check(&service.limits)?;
    let wanted = answered::wanted(&asked.model, &headers, asked.user.as_deref());
    let served = service.language(wanted).await?;
    let (plan, seed) = (asked.plan, fresh_seed()?);
    plan.check_tokens(served.model.tokenizer().vocabulary())?;
    let prompts = read_prompts(&service, &served, asked.prompts, deadline).await?;
    let requests = prompts
        .iter()
        .flat_map(|p| plan.requests(&p.tokens, &served.defaults, &service.limits, seed, deadline))
        .collect();
    let refused = |error| of_engine(error, PROMPT);
    let blocked = service.blocked(&served);
    let answers = Answers::start(&served, requests, &blocked, deadline).map_err(refused)?;
    let failed = |failure| of_failure(failure, PROMPT);
    let echoes = prompts.iter().flat_map(|p| std::iter::repeat_n(p.text(&served), plan.n));
    let shape = Shape {
        label: Label::new("cmpl-", &served),
        choices_per_prompt: plan.n,
        with_logprobs: asked.logprobs.is_some(),
        echoes: if asked.echo { echoes.collect() } else { Vec::new() },
    };
    let response = match asked.form {
        Form::Whole => {
            let answers = answers.collect().await.map_err(failed)?;
            Json(shape.whole(&answers)).into_response()
        }
        Form::Stream { include_usage } => {
            let choices = prompts.len() * plan.n;
            let transcript = CompletionTranscript::new(shape, choices, include_usage);
            events::respond(answers, transcript, id.map(|Extension(id)| id), PROMPT)
        }
    };
    Ok(answered::by(response, &served.name))
}

/// A prompt in both forms, the second where it came as text.
struct Prompt {
    tokens: Vec<TokenId>,
    text: Option<String>,
}

impl Prompt {
    fn text(&self, served: &ServedModel) -> String {
        self.text.clone().unwrap_or_else(|| served.model.tokenizer().decode(&self.tokens))
    }
}

async fn read_prompts(
    service: &Service,
    served: &Arc<ServedModel>,
    prompts: Prompts,
    deadline: Instant,
) -> Result<Vec<Prompt>, Problem> {
    let served = Arc::clone(served);
    let bytes = prompts.bytes();
    let work = move || {
        let encode = |text: String| {
            let mut tokens: Vec<TokenId> = served.begin.into_iter().collect();
            let encoded = served.model.tokenizer().encode(&text, true);
            tokens.extend(encoded.map_err(|error| of_engine(error, PROMPT))?);
            Ok(Prompt { tokens, text: Some(text) })
        };
        match prompts {
            Prompts::Texts(texts) => texts.into_iter().map(encode).collect(),
            Prompts::Tokens(lists) => {
                Ok(lists.into_iter().map(|tokens| Prompt { tokens, text: None }).collect())
            }
        }
    };
    service.prepare(bytes, deadline, work).await
}
