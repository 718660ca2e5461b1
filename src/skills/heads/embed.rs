//! A text as one vector.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::fault::{HeadError, named, read, split};
use super::text::TextInput;

/// A text as one vector: `{"task": "embed", "pool": "mean", "normalise": true, "max_tokens": 256}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embed {
    /// How the vectors of its tokens become one.
    pub pool: Pool,
    /// Whether the vector is given the length 1.
    pub normalise: bool,
    /// The output, where the graph has several: floats of shape `[texts, tokens, width]`.
    pub output: Option<String>,
    /// How the text becomes the graph's inputs.
    pub text: TextInput,
}

/// How the vectors of tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// Their mean over the tokens that are not padding.
    Mean,
    /// The first token's.
    Cls,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    pool: Pool,
    normalise: bool,
    output: Option<String>,
}

impl Embed {
    pub(super) fn parse(mut fields: Map<String, Value>) -> Result<Self, HeadError> {
        let text: TextInput = read(split(&mut fields, &TextInput::FIELDS))?;
        text.check()?;
        let own: Own = read(fields)?;
        named("output", own.output.as_deref())?;
        Ok(Self { pool: own.pool, normalise: own.normalise, output: own.output, text })
    }
}
