//! A shopper who is handed to a person.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::DeskError;
use super::shoppers::{ConversationId, SubjectId};

/// Names a handoff: 64 bits of chance, as 16 digits of base 16. No secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HandoffId(pub(super) u64);

impl HandoffId {
    pub(super) fn new() -> Result<Self, DeskError> {
        getrandom::u64().map(Self).map_err(DeskError::Random)
    }
}

impl fmt::Display for HandoffId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for HandoffId {
    type Err = DeskError;

    fn from_str(text: &str) -> Result<Self, DeskError> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let parsed = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        parsed.map(Self).ok_or(DeskError::NotFound)
    }
}

impl From<HandoffId> for String {
    fn from(id: HandoffId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for HandoffId {
    type Error = DeskError;

    fn try_from(text: String) -> Result<Self, DeskError> {
        text.parse()
    }
}

/// A person who answers shoppers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Associate {
    /// Id of the token of the device that the person holds.
    pub id: String,
    /// What people call the device.
    pub name: String,
    /// Where in the shop the person is.
    pub zone: Option<String>,
}

/// Why a person is called, and what is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// A word for programs, as `anger` or `wants_person`.
    pub reason: String,
    /// How angry the shopper is, as a probability.
    pub anger: f32,
    /// What it is about, in sentences.
    pub summary: String,
    /// SKUs and names of the products that it was about.
    pub products: Vec<(String, String)>,
    /// What could be said.
    pub suggested_replies: Vec<String>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Associates are rung.
    Waiting,
    /// One of them is on the way.
    Acknowledged,
    /// One of them answers.
    Claimed,
    /// It is over.
    Closed,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The shopper was helped.
    Solved,
    /// The shopper was not.
    NotSolved,
    /// The shopper left, or let it end.
    Left,
    /// The assistant goes on.
    HandedBack,
}

impl Outcome {
    /// Its name in metrics and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Solved => "solved",
            Self::NotSolved => "not_solved",
            Self::Left => "left",
            Self::HandedBack => "handed_back",
        }
    }
}

/// A handoff as it is now. Moments are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// Its name.
    pub id: HandoffId,
    /// The shopper's conversation.
    pub conversation: ConversationId,
    /// Whose key seals it.
    pub subject: SubjectId,
    /// The shopper's language, where it is known.
    pub language: Option<String>,
    /// Id of the token of the device that the shopper stands at.
    #[serde(default)]
    pub device: String,
    /// What it is, as `kiosk`.
    pub class: String,
    /// Where.
    pub zone: Option<String>,
    /// Why, and what is known.
    pub call: Call,
    /// How far it is.
    pub stage: Stage,
    /// Since when somebody is called.
    pub waiting_ms: u64,
    /// Who is on the way, or answers.
    pub with: Option<Associate>,
    /// How the ringing goes.
    pub(super) ringing: Ringing,
}

impl Handoff {
    /// Whether what was said is this associate's to read: of whoever answers, or anybody's while nobody does.
    pub fn is_for(&self, associate: &str) -> bool {
        let with = self.with.as_ref().filter(|_| self.stage == Stage::Claimed);
        with.is_none_or(|with| with.id == associate)
    }
}

/// How the ringing of one handoff goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Ringing {
    /// Who was rung, in this round.
    pub(super) rung: Vec<String>,
    /// When last.
    pub(super) last_ms: Option<u64>,
    /// Whether all are rung by now.
    pub(super) escalated: bool,
    /// Whether the shopper was told that nobody is free.
    pub(super) told: bool,
    /// When somebody said to be on the way.
    pub(super) acknowledged_ms: Option<u64>,
}
