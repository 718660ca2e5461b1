//! A request for vectors: as written, and checked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::fields::Prompts;
use super::plan::whole;
use crate::api::error::over_limit;
use crate::api::service::Limits;
use crate::http::Problem;

/// `POST /v1/embeddings`, as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct EmbeddingRequest {
    /// One of those that `/v1/models` lists.
    model: String,
    /// A text, texts, tokens or lists of tokens. Tokens are taken as they are, with those that begin
    /// and end a sequence.
    input: Prompts,
    /// How vectors are written; `float` without it.
    encoding_format: Option<Encoding>,
    /// Values of each vector, from its beginning; it is then brought to length 1 anew.
    dimensions: Option<i64>,
    /// Used for nothing.
    #[serde(rename = "user")]
    _user: Option<String>,
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Base64 of little-endian single floats.
    Base64,
}

/// Vectors that can be asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Embedding {
    pub(super) model: String,
    pub(super) inputs: Prompts,
    pub(super) encoding: Encoding,
    pub(super) dimensions: Option<usize>,
}

impl EmbeddingRequest {
    pub(super) fn check(self, limits: &Limits) -> Result<Embedding, Problem> {
        let (inputs, most) = (self.input, limits.max_embedding_inputs);
        if inputs.count() > most {
            let name = "max_embedding_inputs";
            return Err(over_limit("input", inputs.count(), "texts", most, name));
        }
        if inputs.bytes() > limits.max_prompt_bytes {
            let limit = limits.max_prompt_bytes;
            return Err(over_limit("input", inputs.bytes(), "bytes", limit, "max_prompt_bytes"));
        }
        let dimensions = whole("dimensions", self.dimensions, 1..=1 << 20)?;
        Ok(Embedding {
            model: self.model,
            inputs,
            encoding: self.encoding_format.unwrap_or_default(),
            dimensions,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::json::parse;

    fn ask(extra: &Value) -> Result<Embedding, Problem> {
        let mut body = json!({ "model": "encoder", "input": "Oat milk" });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        parse::<EmbeddingRequest>(body.to_string().as_bytes())?.check(&Limits::default())
    }

    #[test]
    fn what_the_clients_send_is_understood() {
        for extra in [
            json!({}),
            json!({ "input": ["a", "b"], "encoding_format": "base64", "user": "x" }),
            json!({ "input": [1, 2, 3], "dimensions": 128 }),
            json!({ "input": [[1], [2, 3]], "encoding_format": "float", "dimensions": null }),
        ] {
            assert!(ask(&extra).is_ok(), "{extra}: {:?}", ask(&extra));
        }
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        for (extra, param) in [
            (json!({ "input": [] }), "input"),
            (json!({ "input": ["a", 1] }), "input"),
            (json!({ "input": vec!["a"; 2049] }), "input"),
            (json!({ "input": "x".repeat((1 << 20) + 1) }), "input"),
            (json!({ "dimensions": 0 }), "dimensions"),
            (json!({ "dimensions": 1.5 }), "dimensions"),
            (json!({ "encoding_format": "int8" }), "encoding_format"),
            (json!({ "truncate": true }), "truncate"),
        ] {
            let problem = ask(&extra).unwrap_err();
            assert_eq!(problem.body().param.as_deref(), Some(param), "{problem:?}");
        }
    }
}
