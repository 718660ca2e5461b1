//! Who sees what a model was asked and what it said, so that it can be asked again.

use std::sync::Arc;
use std::time::Instant;

use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::chat::{Message, Role};
use super::checks::Refused;
use super::voice::{Silence, Speaker, Utterance, Voice};
use crate::engine::{Form, Sampling, Scope};
use crate::facts::{Name, Revision};
use crate::shoppers::SubjectId;

/// Whoever keeps records of what models say.
pub trait Witness: Send + Sync {
    /// A model has written a text, or every text of it was refused. The id of the record, where one is
    /// kept. Does not wait.
    fn made(&self, making: &Making<'_>) -> Option<String>;
}

/// Nobody keeps records.
pub(super) struct Nobody;

impl Witness for Nobody {
    fn made(&self, _: &Making<'_>) -> Option<String> {
        None
    }
}

/// What there is to record of a text.
#[derive(Debug, Clone, Copy)]
pub struct Making<'a> {
    /// Which skill asked for it.
    pub skill: &'a str,
    /// Whose words are in what was asked; none where they are nobody's.
    pub subject: Option<SubjectId>,
    /// The model's name, and the digest of everything that changes what it says.
    pub model: (&'a str, &'a str),
    /// Digest of the template of its prompt.
    pub template_digest: &'a str,
    /// Why texts were refused before.
    pub refused: &'a [Refused],
    /// The facts that it was told.
    pub read: &'a [(Name, Revision)],
    /// What was taken; none where nothing was.
    pub said: Option<&'a Said>,
}

/// What a model was asked, and what it said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// From which it says the same again.
    pub inputs: Inputs,
    /// Every byte that came of it, before anything was done to it.
    pub text: String,
    /// How it came to its end.
    pub end: End,
}

/// How a text came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The model had said all.
    Stop,
    /// It had as many tokens as it might.
    Length,
    /// A check refused what came next, or its facts had changed.
    Check,
    /// Nobody listened any more.
    Left,
    /// The time was over, or the engine failed.
    Failed,
}

impl End {
    /// By which records call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Check => "check",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }

    /// Whether all was heard that the model says to its inputs; else it is the beginning.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Stop | Self::Length)
    }
}

/// For whom and before whom something is made.
#[derive(Clone)]
pub(super) struct Witnessed {
    pub(super) witness: Arc<dyn Witness>,
    pub(super) subject: Option<SubjectId>,
}

/// Everything that a model's words follow from, besides the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    messages: Vec<Told>,
    form: Option<Shape>,
    sampling: Drawn,
    max_tokens: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    role: Speaks,
    content: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speaks {
    System,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    JsonSchema(serde_json::Value),
    Regex(String),
}

/// How tokens are drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Drawn {
    temperature: f32,
    top_k: Option<u32>,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    logit_bias: Vec<(u32, f32)>,
    seed: u64,
}

/// Why a model could not be asked again.
#[derive(Debug, thiserror::Error)]
pub enum NotAsked {
    /// It is not here, or cannot be had now.
    #[error("the model {0} is not here any more")]
    Gone(String),
    /// Something that changes what it says has changed.
    #[error("the model {name} is not the one of then: its digest is {digest} now")]
    Other {
        /// Its name.
        name: String,
        /// Its digest now.
        digest: String,
    },
    /// It says nothing.
    #[error("the model says nothing now")]
    Silent(#[from] Silence),
}

impl Inputs {
    /// Those of an utterance.
    pub fn of(utterance: &Utterance) -> Self {
        let told = |message: &Message| Told {
            role: match message.role {
                Role::System => Speaks::System,
                Role::User => Speaks::User,
                Role::Assistant => Speaks::Assistant,
            },
            content: message.content.clone(),
        };
        let sampling = utterance.sampling.clone();
        Self {
            messages: utterance.messages.iter().map(told).collect(),
            form: utterance.form.clone().map(|form| match form {
                Form::JsonSchema(schema) => Shape::JsonSchema(schema),
                Form::Regex(pattern) => Shape::Regex(pattern),
            }),
            sampling: Drawn {
                temperature: sampling.temperature,
                top_k: sampling.top_k,
                top_p: sampling.top_p,
                min_p: sampling.min_p,
                repetition_penalty: sampling.repetition_penalty,
                presence_penalty: sampling.presence_penalty,
                frequency_penalty: sampling.frequency_penalty,
                logit_bias: sampling.logit_bias,
                seed: sampling.seed,
            },
            max_tokens: utterance.max_tokens,
        }
    }

    /// How tokens were drawn, for showing.
    pub fn sampling(&self) -> serde_json::Value {
        serde_json::to_value(&self.sampling).unwrap_or_default()
    }

    /// The utterance that these are of. Nobody shares the beginning of its prompt.
    fn utterance(self, deadline: Instant) -> Utterance {
        let message = |told: Told| Message {
            role: match told.role {
                Speaks::System => Role::System,
                Speaks::User => Role::User,
                Speaks::Assistant => Role::Assistant,
            },
            content: told.content,
        };
        let drawn = self.sampling;
        Utterance {
            messages: self.messages.into_iter().map(message).collect(),
            form: self.form.map(|shape| match shape {
                Shape::JsonSchema(schema) => Form::JsonSchema(schema),
                Shape::Regex(pattern) => Form::Regex(pattern),
            }),
            sampling: Sampling {
                temperature: drawn.temperature,
                top_k: drawn.top_k,
                top_p: drawn.top_p,
                min_p: drawn.min_p,
                repetition_penalty: drawn.repetition_penalty,
                presence_penalty: drawn.presence_penalty,
                frequency_penalty: drawn.frequency_penalty,
                logit_bias: drawn.logit_bias,
                seed: drawn.seed,
            },
            max_tokens: self.max_tokens,
            scope: Scope::Named(REPLAYS),
            deadline,
        }
    }
}

/// The scope of prompts that are asked again, which is nobody's.
const REPLAYS: u128 = u128::from_be_bytes(*b"endcap replays..");

/// Asks a model of a name and digest once more, past every cache of answers; all that it says.
pub(super) async fn ask_again(
    voice: &dyn Voice,
    (name, digest): (&str, &str),
    inputs: Inputs,
    deadline: Instant,
) -> Result<String, NotAsked> {
    let speaker: Arc<dyn Speaker> = match voice.speaker(Some(name), deadline).await {
        Some(speaker) if speaker.name() == name => speaker,
        _ => return Err(NotAsked::Gone(name.to_owned())),
    };
    if speaker.digest() != digest {
        let digest = speaker.digest().to_owned();
        return Err(NotAsked::Other { name: name.to_owned(), digest });
    }
    let mut speech = speaker.say(inputs.utterance(deadline)).await?;
    let mut text = String::new();
    while let Some(chunk) = speech.next().await {
        text.push_str(&chunk.map_err(Silence::from)?.text);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_after_json_what_they_were() {
        let utterance = Utterance {
            messages: vec![Message { role: Role::User, content: "Is it \"fat\"?".to_owned() }],
            form: Some(Form::Regex("[^0-9]+".to_owned())),
            sampling: Sampling {
                temperature: 0.7,
                top_p: 0.9,
                seed: u64::MAX,
                ..Sampling::default()
            },
            max_tokens: 60,
            scope: Scope::Public,
            deadline: Instant::now(),
        };
        let inputs = Inputs::of(&utterance);
        let text = serde_json::to_string(&inputs).unwrap();
        let read: Inputs = serde_json::from_str(&text).unwrap();
        assert_eq!(read, inputs);
        let again = read.utterance(utterance.deadline);
        assert_eq!(Utterance { scope: Scope::Public, ..again }, utterance);
    }
}
