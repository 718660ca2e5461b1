//! Texts of a request.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::{out_of_range, over_limit};
use crate::api::service::Limits;
use crate::http::Problem;

/// A text, or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a text or a list of texts")]
pub(in crate::api) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    /// The texts, no more and no longer than may be asked at once.
    pub(super) fn checked(self, limits: &Limits) -> Result<Vec<String>, Problem> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
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
}
