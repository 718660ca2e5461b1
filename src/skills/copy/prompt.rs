//! What a model is told to write.

use super::{CopyOrder, Kind, Tone};
use crate::skills::chat::{Message, Role};

/// What the model is told of its work.
pub(super) const INSTRUCTION: &str = "\
    You write for a shop. Write {what} in {language}: {length}, {tone}{audience}. Use nothing but \
    the facts below. Do not say anything about health, allergens, prices or amounts that is not in \
    the facts. {slots}Write the text only.";

/// The messages for a text.
pub(super) fn messages(order: &CopyOrder, known: &[String], slots: &[String]) -> Vec<Message> {
    let what = match order.kind {
        Kind::Description => "a description of the product",
        Kind::ShelfTalker => "a text for the sign at the shelf of the product",
        Kind::Promotion => "a text that tells of the offer for the product",
    };
    let tone = match order.tone {
        Tone::Neutral => "plain and factual",
        Tone::Friendly => "friendly and warm",
        Tone::Playful => "playful and light",
        Tone::Premium => "elegant and calm",
    };
    let audience = order.audience.as_ref().filter(|audience| !audience.trim().is_empty());
    let audience = audience.map(|audience| format!(", for {audience}")).unwrap_or_default();
    let slots = match slots {
        [] => String::new(),
        slots => format!("Put in these placeholders as they are: {}. ", slots.join(" ")),
    };
    let (length, _, _) = order.length.limits();
    let instruction = INSTRUCTION
        .replace("{what}", what)
        .replace("{language}", order.language.name())
        .replace("{length}", length)
        .replace("{tone}", tone)
        .replace("{slots}", &slots)
        .replace("{audience}", &audience);
    let facts: Vec<String> = known.iter().map(|part| format!("- {part}")).collect();
    vec![
        Message { role: Role::System, content: instruction },
        Message { role: Role::User, content: format!("Facts:\n{}", facts.join("\n")) },
    ]
}
