//! `POST /store/v1/text/classify`.
//!
//! Texts of the same number of tokens are computed together, without padding, so that an answer does
//! not depend on what else was asked.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::choice::{Chosen, choose};
use crate::api::error::{of_engine, of_inference, out_of_range, over_limit};
use crate::api::json::Asked;
use crate::api::openai::embeddings::{by_length, integers};
use crate::api::service::{Limits, Service};
use crate::engine::{Inference, Port, TokenId};
use crate::http::Problem;
use crate::skills::heads::{ClassifyText, Head, Scored};

/// Texts that are computed together at most.
const BATCH_TEXTS: usize = 32;
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

/// A text, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a list of texts")]
enum Texts {
    One(String),
    Many(Vec<String>),
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
    let texts = texts(request.input, &service.limits)?;
    let pick = |head: &Head| match head {
        Head::ClassifyText(head) => Some(Arc::clone(head)),
        _ => None,
    };
    let chosen = choose(&service, request.model.as_deref(), "classify_text", pick).await?;
    let (bytes, reading) = (texts.iter().map(String::len).sum(), chosen.clone());
    let tokens = service.prepare(bytes, deadline, move || tokens(&reading, &texts)).await?;
    let mut results: Vec<Vec<TextLabel>> = Vec::new();
    results.resize_with(tokens.len(), Vec::new);
    for (length, places) in by_length(&tokens) {
        for places in places.chunks(BATCH_TEXTS) {
            let batch: Vec<_> = places.iter().filter_map(|at| tokens.get(*at)).collect();
            let computed = compute(&chosen, &batch, length, deadline).await?;
            for (at, numbers) in places.iter().zip(computed) {
                let labels = chosen.1.classes.choose(&numbers, top, threshold);
                let labels = labels.map_err(|error| fault(&chosen, error))?;
                if let Some(place) = results.get_mut(*at) {
                    *place = labels.into_iter().map(TextLabel::from).collect();
                }
            }
        }
    }
    let results = results.into_iter().enumerate();
    Ok(Json(TextClassification {
        model: chosen.0.name.clone(),
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

fn texts(input: Texts, limits: &Limits) -> Result<Vec<String>, Problem> {
    let texts = match input {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    };
    let (count, most) = (texts.len(), limits.max_embedding_inputs);
    if count == 0 {
        return Err(out_of_range("input", "empty", "a text or a list of texts"));
    }
    if count > most {
        return Err(over_limit("input", count, "texts", most, "max_embedding_inputs"));
    }
    let (bytes, most) = (texts.iter().map(String::len).sum(), limits.max_prompt_bytes);
    if bytes > most {
        return Err(over_limit("input", bytes, "bytes", most, "max_prompt_bytes"));
    }
    Ok(texts)
}

/// The tokens of each text, with those that begin and end one.
fn tokens(
    (served, head): &Chosen<ClassifyText>,
    texts: &[String],
) -> Result<Vec<Vec<TokenId>>, Problem> {
    let none = || Problem::internal(format!("{}: the package has no tokenizer", served.name));
    let tokenizer = served.tokenizer.as_ref().ok_or_else(none)?;
    let most = head.text.max_tokens;
    let read = |(at, text): (usize, &String)| {
        let tokens = tokenizer.encode_whole(text).map_err(|error| of_engine(error, "input"))?;
        let field = format!("input[{at}]");
        match tokens.len() {
            0 => Err(out_of_range(&field, "empty", "at least one token")),
            count if count > most => {
                Err(over_limit(&field, count, "tokens", most, "the model's max_tokens"))
            }
            _ => Ok(tokens),
        }
    };
    texts.iter().enumerate().map(read).collect()
}

/// The numbers for each text; all have `length` tokens.
async fn compute(
    chosen: &Chosen<ClassifyText>,
    texts: &[&Vec<TokenId>],
    length: usize,
    deadline: Instant,
) -> Result<Vec<Vec<f32>>, Problem> {
    let (served, head) = chosen;
    let ids: Vec<i64> = texts.iter().flat_map(|text| text.iter().map(|&id| id.into())).collect();
    let input = |port: &Port| {
        let ports = &head.text.inputs;
        let values = match &port.name {
            name if *name == ports.tokens => ids.clone(),
            name if *name == ports.mask => vec![1; ids.len()],
            name if *name == ports.types => vec![0; ids.len()],
            name => return Err(fault(chosen, format!("no value for its input {name}"))),
        };
        let array = integers(port.element, vec![texts.len(), length], &values)?;
        Ok((port.name.clone(), array))
    };
    let inputs = served.network.inputs().iter().map(input).collect::<Result<_, _>>()?;
    let outputs = head.classes.output.iter().cloned().collect();
    let request = Inference { inputs, outputs, deadline: Some(deadline) };
    let answer = served.network.infer(request).await.map_err(of_inference)?;
    let (_, array) = answer.into_iter().next().ok_or_else(|| fault(chosen, "no output"))?;
    let numbers = array.to_floats().ok_or_else(|| fault(chosen, "its output is not FP32"))?;
    match array.shape() {
        [count, width] if *count == texts.len() && *width > 0 => {
            Ok(numbers.chunks_exact(*width).map(<[f32]>::to_vec).collect())
        }
        shape => Err(fault(chosen, format!("its output has shape {shape:?}"))),
    }
}

/// A fault of the package.
fn fault(chosen: &Chosen<ClassifyText>, why: impl std::fmt::Display) -> Problem {
    Problem::internal(format!("{}: {why}", chosen.0.name))
}

impl From<Scored> for TextLabel {
    fn from(scored: Scored) -> Self {
        Self { label: scored.label, score: scored.score }
    }
}
