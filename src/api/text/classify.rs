//! `POST /store/v1/text/classify`.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input::Texts;
use crate::api::choice::choose;
use crate::api::encoder::Encoder;
use crate::api::error::out_of_range;
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::http::Problem;
use crate::skills::heads::{Head, Scored};

/// Labels of one text at most.
const MAX_TOP: usize = 1000;

/// `POST /store/v1/text/classify`, as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct TextRequest {
    /// The package; not needed where one alone can do it.
    model: Option<String>,
    /// A text, or several.
    input: Texts,
    /// How many labels, the likeliest first; as the package says without it.
    top: Option<usize>,
    /// Labels that score less are left out; as the package says without it.
    threshold: Option<f32>,
}

/// What texts say.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct TextClassification {
    /// The package that answered.
    model: String,
    /// In the order of the texts.
    results: Vec<TextLabels>,
}

/// What one text says.
#[derive(Debug, Serialize, JsonSchema)]
struct TextLabels {
    index: usize,
    /// The highest score first.
    labels: Vec<TextLabel>,
}

/// A label with its score.
#[derive(Debug, Serialize, JsonSchema)]
struct TextLabel {
    label: String,
    score: f32,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    Asked(request): Asked<TextRequest>,
) -> Result<Json<TextClassification>, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let (top, threshold) = (request.top, request.threshold);
    check(top, threshold)?;
    let texts = request.input.checked(&service.limits)?;
    let pick = |head: &Head| match head {
        Head::ClassifyText(head) => Some(Arc::clone(head)),
        _ => None,
    };
    let chosen = choose(&service, request.model.as_deref(), "classify_text", pick).await?;
    let (served, head) = chosen;
    let encoder = Encoder::new(served, head.text.clone(), head.classes.output.clone());
    let (bytes, reading) = (texts.iter().map(String::len).sum(), encoder.clone());
    let read = move || {
        let tokens = reading.encode(&texts)?;
        reading.check(&tokens)?;
        Ok(tokens)
    };
    let tokens = service.prepare(bytes, deadline, read).await?;
    let mut results: Vec<Vec<TextLabel>> = Vec::new();
    results.resize_with(tokens.len(), Vec::new);
    let take = |at: usize, numbers: &[f32], shape: &[usize]| {
        if shape.len() != 1 {
            return Err(encoder.fault(format!("its output has {shape:?} numbers a text")));
        }
        let labels = head.classes.choose(numbers, top, threshold);
        let labels = labels.map_err(|error| encoder.fault(error))?;
        if let Some(place) = results.get_mut(at) {
            *place = labels.into_iter().map(TextLabel::from).collect();
        }
        Ok(())
    };
    encoder.each(&tokens, deadline, take).await?;
    let results = results.into_iter().enumerate();
    Ok(Json(TextClassification {
        model: encoder.name().to_owned(),
        results: results.map(|(index, labels)| TextLabels { index, labels }).collect(),
    }))
}

fn check(top: Option<usize>, threshold: Option<f32>) -> Result<(), Problem> {
    if let Some(top) = top.filter(|top| !(1..=MAX_TOP).contains(top)) {
        return Err(out_of_range("top", top, "1 to 1000"));
    }
    match threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
        Some(threshold) => Err(out_of_range("threshold", threshold, "0 to 1")),
        None => Ok(()),
    }
}

impl From<Scored> for TextLabel {
    fn from(scored: Scored) -> Self {
        Self { label: scored.label, score: scored.score }
    }
}
