//! How text is cut into words before merges apply.
//!
//! GGUF stores only a name, `tokenizer.ggml.pre`. What each name stands for is taken from
//! `llama-vocab.cpp` of llama.cpp and, where they agree on real text, written as the model's own
//! `tokenizer.json` has it.

use serde_json::{Value as Json, json};

use super::ImportError;
use crate::packages::gguf::{Gguf, Value};

const KEY: &str = "tokenizer.ggml.pre";

const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// A known way to cut text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PreTokenizer {
    Default,
    Gpt2,
    SmolLm,
    Llama3,
    Qwen2,
}

impl PreTokenizer {
    pub(super) fn read(gguf: &Gguf<'_>) -> Result<Self, ImportError> {
        match gguf.value(KEY).and_then(Value::as_str) {
            None | Some("default") => Ok(Self::Default),
            Some("gpt-2") => Ok(Self::Gpt2),
            Some("smollm") => Ok(Self::SmolLm),
            Some("llama-bpe" | "llama3" | "llama-v3") => Ok(Self::Llama3),
            Some("qwen2") => Ok(Self::Qwen2),
            Some(other) => Err(ImportError::Unsupported {
                key: KEY.to_owned(),
                value: other.to_owned(),
                supported: "default, gpt-2, smollm, llama-bpe and qwen2",
            }),
        }
    }

    /// Whether a sequence begins with the BOS token where metadata says nothing.
    pub(super) fn adds_bos(self) -> bool {
        self == Self::Llama3
    }

    /// Whether a word that is a token stays one, whatever the merges say.
    pub(super) fn ignores_merges(self) -> bool {
        self == Self::Llama3
    }

    pub(super) fn normalizer(self) -> Json {
        match self {
            Self::Qwen2 => json!({ "type": "NFC" }),
            _ => Json::Null,
        }
    }

    pub(super) fn to_json(self) -> Json {
        match self {
            Self::Gpt2 => byte_level(true),
            Self::SmolLm => {
                sequence(&[json!({ "type": "Digits", "individual_digits": true })], true)
            }
            Self::Llama3 => sequence(&[split(LLAMA3)], false),
            Self::Qwen2 => sequence(&[split(QWEN2)], false),
            Self::Default => {
                let cuts = [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"];
                sequence(&cuts.map(split), false)
            }
        }
    }
}

fn sequence(first: &[Json], use_regex: bool) -> Json {
    let mut steps = first.to_vec();
    steps.push(byte_level(use_regex));
    json!({ "type": "Sequence", "pretokenizers": steps })
}

fn split(regex: &str) -> Json {
    let pattern = json!({ "Regex": regex });
    json!({ "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false })
}

/// `use_regex` cuts by GPT-2's expression first.
fn byte_level(use_regex: bool) -> Json {
    json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
        "use_regex": use_regex,
    })
}
