//! What is said, and what is known of who says it.

use serde::{Deserialize, Serialize};

use super::error::ShoppersError;
use super::id::{ConversationId, SubjectId};
use super::privacy::{self, Entity};
use super::profile::Profile;

/// Bytes of a turn's text at most.
const MAX_TEXT: usize = 8 << 10;
/// Bytes of a turn's details, and of a conversation's memory, as JSON.
const MAX_JSON: usize = 16 << 10;
/// Bytes of a language tag (BCP 47) and of a device's names.
const MAX_NAME: usize = 64;

/// The device that holds a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The id of its token.
    pub device: String,
    /// What it is: `kiosk`, `handheld` and the like.
    pub class: String,
    /// Where in the shop it stands.
    pub zone: Option<String>,
}

/// Who says a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Who asks.
    Shopper,
    /// The box.
    Assistant,
    /// A person who works here.
    Associate,
    /// Nobody: what happened, such as that an associate was called.
    Notice,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTurn {
    /// Who says it.
    pub speaker: Speaker,
    /// What: 8 KiB at most. Of a shopper it is kept redacted.
    pub text: String,
    /// In which language, as BCP 47 has them.
    pub language: String,
    /// What goes with it, as it was told to the client: 16 KiB of JSON at most.
    pub details: Option<serde_json::Value>,
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// From 1 on, without a gap.
    pub number: u32,
    /// Who said it.
    pub speaker: Speaker,
    /// When, in seconds since 1970.
    pub at: u64,
    /// What.
    pub text: String,
    /// In which language.
    pub language: String,
    /// What goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// Who is to answer next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The box.
    #[default]
    Assistant,
    /// An associate, who was called and is not there yet.
    Waiting,
    /// An associate.
    Associate,
    /// Nobody.
    Closed,
}

/// A conversation as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversation {
    /// Its name, known to its device.
    pub id: ConversationId,
    /// Whose key seals it.
    pub subject: SubjectId,
    /// The device that holds it.
    pub owner: Owner,
    /// When it began, in seconds since 1970.
    pub began: u64,
    /// When something last happened.
    pub heard: u64,
    /// The shopper's language, once it is known.
    pub language: Option<String>,
    /// Who is to answer next.
    pub stage: Stage,
    /// What the shopper agreed to have known.
    pub profile: Option<Profile>,
    /// The last turns, oldest first.
    pub turns: Vec<Turn>,
    /// What the skill keeps for itself: 16 KiB of JSON at most.
    pub memory: serde_json::Value,
}

impl Owner {
    pub(super) fn check(&self) -> Result<(), ShoppersError> {
        name("owner.device", &self.device)?;
        name("owner.class", &self.class)?;
        self.zone.as_deref().map_or(Ok(()), |zone| name("owner.zone", zone))
    }
}

impl NewTurn {
    /// The turn as it is kept: without what must not be.
    pub(super) fn checked(mut self) -> Result<Self, ShoppersError> {
        if self.text.len() > MAX_TEXT {
            return Err(too_large("text", MAX_TEXT));
        }
        name("language", &self.language)?;
        if let Some(details) = &self.details {
            json("details", details)?;
        }
        if matches!(self.speaker, Speaker::Shopper | Speaker::Associate)
            && privacy::find(&self.text).iter().any(|it| it.entity == Entity::CreditCard)
        {
            return Err(ShoppersError::CardNumber);
        }
        if self.speaker == Speaker::Shopper {
            self.text = privacy::redact(&self.text);
        }
        Ok(self)
    }
}

/// A name of 64 bytes at most.
pub(super) fn name(field: &'static str, text: &str) -> Result<(), ShoppersError> {
    if text.len() > MAX_NAME { Err(too_large(field, MAX_NAME)) } else { Ok(()) }
}

/// A value of 16 KiB at most, as JSON.
pub(super) fn json(field: &'static str, value: &serde_json::Value) -> Result<(), ShoppersError> {
    if value.to_string().len() > MAX_JSON { Err(too_large(field, MAX_JSON)) } else { Ok(()) }
}

fn too_large(field: &'static str, most: usize) -> ShoppersError {
    ShoppersError::TooLarge { field, most, unit: "bytes" }
}
