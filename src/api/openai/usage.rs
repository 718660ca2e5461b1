//! Names and numbers that every answer carries.

use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::service::{ServedModel, unix_s};
use crate::cache::Status;
use crate::engine::{self, FinishReason};
use crate::http::fresh_id;

/// What an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub(in crate::api) struct Usage {
    pub(super) prompt_tokens: usize,
    pub(super) completion_tokens: usize,
    pub(super) total_tokens: usize,
    pub(super) prompt_tokens_details: PromptTokensDetails,
    /// Only of an answer that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) completion_tokens_details: Option<CompletionTokensDetails>,
}

/// What of the answers was there already. Not OpenAI's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub(in crate::api) struct CompletionTokensDetails {
    /// Tokens that need not be generated, as the answer was kept.
    pub(super) cached_tokens: usize,
}

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It was kept from an earlier one.
    Kept,
    /// It is made now.
    Made,
}

impl Source {
    pub(super) fn of(status: &Status) -> Self {
        if status.how.is_hit() { Self::Kept } else { Self::Made }
    }
}

/// What of the prompts was there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub(in crate::api) struct PromptTokensDetails {
    /// Tokens that need not be computed, as an earlier prompt began the same.
    pub(super) cached_tokens: usize,
}

impl Usage {
    /// All choices together. A prompt counts once, however many choices it has.
    pub(super) fn of(choices: &[Option<engine::Usage>], choices_per_prompt: usize) -> Self {
        let each = choices.iter().flatten();
        let completion_tokens = each.map(|usage| usage.completion_tokens).sum();
        let prompts = choices.chunks(choices_per_prompt.max(1));
        let first = prompts.filter_map(|same| same.iter().flatten().next());
        let (mut prompt_tokens, mut cached_tokens) = (0, 0);
        for usage in first {
            prompt_tokens += usage.prompt_tokens;
            cached_tokens += usage.cached_tokens;
        }
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens + completion_tokens,
            prompt_tokens_details: PromptTokensDetails { cached_tokens },
            completion_tokens_details: None,
        }
    }

    /// The same, where nothing of it had to be computed for an answer that was kept.
    pub(super) fn from(self, source: Source) -> Self {
        let (prompt, completion) = (self.prompt_tokens, self.completion_tokens);
        match source {
            Source::Made => self,
            Source::Kept => Self {
                prompt_tokens_details: PromptTokensDetails { cached_tokens: prompt },
                completion_tokens_details: Some(CompletionTokensDetails {
                    cached_tokens: completion,
                }),
                ..self
            },
        }
    }
}

/// Why a choice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Finish {
    Stop,
    Length,
    ContentFilter,
}

impl From<FinishReason> for Finish {
    fn from(reason: FinishReason) -> Self {
        match reason {
            FinishReason::Stop => Self::Stop,
            FinishReason::Length => Self::Length,
        }
    }
}

/// What is the same in every part of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
    pub(super) system_fingerprint: String,
}

impl Label {
    /// For a new answer; `prefix` tells chats from completions.
    pub(super) fn new(prefix: &str, model: &ServedModel) -> Self {
        Self {
            id: fresh_id::<14>(prefix),
            created: unix_s(SystemTime::now()),
            model: model.name.clone(),
            system_fingerprint: model.fingerprint(),
        }
    }

    #[cfg(test)]
    pub(super) fn example() -> Self {
        Self {
            id: "x-1".into(),
            created: 1,
            model: "tiny".into(),
            system_fingerprint: "fp_1".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;
    use crate::engine;

    #[test]
    fn a_prompt_counts_once_and_every_answer_counts() {
        let used = |prompt_tokens, completion_tokens| {
            Some(engine::Usage {
                prompt_tokens,
                completion_tokens,
                cached_tokens: prompt_tokens / 2,
            })
        };
        let usage = Usage::of(&[used(5, 1), used(5, 2), used(7, 3), used(7, 4)], 2);
        assert_eq!(
            (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
            (12, 10, 22)
        );
        assert_eq!(usage.prompt_tokens_details.cached_tokens, 5);
    }
}
