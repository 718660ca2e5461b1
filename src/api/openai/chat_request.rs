//! A request for the next message of a conversation: as written, and checked.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::fields::{Empty, LogitBias, Object, Refused, Said, Texts};
use super::plan::{Knobs, Plan, whole};
use super::response_format::ResponseFormat;
use crate::api::error::{over_limit, unsupported};
use crate::api::service::Limits;
use crate::engine;
use crate::http::Problem;
use crate::skills::chat::{Message, Role};

/// `POST /v1/chat/completions`, as written. Fields marked `Refused` are known and not honoured.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ChatRequest {
    /// One of those that `/v1/models` lists.
    model: String,
    /// The conversation so far.
    #[schemars(with = "Vec<ChatMessage>")]
    messages: Vec<Object<ChatMessage>>,
    /// 0 is greedy; up to 2.
    temperature: Option<f64>,
    /// Keep the smallest set of tokens with this probability.
    top_p: Option<f64>,
    /// Keep this many tokens; 0 keeps all. Not OpenAI's.
    top_k: Option<i64>,
    /// Keep tokens this share as probable as the best. Not OpenAI's.
    min_p: Option<f64>,
    /// Divide logits of tokens seen before; 1 is off. Not OpenAI's.
    repetition_penalty: Option<f64>,
    /// Subtracted once from tokens of the answer so far; -2 to 2.
    presence_penalty: Option<f64>,
    /// Subtracted per occurrence in the answer so far; -2 to 2.
    frequency_penalty: Option<f64>,
    /// Token ids to what is added to their logits, -100 to 100.
    logit_bias: Option<LogitBias>,
    /// Same seed, same request: same answer.
    seed: Option<i64>,
    /// Choices.
    n: Option<i64>,
    /// Texts that end the answer and are not part of it.
    stop: Option<Texts>,
    /// Tokens of the answer at most.
    max_tokens: Option<i64>,
    /// The same under its newer name.
    max_completion_tokens: Option<i64>,
    /// Report log-probabilities.
    logprobs: Option<bool>,
    /// Alternatives for each token.
    top_logprobs: Option<i64>,
    /// Answer by server-sent events.
    stream: Option<bool>,
    /// Only with `stream`.
    #[schemars(with = "Option<StreamOptions>")]
    stream_options: Option<Object<StreamOptions>>,
    /// What the answer must be.
    #[schemars(with = "Option<ResponseFormat>")]
    response_format: Option<Object<ResponseFormat>>,
    /// Only `["text"]`.
    modalities: Option<Vec<String>>,
    /// Only `false`.
    store: Option<bool>,
    /// Only `auto` and `default`.
    service_tier: Option<String>,
    /// Only an empty list.
    #[serde(rename = "tools")]
    #[schemars(with = "Option<Vec<Value>>")]
    _tools: Option<Empty>,
    /// Only `none` and `auto`, which choose nothing where there are no tools.
    tool_choice: Option<Value>,
    /// Used for nothing: there are no tools to call.
    #[serde(rename = "parallel_tool_calls")]
    _parallel_tool_calls: Option<bool>,
    /// Only an empty list.
    #[serde(rename = "functions")]
    #[schemars(with = "Option<Vec<Value>>")]
    _functions: Option<Empty>,
    /// Only `none` and `auto`.
    function_call: Option<Value>,
    /// Where the model is an alias of several packages: the same user gets the same one.
    user: Option<String>,
    /// Used for nothing.
    #[serde(rename = "safety_identifier")]
    _safety_identifier: Option<String>,
    #[serde(rename = "audio")]
    #[schemars(skip)]
    _audio: Option<Refused>,
    #[serde(rename = "prediction")]
    #[schemars(skip)]
    _prediction: Option<Refused>,
    #[serde(rename = "reasoning_effort")]
    #[schemars(skip)]
    _reasoning_effort: Option<Refused>,
    #[serde(rename = "verbosity")]
    #[schemars(skip)]
    _verbosity: Option<Refused>,
    #[serde(rename = "web_search_options")]
    #[schemars(skip)]
    _web_search_options: Option<Refused>,
    #[serde(rename = "metadata")]
    #[schemars(skip)]
    _metadata: Option<Refused>,
    #[serde(rename = "prompt_cache_key")]
    #[schemars(skip)]
    _prompt_cache_key: Option<Refused>,
    #[serde(rename = "prompt_cache_retention")]
    #[schemars(skip)]
    _prompt_cache_retention: Option<Refused>,
    #[serde(rename = "moderation")]
    #[schemars(skip)]
    _moderation: Option<Refused>,
}

/// One message, as written. The fields of an answer that is sent back pass where they are empty.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChatMessage {
    /// Who speaks.
    role: ChatRole,
    /// What is said.
    content: Said,
    #[serde(rename = "name")]
    #[schemars(skip)]
    _name: Option<Refused>,
    #[serde(rename = "refusal")]
    #[schemars(skip)]
    _refusal: Option<Refused>,
    #[serde(rename = "audio")]
    #[schemars(skip)]
    _audio: Option<Refused>,
    #[serde(rename = "annotations")]
    #[schemars(skip)]
    _annotations: Option<Empty>,
    #[serde(rename = "tool_calls")]
    #[schemars(skip)]
    _tool_calls: Option<Empty>,
    #[serde(rename = "tool_call_id")]
    #[schemars(skip)]
    _tool_call_id: Option<Refused>,
    #[serde(rename = "function_call")]
    #[schemars(skip)]
    _function_call: Option<Refused>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ChatRole {
    System,
    Developer,
    User,
    Assistant,
}

/// How to stream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct StreamOptions {
    /// Say at the end what the answer took.
    include_usage: Option<bool>,
    /// Only `false`.
    include_obfuscation: Option<bool>,
}

/// Whether and how to stream, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One JSON object.
    Whole,
    /// Events.
    Stream {
        /// Say at the end what the answer took.
        include_usage: bool,
    },
}

/// A chat that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chat {
    pub(super) model: String,
    pub(super) user: Option<String>,
    pub(super) messages: Vec<Message>,
    pub(super) plan: Plan,
    pub(super) logprobs: Option<u8>,
    pub(super) form: Form,
    /// What the answer must be.
    pub(super) shape: Option<engine::Form>,
    /// As it was written; it chooses nothing where there are no tools.
    pub(super) tool_choice: String,
}

impl ChatRequest {
    pub(super) fn check(self, limits: &Limits) -> Result<Chat, Problem> {
        self.check_fixed()?;
        let logprobs = self.check_logprobs(limits)?;
        let plan = Plan::check(&self.knobs(logprobs)?, limits)?;
        let form = check_form(self.stream, self.stream_options.as_ref())?;
        let shape = self.response_format.map(|format| format.0.check(limits)).transpose()?;
        let messages = check_messages(self.messages, limits)?;
        let (model, user, shape) = (self.model, self.user, shape.flatten());
        let tool_choice = self.tool_choice.map(|choice| choice.to_string()).unwrap_or_default();
        Ok(Chat { model, user, messages, plan, logprobs, form, shape, tool_choice })
    }

    /// Fields of which only the value passes that says what this server does anyway.
    fn check_fixed(&self) -> Result<(), Problem> {
        if !self.modalities.as_ref().is_none_or(|list| list.iter().eq(["text"])) {
            return Err(unsupported("modalities", "only [\"text\"] is supported here"));
        }
        for (field, value) in
            [("tool_choice", &self.tool_choice), ("function_call", &self.function_call)]
        {
            if !value.as_ref().is_none_or(|value| value == "none" || value == "auto") {
                return Err(unsupported(field, "only \"none\" and \"auto\" are supported here"));
            }
        }
        if self.store == Some(true) {
            return Err(unsupported("store", "nothing is kept here; only false is supported"));
        }
        match self.service_tier.as_deref() {
            None | Some("auto" | "default") => Ok(()),
            Some(_) => {
                Err(unsupported("service_tier", "only \"auto\" and \"default\" are supported here"))
            }
        }
    }

    fn check_logprobs(&self, limits: &Limits) -> Result<Option<u8>, Problem> {
        let asked = self.logprobs == Some(true);
        if self.top_logprobs.is_some() && !asked {
            let why = "it is only for requests with \"logprobs\": true";
            return Err(unsupported("top_logprobs", why));
        }
        let max = limits.max_top_logprobs.min(usize::from(u8::MAX)) as i64;
        let top = whole("top_logprobs", self.top_logprobs, 0..=max)?.unwrap_or(0);
        Ok(asked.then_some(top as u8))
    }

    fn knobs(&self, logprobs: Option<u8>) -> Result<Knobs<'_>, Problem> {
        let max_tokens = match (self.max_tokens, self.max_completion_tokens) {
            (Some(_), Some(_)) => {
                let why = "it is the same as max_completion_tokens; send one of them";
                return Err(unsupported("max_tokens", why));
            }
            (Some(count), None) => Some(("max_tokens", count)),
            (None, count) => count.map(|count| ("max_completion_tokens", count)),
        };
        Ok(Knobs {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.as_ref(),
            seed: self.seed,
            n: self.n,
            stop: self.stop.as_ref().map(|stop| stop.0.as_slice()),
            max_tokens,
            logprobs,
        })
    }
}

/// Whether and how to stream.
pub(super) fn check_form(
    stream: Option<bool>,
    options: Option<&Object<StreamOptions>>,
) -> Result<Form, Problem> {
    if options.is_some_and(|options| options.0.include_obfuscation == Some(true)) {
        return Err(unsupported(
            "stream_options.include_obfuscation",
            "only false is supported here",
        ));
    }
    match (stream.unwrap_or(false), options) {
        (false, None) => Ok(Form::Whole),
        (false, Some(_)) => {
            Err(unsupported("stream_options", "it is only for requests with \"stream\": true"))
        }
        (true, options) => {
            let include_usage =
                options.is_some_and(|options| options.0.include_usage == Some(true));
            Ok(Form::Stream { include_usage })
        }
    }
}

fn check_messages(
    messages: Vec<Object<ChatMessage>>,
    limits: &Limits,
) -> Result<Vec<Message>, Problem> {
    let count = messages.len();
    if count == 0 {
        return Err(Problem::invalid("messages is empty; at least one is needed")
            .param("messages")
            .code("invalid_value"));
    }
    if count > limits.max_messages {
        return Err(over_limit("messages", count, "entries", limits.max_messages, "max_messages"));
    }
    let mut total_bytes = 0;
    for (index, message) in messages.iter().enumerate() {
        let bytes = message.0.content.0.len();
        if bytes > limits.max_message_bytes {
            let field = format!("messages[{index}].content");
            let limit = limits.max_message_bytes;
            return Err(over_limit(&field, bytes, "bytes", limit, "max_message_bytes"));
        }
        total_bytes += bytes;
    }
    if total_bytes > limits.max_prompt_bytes {
        let limit = limits.max_prompt_bytes;
        return Err(over_limit("messages", total_bytes, "bytes", limit, "max_prompt_bytes"));
    }
    Ok(messages.into_iter().map(|message| Message::from(message.0)).collect())
}

impl From<ChatMessage> for Message {
    fn from(message: ChatMessage) -> Self {
        let role = match message.role {
            ChatRole::System | ChatRole::Developer => Role::System,
            ChatRole::User => Role::User,
            ChatRole::Assistant => Role::Assistant,
        };
        Self { role, content: message.content.0 }
    }
}

#[cfg(test)]
mod tests;
