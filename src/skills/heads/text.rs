//! How a text becomes the inputs of an encoder.

use serde::Deserialize;

use super::fault::{HeadError, named, within};

/// Tokens of one text at most, whatever a card says.
const MAX_TOKENS: usize = 1 << 16;

/// How a text becomes tokens and tokens become arrays of shape `[texts, tokens]`.
///
/// The tokeniser's own file says which tokens begin and end a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextInput {
    /// Tokens of a text at most, those that begin and end it included.
    pub max_tokens: usize,
    /// Names of the graph's inputs.
    #[serde(default)]
    pub inputs: TextPorts,
}

/// Names of the inputs of an encoder. Those that the graph does not have are not given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextPorts {
    /// Token numbers.
    pub tokens: String,
    /// 1 for a token, 0 for padding.
    pub mask: String,
    /// Which of two texts a token belongs to; all 0 here.
    pub types: String,
}

impl Default for TextPorts {
    fn default() -> Self {
        Self {
            tokens: "input_ids".into(),
            mask: "attention_mask".into(),
            types: "token_type_ids".into(),
        }
    }
}

impl TextInput {
    /// The fields as they stand in a head.
    pub(super) const FIELDS: [&str; 2] = ["max_tokens", "inputs"];

    pub(super) fn check(&self) -> Result<(), HeadError> {
        within("max_tokens", self.max_tokens, 1, MAX_TOKENS)?;
        named("inputs.tokens", Some(&self.inputs.tokens))?;
        named("inputs.mask", Some(&self.inputs.mask))?;
        named("inputs.types", Some(&self.inputs.types))
    }
}
