//! What a turn of the assistant's is, as clients are told it.

use serde::{Deserialize, Serialize};

use super::tools::ToolUse;

/// Products that go with a turn.
pub(super) const MAX_CARDS: usize = 8;

/// What goes with a text of the assistant's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// What it stands on.
    pub citations: Vec<Citation>,
    /// The products that it names.
    pub products: Vec<Card>,
    /// What may be asked next.
    pub suggestions: Vec<String>,
    /// How the answer was found, step by step.
    pub route: Vec<Passed>,
    /// Tools that were used.
    pub tools: Vec<ToolUse>,
    /// That it was generated, or made of the shop's data, in its language.
    pub disclosure: String,
    /// Whether a model had a part in it.
    pub generated: bool,
    /// Tables whose facts were too old to be told.
    pub stale: Vec<String>,
    /// Under which the answer's record is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_id: Option<String>,
    /// The call for a person, where one was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Handoff>,
}

/// A product that an answer is about, with the facts of it that were read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Its SKU.
    pub sku: String,
    /// Its name in the turn's language.
    pub name: String,
    /// Names of facts.
    pub facts: Vec<String>,
}

/// A product as it is shown. Every text is in the turn's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its SKU.
    pub sku: String,
    /// Its name.
    pub name: String,
    /// What it costs, as `$1.50`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// What it cost before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// Whether it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<InStock>,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aisle: Option<String>,
    /// What is on offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
}

/// Whether a product is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct InStock {
    /// How much of it.
    pub level: Level,
}

/// How much of a product is there, roughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Enough.
    InStock,
    /// A few.
    Low,
    /// Nothing.
    Out,
}

/// A step on the way to an answer, the cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// What needs no facts: greetings, who speaks, what is not talked about, orders.
    Rule,
    /// Sentences filled from facts.
    Facts,
    /// Products that are like another, go with it, or fit words.
    Search,
    /// The usual model.
    Model,
    /// The larger model.
    LargerModel,
    /// A person.
    Handoff,
}

impl Step {
    /// As clients and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Facts => "facts",
            Self::Search => "search",
            Self::Model => "model",
            Self::LargerModel => "larger_model",
            Self::Handoff => "handoff",
        }
    }
}

/// What a step made of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It answered.
    Answered,
    /// It could say something, and another may say more.
    Partly,
    /// It had nothing to say.
    Passed,
    /// It was not asked.
    Skipped,
    /// It knows that it must not answer, or that what it made may not be said.
    Refused,
    /// It could not be asked.
    Failed,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Passed {
    /// Which.
    pub step: Step,
    /// What came of it.
    pub outcome: Verdict,
    /// Why: a word for programs.
    pub reason: String,
    /// How long it took.
    pub ms: u64,
}

/// A call for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// Its id at the desk.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// What is told while a turn is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Telling {
    /// A step is taken.
    Step {
        /// Which.
        step: Step,
        /// Why.
        reason: String,
    },
    /// A tool was used.
    Tool(ToolUse),
    /// The answer's text goes on.
    Delta(String),
}
