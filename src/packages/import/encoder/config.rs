//! What an encoder's `config.json` says of its shape.

use serde::Deserialize;

use super::super::ImportError;

/// The shape of an encoder, each number within sensible bounds.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Config {
    model_type: String,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) layer_norm_eps: f32,
}

fn absolute() -> String {
    "absolute".to_owned()
}

impl Config {
    /// Reads and checks the file's JSON.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ImportError> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let config: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|error| ImportError::Config(error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Width of an attention head.
    pub(super) fn head_width(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }

    fn check(&self) -> Result<(), ImportError> {
        only("model_type", &self.model_type, "bert")?;
        only("hidden_act", &self.hidden_act, "gelu")?;
        only("position_embedding_type", &self.position_embedding_type, "absolute")?;
        for (key, value, most) in [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1024),
            ("num_attention_heads", self.num_attention_heads, 1024),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
            ("type_vocab_size", self.type_vocab_size, 1024),
        ] {
            if !(1..=most).contains(&value) {
                let why = format!("{key} is {value}; allowed are 1 to {most}");
                return Err(ImportError::Config(why));
            }
        }
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        if hidden % heads != 0 {
            let why = format!("hidden_size {hidden} cannot be shared by {heads} heads");
            return Err(ImportError::Config(why));
        }
        if !(self.layer_norm_eps > 0.0 && self.layer_norm_eps < 1.0) {
            return Err(ImportError::Config("layer_norm_eps is not between 0 and 1".to_owned()));
        }
        Ok(())
    }
}

fn only(key: &str, value: &str, supported: &'static str) -> Result<(), ImportError> {
    if value == supported {
        return Ok(());
    }
    let value: String = value.chars().take(80).collect();
    Err(ImportError::Unsupported { key: key.to_owned(), value, supported })
}
