//! A graph as exporters leave it: with external data, tokeniser and configurations beside it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::card::Card;
use super::defaults::MAX_DEFAULTS_BYTES;
use super::disk::{copy_new, read_bounded, write_new};
use super::error::{At, PackageError};
use super::external;
use super::graph::GraphFacts;
use super::manifest::Role;
use super::name::is_plain_file_name;
use super::package::MAX_TEMPLATE_BYTES;
use crate::engine::{Model, ModelSource, NetworkSource, TokenId};

const MAX_CONFIG_BYTES: usize = 4 << 20;
const MAX_TOKENIZER_BYTES: usize = 64 << 20;

/// A graph, and what lies beside it for a package.
#[derive(Debug)]
pub(super) struct OnnxFolder {
    pub(super) folder: PathBuf,
    /// Files to copy: where from, their name in the package, and what for; the graph first.
    files: Vec<(PathBuf, String, Role)>,
    facts: GraphFacts,
    pub(super) architecture: String,
    chat: Option<Chat>,
}

/// What the files of a decoder say beside its graph.
#[derive(Debug)]
pub(super) struct Chat {
    template: Option<String>,
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
        let onnx = graph(folder).ok_or_else(|| refuse(folder, "it has no model.onnx"))?;
        Self::read_graph(folder, &onnx)
    }

    /// The same of a graph of any name.
    pub(super) fn read_file(onnx: &Path) -> Result<Self, PackageError> {
        let folder = onnx.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self::read_graph(folder.unwrap_or(Path::new(".")), onnx)
    }

    fn read_graph(folder: &Path, onnx: &Path) -> Result<Self, PackageError> {
        let graph = inside(folder, onnx)?;
        let facts = GraphFacts::read(&graph)?;
        let beside = onnx.parent().unwrap_or(folder);
        let mut files = vec![(graph.clone(), "model.onnx".to_owned(), Role::Onnx)];
        for location in external::locations(&graph)? {
            if !is_plain_file_name(&location) {
                return Err(refuse(
                    folder,
                    &format!(
                        "its graph names external data `{location}`, which is not a plain file name"
                    ),
                ));
            }
            files.push((inside(folder, &beside.join(&location))?, location, Role::External));
        }
        let tokenizer = folder.join("tokenizer.json");
        if tokenizer.exists() {
            files.push((inside(folder, &tokenizer)?, "tokenizer.json".to_owned(), Role::Tokenizer));
        }
        for name in ["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"] {
            let path = folder.join(name);
            if path.is_file() {
                files.push((inside(folder, &path)?, "LICENSE".to_owned(), Role::Licence));
                break;
            }
        }
        let config = json(folder, "config.json", MAX_CONFIG_BYTES)?;
        let architecture = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        let architecture = architecture.to_owned();
        let folder = folder.to_owned();
        let mut found = Self { folder, files, facts, architecture, chat: None };
        found.chat = found.find_chat(&config)?;
        Ok(found)
    }

    /// A graph that only a decoder can be must run as one. One that looks like a decoder and like
    /// other things is what the engine takes it for.
    fn find_chat(&mut self, config: &Value) -> Result<Option<Chat>, PackageError> {
        let certain = self.facts.is_cached_decoder();
        if !certain && !self.facts.may_be_decoder() {
            return Ok(None);
        }
        let chat = match (certain, self.read_chat(config)) {
            (true, chat) => chat?,
            (false, Ok(chat)) => chat,
            (false, Err(_)) => return Ok(None),
        };
        if !certain && Model::check(&self.source("check", &chat)).is_err() {
            return Ok(None);
        }
        let generation = self.folder.join("generation_config.json");
        if generation.exists() {
            let path = inside(&self.folder, &generation)?;
            self.files.push((path, "generation_config.json".to_owned(), Role::GenerationConfig));
        }
        Ok(Some(chat))
    }

    fn read_chat(&self, config: &Value) -> Result<Chat, PackageError> {
        let folder = self.folder.as_path();
        if !self.files.iter().any(|(.., role)| *role == Role::Tokenizer) {
            return Err(refuse(folder, "it has no tokenizer.json"));
        }
        let generation = json(folder, "generation_config.json", MAX_DEFAULTS_BYTES)?;
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
        Ok(Chat {
            template: chat_template(folder, &words)?,
            context_tokens: context_tokens.ok_or_else(|| refuse(folder, "neither config.json (max_position_embeddings) nor genai_config.json (model.context_length) says how many tokens the model takes"))?,
            end_tokens,
            bos_token: token_text(&words, "bos_token"),
            eos_token,
            adds_bos: words.get("add_bos_token").and_then(Value::as_bool).unwrap_or(false),
        })
    }

    /// The graph, where it lies.
    pub(super) fn graph(&self) -> &Path {
        self.files.first().map_or(Path::new(""), |(path, ..)| path)
    }

    /// What the graph says of itself.
    pub(super) fn facts(&self) -> &GraphFacts {
        &self.facts
    }

    /// What a decoder's files say; `None` for a graph of arrays.
    pub(super) fn chat(&self) -> Option<&Chat> {
        self.chat.as_ref()
    }

    /// Takes files along that the card's head names.
    pub(super) fn take_named(&mut self, card: &Card) -> Result<(), PackageError> {
        for name in card.named_files() {
            if self.files.iter().any(|(_, taken, _)| *taken == name) {
                continue;
            }
            if !is_plain_file_name(&name) {
                return Err(refuse(
                    &self.folder,
                    &format!(
                        "its card's head names the file `{name}`, which is not a plain file name"
                    ),
                ));
            }
            let path = inside(&self.folder, &self.folder.join(&name))?;
            self.files.push((path, name, Role::Labels));
        }
        Ok(())
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
        if let Some(template) = self.chat.as_ref().and_then(|chat| chat.template.as_ref()) {
            let name = super::import::CHAT_TEMPLATE_FILE;
            write_new(&out.join(name), template.as_bytes())?;
            copied.push((name.to_owned(), Role::ChatTemplate));
        }
        Ok(copied)
    }

    /// The decoder where it lies, for a check without a copy.
    pub(super) fn decoder(&self, name: &str) -> Option<ModelSource> {
        self.chat.as_ref().map(|chat| self.source(name, chat))
    }

    /// The graph of arrays where it lies, for a check without a copy.
    pub(super) fn network(&self, name: &str) -> NetworkSource {
        NetworkSource { name: name.to_owned(), onnx: self.graph().to_owned(), derived: None }
    }

    fn source(&self, name: &str, chat: &Chat) -> ModelSource {
        let tokenizer = self.files.iter().find(|f| f.2 == Role::Tokenizer).map(|f| f.0.clone());
        ModelSource {
            name: name.to_owned(),
            onnx: self.graph().to_owned(),
            tokenizer: tokenizer.unwrap_or_default(),
            end_tokens: chat.end_tokens.clone(),
            context_tokens: chat.context_tokens,
            derived: None,
        }
    }
}

fn refuse(folder: &Path, why: &str) -> PackageError {
    PackageError::Import { path: folder.to_owned(), why: why.to_owned() }
}

fn graph(folder: &Path) -> Option<PathBuf> {
    ["model.onnx", "onnx/model.onnx"].iter().map(|f| folder.join(f)).find(|p| p.exists())
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
