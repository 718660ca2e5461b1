//! A byte-level BPE tokeniser from metadata to `tokenizer.json`.

use std::collections::HashMap;

use serde_json::{Map, Value as Json, json};

use super::ImportError;
use super::pre_tokenizer::PreTokenizer;
use super::special_tokens::SpecialTokens;
use crate::packages::gguf::{Gguf, Value};

const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";

/// What a token is for; ggml's `token_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRole {
    /// Text, made by merges.
    Text,
    /// Steers the model, is not text for people.
    Control,
    /// Text that is never cut.
    UserDefined,
}

/// Tokens and merges as the file has them, checked.
#[derive(Debug)]
pub(super) struct Vocabulary<'a> {
    pub(super) tokens: Vec<&'a str>,
    pub(super) roles: Vec<TokenRole>,
    pub(super) ids: HashMap<&'a str, u32>,
    merges: Vec<(&'a str, &'a str)>,
    pub(super) pre_tokenizer: PreTokenizer,
}

impl<'a> Vocabulary<'a> {
    /// Reads the vocabulary of a model whose embedding has `rows` rows.
    pub(super) fn read(gguf: &Gguf<'a>, rows: usize) -> Result<Self, ImportError> {
        check_model(gguf)?;
        let pre_tokenizer = PreTokenizer::read(gguf)?;
        let tokens = strings(gguf, TOKENS)?;
        if tokens.len() != rows {
            let found = tokens.len();
            return Err(fault(format!("{found} tokens for an embedding of {rows} rows")));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, &token) in (0..).zip(&tokens) {
            if ids.insert(token, id).is_some() {
                return Err(fault(format!("token {token:?} occurs twice")));
            }
        }
        let roles = roles(gguf, tokens.len())?;
        let merges = strings(gguf, MERGES)?
            .into_iter()
            .map(|merge| parse_merge(merge, &ids))
            .collect::<Result<_, _>>()?;
        Ok(Self { tokens, roles, ids, merges, pre_tokenizer })
    }

    pub(super) fn text(&self, id: u32) -> Option<&'a str> {
        self.tokens.get(id as usize).copied()
    }

    pub(super) fn role(&self, id: u32) -> Option<TokenRole> {
        self.roles.get(id as usize).copied()
    }

    fn added_tokens(&self) -> Vec<Json> {
        let added = (0_u32..).zip(self.tokens.iter().zip(&self.roles));
        added
            .filter(|(_, (_, role))| **role != TokenRole::Text)
            .map(|(id, (token, role))| {
                json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": *role == TokenRole::Control,
                })
            })
            .collect()
    }
}

/// The tokeniser in the form of Hugging Face `tokenizers`.
pub(super) fn to_json(vocabulary: &Vocabulary<'_>, special: &SpecialTokens) -> String {
    let ids: Map<String, Json> = (0_u32..)
        .zip(&vocabulary.tokens)
        .map(|(id, &token)| (token.to_owned(), Json::from(id)))
        .collect();
    let merges: Vec<Json> =
        vocabulary.merges.iter().map(|(left, right)| json!([left, right])).collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true,
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": vocabulary.added_tokens(),
        "normalizer": vocabulary.pre_tokenizer.normalizer(),
        "pre_tokenizer": vocabulary.pre_tokenizer.to_json(),
        "post_processor": special.post_processor(vocabulary),
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": vocabulary.pre_tokenizer.ignores_merges(),
            "vocab": ids,
            "merges": merges,
        },
    })
    .to_string()
}

fn check_model(gguf: &Gguf<'_>) -> Result<(), ImportError> {
    let key = "tokenizer.ggml.model";
    match gguf.value(key).and_then(Value::as_str) {
        Some("gpt2") => Ok(()),
        Some(other) => Err(ImportError::Unsupported {
            key: key.to_owned(),
            value: other.to_owned(),
            supported: "gpt2, byte-level BPE",
        }),
        None => Err(ImportError::Metadata { key: key.to_owned(), wanted: "a text" }),
    }
}

fn strings<'a>(gguf: &Gguf<'a>, key: &str) -> Result<Vec<&'a str>, ImportError> {
    let strings = gguf.value(key).and_then(Value::as_array).and_then(|array| array.strings());
    let wanted = "an array of texts";
    Ok(strings.ok_or(ImportError::Metadata { key: key.to_owned(), wanted })?.collect())
}

fn roles(gguf: &Gguf<'_>, tokens: usize) -> Result<Vec<TokenRole>, ImportError> {
    let Some(value) = gguf.value(TYPES) else { return Ok(vec![TokenRole::Text; tokens]) };
    let array = value.as_array().filter(|array| array.len() == tokens);
    let wanted = "an array with a number for each token";
    let array = array.ok_or(ImportError::Metadata { key: TYPES.to_owned(), wanted })?;
    array
        .iter()
        .map(|value| match value.as_u64() {
            // Normal, unused and byte tokens, as llama.cpp's `llama_token_type` numbers them.
            Some(1 | 5 | 6) => Ok(TokenRole::Text),
            // Unknown and control.
            Some(2 | 3) => Ok(TokenRole::Control),
            Some(4) => Ok(TokenRole::UserDefined),
            _ => Err(fault(format!("{value} is no token type"))),
        })
        .collect()
}

fn parse_merge<'a>(
    merge: &'a str,
    ids: &HashMap<&str, u32>,
) -> Result<(&'a str, &'a str), ImportError> {
    // A token may begin with the space that divides the two.
    let first = merge.chars().next().map_or(0, char::len_utf8);
    let space = merge.get(first..).and_then(|rest| rest.find(' '));
    let halves = space.and_then(|space| {
        let (left, right) = merge.split_at_checked(first + space)?;
        Some((left, right.strip_prefix(' ')?))
    });
    let (left, right) =
        halves.ok_or_else(|| fault(format!("merge {merge:?} is not two tokens")))?;
    let known = |token: &str| ids.contains_key(token);
    if known(left) && known(right) && known(&[left, right].concat()) {
        Ok((left, right))
    } else {
        Err(fault(format!("merge {merge:?} needs a token that is not in the vocabulary")))
    }
}

fn fault(why: String) -> ImportError {
    ImportError::Tokenizer(why)
}
