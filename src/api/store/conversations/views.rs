//! Conversations and turns as clients see them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::qr::QrView;
use crate::facts::UnixSeconds;
use crate::shoppers::{self, Speaker, Stage, Turn};

/// A conversation that has begun.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Begun {
    /// Its name, which is its device's secret.
    pub(super) id: String,
    /// In which it is spoken; null until that is known.
    pub(super) language: Option<String>,
    #[schemars(with = "String")]
    pub(super) stage: Stage,
    /// That a machine speaks, to be shown at all times.
    pub(super) disclosure: String,
    /// The same for programs.
    pub(super) assistant: Assistant,
    /// What is said first.
    pub(super) greeting: TurnView,
}

/// Who speaks until an associate does.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Assistant {
    /// It is one, and no person.
    pub(super) machine: bool,
    /// What the chain calls it.
    pub(super) name: Option<String>,
}

/// A conversation as it is now.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ConversationView {
    pub(super) id: String,
    /// `assistant`, `waiting` for an associate, `associate` or `closed`.
    #[schemars(with = "String")]
    pub(super) stage: Stage,
    pub(super) language: Option<String>,
    /// The last turns, oldest first.
    pub(super) turns: Vec<TurnView>,
}

/// One turn. What goes with an answer stands beside its text: `citations`, `products`, `suggestions`,
/// `route`, `tools`, `disclosure`, `stale`, `answer_id` and `handoff`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct TurnView {
    /// From 1 on.
    number: u32,
    /// `shopper`, `assistant`, `associate` or `notice`.
    #[schemars(with = "String")]
    speaker: Speaker,
    /// RFC 3339.
    at: String,
    text: String,
    language: String,
    #[serde(flatten)]
    details: Map<String, Value>,
}

impl From<Turn> for TurnView {
    fn from(turn: Turn) -> Self {
        let details = match turn.details {
            Some(Value::Object(details)) => details,
            _ => Map::new(),
        };
        Self {
            number: turn.number,
            speaker: turn.speaker,
            at: at(turn.at),
            text: turn.text,
            language: turn.language,
            details,
        }
    }
}

/// A time as clients read it.
pub(in crate::api) fn at(unix_s: u64) -> String {
    UnixSeconds(i64::try_from(unix_s).unwrap_or(i64::MAX)).to_string()
}

/// What was erased.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct Receipt {
    id: String,
    /// Seconds since 1970.
    at: u64,
    /// How much of what.
    #[schemars(with = "Map<String, Value>")]
    what: shoppers::Erased,
}

impl From<shoppers::Receipt> for Receipt {
    fn from(receipt: shoppers::Receipt) -> Self {
        Self { id: receipt.id, at: receipt.at, what: receipt.what }
    }
}

/// What a shopper agrees to have known.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct ProfileRequest {
    /// That the shopper agrees; without it nothing is kept.
    pub(super) consent: bool,
    /// Of clothes.
    size: Option<String>,
    /// What is liked.
    style: Option<String>,
    /// `vegan`, `vegetarian`, `gluten_free` and the like.
    #[serde(default)]
    diet: Vec<String>,
    /// Allergens that must not be in it.
    #[serde(default)]
    avoid_allergens: Vec<String>,
    /// In which to answer.
    language: Option<String>,
}

impl ProfileRequest {
    pub(super) fn fields(self) -> shoppers::ProfileFields {
        let Self { size, style, diet, avoid_allergens, language, .. } = self;
        shoppers::ProfileFields { size, style, diet, avoid_allergens, language }
    }
}

/// What a shopper agreed to have known.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ProfileView {
    /// The shopper's secret, where the profile outlives the conversation.
    id: Option<String>,
    /// The same as a picture, where it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<QrView>,
    /// When the shopper agreed, RFC 3339.
    consented: String,
    #[serde(flatten)]
    #[schemars(with = "Map<String, Value>")]
    fields: shoppers::ProfileFields,
}

impl ProfileView {
    /// Of a profile that was just made, with the picture by which another screen knows it.
    pub(super) fn made(profile: shoppers::Profile) -> Self {
        let qr = QrView::of(&profile.id);
        Self { qr, ..profile.into() }
    }
}

impl From<shoppers::Profile> for ProfileView {
    fn from(profile: shoppers::Profile) -> Self {
        Self {
            id: (!profile.of_session).then(|| profile.id.to_string()),
            qr: None,
            consented: at(profile.consent.at),
            fields: profile.fields,
        }
    }
}
