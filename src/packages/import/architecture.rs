//! The sizes of a decoder, read from metadata and checked.

use super::ImportError;
use crate::packages::gguf::{Gguf, Value};

/// The rotary caches of the graph have a row per position, so this bounds what is written.
const MAX_CONTEXT_TOKENS: u64 = 1 << 18;
const MAX_LAYERS: u64 = 1024;
const MAX_WIDTH: u64 = 1 << 20;

/// A decoder of the llama architecture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Architecture {
    pub(super) name: &'static str,
    pub(super) layers: usize,
    pub(super) hidden: usize,
    pub(super) feed_forward: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_width: usize,
    pub(super) vocabulary: usize,
    pub(super) context_tokens: usize,
    pub(super) norm_epsilon: f32,
    pub(super) rotary_base: f64,
}

impl Architecture {
    pub(super) fn read(gguf: &Gguf<'_>) -> Result<Self, ImportError> {
        let key = "general.architecture";
        match gguf.value(key).and_then(Value::as_str) {
            Some("llama") => {}
            Some(other) => return Err(unsupported(key, other, "llama")),
            None => return Err(missing(key, "a text")),
        }
        refuse_rotary_scaling(gguf)?;
        refuse_experts(gguf)?;

        let hidden = size(gguf, "llama.embedding_length", MAX_WIDTH)?;
        let heads = size(gguf, "llama.attention.head_count", MAX_WIDTH)?;
        let kv_heads = match gguf.value("llama.attention.head_count_kv") {
            Some(_) => size(gguf, "llama.attention.head_count_kv", MAX_WIDTH)?,
            None => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            let value = kv_heads.to_string();
            let wanted = "a divisor of llama.attention.head_count";
            return Err(unsupported("llama.attention.head_count_kv", &value, wanted));
        }
        Ok(Self {
            name: "llama",
            layers: size(gguf, "llama.block_count", MAX_LAYERS)?,
            hidden,
            feed_forward: size(gguf, "llama.feed_forward_length", MAX_WIDTH)?,
            heads,
            kv_heads,
            head_width: head_width(gguf, hidden, heads)?,
            vocabulary: vocabulary(gguf)?,
            context_tokens: size(gguf, "llama.context_length", MAX_CONTEXT_TOKENS)?,
            norm_epsilon: positive(gguf, "llama.attention.layer_norm_rms_epsilon")? as f32,
            rotary_base: match gguf.value("llama.rope.freq_base") {
                Some(_) => positive(gguf, "llama.rope.freq_base")?,
                None => 10_000.0,
            },
        })
    }
}

fn head_width(gguf: &Gguf<'_>, hidden: usize, heads: usize) -> Result<usize, ImportError> {
    let keys = "llama.attention.key_length";
    let width = match gguf.value(keys) {
        Some(_) => size(gguf, keys, MAX_WIDTH)?,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => {
            let wanted = "a divisor of llama.embedding_length";
            return Err(unsupported("llama.attention.head_count", &heads.to_string(), wanted));
        }
    };
    if width % 2 != 0 {
        return Err(unsupported(keys, &width.to_string(), "an even number"));
    }
    for (key, supported) in [
        ("llama.attention.value_length", "the length of keys"),
        ("llama.rope.dimension_count", "the whole width of a head"),
    ] {
        if gguf.value(key).is_some() {
            let value = size(gguf, key, MAX_WIDTH)?;
            if value != width {
                return Err(unsupported(key, &value.to_string(), supported));
            }
        }
    }
    Ok(width)
}

/// The embedding knows best; `llama.vocab_size` is often absent.
fn vocabulary(gguf: &Gguf<'_>) -> Result<usize, ImportError> {
    let name = "token_embd.weight";
    let tensor = gguf.tensor(name).ok_or_else(|| ImportError::MissingTensor(name.to_owned()))?;
    let rows = tensor.dimensions().get(1).copied().unwrap_or(1);
    usize::try_from(rows)
        .ok()
        .filter(|&n| n <= u32::MAX as usize)
        .ok_or_else(|| unsupported("the vocabulary", &rows.to_string(), "less than 2^32 tokens"))
}

fn refuse_rotary_scaling(gguf: &Gguf<'_>) -> Result<(), ImportError> {
    let key = "llama.rope.scaling.type";
    if let Some(value) = gguf.value(key)
        && value.as_str() != Some("none")
    {
        return Err(unsupported(key, &value.to_string(), "none"));
    }
    for key in ["llama.rope.scale_linear", "llama.rope.scaling.factor"] {
        if let Some(value) = gguf.value(key)
            && value.as_f64() != Some(1.0)
        {
            return Err(unsupported(key, &value.to_string(), "1"));
        }
    }
    Ok(())
}

fn refuse_experts(gguf: &Gguf<'_>) -> Result<(), ImportError> {
    let key = "llama.expert_count";
    match gguf.value(key) {
        Some(value) if value.as_u64() != Some(0) => {
            Err(unsupported(key, &value.to_string(), "0, a model without experts"))
        }
        _ => Ok(()),
    }
}

fn size(gguf: &Gguf<'_>, key: &str, max: u64) -> Result<usize, ImportError> {
    let value = gguf.value(key).ok_or_else(|| missing(key, "a whole number"))?;
    match value.as_u64() {
        Some(number @ 1..) if number <= max => Ok(number as usize),
        _ => Err(unsupported(key, &value.to_string(), limit_text(max))),
    }
}

fn limit_text(max: u64) -> &'static str {
    match max {
        MAX_CONTEXT_TOKENS => "1 to 262144",
        MAX_LAYERS => "1 to 1024",
        _ => "1 to 1048576",
    }
}

fn positive(gguf: &Gguf<'_>, key: &str) -> Result<f64, ImportError> {
    let value = gguf.value(key).ok_or_else(|| missing(key, "a number"))?;
    value
        .as_f64()
        .filter(|number| number.is_finite() && *number > 0.0)
        .ok_or_else(|| unsupported(key, &value.to_string(), "a number above 0"))
}

fn missing(key: &str, wanted: &'static str) -> ImportError {
    ImportError::Metadata { key: key.to_owned(), wanted }
}

fn unsupported(key: &str, value: &str, supported: &'static str) -> ImportError {
    ImportError::Unsupported { key: key.to_owned(), value: value.to_owned(), supported }
}
