//! `POST /v1/embeddings`.
//!
//! Texts of the same number of tokens are computed together, without padding: a vector then does
//! not depend on what else was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::embedding_request::{EmbeddingRequest, Encoding};
use super::fields::Prompts;
use crate::api::error::{self, of_engine, of_inference, out_of_range, over_limit};
use crate::api::json::Asked;
use crate::api::service::{ServedNetwork, Service};
use crate::engine::{Array, ElementType, Inference, TokenId, Tokenizer};
use crate::http::Problem;
use crate::skills::embedding;
use crate::skills::heads::{Embed, Head};

/// The field that errors of the texts name.
const INPUT: &str = "input";
/// Tokens that are computed together at most: enough to fill the kernels, few enough that others
/// are not held up.
const BATCH_TOKENS: usize = 2048;

/// Vectors of texts.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct EmbeddingList {
    object: &'static str,
    data: Vec<EmbeddingEntry>,
    model: String,
    usage: EmbeddingUsage,
}

/// The vector of one text.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct EmbeddingEntry {
    object: &'static str,
    index: usize,
    embedding: Written,
}

/// A vector as it is written.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
enum Written {
    /// A list of numbers.
    Float(Vec<f32>),
    /// Base64 of little-endian single floats.
    Base64(String),
}

/// What the texts took.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::api) struct EmbeddingUsage {
    prompt_tokens: usize,
    total_tokens: usize,
}

pub(in crate::api) async fn answer(
    State(service): State<Arc<Service>>,
    Asked(request): Asked<EmbeddingRequest>,
) -> Result<Json<EmbeddingList>, Problem> {
    let deadline = Instant::now() + service.request_timeout;
    let asked = request.check(&service.limits)?;
    let served = service.network(&asked.model).await?;
    let encoder = Encoder::of(&served)?;
    let bytes = asked.inputs.bytes();
    let reading = encoder.clone();
    let texts = service.prepare(bytes, deadline, move || reading.tokens(asked.inputs)).await?;
    let prompt_tokens = texts.iter().map(Vec::len).sum();
    let mut vectors = vec![Vec::new(); texts.len()];
    for (length, places) in by_length(&texts) {
        for places in places.chunks((BATCH_TOKENS / length).max(1)) {
            let batch: Vec<_> = places.iter().filter_map(|&at| texts.get(at)).collect();
            let computed = encoder.compute(&batch, length, deadline).await?;
            for (&at, vector) in places.iter().zip(computed) {
                if let Some(place) = vectors.get_mut(at) {
                    *place = encoder.shorten(vector, asked.dimensions)?;
                }
            }
        }
    }
    let entry = |(index, vector)| EmbeddingEntry {
        object: "embedding",
        index,
        embedding: write(vector, asked.encoding),
    };
    Ok(Json(EmbeddingList {
        object: "list",
        data: vectors.into_iter().enumerate().map(entry).collect(),
        model: served.name.clone(),
        usage: EmbeddingUsage { prompt_tokens, total_tokens: prompt_tokens },
    }))
}

/// Places of the texts of each length.
pub(in crate::api) fn by_length(texts: &[Vec<TokenId>]) -> BTreeMap<usize, Vec<usize>> {
    let mut lengths: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, text) in texts.iter().enumerate() {
        lengths.entry(text.len()).or_default().push(at);
    }
    lengths
}

fn write(vector: Vec<f32>, encoding: Encoding) -> Written {
    match encoding {
        Encoding::Float => Written::Float(vector),
        Encoding::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
            Written::Base64(STANDARD.encode(bytes))
        }
    }
}

/// A network whose card says that it makes vectors of texts.
#[derive(Clone)]
struct Encoder {
    served: Arc<ServedNetwork>,
    head: Embed,
}

impl Encoder {
    fn of(served: &Arc<ServedNetwork>) -> Result<Self, Problem> {
        match &served.head {
            Some(Head::Embed(head)) if served.tokenizer.is_some() => {
                Ok(Self { served: Arc::clone(served), head: head.clone() })
            }
            _ => Err(error::not_an_encoder(&served.name)),
        }
    }

    /// The tokens of each text, with those that begin and end a sequence.
    fn tokens(&self, inputs: Prompts) -> Result<Vec<Vec<TokenId>>, Problem> {
        let tokenizer = self.served.tokenizer.as_ref();
        let tokenizer = tokenizer.ok_or_else(|| error::not_an_encoder(&self.served.name))?;
        let texts = match inputs {
            Prompts::Texts(texts) => {
                let encode = |text: &String| tokenizer.encode_whole(text);
                let texts: Result<Vec<_>, _> = texts.iter().map(encode).collect();
                texts.map_err(|error| of_engine(error, INPUT))?
            }
            Prompts::Tokens(lists) => lists,
        };
        texts.iter().enumerate().try_for_each(|(at, text)| self.check(at, text, tokenizer))?;
        Ok(texts)
    }

    fn check(&self, at: usize, text: &[TokenId], tokenizer: &Tokenizer) -> Result<(), Problem> {
        let (field, most) = (format!("{INPUT}[{at}]"), self.head.text.max_tokens);
        if text.is_empty() {
            return Err(out_of_range(&field, "empty", "at least one token"));
        }
        if text.len() > most {
            return Err(over_limit(&field, text.len(), "tokens", most, "the model's max_tokens"));
        }
        let vocabulary = tokenizer.vocabulary();
        match text.iter().find(|&&token| token as usize >= vocabulary) {
            Some(token) => Err(out_of_range(&field, token, &format!("below {vocabulary}"))),
            None => Ok(()),
        }
    }

    /// One vector for each text; all have `length` tokens.
    async fn compute(
        &self,
        texts: &[&Vec<TokenId>],
        length: usize,
        deadline: Instant,
    ) -> Result<Vec<Vec<f32>>, Problem> {
        let network = &self.served.network;
        let ids: Vec<i64> = texts.iter().flat_map(|text| text.iter().map(|&t| t.into())).collect();
        let input = |port: &crate::engine::Port| {
            let ports = &self.head.text.inputs;
            let values = match &port.name {
                name if *name == ports.tokens => ids.clone(),
                name if *name == ports.mask => vec![1; ids.len()],
                name if *name == ports.types => vec![0; ids.len()],
                name => return Err(Problem::internal(format!("no value for its input {name}"))),
            };
            let array = integers(port.element, vec![texts.len(), length], &values)?;
            Ok((port.name.clone(), array))
        };
        let inputs = network.inputs().iter().map(input).collect::<Result<_, _>>()?;
        let outputs = self.head.output.iter().cloned().collect();
        let request = Inference { inputs, outputs, deadline: Some(deadline) };
        let answer = network.infer(request).await.map_err(of_inference)?;
        let (_, array) = answer.into_iter().next().ok_or_else(|| Problem::internal("no output"))?;
        let values = array.to_floats().ok_or_else(|| Problem::internal("no floats"))?;
        let width = *array.shape().last().unwrap_or(&0);
        let each = values.len() / texts.len().max(1);
        if width == 0 || each == 0 || array.shape().first() != Some(&texts.len()) {
            let why = format!("its output has shape {:?}", array.shape());
            return Err(Problem::internal(why));
        }
        Ok(values.chunks_exact(each).map(|text| self.vector(text, width)).collect())
    }

    fn vector(&self, tokens: &[f32], width: usize) -> Vec<f32> {
        let mut vector = embedding::pool(tokens, width, self.head.pool);
        if self.head.normalise {
            embedding::normalise(&mut vector);
        }
        vector
    }

    /// The first `dimensions` values, brought to length 1 where the whole was.
    fn shorten(
        &self,
        mut vector: Vec<f32>,
        dimensions: Option<usize>,
    ) -> Result<Vec<f32>, Problem> {
        let Some(dimensions) = dimensions.filter(|&n| n != vector.len()) else { return Ok(vector) };
        if dimensions > vector.len() {
            let allowed = format!("at most {}, what the model has", vector.len());
            return Err(out_of_range("dimensions", dimensions, &allowed));
        }
        vector.truncate(dimensions);
        if self.head.normalise {
            embedding::normalise(&mut vector);
        }
        Ok(vector)
    }
}

/// Whole numbers in the type that a graph wants them.
pub(in crate::api) fn integers(
    element: ElementType,
    shape: Vec<usize>,
    values: &[i64],
) -> Result<Array, Problem> {
    let array = match element {
        ElementType::Int64 => Array::integers(shape, values),
        ElementType::Int32 => {
            let narrow = |&value: &i64| (value as i32).to_le_bytes();
            Array::new(element, shape, values.iter().flat_map(narrow).collect())
        }
        other => return Err(Problem::internal(format!("it takes tokens as {}", other.name()))),
    };
    array.map_err(Problem::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_one_length_are_computed_together() {
        let texts = [vec![1, 2], vec![3], vec![4, 5], vec![6]];
        let lengths = by_length(&texts);
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [(1, vec![1, 3]), (2, vec![0, 2])]);
    }

    #[test]
    fn a_vector_is_written_as_numbers_or_as_their_bytes() {
        let vector = vec![1.0, -0.5];
        assert_eq!(write(vector.clone(), Encoding::Float), Written::Float(vector.clone()));
        let Written::Base64(text) = write(vector, Encoding::Base64) else { panic!("numbers") };
        assert_eq!(STANDARD.decode(text).unwrap(), [0, 0, 128, 63, 0, 0, 0, 191]);
    }
}
