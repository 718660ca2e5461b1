//! `POST /store/v1/text/tag`.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input::Texts;
use crate::api::choice::choose;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::api::tagger::{TASK, tagged};
use crate::http::Problem;
use crate::skills::heads::{Head, Tagged};

/// `POST /store/v1/text/tag`, as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct TagRequest {
    /// The package; not needed where one alone can do it.
    model: Option<String>,
    /// A text, or several.
    input: Texts,
}

/// What the words of texts are.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct TextTags {
    /// The package that answered.
    model: String,
    /// In the order of the texts.
    results: Vec<TagsOfText>,
}

/// What the words of one text are.
#[derive(Debug, Serialize, JsonSchema)]
struct TagsOfText {
    index: usize,
    /// In their order.
    entities: Vec<TextPart>,
}

/// A part of a text that is something.
#[derive(Debug, Serialize, JsonSchema)]
struct TextPart {
    /// What, as the package's card calls it.
    entity: String,
    /// Its first character, counted from 0, and the one behind its last (Unicode code points).
    start: usize,
    end: usize,
    /// Its words.
    text: String,
    /// How likely, from 0 to 1.
    score: f32,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    Asked(request): Asked<TagRequest>,
) -> Result<Json<TextTags>, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let texts = request.input.checked(&service.limits)?;
    let pick = |head: &Head| match head {
        Head::TagText(head) => Some(Arc::clone(head)),
        _ => None,
    };
    let (served, head) = choose(&service, request.model.as_deref(), TASK, pick).await?;
    let model = served.name.clone();
    let mut results = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let tagged = tagged(served.clone(), &head, text, deadline).await?;
        let entities = tagged.into_iter().map(|tagged| part(text, tagged)).collect();
        results.push(TagsOfText { index, entities });
    }
    Ok(Json(TextTags { model, results }))
}

fn part(text: &str, Tagged { entity, range, score }: Tagged) -> TextPart {
    let characters = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    let start = characters(0..range.start);
    let end = start + characters(range.clone());
    TextPart { entity, start, end, text: text.get(range).unwrap_or_default().to_owned(), score }
}
