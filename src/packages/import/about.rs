//! What a GGUF file says of its model, for people.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use super::ImportError;
use crate::packages::gguf::{Gguf, Value};

/// What a file says of its model, for people. Nothing of it changes how the model runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Architecture, as GGUF names it.
    pub architecture: String,
    /// `general.name`.
    pub name: Option<String>,
    /// `general.license`, usually an SPDX identifier in lower case.
    pub licence: Option<String>,
    /// `general.organization` or `general.author`.
    pub organisation: Option<String>,
    /// `general.source.url` or `general.url`.
    pub source_url: Option<String>,
    /// `general.languages`.
    pub languages: Vec<String>,
    /// Number of weights.
    pub parameters: u64,
    /// Number of tensors by type of storage, such as `("Q4_1", 210)`.
    pub quantisation: Vec<(String, u64)>,
}

impl About {
    pub(super) fn of(gguf: &Gguf<'_>) -> Self {
        Self {
            architecture: text(gguf, "general.architecture").unwrap_or_default(),
            name: text(gguf, "general.name"),
            licence: text(gguf, "general.license"),
            organisation: text(gguf, "general.organization")
                .or_else(|| text(gguf, "general.author")),
            source_url: text(gguf, "general.source.url").or_else(|| text(gguf, "general.url")),
            languages: texts(gguf, "general.languages"),
            parameters: gguf.tensors().iter().map(|tensor| tensor.elements()).sum(),
            quantisation: quantisation(gguf),
        }
    }
}

/// Reads what a GGUF file says of its model, whether it can be imported or not.
pub fn about(gguf: &Path) -> Result<About, ImportError> {
    let open = |source| ImportError::Open { path: gguf.to_owned(), source };
    let file = File::open(gguf).map_err(open)?;
    // SAFETY: the mapping is read only and lives no longer than this call; see `import`, which
    // takes the same files.
    let map = unsafe { Mmap::map(&file) }.map_err(open)?;
    let parsed = Gguf::parse(&map);
    let parsed = parsed.map_err(|source| ImportError::Gguf { path: gguf.to_owned(), source })?;
    Ok(About::of(&parsed))
}

fn quantisation(gguf: &Gguf<'_>) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for tensor in gguf.tensors() {
        *counts.entry(tensor.kind.name()).or_default() += 1;
    }
    counts.into_iter().collect()
}

pub(super) fn text(gguf: &Gguf<'_>, key: &str) -> Option<String> {
    gguf.value(key).and_then(Value::as_str).map(str::to_owned)
}

fn texts(gguf: &Gguf<'_>, key: &str) -> Vec<String> {
    let strings = gguf.value(key).and_then(Value::as_array).and_then(|array| array.strings());
    strings.into_iter().flatten().map(str::to_owned).collect()
}
