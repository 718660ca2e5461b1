//! Tokens that begin and end things, and what generation starts from.

use serde_json::{Map, Value as Json, json};

use super::ImportError;
use super::tokenizer::{TokenRole, Vocabulary};
use crate::packages::gguf::{Gguf, Value};

/// Control tokens that end an answer wherever a vocabulary has them.
const ENDINGS: [&str; 8] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "</s>",
];

/// Sampling defaults: GGUF's key, Hugging Face's name.
const SAMPLING: [(&str, &str); 5] = [
    ("general.sampling.temp", "temperature"),
    ("general.sampling.top_k", "top_k"),
    ("general.sampling.top_p", "top_p"),
    ("general.sampling.min_p", "min_p"),
    ("general.sampling.penalty_repeat", "repetition_penalty"),
];

/// Special tokens by id.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    bos: Option<u32>,
    eos: Option<u32>,
    padding: Option<u32>,
    pub(super) adds_bos: bool,
    /// The model's own ending first.
    pub(super) end_tokens: Vec<u32>,
}

impl SpecialTokens {
    pub(super) fn read(gguf: &Gguf<'_>, vocabulary: &Vocabulary<'_>) -> Result<Self, ImportError> {
        let id = |name: &str| token_id(gguf, vocabulary, name);
        let (bos, eos) = (id("bos")?, id("eos")?);
        let mut end_tokens = Vec::new();
        let named = ENDINGS.iter().filter_map(|text| vocabulary.ids.get(text).copied());
        let named = named.filter(|&id| vocabulary.role(id) != Some(TokenRole::Text));
        for id in [eos, id("eot")?, id("eom")?].into_iter().flatten().chain(named) {
            if !end_tokens.contains(&id) {
                end_tokens.push(id);
            }
        }
        if end_tokens.is_empty() {
            let key = "tokenizer.ggml.eos_token_id".to_owned();
            return Err(ImportError::Metadata { key, wanted: "a token of the vocabulary" });
        }
        refuse_eos_at_end(gguf)?;
        let adds_bos = gguf
            .value("tokenizer.ggml.add_bos_token")
            .and_then(Value::as_bool)
            .unwrap_or(vocabulary.pre_tokenizer.adds_bos());
        if adds_bos && bos.is_none() {
            let key = "tokenizer.ggml.bos_token_id".to_owned();
            return Err(ImportError::Metadata { key, wanted: "a token of the vocabulary" });
        }
        Ok(Self { bos, eos, padding: id("padding")?, adds_bos, end_tokens })
    }

    pub(super) fn bos_text(&self, vocabulary: &Vocabulary<'_>) -> Option<String> {
        self.bos.and_then(|id| vocabulary.text(id)).map(str::to_owned)
    }

    pub(super) fn eos_text(&self, vocabulary: &Vocabulary<'_>) -> Option<String> {
        self.eos.and_then(|id| vocabulary.text(id)).map(str::to_owned)
    }

    /// Puts the BOS token before a text, where the model wants it.
    pub(super) fn post_processor(&self, vocabulary: &Vocabulary<'_>) -> Json {
        let text = self.bos_text(vocabulary).filter(|_| self.adds_bos);
        let Some((id, text)) = self.bos.zip(text) else { return Json::Null };
        let token = json!({ "SpecialToken": { "id": text, "type_id": 0 } });
        let sequence = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
        let mut known = Map::new();
        known.insert(text.clone(), json!({ "id": text, "ids": [id], "tokens": [text] }));
        json!({
            "type": "TemplateProcessing",
            "single": [token, sequence("A")],
            "pair": [token, sequence("A"), token, sequence("B")],
            "special_tokens": known,
        })
    }

    /// `generation_config.json`.
    pub(super) fn generation_config(&self, gguf: &Gguf<'_>) -> String {
        let mut config = Map::new();
        let eos = match self.end_tokens.as_slice() {
            [one] => json!(one),
            several => json!(several),
        };
        let ids = [
            ("bos_token_id", self.bos.map(Json::from)),
            ("eos_token_id", Some(eos)),
            ("pad_token_id", self.padding.map(Json::from)),
        ];
        let sampling = SAMPLING.map(|(key, name)| (name, gguf.value(key).and_then(number)));
        for (name, value) in ids.into_iter().chain(sampling) {
            if let Some(value) = value {
                config.insert(name.to_owned(), value);
            }
        }
        format!("{:#}\n", Json::Object(config))
    }
}

fn number(value: &Value<'_>) -> Option<Json> {
    match value {
        // As it was written, not as the nearest f64 spells it.
        Value::F32(number) => number.to_string().parse::<f64>().ok().map(Json::from),
        _ => value.as_u64().map(Json::from).or_else(|| value.as_f64().map(Json::from)),
    }
}

fn token_id(
    gguf: &Gguf<'_>,
    vocabulary: &Vocabulary<'_>,
    name: &str,
) -> Result<Option<u32>, ImportError> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    let Some(value) = gguf.value(&key) else { return Ok(None) };
    let id = value.as_u64().and_then(|id| u32::try_from(id).ok());
    match id.filter(|&id| vocabulary.text(id).is_some()) {
        Some(id) => Ok(Some(id)),
        None => Err(ImportError::Metadata { key, wanted: "a token of the vocabulary" }),
    }
}

fn refuse_eos_at_end(gguf: &Gguf<'_>) -> Result<(), ImportError> {
    let key = "tokenizer.ggml.add_eos_token";
    match gguf.value(key).and_then(Value::as_bool) {
        Some(true) => Err(ImportError::Unsupported {
            key: key.to_owned(),
            value: "true".to_owned(),
            supported: "false, a prompt that goes on",
        }),
        _ => Ok(()),
    }
}
