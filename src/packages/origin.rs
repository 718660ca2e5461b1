//! What a person hands in to become a package.

use std::fs;
use std::path::{Path, PathBuf};

use super::card::{Card, WRITTEN_CARD_FILE};
use super::error::{At, PackageError};
use super::folder::OnnxFolder;
use super::intake::gguf_package_bytes;
use super::manifest::MANIFEST_FILE;
use super::name::PackageName;
use super::package::Package;

/// What was handed in.
#[derive(Debug)]
pub(super) enum Origin {
    Gguf(PathBuf),
    Onnx(Box<OnnxFolder>),
    Package(Package),
}

impl Origin {
    /// Tells by looking.
    pub(super) fn find(path: &Path) -> Result<Self, PackageError> {
        let found = fs::metadata(path).at("reading", path)?;
        if found.is_file() {
            return match path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx")) {
                true => OnnxFolder::read_file(path).map(Box::new).map(Self::Onnx),
                false => Ok(Self::Gguf(path.to_owned())),
            };
        }
        if path.join(MANIFEST_FILE).exists() {
            return Package::open(path).map(Self::Package);
        }
        if OnnxFolder::is_one(path) {
            return OnnxFolder::read(path).map(Box::new).map(Self::Onnx);
        }
        let why = format!(
            "it is neither a GGUF nor an ONNX file, and as a folder it has neither {MANIFEST_FILE} \
             nor model.onnx"
        );
        Err(PackageError::Import { path: path.to_owned(), why })
    }

    /// A name for the package, from what was handed in.
    pub(super) fn suggested_name(&self) -> Result<PackageName, PackageError> {
        let stem =
            |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let title = match self {
            Self::Package(package) => package.name().to_owned(),
            Self::Gguf(path) => stem(path),
            Self::Onnx(onnx) => match stem(onnx.graph()).as_str() {
                "model" => {
                    let folder = onnx.folder.canonicalize().at("reading", &onnx.folder)?;
                    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
                }
                other => other.to_owned(),
            },
        };
        PackageName::from_title(&title).map_err(PackageError::Name)
    }

    /// About how much room its package takes.
    pub(super) fn bytes(&self) -> Result<u64, PackageError> {
        Ok(match self {
            Self::Gguf(path) => gguf_package_bytes(fs::metadata(path).at("reading", path)?.len()),
            Self::Onnx(onnx) => onnx.bytes(),
            Self::Package(package) => package.bytes(),
        })
    }

    /// Where a card is written for it, and looked for.
    pub(super) fn card_file(&self) -> PathBuf {
        match self {
            Self::Gguf(path) => path.with_file_name(WRITTEN_CARD_FILE),
            Self::Onnx(onnx) => onnx.folder.join(WRITTEN_CARD_FILE),
            Self::Package(package) => package.folder().join(WRITTEN_CARD_FILE),
        }
    }

    /// The card that it is to have: the one in `given`, or the one beside it. A package brings its
    /// own, which must be as complete; `None` says that it stays.
    pub(super) fn card(
        &self,
        path: &Path,
        given: Option<&Path>,
    ) -> Result<Option<Card>, PackageError> {
        let beside = self.card_file();
        match (given, self) {
            (Some(given), _) => Card::read_written(given).map(Some),
            (None, Self::Package(package)) => {
                let missing = package.card()?.missing().join(", ");
                if missing.is_empty() {
                    return Ok(None);
                }
                Err(PackageError::CardIncomplete { path: package.folder().to_owned(), missing })
            }
            (None, _) if beside.exists() => Card::read_written(&beside).map(Some),
            (None, _) => Err(PackageError::NoCard { model: path.to_owned() }),
        }
    }
}
