//! The catalogue: which models there are, where they may come from and which bytes they are.

mod entry;
mod source;
#[cfg(test)]
pub(super) mod tests;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::disk::read_bounded;
use super::error::PackageError;
use entry::WrittenModel;
pub use entry::{Entry, FileRole, Form, SourceFile};
pub use source::{Part, Source};

/// The entries that come with the program.
const BUILT_IN: &str = include_str!("../../../models/catalogue.toml");
/// The user's own entries, in the data folder.
const USER_FILE: &str = "catalogue.toml";
/// Bytes of a catalogue at most.
pub(super) const MAX_CATALOGUE_BYTES: usize = 1 << 20;
const MAX_ENTRIES: usize = 1000;

/// The model that `endcap demo` takes.
pub const DEFAULT_MODEL: &str = "smollm2-135m-instruct";

/// Checked entries, the later of two with one name standing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

impl Catalogue {
    /// The catalogue of the program, with the user's additions from `data_dir/catalogue.toml`.
    pub fn load(data_dir: &Path) -> Result<Self, PackageError> {
        let mut catalogue = Self::built_in()?;
        let path = data_dir.join(USER_FILE);
        if path.exists() {
            let refuse = |why: String| PackageError::Catalogue { path: path.clone(), why };
            let bytes = read_bounded(&path, MAX_CATALOGUE_BYTES)?;
            let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".into()))?;
            let mut own = Self::parse(&text).map_err(refuse)?;
            own.resolve_folders(data_dir);
            own.entries.into_iter().for_each(|e| catalogue.put(e));
        }
        Ok(catalogue)
    }

    /// The catalogue of the program.
    pub fn built_in() -> Result<Self, PackageError> {
        Self::parse(BUILT_IN).map_err(|why| PackageError::Catalogue {
            path: PathBuf::from("models/catalogue.toml"),
            why,
        })
    }

    /// Reads and checks TOML. The error is one that a person can act on.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_CATALOGUE_BYTES {
            return Err(format!("it is larger than {MAX_CATALOGUE_BYTES} bytes"));
        }
        let written: Written = toml::from_str(text).map_err(|e| e.to_string())?;
        if written.model.len() > MAX_ENTRIES {
            return Err(format!("it has more than {MAX_ENTRIES} entries"));
        }
        let mut catalogue = Self::default();
        for model in written.model {
            let name = model.name.clone();
            let entry = model.check().map_err(|why| format!("model {name}: {why}"))?;
            if catalogue.entries.iter().any(|e| e.name == entry.name) {
                return Err(format!("model {name} is there twice"));
            }
            catalogue.entries.push(entry);
        }
        Ok(catalogue)
    }

    /// All entries, in the order written.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of that name.
    pub fn entry(&self, name: &str) -> Result<&Entry, PackageError> {
        self.entries.iter().find(|e| e.name.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = self.entries.iter().map(|e| e.name.as_str()).collect();
            PackageError::NotInCatalogue { name: name.to_owned(), known: known.join(", ") }
        })
    }

    fn put(&mut self, entry: Entry) {
        self.entries.retain(|e| e.name != entry.name);
        self.entries.push(entry);
    }

    fn resolve_folders(&mut self, base: &Path) {
        let files = self.entries.iter_mut().flat_map(|entry| &mut entry.files);
        for source in files.flat_map(|file| &mut file.sources) {
            if let Source::Folder { path, .. } = source {
                *path = base.join(&*path);
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    model: Vec<WrittenModel>,
}
