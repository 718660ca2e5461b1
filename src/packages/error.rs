//! What can go wrong with packages, said to a person who was not there.

use std::io;
use std::path::{Path, PathBuf};

use super::manifest::Role;
use crate::engine::LoadError;
use crate::units::Bytes;

/// Why a manifest, a name, a card or defaults were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// A name that is not safe or not ours.
    #[error("`{0}` is not a package name: 1 to 64 of a-z 0-9 . _ - and no leading dot or dash")]
    Name(String),
    /// A file name that is not plain.
    #[error("`{0}` is not a plain file name: letters, digits, . _ - and no leading dot or dash")]
    FileName(String),
    /// Two files of one name (upper and lower case count as one).
    #[error("the file {0} is listed twice")]
    Twice(String),
    /// A package without a file it cannot do without.
    #[error("no file with the role {}", role_name(*.0))]
    Missing(Role),
    /// A digest of another form.
    #[error("`{0}` is not a SHA-256 in lower-case hexadecimal")]
    Digest(String),
    /// A layout of another version.
    #[error("format {found} is not known here; this version reads format {known}")]
    Format {
        /// As found.
        found: u32,
        /// As written by this version.
        known: u32,
    },
    /// A number or length outside its limits.
    #[error("{field} is {value}; allowed are {least} to {most}")]
    Limit {
        /// Which field.
        field: &'static str,
        /// As found.
        value: usize,
        /// Smallest allowed.
        least: usize,
        /// Largest allowed.
        most: usize,
    },
    /// More bytes than such a file has.
    #[error("larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// Not JSON, or not of this shape.
    #[error("{0}")]
    Json(String),
}

/// The manifest's word for a role.
pub(super) fn role_name(role: Role) -> String {
    serde_json::to_value(role).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Why one source did not deliver a file.
#[derive(Debug, thiserror::Error)]
#[error("{origin}: {why}")]
pub struct SourceFailure {
    /// Which source.
    pub origin: String,
    /// What happened, in one line.
    pub why: String,
}

/// Why something could not be done with a package.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// No package of that name.
    #[error(
        "no model {name} is installed; `endcap models pull {name}` fetches it if the catalogue has it"
    )]
    NotInstalled {
        /// Name asked for.
        name: String,
    },
    /// A package of that name exists.
    #[error("a model {name} is installed already; remove it first with `endcap models rm {name}`")]
    AlreadyInstalled {
        /// The name.
        name: String,
    },
    /// The catalogue has no such entry.
    #[error("the catalogue has no model {name}; it has {known}")]
    NotInCatalogue {
        /// Name asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// It is the way back.
    #[error(
        "{name} belongs to a bundle of headquarters, and the box must be able to go back to it; it goes when \
         headquarters has another bundle proved here"
    )]
    OfBundle {
        /// The package.
        name: String,
    },
    /// A bundle that brings no model would take it from another bundle, and be another thing by what ran before.
    #[error(
        "{name} belongs to a bundle of headquarters; a bundle that brings no model takes that of a package which \
         was installed"
    )]
    MadeOfBundle {
        /// The package.
        name: String,
    },
    /// Somebody else works on it.
    #[error("another process is pulling, importing or removing {name}; try again when it is done")]
    Busy {
        /// The package.
        name: String,
    },
    /// The manifest cannot be used.
    #[error("{path}")]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// A name that cannot be a package's.
    #[error(transparent)]
    Name(ManifestError),
    /// A file differs from what the manifest says.
    #[error("{path} is not what its package says: {why}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The difference.
        why: String,
    },
    /// The catalogue cannot be read.
    #[error("{path}: {why}")]
    Catalogue {
        /// Which catalogue.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No source delivered the file.
    #[error("no source delivered {name}:{}", lines(.failures))]
    NoSource {
        /// The package.
        name: String,
        /// One entry per source, in the order tried.
        failures: Vec<SourceFailure>,
    },
    /// Not enough room.
    #[error("{path} has {} free and this needs {}", Bytes(*.free_bytes), Bytes(*.needed_bytes))]
    NoSpace {
        /// Where the room is missing.
        path: PathBuf,
        /// Free bytes there.
        free_bytes: u64,
        /// Bytes needed.
        needed_bytes: u64,
    },
    /// The folder does not take changes.
    #[error(
        "{path} cannot be written; give this user the right to, or choose another data folder with --data"
    )]
    ReadOnly {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file operation failed.
    #[error("{act} {path}")]
    Io {
        /// What was being done.
        act: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// What was given cannot become a package.
    #[error("{path} cannot be imported: {why}")]
    Import {
        /// What was given.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A model without a card.
    #[error(
        "{model} comes without a model card; `endcap models card {model}` writes a template to fill \
         in"
    )]
    NoCard {
        /// What was given.
        model: PathBuf,
    },
    /// A card that cannot be read.
    #[error("{path}: {why}")]
    Card {
        /// Which card.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A card that does not say what every card must.
    #[error("the model card {path} does not state {missing}")]
    CardIncomplete {
        /// Which card.
        path: PathBuf,
        /// The fields.
        missing: String,
    },
    /// The engine cannot run it.
    #[error("the engine refuses it")]
    Refused(#[from] LoadError),
    /// A fault of ours.
    #[error("a worker of the package store failed: {0}")]
    Internal(String),
}

fn lines(failures: &[SourceFailure]) -> String {
    failures.iter().map(|f| format!("\n  {f}")).collect()
}

impl PackageError {
    /// Classifies an I/O error: full disk and missing rights have a text of their own.
    pub(super) fn io(act: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
                if act != "reading" =>
            {
                Self::ReadOnly { path, source }
            }
            _ => Self::Io { act, path, source },
        }
    }
}

/// Adds act and path to an I/O error.
pub(super) trait At<T> {
    /// `act` is a verb such as "reading".
    fn at(self, act: &'static str, path: &Path) -> Result<T, PackageError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, act: &'static str, path: &Path) -> Result<T, PackageError> {
        self.map_err(|source| PackageError::io(act, path, source))
    }
}
