//! A request for how a text goes on: as written, and checked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::chat_request::{Form, StreamOptions, check_form};
use super::fields::{LogitBias, Object, Prompts, Refused, Texts};
use super::plan::{Knobs, Plan, whole};
use crate::api::error::{over_limit, unsupported};
use crate::api::service::Limits;
use crate::http::Problem;

/// Tokens of an answer where the request does not say, as OpenAI has it.
const DEFAULT_MAX_TOKENS: i64 = 16;

/// `POST /v1/completions`, as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct CompletionRequest {
    /// One of those that `/v1/models` lists.
    model: String,
    /// A text, texts, tokens or lists of tokens.
    prompt: Prompts,
    /// Begin each choice with its prompt. Not with `logprobs`.
    echo: Option<bool>,
    /// Only the value of `n`.
    best_of: Option<i64>,
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
    /// Choices for each prompt.
    n: Option<i64>,
    /// Texts that end the answer and are not part of it.
    stop: Option<Texts>,
    /// Tokens of the answer at most; 16 without it.
    max_tokens: Option<i64>,
    /// Report log-probabilities with this many alternatives.
    logprobs: Option<i64>,
    /// Answer by server-sent events.
    stream: Option<bool>,
    /// Only with `stream`.
    #[schemars(with = "Option<StreamOptions>")]
    stream_options: Option<Object<StreamOptions>>,
    /// Where the model is an alias of several packages: the same user gets the same one.
    user: Option<String>,
    #[serde(rename = "suffix")]
    #[schemars(skip)]
    _suffix: Option<Refused>,
}

/// A completion that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Continuation {
    pub(super) model: String,
    pub(super) user: Option<String>,
    pub(super) prompts: Prompts,
    pub(super) echo: bool,
    pub(super) plan: Plan,
    pub(super) logprobs: Option<u8>,
    pub(super) form: Form,
}

impl CompletionRequest {
    pub(super) fn check(self, limits: &Limits) -> Result<Continuation, Problem> {
        if self.best_of.is_some() && self.best_of != Some(self.n.unwrap_or(1)) {
            return Err(unsupported("best_of", "only the value of n is supported here"));
        }
        let max = limits.max_top_logprobs.min(usize::from(u8::MAX)) as i64;
        let logprobs = whole("logprobs", self.logprobs, 0..=max)?.map(|top| top as u8);
        let echo = self.echo.unwrap_or(false);
        if echo && logprobs.is_some() {
            let why = "log-probabilities of prompts are not computed; leave logprobs out";
            return Err(unsupported("echo", why));
        }
        let plan = Plan::check(&self.knobs(logprobs), limits)?;
        let form = check_form(self.stream, self.stream_options.as_ref())?;
        check_prompts(&self.prompt, plan.n, limits)?;
        let (model, user, prompts) = (self.model, self.user, self.prompt);
        Ok(Continuation { model, user, prompts, echo, plan, logprobs, form })
    }

    fn knobs(&self, logprobs: Option<u8>) -> Knobs<'_> {
        Knobs {
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
            max_tokens: Some(("max_tokens", self.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS))),
            logprobs,
        }
    }
}

impl Prompts {
    /// How many.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.len(),
            Self::Tokens(lists) => lists.len(),
        }
    }

    /// Size on the whole.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Texts(texts) => texts.iter().map(String::len).sum(),
            Self::Tokens(lists) => lists.iter().map(|tokens| size_of_val(tokens.as_slice())).sum(),
        }
    }
}

fn check_prompts(prompts: &Prompts, n: usize, limits: &Limits) -> Result<(), Problem> {
    let choices = prompts.count() * n;
    if choices > limits.max_n {
        return Err(over_limit(
            "prompt",
            choices,
            "choices (prompts times n)",
            limits.max_n,
            "max_n",
        ));
    }
    if prompts.bytes() > limits.max_prompt_bytes {
        let limit = limits.max_prompt_bytes;
        return Err(over_limit("prompt", prompts.bytes(), "bytes", limit, "max_prompt_bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::json::parse;

    fn ask(extra: &Value) -> Result<Continuation, Problem> {
        let mut body = json!({ "model": "tiny", "prompt": "Once" });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        parse::<CompletionRequest>(body.to_string().as_bytes())?.check(&Limits::default())
    }

    #[test]
    fn what_the_clients_send_is_understood() {
        for extra in [
            json!({}),
            json!({ "prompt": ["a", "b"], "n": 4 }),
            json!({ "prompt": [1, 2, 3] }),
            json!({ "prompt": [[1], [2]], "logprobs": 5 }),
            json!({ "echo": true, "best_of": 1, "suffix": null }),
            json!({ "n": 2, "best_of": 2, "echo": false, "logprobs": 0 }),
        ] {
            assert!(ask(&extra).is_ok(), "{extra}: {:?}", ask(&extra));
        }
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        for (extra, param) in [
            (json!({ "suffix": "end" }), "suffix"),
            (json!({ "best_of": 3 }), "best_of"),
            (json!({ "echo": true, "logprobs": 1 }), "echo"),
            (json!({ "logprobs": 21 }), "logprobs"),
            (json!({ "logprobs": true }), "logprobs"),
            (json!({ "max_tokens": 0 }), "max_tokens"),
            (json!({ "prompt": null }), "prompt"),
            (json!({ "prompt": [] }), "prompt"),
            (json!({ "prompt": [[1], ["a"]] }), "prompt[1][0]"),
            (json!({ "prompt": ["a", "b", "c"], "n": 3 }), "prompt"),
            (json!({ "prompt": "x".repeat((1 << 20) + 1) }), "prompt"),
            (json!({ "messages": [] }), "messages"),
        ] {
            let problem = ask(&extra).unwrap_err();
            assert_eq!(problem.body().param.as_deref(), Some(param), "{problem:?}");
        }
    }
}
