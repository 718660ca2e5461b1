//! OpenAI's API, as its official clients speak it.
//!
//! Every field is honoured or refused with its path; `null` is the same as absent. What needs a
//! word:
//!
//! | field | here |
//! |---|---|
//! | `temperature` `top_p` | honoured; without them the package's values, then 1 |
//! | `top_k` `min_p` `repetition_penalty` | our additions; `top_k: 0` keeps all tokens |
//! | `max_tokens` `max_completion_tokens` | one of them; completions take 16 without, as OpenAI's do |
//! | `n` | choice *i* has a seed derived from the request's; choice 0 is what `n: 1` gives |
//! | `seed` | any integer; without one the answer is drawn afresh |
//! | `stop` | a text or a list of them |
//! | `logprobs` `top_logprobs` | honoured, up to 20 alternatives |
//! | `logit_bias` | token ids to −100…100 |
//! | `messages[].role` | `system`, `developer` (the same), `user`, `assistant`; `tool` and `function` are refused |
//! | `messages[].content` | a text, or parts of type `text`, which are joined by line breaks; other parts are refused by type |
//! | `messages[].name` | refused: the templates do not show it to the model |
//! | `stream_options` | `include_usage`; `include_obfuscation` only as `false` |
//! | `response_format` | `text`, `json_object`, `json_schema`; and, our addition, `{"type": "regex", "regex": "…"}`. Kept to exactly, `strict` or not; the model is not told of it, so the messages should be |
//! | `modalities` | only `["text"]` |
//! | `store` | only `false`: nothing is kept |
//! | `service_tier` | only `auto` and `default`: there is one |
//! | `tool_choice` `function_call` | only `none` |
//! | `user` | where the model is an alias of several packages, one user gets one package; we keep no record of it |
//! | `safety_identifier` | taken and used for nothing: it names whom the caller serves |
//! | `best_of` | only where it equals `n` |
//! | `echo` | honoured, but not with `logprobs` |
//! | `tools` `functions` `parallel_tool_calls` `audio` `prediction` `reasoning_effort` `verbosity` `web_search_options` `metadata` `prompt_cache_key` `prompt_cache_retention` `moderation` `suffix` | refused |
//!
//! Chats whose answers are determined (temperature 0, or a seed) go through the cache of answers:
//! `Cache-Status` and `Age` say what it did, and a request's `cache-control` is honoured
//! (`no-store`, `no-cache`, `max-age`).
//!
//! Errors midway in a stream are an event `{"error": …}`, after which the stream ends without
//! `[DONE]`.

mod answers;
pub(super) mod cached;
pub(super) mod chat;
pub(super) mod chat_request;
pub(super) mod chat_response;
pub(super) mod completion_request;
pub(super) mod completion_response;
pub(super) mod completions;
pub(super) mod embedding_request;
pub(super) mod embeddings;
mod events;
pub(super) mod fields;
mod logprobs;
pub(super) mod models;
mod plan;
mod response_format;
mod usage;
mod withheld;
