//! The next message of a conversation, whole and in parts.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{Said, Whole};
use super::events::Transcript;
use super::logprobs::ChatLogprobs;
use super::usage::{Finish, Label, Source, Usage};
use crate::engine;

/// There is one tier of service.
const TIER: &str = "default";
const ASSISTANT: &str = "assistant";

/// A whole answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ChatCompletion {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    choices: Vec<ChatChoice>,
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChatChoice {
    index: usize,
    message: AnswerMessage,
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<Finish>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AnswerMessage {
    role: &'static str,
    content: String,
    refusal: Option<String>,
    annotations: [(); 0],
}

impl ChatCompletion {
    pub(super) fn of(
        label: Label,
        answers: Vec<Whole>,
        with_logprobs: bool,
        source: Source,
    ) -> Self {
        let usages: Vec<_> = answers.iter().map(Whole::usage).collect();
        let usage = Usage::of(&usages, usages.len()).from(source);
        let choice = |(index, answer): (usize, Whole)| ChatChoice {
            index,
            logprobs: with_logprobs.then(|| ChatLogprobs::of(&answer.tokens)),
            finish_reason: answer.finish.map(|(reason, _)| reason),
            message: AnswerMessage {
                role: ASSISTANT,
                content: answer.text,
                refusal: None,
                annotations: [],
            },
        };
        Self {
            id: label.id,
            object: "chat.completion",
            created: label.created,
            model: label.model,
            choices: answers.into_iter().enumerate().map(choice).collect(),
            usage,
            service_tier: TIER,
            system_fingerprint: label.system_fingerprint,
        }
    }
}

/// One event of a streamed answer.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ChatCompletionChunk {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    choices: Vec<ChunkChoice>,
    service_tier: &'static str,
    system_fingerprint: String,
    /// Where it was asked for: null, and in the last chunk what the answer took.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ChunkChoice {
    index: usize,
    delta: Delta,
    logprobs: Option<ChatLogprobs>,
    finish_reason: Option<Finish>,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
struct Delta {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// Makes events of the chunks of a chat.
pub(super) struct ChatTranscript {
    label: Label,
    with_logprobs: bool,
    include_usage: bool,
    source: Source,
    usages: Vec<Option<engine::Usage>>,
}

impl ChatTranscript {
    pub(super) fn new(
        label: Label,
        n: usize,
        with_logprobs: bool,
        include_usage: bool,
        source: Source,
    ) -> Self {
        Self { label, with_logprobs, include_usage, source, usages: vec![None; n] }
    }

    fn part(&self, choices: Vec<ChunkChoice>, usage: Option<Usage>) -> ChatCompletionChunk {
        ChatCompletionChunk {
            id: self.label.id.clone(),
            object: "chat.completion.chunk",
            created: self.label.created,
            model: self.label.model.clone(),
            choices,
            service_tier: TIER,
            system_fingerprint: self.label.system_fingerprint.clone(),
            usage: self.include_usage.then_some(usage),
        }
    }

    fn choice(&self, choice: ChunkChoice) -> ChatCompletionChunk {
        self.part(vec![choice], None)
    }
}

impl Transcript for ChatTranscript {
    type Part = ChatCompletionChunk;

    fn begin(&mut self) -> Vec<ChatCompletionChunk> {
        let role = |index| {
            let delta = Delta { role: Some(ASSISTANT), content: Some(String::new()) };
            self.choice(ChunkChoice { index, delta, logprobs: None, finish_reason: None })
        };
        (0..self.usages.len()).map(role).collect()
    }

    fn push(&mut self, index: usize, said: Said) -> Vec<ChatCompletionChunk> {
        let mut parts = Vec::new();
        if !said.text.is_empty() || !said.tokens.is_empty() {
            let logprobs = self.with_logprobs.then(|| ChatLogprobs::of(&said.tokens));
            let delta = Delta { role: None, content: Some(said.text) };
            parts.push(self.choice(ChunkChoice { index, delta, logprobs, finish_reason: None }));
        }
        if let Some((reason, usage)) = said.finish {
            if let Some(slot) = self.usages.get_mut(index) {
                *slot = Some(usage);
            }
            let delta = Delta::default();
            let finish_reason = Some(reason);
            parts.push(self.choice(ChunkChoice { index, delta, logprobs: None, finish_reason }));
        }
        parts
    }

    fn end(&mut self) -> Vec<ChatCompletionChunk> {
        let usage = Usage::of(&self.usages, self.usages.len()).from(self.source);
        self.include_usage.then(|| self.part(Vec::new(), Some(usage))).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::answers::tests::chunks;
    use super::super::logprobs::example;
    use super::*;
    use crate::engine::FinishReason;

    fn stream(include_usage: bool) -> Vec<Value> {
        let mut transcript =
            ChatTranscript::new(Label::example(), 1, false, include_usage, Source::Made);
        let mut parts = transcript.begin();
        for chunk in chunks(&["Hel", "", "lo"], FinishReason::Stop) {
            parts.extend(transcript.push(0, chunk.into()));
        }
        parts.extend(transcript.end());
        parts.into_iter().map(|part| serde_json::to_value(part).unwrap()).collect()
    }

    #[test]
    fn a_stream_is_role_then_text_then_finish_then_usage() {
        let chunk = |delta: Value, finish: Value| {
            json!({
                "id": "x-1", "object": "chat.completion.chunk", "created": 1, "model": "tiny",
                "choices": [{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish }],
                "service_tier": "default", "system_fingerprint": "fp_1",
            })
        };
        let mut expected = vec![
            chunk(json!({ "role": "assistant", "content": "" }), Value::Null),
            chunk(json!({ "content": "Hel" }), Value::Null),
            chunk(json!({ "content": "lo" }), Value::Null),
            chunk(json!({}), json!("stop")),
        ];
        assert_eq!(stream(false), expected);
        for part in &mut expected {
            part["usage"] = Value::Null;
        }
        let mut last = expected[0].clone();
        last["choices"] = json!([]);
        last["usage"] = json!({ "prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8, "prompt_tokens_details": { "cached_tokens": 0 } });
        expected.push(last);
        assert_eq!(stream(true), expected);
    }

    #[test]
    fn whole_answers_have_openais_form() {
        let usage = engine::Usage { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 0 };
        let answer = Whole {
            text: "Hello".into(),
            tokens: vec![example(b"Hello", -0.5, &[])],
            finish: Some((Finish::Length, usage)),
        };
        let completion = ChatCompletion::of(Label::example(), vec![answer], true, Source::Made);
        assert_eq!(
            serde_json::to_value(completion).unwrap(),
            json!({
                "id": "x-1", "object": "chat.completion", "created": 1, "model": "tiny",
                "choices": [{
                    "index": 0,
                    "message": {
                        "role": "assistant", "content": "Hello", "refusal": null, "annotations": [],
                    },
                    "logprobs": { "content": [{
                        "token": "Hello", "logprob": -0.5, "bytes": [72, 101, 108, 108, 111],
                        "top_logprobs": [],
                    }], "refusal": null },
                    "finish_reason": "length",
                }],
                "usage": { "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_tokens_details": { "cached_tokens": 0 } },
                "service_tier": "default", "system_fingerprint": "fp_1",
            })
        );
    }

    #[test]
    fn streamed_is_whole() {
        let texts: String = stream(false)
            .iter()
            .filter_map(|part| part["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
            .collect();
        assert_eq!(texts, "Hello");
    }
}
