//! `POST /v1/embeddings`.

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
use crate::api::encoder::Encoder;
use crate::api::error::{self, out_of_range};
use crate::api::json::Asked;
use crate::api::service::Service;
use crate::engine::TokenId;
use crate::http::Problem;
use crate::skills::embedding;
use crate::skills::heads::{Embed, Head};

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
    let head = match &served.head {
        Some(Head::Embed(head)) if served.tokenizer.is_some() => head.clone(),
        _ => return Err(error::not_an_encoder(&served.name)),
    };
    let encoder = Encoder::new(served, head.text.clone(), head.output.clone());
    let (bytes, reading) = (asked.inputs.bytes(), encoder.clone());
    let texts = service.prepare(bytes, deadline, move || tokens(&reading, asked.inputs)).await?;
    let prompt_tokens = texts.iter().map(Vec::len).sum();
    let mut vectors = vec![Vec::new(); texts.len()];
    let take = |at: usize, numbers: &[f32], shape: &[usize]| {
        if let (Some(place), Some(&width)) = (vectors.get_mut(at), shape.last()) {
            *place = shorten(&head, vector(&head, numbers, width), asked.dimensions)?;
        }
        Ok(())
    };
    encoder.each(&texts, deadline, take).await?;
    let entry = |(index, vector)| EmbeddingEntry {
        object: "embedding",
        index,
        embedding: write(vector, asked.encoding),
    };
    Ok(Json(EmbeddingList {
        object: "list",
        data: vectors.into_iter().enumerate().map(entry).collect(),
        model: encoder.name().to_owned(),
        usage: EmbeddingUsage { prompt_tokens, total_tokens: prompt_tokens },
    }))
}

/// The tokens of each text, seen to be such as the network takes.
fn tokens(encoder: &Encoder, inputs: Prompts) -> Result<Vec<Vec<TokenId>>, Problem> {
    let texts = match inputs {
        Prompts::Texts(texts) => encoder.encode(&texts)?,
        Prompts::Tokens(lists) => lists,
    };
    encoder.check(&texts)?;
    Ok(texts)
}

/// The vector of a text from those of its tokens.
fn vector(head: &Embed, tokens: &[f32], width: usize) -> Vec<f32> {
    let mut vector = embedding::pool(tokens, width, head.pool);
    if head.normalise {
        embedding::normalise(&mut vector);
    }
    vector
}

/// The first `dimensions` values, brought to length 1 where the whole was.
fn shorten(
    head: &Embed,
    mut vector: Vec<f32>,
    dimensions: Option<usize>,
) -> Result<Vec<f32>, Problem> {
    let Some(dimensions) = dimensions.filter(|&n| n != vector.len()) else { return Ok(vector) };
    if dimensions > vector.len() {
        let allowed = format!("at most {}, what the model has", vector.len());
        return Err(out_of_range("dimensions", dimensions, &allowed));
    }
    vector.truncate(dimensions);
    if head.normalise {
        embedding::normalise(&mut vector);
    }
    Ok(vector)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_written_as_numbers_or_as_their_bytes() {
        let vector = vec![1.0, -0.5];
        assert_eq!(write(vector.clone(), Encoding::Float), Written::Float(vector.clone()));
        let Written::Base64(text) = write(vector, Encoding::Base64) else { panic!("numbers") };
        assert_eq!(STANDARD.decode(text).unwrap(), [0, 0, 128, 63, 0, 0, 0, 191]);
    }
}
