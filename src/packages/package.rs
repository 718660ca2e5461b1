//! A package on disk, opened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::card::{Card, MAX_CARD_BYTES};
use super::defaults::{GenerationDefaults, MAX_DEFAULTS_BYTES};
use super::digest;
use super::disk::read_bounded;
use super::error::{At, ManifestError, PackageError};
use super::external;
use super::manifest::{FileEntry, MANIFEST_FILE, MAX_MANIFEST_BYTES, Manifest, Role, Task};
use super::ports;
use super::progress::{Progress, Silent};
use crate::engine::{
    Derived, Model, ModelSource, Network, NetworkSource, Port, TokenId, Tokenizer,
};

/// Not one of the package's files: the engine makes it, and makes it again where it is missing.
const DERIVED_FILE: &str = "packed.bin";

/// Bytes of a text file at most, such as a list of labels.
const MAX_TEXT_FILE_BYTES: usize = 4 << 20;
/// Bytes of a bundle's rules at most.
const MAX_GUARD_RULES_BYTES: usize = 256 << 10;
/// Bytes of a chat template at most.
pub(super) const MAX_TEMPLATE_BYTES: usize = 1 << 20;

/// A model package whose manifest is sound and whose files are there in full length.
#[derive(Debug, Clone)]
pub struct Package {
    folder: PathBuf,
    manifest: Arc<Manifest>,
    created: SystemTime,
}

impl Package {
    /// Opens the package in a folder: reads the manifest and compares every file's size. Contents
    /// are compared by [`Self::verify`].
    pub fn open(folder: &Path) -> Result<Self, PackageError> {
        let path = folder.join(MANIFEST_FILE);
        let bytes = read_bounded(&path, MAX_MANIFEST_BYTES)?;
        let manifest = Manifest::parse(&bytes)
            .map_err(|source| PackageError::Manifest { path: path.clone(), source })?;
        for file in &manifest.files {
            let path = folder.join(&file.path);
            let found = fs::symlink_metadata(&path).at("reading", &path)?;
            let why = match found.len() {
                _ if !found.is_file() => "it is not a regular file".to_owned(),
                bytes if bytes != file.bytes => {
                    format!("it has {bytes} bytes instead of {}", file.bytes)
                }
                _ => continue,
            };
            return Err(PackageError::Damaged { path, why });
        }
        let created = fs::metadata(&path).and_then(|m| m.modified()).at("reading", &path)?;
        Ok(Self { folder: folder.to_owned(), manifest: Arc::new(manifest), created })
    }

    /// Compares the digest of every file. Blocks for as long as reading the package takes.
    pub fn verify(&self) -> Result<(), PackageError> {
        self.verify_with(&Silent)
    }

    /// [`Self::verify`], telling how far it is.
    pub fn verify_with(&self, progress: &dyn Progress) -> Result<(), PackageError> {
        progress.start(&format!("verifying {}", self.name()), Some(self.manifest.total_bytes()));
        let result = self.manifest.files.iter().try_for_each(|file| {
            let path = self.folder.join(&file.path);
            let found = digest::of_file(&path, progress)?.finish();
            if found == file.sha256 {
                Ok(())
            } else {
                let why = format!("its SHA-256 is {found} instead of {}", file.sha256);
                Err(PackageError::Damaged { path, why })
            }
        });
        progress.finish();
        result
    }

    /// The package's name.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// The folder it lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the package says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// When the package came to be here.
    pub fn created(&self) -> SystemTime {
        self.created
    }

    /// Bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.manifest.total_bytes()
    }

    /// About how many bytes its weights take in memory: as packed before, else as its files have
    /// them.
    pub fn expected_weight_bytes(&self) -> u64 {
        let packed = fs::metadata(self.folder.join(DERIVED_FILE)).map(|found| found.len());
        packed.unwrap_or_else(|_| {
            let weighty = |file: &&FileEntry| matches!(file.role, Role::Onnx | Role::External);
            self.manifest.files.iter().filter(weighty).map(|file| file.bytes).sum()
        })
    }

    /// The model card.
    pub fn card(&self) -> Result<Card, PackageError> {
        let (path, bytes) = self.required(Role::Card, MAX_CARD_BYTES)?;
        Card::parse(&bytes).map_err(|source| PackageError::Manifest { path, source })
    }

    /// What the engine needs to load it.
    pub fn decoder(&self) -> ModelSource {
        let path =
            |role| self.manifest.file(role).map(|f| self.folder.join(&f.path)).unwrap_or_default();
        ModelSource {
            name: self.manifest.name.clone(),
            onnx: path(Role::Onnx),
            tokenizer: path(Role::Tokenizer),
            end_tokens: self.manifest.end_tokens.clone(),
            context_tokens: self.manifest.context_tokens,
            derived: Some(self.derived()),
        }
    }

    /// What the engine needs to load it as a graph of arrays.
    pub fn network(&self) -> NetworkSource {
        let file = self.manifest.file(Role::Onnx);
        NetworkSource {
            name: self.manifest.name.clone(),
            onnx: file.map(|f| self.folder.join(&f.path)).unwrap_or_default(),
            derived: Some(self.derived()),
        }
    }

    /// What it takes and gives as arrays, as its files declare it: inputs, then outputs. Reads no
    /// weights.
    pub fn ports(&self) -> Result<[Vec<Port>; 2], PackageError> {
        let path = self.network().onnx;
        let graph = ports::outline(&path)?;
        let declared = match self.manifest.task {
            Task::Tensors => Network::declared(&graph),
            Task::Chat => Model::declared(&graph),
        };
        declared.map_err(|error| PackageError::Damaged { path, why: error.to_string() })
    }

    /// The tokeniser's file, where the package has one.
    pub fn tokenizer(&self) -> Option<PathBuf> {
        self.manifest.file(Role::Tokenizer).map(|f| self.folder.join(&f.path))
    }

    /// A text file of the package.
    pub fn text(&self, name: &str) -> Result<String, PackageError> {
        let path = self.folder.join(name);
        let listed = self.manifest.files.iter().any(|file| file.path == name);
        if !listed {
            let why = "the package has no such file".to_owned();
            return Err(PackageError::Damaged { path, why });
        }
        let bytes = read_bounded(&path, MAX_TEXT_FILE_BYTES)?;
        let why = "it is not UTF-8".to_owned();
        String::from_utf8(bytes).map_err(|_| PackageError::Damaged { path, why })
    }

    /// What the maker of the graph wrote beside it under this key.
    pub fn metadata(&self, key: &str) -> Result<String, PackageError> {
        let path = self.network().onnx;
        let why = format!("its metadata has no `{key}`");
        external::metadata(&path, key)?.ok_or(PackageError::Damaged { path, why })
    }

    /// The rules about what may be said; `None` where it has none.
    pub fn guard_rules(&self) -> Result<Option<Vec<u8>>, PackageError> {
        Ok(self.optional(Role::GuardRules, MAX_GUARD_RULES_BYTES)?.map(|(_, bytes)| bytes))
    }

    /// Digest of all that decides what it says: the digests of its files, and the number under which a
    /// bundle keeps its answers apart. Hexadecimal.
    pub fn digest(&self) -> String {
        let mut hasher = digest::Hasher::default();
        for file in &self.manifest.files {
            hasher.update(format!("{:?} {} {}\n", file.role, file.path, file.sha256).as_bytes());
        }
        if let Some(epoch) = self.manifest.bundle.as_ref().and_then(|bundle| bundle.cache_epoch) {
            hasher.update(format!("answers of epoch {epoch}\n").as_bytes());
        }
        hasher.finish()
    }

    /// Where the engine keeps what it makes of the files; gone with the package.
    fn derived(&self) -> Derived {
        let digests = self.manifest.files.iter().map(|file| file.sha256.to_string());
        // Rotary tables are made for the context.
        let context = self.manifest.context_tokens.to_string();
        let key = digests.chain([context]).collect::<Vec<_>>().join(" ");
        Derived { path: self.folder.join(DERIVED_FILE), key }
    }

    /// The token that a prompt of plain text begins with, where the model was made so.
    pub fn begin_token(&self, tokenizer: &Tokenizer) -> Option<TokenId> {
        let begin = self.manifest.adds_bos.then_some(self.manifest.bos_token.as_str())?;
        tokenizer.token_id(begin)
    }

    /// The Jinja source of the chat template; `None` for a model that only continues text.
    pub fn chat_template(&self) -> Result<Option<String>, PackageError> {
        let Some((path, bytes)) = self.optional(Role::ChatTemplate, MAX_TEMPLATE_BYTES)? else {
            return Ok(None);
        };
        let why = "it is not UTF-8".to_owned();
        String::from_utf8(bytes).map(Some).map_err(|_| PackageError::Damaged { path, why })
    }

    /// The maker's sampling defaults; empty where there are none.
    pub fn generation_defaults(&self) -> Result<GenerationDefaults, PackageError> {
        match self.optional(Role::GenerationConfig, MAX_DEFAULTS_BYTES)? {
            None => Ok(GenerationDefaults::default()),
            Some((path, bytes)) => GenerationDefaults::parse(&bytes)
                .map_err(|source| PackageError::Manifest { path, source }),
        }
    }

    fn optional(
        &self,
        role: Role,
        limit_bytes: usize,
    ) -> Result<Option<(PathBuf, Vec<u8>)>, PackageError> {
        let Some(file) = self.manifest.file(role) else { return Ok(None) };
        let path = self.folder.join(&file.path);
        let bytes = read_bounded(&path, limit_bytes)?;
        Ok(Some((path, bytes)))
    }

    fn required(&self, role: Role, limit_bytes: usize) -> Result<(PathBuf, Vec<u8>), PackageError> {
        self.optional(role, limit_bytes)?.ok_or_else(|| PackageError::Manifest {
            path: self.folder.join(MANIFEST_FILE),
            source: ManifestError::Missing(role),
        })
    }
}
