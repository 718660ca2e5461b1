//! Chats and the cache of answers: what their answers depend on, and what their askers are told.

use std::time::Duration;

use axum::http::header::{AGE, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;

use super::chat_request::Chat;
use crate::api::service::{ServedModel, Service};
use crate::cache::{Ask, Key, KeyBuilder, Policy, Provenance, Scope, Status};
use crate::engine::{Form, Request, Sampling, TokenId};
use crate::skills::chat::{Message, Role};
use crate::skills::guard::Terms;

/// The route's name in settings, keys and metrics.
pub(in crate::api) const ROUTE: &str = "chat";
/// RFC 9211.
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
/// What one token of an answer takes while the answer is made, about.
const TOKEN_BYTES: usize = 160;
/// What each log-probability adds.
const LOGPROB_BYTES: usize = 56;

/// A chat and what else its answer depends on.
pub(super) struct Asked<'a> {
    pub(super) chat: &'a Chat,
    /// One of its requests, with an empty prompt and the chat's own seed.
    pub(super) alike: &'a Request,
    /// Where the prompt depends on more than the chat.
    pub(super) prompt: Option<&'a [TokenId]>,
    /// What may not be said.
    pub(super) blocked: &'a Terms,
}

/// A chat as the cache is asked for it.
pub(super) fn ask(
    service: &Service,
    served: &ServedModel,
    headers: &HeaderMap,
    asked: &Asked<'_>,
) -> Ask {
    let &Asked { chat, alike, .. } = asked;
    let drawn = alike.sampling.temperature > 0.0;
    let seed = chat.plan.seed().filter(|_| drawn);
    let mut policy = wishes(headers, service.cache.policy(ROUTE, &served.name));
    let fits = most_bytes(chat, alike) <= service.cache.max_answer_bytes();
    if (drawn && seed.is_none()) || !fits {
        policy = Policy::BYPASS;
    }
    let scope = Scope::Store;
    // What is not looked up needs no key.
    let key = if policy.write || policy.read {
        key(served, asked, seed, scope)
    } else {
        Key::from_bytes([0; 32])
    };
    let provenance = Provenance {
        route: ROUTE.to_owned(),
        model: served.name.clone(),
        model_digest: served.digest.clone(),
        seed,
        ..Provenance::default()
    };
    Ask { key, scope, policy, question: None, provenance, recipe: None }
}

/// Everything that changes the answer. The template is part of the package, and so of its digest.
fn key(served: &ServedModel, asked: &Asked<'_>, seed: Option<u64>, scope: Scope) -> Key {
    let &Asked { chat, alike, prompt, blocked } = asked;
    let builder = KeyBuilder::new(ROUTE)
        .field("model", &served.digest)
        .field("tool_choice", &chat.tool_choice)
        .field("blocked", blocked.digest())
        .list("messages", chat.messages.iter().flat_map(parts).collect::<Vec<_>>().into_iter())
        .optional("seed", seed.map(u64::to_le_bytes))
        .number("n", chat.plan.n as u64)
        .number("max_tokens", alike.max_tokens as u64)
        .list("stop", alike.stop.iter())
        .optional("logprobs", alike.logprobs.map(u8::to_le_bytes));
    let builder = match &chat.shape {
        None => builder.field("form", "text"),
        Some(Form::JsonSchema(schema)) => builder.field("form", format!("schema {schema}")),
        Some(Form::Regex(pattern)) => builder.field("form", format!("regex {pattern}")),
    };
    let prompt = prompt.map(|tokens| tokens.iter().flat_map(|t| t.to_le_bytes()).collect());
    sampling(builder, &alike.sampling).optional("prompt", prompt as Option<Vec<u8>>).finish(scope)
}

fn parts(message: &Message) -> [&str; 2] {
    let role = match message.role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    [role, &message.content]
}

fn sampling(builder: KeyBuilder, sampling: &Sampling) -> KeyBuilder {
    let biases = sampling.logit_bias.iter();
    let biases: Vec<[u8; 8]> = biases
        .map(|(token, bias)| {
            let mut pair = [0; 8];
            let (low, high) = pair.split_at_mut(4);
            low.copy_from_slice(&token.to_le_bytes());
            high.copy_from_slice(&bias.to_bits().to_le_bytes());
            pair
        })
        .collect();
    builder
        .float("temperature", sampling.temperature)
        .optional("top_k", sampling.top_k.map(u32::to_le_bytes))
        .float("top_p", sampling.top_p)
        .float("min_p", sampling.min_p)
        .float("repetition_penalty", sampling.repetition_penalty)
        .float("presence_penalty", sampling.presence_penalty)
        .float("frequency_penalty", sampling.frequency_penalty)
        .list("logit_bias", biases.into_iter())
}

/// The most that the answer can take while it is made.
fn most_bytes(chat: &Chat, alike: &Request) -> usize {
    let logprobs = alike.logprobs.map_or(0, |top| (usize::from(top) + 1) * LOGPROB_BYTES);
    let each = (TOKEN_BYTES + logprobs).saturating_mul(alike.max_tokens);
    each.saturating_mul(chat.plan.n)
}

/// What the request's `cache-control` leaves of a policy (RFC 9111, section 5.2.1).
pub(in crate::api) fn wishes(headers: &HeaderMap, policy: Policy) -> Policy {
    let values = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).fold(policy, |policy, directive| {
        let directive = directive.trim().to_ascii_lowercase();
        match directive.split_once('=') {
            None if directive == "no-store" => Policy { read: false, write: false, ..policy },
            None if directive == "no-cache" => Policy { read: false, ..policy },
            Some(("max-age", seconds)) => match seconds.trim_matches('"').parse() {
                Ok(seconds) => {
                    let wanted = Duration::from_secs(seconds);
                    let max_age = policy.max_age.map_or(wanted, |max| max.min(wanted));
                    Policy { max_age: Some(max_age), ..policy }
                }
                // A directive that makes no sense asks for the safe side.
                Err(_) => Policy { read: false, ..policy },
            },
            _ => policy,
        }
    })
}

/// Says in the response's head what the cache did.
pub(in crate::api) fn told(mut response: Response, status: &Status) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&status.to_string()) {
        headers.insert(CACHE_STATUS, value);
    }
    if let Some(age_s) = status.age_s() {
        headers.insert(AGE, HeaderValue::from(age_s));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_control_is_honoured() {
        let policy = Policy { max_age: Some(Duration::from_secs(100)), ..Policy::EXACT };
        let of = |values: &[&'static str]| {
            let value = |text: &&'static str| (CACHE_CONTROL, HeaderValue::from_static(text));
            wishes(&values.iter().map(value).collect(), policy)
        };
        let aged = |seconds| Policy { max_age: Some(Duration::from_secs(seconds)), ..policy };
        for (values, expected) in [
            (&[][..], policy),
            (&["no-store"], Policy { read: false, write: false, ..policy }),
            (&["No-Cache"], Policy { read: false, ..policy }),
            (&["no-transform, no-cache"], Policy { read: false, ..policy }),
            (&["no-transform", "no-store"], Policy { read: false, write: false, ..policy }),
            (&["max-age=10"], aged(10)),
            (&["max-age=0"], aged(0)),
            (&["max-age=1000"], aged(100)),
            (&["max-age=soon"], Policy { read: false, ..policy }),
            (&["only-if-cached"], policy),
        ] {
            assert_eq!(of(values), expected, "{values:?}");
        }
    }
}
