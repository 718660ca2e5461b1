//! A folder as Hugging Face's ONNX exports leave it: graph, tokeniser and their configurations.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::defaults::MAX_DEFAULTS_BYTES;
use super::disk::{copy_new, read_bounded, write_new};
use super::error::{At, PackageError};
use super::external;
use super::manifest::Role;
use super::name::is_plain_file_name;
use super::package::MAX_TEMPLATE_BYTES;
use crate::engine::{ModelSource, TokenId};

const MAX_CONFIG_BYTES: usize = 4 << 20;
const MAX_TOKENIZER_BYTES: usize = 64 << 20;

/// What a folder of that kind has for a package.
#[derive(Debug)]
pub(super) struct OnnxFolder {
    pub(super) folder: PathBuf,
    /// Files to copy: where from, their name in the package, and what for.
    files: Vec<(PathBuf, String, Role)>,
    chat_template: Option<String>,
    pub(super) architecture: String,
    pub(super) context_tokens: usize,
    pub(super) end_tokens: Vec<TokenId>,
    pub(super) bos_token: String,
    pub(super) eos_token: String,
    pub(super) adds_bos: bool,
}

impl OnnxFolder {
    /// Whether a folder looks like one.
    pub(super) fn is_one(folder: &Path) -> bool {
        graph(folder).is_some()
    }

    /// Reads what the folder says of its model and finds every file that belongs to it.
    pub(super) fn read(folder: &Path) -> Result<Self, PackageError> {
        let refuse =
            |why: &str| PackageError::Import { path: folder.to_owned(), why: why.to_owned() };
        let onnx = graph(folder).ok_or_else(|| refuse("it has no model.onnx"))?;
        let beside = onnx.parent().unwrap_or(folder).to_owned();
        let mut files = vec![(inside(folder, &onnx)?, "model.onnx".to_owned(), Role::Onnx)];
        for location in external::locations(&files_first(&files))? {
            if !is_plain_file_name(&location) {
                return Err(refuse(&format!(
                    "its graph names external data `{location}`, which is not a plain file name"
                )));
            }
            files.push((inside(folder, &beside.join(&location))?, location, Role::External));
        }
        let tokenizer = folder.join("tokenizer.json");
        if !tokenizer.exists() {
            return Err(refuse("it has no tokenizer.json"));
        }
        files.push((inside(folder, &tokenizer)?, "tokenizer.json".to_owned(), Role::Tokenizer));
        let generation = json(folder, "generation_config.json", MAX_DEFAULTS_BYTES)?;
        if generation.is_object() {
            let path = inside(folder, &folder.join("generation_config.json"))?;
            files.push((path, "generation_config.json".to_owned(), Role::GenerationConfig));
        }
        for name in ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"] {
            let path = folder.join(name);
            if path.is_file() {
                files.push((inside(folder, &path)?, "LICENSE".to_owned(), Role::Licence));
                break;
            }
        }
        let config = json(folder, "config.json", MAX_CONFIG_BYTES)?;
        let genai = json(folder, "genai_config.json", MAX_CONFIG_BYTES)?;
        let words = json(folder, "tokenizer_config.json", MAX_CONFIG_BYTES)?;
        let context_tokens = [
            config.get("max_position_embeddings"),
            config.get("n_positions"),
            genai.pointer("/model/context_length"),
        ];
        let context_tokens = context_tokens.into_iter().flatten().find_map(Value::as_u64);
        let context_tokens = context_tokens.and_then(|n| usize::try_from(n).ok());
        let eos_token = token_text(&words, "eos_token");
        let ends = [
            generation.get("eos_token_id"),
            config.get("eos_token_id"),
            genai.pointer("/model/eos_token_id"),
        ];
        let mut end_tokens =
            ends.into_iter().flatten().map(ids).find(|i| !i.is_empty()).unwrap_or_default();
        if end_tokens.is_empty() {
            let tokenizer = json(folder, "tokenizer.json", MAX_TOKENIZER_BYTES)?;
            end_tokens.extend(added_token(&tokenizer, &eos_token));
        }
        Ok(Self {
            chat_template: chat_template(folder, &words)?,
            architecture: config.get("model_type").and_then(Value::as_str).unwrap_or_default().to_owned(),
            context_tokens: context_tokens.ok_or_else(|| refuse("neither config.json (max_position_embeddings) nor genai_config.json (model.context_length) says how many tokens the model takes"))?,
            end_tokens,
            bos_token: token_text(&words, "bos_token"),
            eos_token,
            adds_bos: words.get("add_bos_token").and_then(Value::as_bool).unwrap_or(false),
            folder: folder.to_owned(),
            files,
        })
    }

    /// Bytes to be copied.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|(path, ..)| fs::metadata(path).ok()).map(|m| m.len()).sum()
    }

    /// Copies the files into `out`; returns their names there.
    pub(super) fn copy_to(&self, out: &Path) -> Result<Vec<(String, Role)>, PackageError> {
        let mut copied = Vec::new();
        for (path, name, role) in &self.files {
            copy_new(path, &out.join(name))?;
            copied.push((name.clone(), *role));
        }
        if let Some(template) = &self.chat_template {
            let name = super::import::CHAT_TEMPLATE_FILE;
            write_new(&out.join(name), template.as_bytes())?;
            copied.push((name.to_owned(), Role::ChatTemplate));
        }
        Ok(copied)
    }

    /// The model where it lies, for a check without a copy.
    pub(super) fn decoder(&self, name: &str) -> ModelSource {
        let path =
            |role| self.files.iter().find(|f| f.2 == role).map(|f| f.0.clone()).unwrap_or_default();
        ModelSource {
            name: name.to_owned(),
            onnx: path(Role::Onnx),
            tokenizer: path(Role::Tokenizer),
            end_tokens: self.end_tokens.clone(),
            context_tokens: self.context_tokens,
            derived: None,
        }
    }
}

fn graph(folder: &Path) -> Option<PathBuf> {
    ["model.onnx", "onnx/model.onnx"].iter().map(|f| folder.join(f)).find(|p| p.exists())
}

fn files_first(files: &[(PathBuf, String, Role)]) -> PathBuf {
    files.first().map(|f| f.0.clone()).unwrap_or_default()
}

/// Resolves links, and refuses one that leads out of the folder.
fn inside(folder: &Path, path: &Path) -> Result<PathBuf, PackageError> {
    let real = path.canonicalize().at("reading", path)?;
    if real.starts_with(folder.canonicalize().at("reading", folder)?) {
        return Ok(real);
    }
    let why = "it is a link out of its folder; copy the folder with `cp -rL` first".to_owned();
    Err(PackageError::Import { path: path.to_owned(), why })
}

/// A JSON file of the folder; `Null` where there is none.
fn json(folder: &Path, name: &str, limit_bytes: usize) -> Result<Value, PackageError> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(Value::Null);
    }
    let bytes = read_bounded(&inside(folder, &path)?, limit_bytes)?;
    serde_json::from_slice(&bytes).map_err(|e| PackageError::Import { path, why: e.to_string() })
}

/// `chat_template.jinja`, or the template in `tokenizer_config.json`: one text, or a list of named
/// ones of which `default` counts.
fn chat_template(folder: &Path, words: &Value) -> Result<Option<String>, PackageError> {
    let path = folder.join(super::import::CHAT_TEMPLATE_FILE);
    if path.exists() {
        let bytes = read_bounded(&inside(folder, &path)?, MAX_TEMPLATE_BYTES)?;
        let why = "it is not UTF-8".to_owned();
        return String::from_utf8(bytes).map(Some).map_err(|_| PackageError::Import { path, why });
    }
    let written = words.get("chat_template");
    let named = written.and_then(Value::as_array).and_then(|list| {
        list.iter().find(|t| t.get("name").and_then(Value::as_str) == Some("default"))
    });
    let text = named.and_then(|t| t.get("template")).or(written).and_then(Value::as_str);
    Ok(text.map(str::to_owned))
}

/// A token's text, which those files write plainly or as an object.
fn token_text(words: &Value, name: &str) -> String {
    let token = words.get(name);
    let text = token.and_then(|t| t.get("content")).or(token).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// One id or a list of them.
fn ids(value: &Value) -> Vec<TokenId> {
    let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(Value::as_u64).filter_map(|id| id.try_into().ok()).collect()
}

fn added_token(tokenizer: &Value, text: &str) -> Option<TokenId> {
    let tokens = tokenizer.get("added_tokens")?.as_array()?;
    let token = tokens.iter().find(|t| t.get("content").and_then(Value::as_str) == Some(text))?;
    token.get("id")?.as_u64()?.try_into().ok()
}
