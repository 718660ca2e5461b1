//! Handoffs as associates see them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::api::store::conversations::views::{TurnView, at};
use crate::desk::{Associate, Handoff, Stage};

/// A shopper who is handed to a person.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct HandoffView {
    id: String,
    /// The shopper's conversation.
    conversation: String,
    /// `waiting`, `claimed` or `closed`.
    stage: &'static str,
    /// Why a person was called: a word for programs.
    reason: String,
    mood: MoodView,
    /// What it is about.
    summary: String,
    /// What it was about.
    products: Vec<ProductView>,
    /// The shopper's, where it is known.
    language: Option<String>,
    /// What the shopper stands at, as `kiosk`.
    class: String,
    /// Where.
    zone: Option<String>,
    /// RFC 3339.
    waiting_since: String,
    /// Who is on the way.
    acknowledged_by: Option<PersonView>,
    /// Who answers.
    claimed_by: Option<PersonView>,
    /// Whether that is whoever asks.
    mine: bool,
}

/// How the shopper feels, as far as words tell.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct MoodView {
    /// Anger, as a probability.
    anger: f32,
}

/// A product.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct ProductView {
    sku: String,
    name: String,
}

/// An associate.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct PersonView {
    id: String,
    name: String,
}

/// One handoff with all that is known.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct WholeView {
    #[serde(flatten)]
    handoff: HandoffView,
    /// What could be said.
    suggested_replies: Vec<String>,
    /// What was said, oldest first.
    history: Vec<TurnView>,
}

/// Those that are open, the longest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct HandoffList {
    pub(super) handoffs: Vec<HandoffView>,
}

impl From<Associate> for PersonView {
    fn from(who: Associate) -> Self {
        Self { id: who.id, name: who.name }
    }
}

impl HandoffView {
    /// As this associate sees it.
    pub(super) fn of(handoff: Handoff, seen_by: &str) -> Self {
        let Handoff { call, with, .. } = handoff;
        let mine = with.as_ref().is_some_and(|with| with.id == seen_by);
        let with = with.map(PersonView::from);
        let (acknowledged_by, claimed_by) = match handoff.stage {
            Stage::Acknowledged => (with, None),
            _ => (None, with),
        };
        Self {
            id: handoff.id.to_string(),
            conversation: handoff.conversation.to_string(),
            stage: match handoff.stage {
                Stage::Waiting | Stage::Acknowledged => "waiting",
                Stage::Claimed => "claimed",
                Stage::Closed => "closed",
            },
            reason: call.reason,
            mood: MoodView { anger: call.anger },
            summary: call.summary,
            products: call
                .products
                .into_iter()
                .map(|(sku, name)| ProductView { sku, name })
                .collect(),
            language: handoff.language,
            class: handoff.class,
            zone: handoff.zone,
            waiting_since: at(handoff.waiting_ms / 1000),
            acknowledged_by,
            claimed_by,
            mine,
        }
    }

    /// With what was said.
    pub(super) fn whole(handoff: Handoff, history: Vec<TurnView>, seen_by: &str) -> WholeView {
        let suggested_replies = handoff.call.suggested_replies.clone();
        WholeView { handoff: Self::of(handoff, seen_by), suggested_replies, history }
    }
}
