//! One model of the catalogue, as written and as checked.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::super::card::Card;
use super::super::defaults::GenerationDefaults;
use super::super::import;
use super::super::manifest::{MANIFEST_FILE, Role, is_sha256};
use super::super::name::{PackageName, is_plain_file_name};
use super::super::staging::CARD_FILE;
use super::source::Source;

const MAX_SOURCES: usize = 16;
/// Files of a model at most.
const MAX_FILES: usize = 32;
/// Bytes of a file at most.
const MAX_FILE_BYTES: u64 = 1 << 40;

/// How the delivered files become a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A GGUF file that is converted.
    Gguf,
    /// The package's own files: a graph of arrays, and what belongs to it.
    Onnx,
    /// Weights and configuration of a BERT encoder, of which the graph is made; other files are
    /// kept.
    Safetensors,
}

/// What a fetched file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// The ONNX graph.
    Onnx,
    /// Weights that the graph names as external data.
    External,
    /// Hugging Face `tokenizer.json`.
    Tokenizer,
    /// The labels of a head's classes, one in a line.
    Labels,
    /// The texts of a head's or tokeniser's codes, one in a line.
    Vocabulary,
    /// Licence text.
    Licence,
    /// A GGUF file, or `model.safetensors`; made into graph and weights.
    Weights,
    /// The `config.json` beside safetensors; part of the graph afterwards.
    Config,
}

impl FileRole {
    /// What a file of this role is in the package; `None` for one that is made into others.
    pub fn kept(self) -> Option<Role> {
        Some(match self {
            Self::Onnx => Role::Onnx,
            Self::External => Role::External,
            Self::Tokenizer => Role::Tokenizer,
            Self::Labels => Role::Labels,
            Self::Vocabulary => Role::Vocabulary,
            Self::Licence => Role::Licence,
            Self::Weights | Self::Config => return None,
        })
    }
}

/// One model of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Name of the package it becomes.
    pub name: PackageName,
    /// One line for people.
    pub title: String,
    /// Version of the package.
    pub version: String,
    /// How the files become a package.
    pub form: Form,
    /// What is fetched, in the order written; at least one.
    pub files: Vec<SourceFile>,
    /// What is known of the model.
    pub card: Card,
    /// Sampling defaults that the files do not carry.
    pub generation: GenerationDefaults,
}

impl Entry {
    /// Bytes to be fetched.
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

/// A file that is fetched and known by its digest.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceFile {
    /// Its plain name in the package, where the form keeps files as they are.
    pub name: String,
    /// What it is for.
    pub role: FileRole,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: String,
    /// Tried in this order.
    pub sources: Vec<Source>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenModel {
    pub(super) name: String,
    title: String,
    version: String,
    form: Form,
    bytes: Option<u64>,
    sha256: Option<String>,
    #[serde(default)]
    source: Vec<Source>,
    #[serde(default)]
    file: Vec<WrittenFile>,
    #[serde(default)]
    card: Card,
    #[serde(default)]
    generation: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    name: String,
    role: FileRole,
    bytes: u64,
    sha256: String,
    #[serde(default)]
    source: Vec<Source>,
}

impl WrittenModel {
    pub(super) fn check(mut self) -> Result<Entry, String> {
        let name = PackageName::parse(&self.name).map_err(|e| e.to_string())?;
        if self.version.is_empty() || self.version.len() > 64 {
            return Err("version has 1 to 64 characters".into());
        }
        let files = self.files()?;
        files.iter().try_for_each(SourceFile::check)?;
        self.form.check(&files)?;
        let missing = self.card.missing();
        if !missing.is_empty() {
            return Err(format!("its card does not state {}", missing.join(", ")));
        }
        let generation = generation(self.generation).map_err(|e| format!("generation: {e}"))?;
        let Self { title, version, form, card, .. } = self;
        Ok(Entry { name, title, version, form, files, card, generation })
    }

    /// The files of `[[model.file]]`, or the one that the entry itself describes.
    fn files(&mut self) -> Result<Vec<SourceFile>, String> {
        let listed = std::mem::take(&mut self.file);
        let sources = std::mem::take(&mut self.source);
        match (listed.as_slice(), self.bytes, self.sha256.take()) {
            ([], Some(bytes), Some(sha256)) => {
                let (name, role) = self.form.only_file()?;
                Ok(vec![SourceFile { name: name.to_owned(), role, bytes, sha256, sources }])
            }
            ([], ..) => {
                Err("it has neither bytes, sha256 and source of one file nor [[model.file]]".into())
            }
            (_, None, None) if sources.is_empty() => {
                Ok(listed.into_iter().map(SourceFile::from).collect())
            }
            _ => Err("bytes, sha256 and source belong into each [[model.file]]".into()),
        }
    }
}

impl From<WrittenFile> for SourceFile {
    fn from(written: WrittenFile) -> Self {
        let WrittenFile { name, role, bytes, sha256, source: sources } = written;
        Self { name, role, bytes, sha256, sources }
    }
}

impl SourceFile {
    fn check(&self) -> Result<(), String> {
        let Self { name, bytes, sha256, sources, .. } = self;
        if !is_plain_file_name(name) || [MANIFEST_FILE, CARD_FILE].contains(&name.as_str()) {
            return Err(format!("file `{name}` is not a plain name for a package's file"));
        }
        if !is_sha256(sha256) {
            return Err(format!("file {name}: sha256 is not 64 lower-case hexadecimal digits"));
        }
        if !(1..=MAX_FILE_BYTES).contains(bytes) {
            return Err(format!(
                "file {name}: bytes is {bytes}; allowed are 1 to {MAX_FILE_BYTES}"
            ));
        }
        if !(1..=MAX_SOURCES).contains(&sources.len()) {
            let count = sources.len();
            return Err(format!("file {name} has {count} sources; 1 to {MAX_SOURCES} are allowed"));
        }
        sources.iter().try_for_each(|source| source.check(*bytes))
    }
}

impl Form {
    /// What the file of an entry with one file is.
    fn only_file(self) -> Result<(&'static str, FileRole), String> {
        match self {
            Self::Gguf => Ok(("model.gguf", FileRole::Weights)),
            Self::Onnx => Ok((import::MODEL_FILE, FileRole::Onnx)),
            Self::Safetensors => Err("safetensors need a config.json: list both".into()),
        }
    }

    /// Whether a package can be made of these files.
    fn check(self, files: &[SourceFile]) -> Result<(), String> {
        if files.len() > MAX_FILES {
            return Err(format!("it has {} files; {MAX_FILES} are allowed", files.len()));
        }
        let one: &[FileRole] = match self {
            Self::Gguf => &[FileRole::Weights],
            Self::Onnx => &[FileRole::Onnx],
            Self::Safetensors => &[FileRole::Weights, FileRole::Config],
        };
        for role in one {
            let count = files.iter().filter(|file| file.role == *role).count();
            if count != 1 {
                let role = format!("{role:?}").to_lowercase();
                return Err(format!("{count} of its files have the role {role}; one is needed"));
            }
        }
        if self == Self::Gguf && files.len() != 1 {
            return Err("a GGUF file comes alone".into());
        }
        let made = [FileRole::Weights, FileRole::Config, FileRole::Onnx, FileRole::External];
        if let Some(file) = files.iter().find(|f| made.contains(&f.role) && !self.takes(f.role)) {
            return Err(format!("file {} has a role that this form does not have", file.name));
        }
        let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
        for file in files {
            let name = file.name.to_ascii_lowercase();
            if !names.insert(name) || !digests.insert(&file.sha256) {
                return Err(format!("file {} is there twice", file.name));
            }
        }
        Ok(())
    }

    /// Whether the graph is, or is made of, files of this role.
    fn takes(self, role: FileRole) -> bool {
        match self {
            Self::Onnx => matches!(role, FileRole::Onnx | FileRole::External),
            Self::Gguf | Self::Safetensors => matches!(role, FileRole::Weights | FileRole::Config),
        }
    }
}

/// Sampling defaults; stricter than those of foreign files, as this file is ours.
fn generation(written: toml::Table) -> Result<GenerationDefaults, String> {
    const KNOWN: [&str; 7] = [
        "do_sample",
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "repetition_penalty",
        "max_new_tokens",
    ];
    if let Some(unknown) = written.keys().find(|k| !KNOWN.contains(&k.as_str())) {
        return Err(format!("unknown field `{unknown}`; known are {}", KNOWN.join(", ")));
    }
    let generation: GenerationDefaults = written.try_into().map_err(|e| e.to_string())?;
    generation.check().map_err(|e| e.to_string())?;
    Ok(generation)
}
