//! How a text goes on, whole and in parts.

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{Said, Whole};
use super::events::Transcript;
use super::logprobs::Logprobs;
use super::usage::{Finish, Label, Usage};
use crate::engine;

/// A whole answer, or one event of a streamed one.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Completion {
    id: String,
    object: &'static str,
    created: u64,
    model: String,
    choices: Vec<Choice>,
    system_fingerprint: String,
    /// Of a stream only where it was asked for: null, and in the last event what it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<Usage>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Choice {
    text: String,
    index: usize,
    logprobs: Option<Logprobs>,
    finish_reason: Option<Finish>,
}

/// What the answers to one request have in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) label: Label,
    pub(super) choices_per_prompt: usize,
    pub(super) with_logprobs: bool,
    /// For each choice, what it begins with.
    pub(super) echoes: Vec<String>,
}

impl Shape {
    fn completion(&self, choices: Vec<Choice>, usage: Option<Option<Usage>>) -> Completion {
        Completion {
            id: self.label.id.clone(),
            object: "text_completion",
            created: self.label.created,
            model: self.label.model.clone(),
            choices,
            system_fingerprint: self.label.system_fingerprint.clone(),
            usage,
        }
    }

    /// All answers, whole.
    pub(super) fn whole(&self, answers: &[Whole]) -> Completion {
        let usages: Vec<_> = answers.iter().map(Whole::usage).collect();
        let choice = |(index, answer): (usize, &Whole)| {
            let echo = self.echoes.get(index).map_or("", String::as_str);
            let logprobs = || Logprobs::of(&answer.tokens, &mut 0);
            Choice {
                text: format!("{echo}{}", answer.text),
                index,
                logprobs: self.with_logprobs.then(logprobs),
                finish_reason: answer.finish.map(|(reason, _)| reason),
            }
        };
        let choices = answers.iter().enumerate().map(choice).collect();
        self.completion(choices, Some(Some(Usage::of(&usages, self.choices_per_prompt))))
    }
}

/// Makes events of the chunks of completions.
pub(super) struct CompletionTranscript {
    shape: Shape,
    include_usage: bool,
    usages: Vec<Option<engine::Usage>>,
    offsets: Vec<usize>,
}

impl CompletionTranscript {
    pub(super) fn new(shape: Shape, choices: usize, include_usage: bool) -> Self {
        Self { shape, include_usage, usages: vec![None; choices], offsets: vec![0; choices] }
    }

    fn part(&self, choice: Choice) -> Completion {
        self.shape.completion(vec![choice], self.include_usage.then_some(None))
    }
}

impl Transcript for CompletionTranscript {
    type Part = Completion;

    fn begin(&mut self) -> Vec<Completion> {
        let echo = |(index, text): (usize, &String)| {
            let text = text.clone();
            self.part(Choice { text, index, logprobs: None, finish_reason: None })
        };
        self.shape.echoes.iter().enumerate().map(echo).collect()
    }

    fn push(&mut self, index: usize, said: Said) -> Vec<Completion> {
        let mut parts = Vec::new();
        if !said.text.is_empty() || !said.tokens.is_empty() {
            let logprobs = match self.offsets.get_mut(index) {
                Some(offset) if self.shape.with_logprobs => {
                    Some(Logprobs::of(&said.tokens, offset))
                }
                _ => None,
            };
            let text = said.text;
            parts.push(self.part(Choice { text, index, logprobs, finish_reason: None }));
        }
        if let Some((reason, usage)) = said.finish {
            if let Some(slot) = self.usages.get_mut(index) {
                *slot = Some(usage);
            }
            let finish_reason = Some(reason);
            let text = String::new();
            parts.push(self.part(Choice { text, index, logprobs: None, finish_reason }));
        }
        parts
    }

    fn end(&mut self) -> Vec<Completion> {
        let usage = Usage::of(&self.usages, self.shape.choices_per_prompt);
        let last = || self.shape.completion(Vec::new(), Some(Some(usage)));
        self.include_usage.then(last).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::answers::tests::chunks;
    use super::super::logprobs::example;
    use super::*;
    use crate::engine::FinishReason;

    fn shape(echoes: &[&str]) -> Shape {
        Shape {
            label: Label::example(),
            choices_per_prompt: 1,
            with_logprobs: false,
            echoes: echoes.iter().map(|&e| e.to_owned()).collect(),
        }
    }

    #[test]
    fn whole_answers_have_openais_form() {
        let usage = engine::Usage { prompt_tokens: 5, completion_tokens: 2, cached_tokens: 0 };
        let answer = Whole {
            text: " upon".into(),
            tokens: vec![example(b" upon", -0.5, &[(b" upon", -0.5)])],
            finish: Some((Finish::Length, usage)),
        };
        let with_logprobs = Shape { with_logprobs: true, ..shape(&["Once"]) };
        assert_eq!(
            serde_json::to_value(with_logprobs.whole(&[answer])).unwrap(),
            json!({
                "id": "x-1", "object": "text_completion", "created": 1, "model": "tiny",
                "choices": [{
                    "text": "Once upon", "index": 0,
                    "logprobs": {
                        "tokens": [" upon"], "token_logprobs": [-0.5],
                        "top_logprobs": [{ " upon": -0.5 }], "text_offset": [0],
                    },
                    "finish_reason": "length",
                }],
                "system_fingerprint": "fp_1",
                "usage": { "prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "prompt_tokens_details": { "cached_tokens": 0 } },
            })
        );
    }

    #[test]
    fn a_stream_is_echo_then_text_then_finish_then_usage() {
        let mut transcript = CompletionTranscript::new(shape(&["Once"]), 1, true);
        let mut parts = transcript.begin();
        for chunk in chunks(&[" upon", ""], FinishReason::Length) {
            parts.extend(transcript.push(0, chunk.into()));
        }
        parts.extend(transcript.end());
        let parts: Vec<Value> =
            parts.into_iter().map(|part| serde_json::to_value(part).unwrap()).collect();
        let texts: Vec<_> = parts.iter().map(|part| part["choices"][0]["text"].clone()).collect();
        assert_eq!(texts, [json!("Once"), json!(" upon"), json!(""), Value::Null]);
        assert_eq!(parts[2]["choices"][0]["finish_reason"], "length");
        assert!(parts[..3].iter().all(|part| part["usage"].is_null()));
        assert_eq!(parts[3]["usage"]["total_tokens"], 7);
    }
}
