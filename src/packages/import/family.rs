//! What the architectures that can be imported have apart from each other.

use super::ImportError;
use super::rotary::RowOrder;
use crate::packages::gguf::{Gguf, Value};

const KEY: &str = "general.architecture";

/// An architecture, by GGUF's name. All are decoders with pre-norm RMS normalisation, grouped
/// queries, rotary positions and a gated feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Llama, SmolLM, Mistral and others.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
}

/// Whether Q, K and V have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bias {
    /// Each where the file has it.
    WherePresent,
    /// All three.
    Always,
}

impl Family {
    pub(super) fn read(gguf: &Gguf<'_>) -> Result<Self, ImportError> {
        match gguf.value(KEY).and_then(Value::as_str) {
            Some("llama") => Ok(Self::Llama),
            Some("qwen2") => Ok(Self::Qwen2),
            Some(other) => Err(ImportError::Unsupported {
                key: KEY.to_owned(),
                value: other.to_owned(),
                supported: "llama and qwen2",
            }),
            None => Err(ImportError::Metadata { key: KEY.to_owned(), wanted: "a text" }),
        }
    }

    /// GGUF's name, which its metadata keys begin with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Qwen2 => "qwen2",
        }
    }

    pub(super) fn bias(self) -> Bias {
        match self {
            Self::Llama => Bias::WherePresent,
            Self::Qwen2 => Bias::Always,
        }
    }

    /// Whether a file may bring its own divisors of the rotary frequencies.
    pub(super) fn has_rotary_factors(self) -> bool {
        self == Self::Llama
    }

    /// GGUF has llama's rotary pairs beside each other and the others' half a head apart, as ONNX
    /// has all of them.
    pub(super) fn rotary_order(self, head_width: usize) -> RowOrder {
        match self {
            Self::Llama => RowOrder::RotaryPairs { head_width },
            Self::Qwen2 => RowOrder::AsStored,
        }
    }
}
