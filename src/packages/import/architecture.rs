//! The sizes of a decoder, read from metadata and checked.

use super::ImportError;
use super::family::Family;
use super::rotary::RowOrder;
use crate::packages::gguf::{Gguf, Value};

/// The rotary caches of the graph have a row per position, so this bounds what is written.
const MAX_CONTEXT_TOKENS: u64 = 1 << 18;
const MAX_LAYERS: u64 = 1024;
const MAX_WIDTH: u64 = 1 << 20;

/// A decoder of one of the families.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Architecture {
    pub(super) family: Family,
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
    /// Positions are divided by this before they are turned to angles.
    pub(super) rotary_stretch: f64,
}

impl Architecture {
    pub(super) fn read(gguf: &Gguf<'_>) -> Result<Self, ImportError> {
        let family = Family::read(gguf)?;
        let keys = Keys { gguf, family };
        keys.refuse_what_changes_the_computation()?;
        let context_tokens = keys.size("context_length", MAX_CONTEXT_TOKENS)?;
        keys.refuse_sliding_window(context_tokens)?;

        let hidden = keys.size("embedding_length", MAX_WIDTH)?;
        let heads = keys.size("attention.head_count", MAX_WIDTH)?;
        let kv_heads = match keys.value("attention.head_count_kv") {
            Some(_) => keys.size("attention.head_count_kv", MAX_WIDTH)?,
            None => heads,
        };
        if !heads.is_multiple_of(kv_heads) {
            let wanted = "a divisor of the number of heads";
            return Err(keys.unsupported("attention.head_count_kv", &kv_heads.to_string(), wanted));
        }
        Ok(Self {
            family,
            layers: keys.size("block_count", MAX_LAYERS)?,
            hidden,
            feed_forward: keys.size("feed_forward_length", MAX_WIDTH)?,
            heads,
            kv_heads,
            head_width: keys.head_width(hidden, heads)?,
            vocabulary: vocabulary(gguf)?,
            context_tokens,
            norm_epsilon: keys.positive("attention.layer_norm_rms_epsilon")? as f32,
            rotary_base: match keys.value("rope.freq_base") {
                Some(_) => keys.positive("rope.freq_base")?,
                None => 10_000.0,
            },
            rotary_stretch: keys.rotary_stretch()?,
        })
    }

    /// The order of rows in Q and K.
    pub(super) fn rotary_order(&self) -> RowOrder {
        self.family.rotary_order(self.head_width)
    }
}

/// Metadata under the name of the architecture.
struct Keys<'a> {
    gguf: &'a Gguf<'a>,
    family: Family,
}

impl<'a> Keys<'a> {
    fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.family.name())
    }

    fn value(&self, name: &str) -> Option<&'a Value<'a>> {
        self.gguf.value(&self.key(name))
    }

    fn unsupported(&self, name: &str, value: &str, supported: &'static str) -> ImportError {
        unsupported(self.key(name), value, supported)
    }

    fn wanted(&self, name: &str, wanted: &'static str) -> Result<&'a Value<'a>, ImportError> {
        self.value(name).ok_or(ImportError::Metadata { key: self.key(name), wanted })
    }

    fn size(&self, name: &str, max: u64) -> Result<usize, ImportError> {
        let value = self.wanted(name, "a whole number")?;
        match value.as_u64() {
            Some(number @ 1..) if number <= max => Ok(number as usize),
            _ => Err(self.unsupported(name, &value.to_string(), limit_text(max))),
        }
    }

    fn positive(&self, name: &str) -> Result<f64, ImportError> {
        let value = self.wanted(name, "a number")?;
        value
            .as_f64()
            .filter(|number| number.is_finite() && *number > 0.0)
            .ok_or_else(|| self.unsupported(name, &value.to_string(), "a number above 0"))
    }

    fn head_width(&self, hidden: usize, heads: usize) -> Result<usize, ImportError> {
        let name = "attention.key_length";
        let width = match self.value(name) {
            Some(_) => self.size(name, MAX_WIDTH)?,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                let wanted = "a divisor of the embedding's length";
                return Err(self.unsupported("attention.head_count", &heads.to_string(), wanted));
            }
        };
        if width % 2 != 0 {
            return Err(self.unsupported(name, &width.to_string(), "an even number"));
        }
        for (name, supported) in [
            ("attention.value_length", "the length of keys"),
            ("rope.dimension_count", "the whole width of a head"),
        ] {
            if self.value(name).is_some() {
                let value = self.size(name, MAX_WIDTH)?;
                if value != width {
                    return Err(self.unsupported(name, &value.to_string(), supported));
                }
            }
        }
        Ok(width)
    }

    /// Linear scaling, which llama.cpp also means where only a factor is given.
    fn rotary_stretch(&self) -> Result<f64, ImportError> {
        let name = "rope.scaling.type";
        let linear = match self.value(name).map(|value| (value, value.as_str())) {
            None | Some((_, Some("linear"))) => true,
            Some((_, Some("none"))) => false,
            Some((value, _)) => {
                return Err(self.unsupported(name, &value.to_string(), "none and linear"));
            }
        };
        let factors = ["rope.scaling.factor", "rope.scale_linear"];
        match factors.into_iter().find(|name| self.value(name).is_some()) {
            Some(name) if linear => self.positive(name),
            _ => Ok(1.0),
        }
    }

    fn refuse_what_changes_the_computation(&self) -> Result<(), ImportError> {
        for (name, neutral, supported) in [
            ("expert_count", 0.0, "0, a model without experts"),
            ("attention.clamp_kqv", 0.0, "0"),
            ("attention.max_alibi_bias", 0.0, "0"),
            ("attention.scale", 0.0, "0, one by the root of the head's width"),
            ("attn_logit_softcapping", 0.0, "0"),
            ("final_logit_softcapping", 0.0, "0"),
            ("embedding_scale", 1.0, "1"),
            ("residual_scale", 1.0, "1"),
            ("logit_scale", 1.0, "1"),
        ] {
            if let Some(value) = self.value(name)
                && value.as_f64() != Some(neutral)
            {
                return Err(self.unsupported(name, &value.to_string(), supported));
            }
        }
        for (name, neutral, supported) in
            [("attention.causal", true, "true"), ("use_parallel_residual", false, "false")]
        {
            if let Some(value) = self.value(name)
                && value.as_bool() != Some(neutral)
            {
                return Err(self.unsupported(name, &value.to_string(), supported));
            }
        }
        Ok(())
    }

    /// A window as long as the context is none.
    fn refuse_sliding_window(&self, context_tokens: usize) -> Result<(), ImportError> {
        let name = "attention.sliding_window";
        let Some(value) = self.value(name) else { return Ok(()) };
        let whole = |window: u64| window == 0 || window >= context_tokens as u64;
        if value.as_u64().is_some_and(whole) {
            return Ok(());
        }
        let supported = "0, attention to the whole context";
        Err(self.unsupported(name, &value.to_string(), supported))
    }
}

/// The embedding knows best; `vocab_size` is often absent.
fn vocabulary(gguf: &Gguf<'_>) -> Result<usize, ImportError> {
    let name = "token_embd.weight";
    let tensor = gguf.tensor(name).ok_or_else(|| ImportError::MissingTensor(name.to_owned()))?;
    let rows = tensor.dimensions().get(1).copied().unwrap_or(1);
    usize::try_from(rows).ok().filter(|&n| n <= u32::MAX as usize).ok_or_else(|| {
        unsupported("the vocabulary".to_owned(), &rows.to_string(), "less than 2^32 tokens")
    })
}

fn limit_text(max: u64) -> &'static str {
    match max {
        MAX_CONTEXT_TOKENS => "1 to 262144",
        MAX_LAYERS => "1 to 1024",
        _ => "1 to 1048576",
    }
}

fn unsupported(key: String, value: &str, supported: &'static str) -> ImportError {
    ImportError::Unsupported { key, value: value.to_owned(), supported }
}
