//! How a text becomes the inputs of an encoder.

use serde::Deserialize;

use super::fault::{HeadError, named, within};

/// Tokens of one text at most, whatever a card says.
const MAX_TOKENS: usize = 1 << 16;

/// How a text becomes tokens and tokens become arrays of shape `[texts, tokens]`.
///
/// A text's tokens stand between `begin` and `end`; what is more than `max_tokens`, those two
/// included, is cut at its end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextInput {
    /// Tokens of a text at most, `begin` and `end` included.
    pub max_tokens: usize,
    /// Name of the token that every text begins with; empty for none.
    #[serde(default = "begin")]
    pub begin: String,
    /// Name of the token that every text ends with; empty for none.
    #[serde(default = "end")]
    pub end: String,
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
    pub(super) const FIELDS: [&str; 4] = ["max_tokens", "begin", "end", "inputs"];

    pub(super) fn check(&self) -> Result<(), HeadError> {
        let ends = usize::from(!self.begin.is_empty()) + usize::from(!self.end.is_empty());
        within("max_tokens", self.max_tokens, ends + 1, MAX_TOKENS)?;
        named("inputs.tokens", Some(&self.inputs.tokens))?;
        named("inputs.mask", Some(&self.inputs.mask))?;
        named("inputs.types", Some(&self.inputs.types))
    }
}

fn begin() -> String {
    "[CLS]".to_owned()
}

fn end() -> String {
    "[SEP]".to_owned()
}
