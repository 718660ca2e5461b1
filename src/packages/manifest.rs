//! `package.json`: what a package holds, and the digest of each file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::error::ManifestError;
use super::name::{PackageName, is_plain_file_name, shorten};
use crate::engine::TokenId;

/// File name of the manifest in every package.
pub const MANIFEST_FILE: &str = "package.json";
/// Bytes of a manifest at most.
pub(super) const MAX_MANIFEST_BYTES: usize = 256 << 10;
/// The layout of package folders that this code writes and reads.
pub(super) const FORMAT: u32 = 1;
const MAX_FILES: usize = 64;
const MAX_END_TOKENS: usize = 64;
const MAX_CONTEXT_TOKENS: usize = 1 << 24;
const MAX_TEXT_BYTES: usize = 256;

/// What a file of a package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The ONNX graph.
    Onnx,
    /// Weights that the graph names as external data.
    External,
    /// Hugging Face `tokenizer.json`.
    Tokenizer,
    /// Jinja template that makes a prompt of messages.
    ChatTemplate,
    /// Sampling defaults in the fields of Hugging Face's `generation_config.json`.
    GenerationConfig,
    /// The labels of a head's classes, one in a line.
    Labels,
    /// The texts of a head's or tokeniser's codes, one in a line.
    Vocabulary,
    /// CycloneDX model card.
    Card,
    /// Licence text.
    Licence,
    /// Rules about what may be said.
    GuardRules,
    /// Something a newer version knows of.
    #[serde(other)]
    Other,
}

/// What a model is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Continues a conversation as text.
    Chat,
    /// Arrays in, arrays out. What is done around them stands in the card, as its head.
    Tensors,
}

/// One file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Plain file name beside the manifest.
    pub path: String,
    /// What it is for.
    pub role: Role,
    /// Size in bytes.
    pub bytes: u64,
    /// Lower-case hexadecimal SHA-256.
    pub sha256: String,
}

/// Which bundle of headquarters a package belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfBundle {
    /// SHA-256 of the bundle's document, in lower-case hexadecimal.
    pub digest: String,
    /// Answers made under another number are not given; none where the files alone decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_epoch: Option<u64>,
}

/// The checked contents of `package.json`.
///
/// Unknown fields are passed over, so that a later version may add some without making its
/// packages unreadable here; a change of meaning raises `format`, which is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of the folder.
    pub format: u32,
    /// The package's name, also the name of its folder.
    pub name: String,
    /// What the model is for.
    pub task: Task,
    /// Version of the package, as its maker counts.
    pub version: String,
    /// Positions the model was made for; 0 where it has none.
    #[serde(default)]
    pub context_tokens: usize,
    /// Tokens that end an answer.
    #[serde(default)]
    pub end_tokens: Vec<TokenId>,
    /// Text of the begin-of-sequence token for the chat template.
    #[serde(default)]
    pub bos_token: String,
    /// Text of the end-of-sequence token for the chat template.
    #[serde(default)]
    pub eos_token: String,
    /// Whether a text that is no chat begins with the begin-of-sequence token.
    #[serde(default)]
    pub adds_bos: bool,
    /// Every file of the package but the manifest.
    pub files: Vec<FileEntry>,
    /// The bundle it was put together for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<OfBundle>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// Refuses what could name a file outside the package, name one twice, lack the graph or the
    /// tokeniser, or be larger than 256 KiB.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { limit_bytes: MAX_MANIFEST_BYTES });
        }
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let manifest: Self = serde_path_to_error::deserialize(&mut json)
            .map_err(|e| ManifestError::Json(e.to_string()))?;
        json.end().map_err(|e| ManifestError::Json(e.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The manifest as it is written, checked as [`Self::parse`] checks.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|e| ManifestError::Json(e.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The first file with this role.
    pub fn file(&self, role: Role) -> Option<&FileEntry> {
        self.files.iter().find(|f| f.role == role)
    }

    /// Bytes of all files.
    pub fn total_bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, f| sum.saturating_add(f.bytes))
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.format != FORMAT {
            return Err(ManifestError::Format { found: self.format, known: FORMAT });
        }
        PackageName::parse(&self.name)?;
        let least = usize::from(self.task == Task::Chat);
        within("context_tokens", self.context_tokens, least, MAX_CONTEXT_TOKENS)?;
        within("end_tokens", self.end_tokens.len(), 0, MAX_END_TOKENS)?;
        within("files", self.files.len(), 0, MAX_FILES)?;
        within("version", self.version.len(), 1, MAX_TEXT_BYTES)?;
        within("bos_token", self.bos_token.len(), 0, MAX_TEXT_BYTES)?;
        within("eos_token", self.eos_token.len(), 0, MAX_TEXT_BYTES)?;
        if let Some(bundle) = self.bundle.as_ref().filter(|bundle| !is_sha256(&bundle.digest)) {
            return Err(ManifestError::Digest(shorten(&bundle.digest)));
        }
        let mut seen = BTreeSet::new();
        for file in &self.files {
            if !is_plain_file_name(&file.path) || file.path == MANIFEST_FILE {
                return Err(ManifestError::FileName(shorten(&file.path)));
            }
            if !is_sha256(&file.sha256) {
                return Err(ManifestError::Digest(shorten(&file.sha256)));
            }
            if !seen.insert(file.path.to_ascii_lowercase()) {
                return Err(ManifestError::Twice(file.path.clone()));
            }
        }
        let needed: &[Role] = match self.task {
            Task::Chat => &[Role::Onnx, Role::Tokenizer, Role::Card],
            Task::Tensors => &[Role::Onnx, Role::Card],
        };
        for &role in needed {
            self.file(role).ok_or(ManifestError::Missing(role))?;
        }
        Ok(())
    }
}

fn within(
    field: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), ManifestError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(ManifestError::Limit { field, value, least, most })
    }
}

/// Whether a text is a SHA-256 in lower-case hexadecimal.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn sound() -> Value {
        let file = |path: &str, role: &str| json!({"path": path, "role": role, "bytes": 1, "sha256": "0".repeat(64)});
        json!({"format": 1, "name": "tiny", "task": "chat", "version": "1", "context_tokens": 64, "end_tokens": [2], "bundle": null,
               "files": [file("model.onnx", "onnx"), file("tokenizer.json", "tokenizer"), file("card.cdx.json", "card")]})
    }

    fn parse(value: &Value) -> Result<Manifest, ManifestError> {
        Manifest::parse(value.to_string().as_bytes())
    }

    #[test]
    fn a_manifest_survives_being_written() {
        let manifest = parse(&sound()).unwrap();
        assert_eq!(Manifest::parse(&manifest.to_bytes().unwrap()).unwrap(), manifest);
        let mut newer = sound();
        newer["added_later"] = json!({"a": 1});
        newer["files"].as_array_mut().unwrap().push(
            json!({"path": "new.bin", "role": "invented", "bytes": 1, "sha256": "0".repeat(64)}),
        );
        assert_eq!(parse(&newer).unwrap().files[3].role, Role::Other);
    }

    #[test]
    fn each_fault_is_refused_by_name() {
        let cases: &[(&str, Value, &str)] = &[
            ("/format", json!(2), "format 2"),
            ("/name", json!("../up"), "../up"),
            ("/name", json!(7), "name"),
            ("/context_tokens", json!(0), "context_tokens"),
            ("/context_tokens", json!(-1), "context_tokens"),
            ("/context_tokens", json!(1u64 << 40), "context_tokens"),
            ("/end_tokens", json!([-1]), "end_tokens"),
            ("/end_tokens", json!(vec![1; 100]), "end_tokens"),
            ("/version", json!(""), "version"),
            ("/files/0/path", json!("../model.onnx"), "../model.onnx"),
            ("/files/0/path", json!("/etc/passwd"), "/etc/passwd"),
            ("/files/0/path", json!("package.json"), "package.json"),
            ("/files/0/path", json!("TOKENIZER.json"), "tokenizer.json"),
            ("/files/0/bytes", json!(-4), "bytes"),
            ("/files/0/sha256", json!("abc"), "abc"),
            ("/bundle", json!({"digest": "abd"}), "abd"),
            ("/files/0/role", json!("external"), "onnx"),
            ("/files", json!([]), "onnx"),
        ];
        for (pointer, value, told) in cases {
            let mut manifest = sound();
            *manifest.pointer_mut(pointer).unwrap() = value.clone();
            let error = parse(&manifest).expect_err(pointer).to_string();
            assert!(error.contains(told), "{pointer} = {value}: {error}");
        }
        for bytes in
            [&b""[..], b"{", b"null", b"[]", b"\xff\xfe", &vec![b' '; MAX_MANIFEST_BYTES + 1]]
        {
            assert!(Manifest::parse(bytes).is_err());
        }
    }
}
