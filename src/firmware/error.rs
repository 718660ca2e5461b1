//! Why devices cannot be told something.

use std::path::PathBuf;

use firmware_config::Refusal;

use super::profiles::Fault;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum FirmwareError {
    /// There is none of this name in the profiles.
    #[error("no profile names a device `{0}`")]
    Unknown(String),
    /// Profiles with faults.
    #[error("the profiles have faults:\n{}", faults(.0))]
    Profiles(Vec<Fault>),
    /// More devices than there may be.
    #[error("{found} devices are more than the limit of {most}")]
    TooMany {
        /// In the profiles.
        found: usize,
        /// As many may be.
        most: usize,
    },
    /// A block that cannot be made.
    #[error("the block of device `{device}` cannot be made: {why}")]
    Block {
        /// Whose.
        device: String,
        /// Why not.
        why: Refusal,
    },
    /// Versions are numbers of 32 bits.
    #[error("device `{0}` has used up its versions")]
    NoVersion(String),
    /// A file of keys.
    #[error("{act} {path}")]
    File {
        /// What was being done.
        act: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A file that holds no key.
    #[error("{0} holds no key of 64 hexadecimal digits")]
    Key(PathBuf),
    /// No randomness for a key.
    #[error("the system has no randomness: {0}")]
    Random(String),
    /// The database.
    #[error("{act} failed")]
    Storage {
        /// What was being done.
        act: &'static str,
        /// Why not.
        #[source]
        source: Box<redb::Error>,
    },
}

fn faults(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("  {fault}")).collect::<Vec<_>>().join("\n")
}

/// Names what was being done when the storage failed.
pub(super) trait During<T> {
    fn during(self, act: &'static str) -> Result<T, FirmwareError>;
}

impl<T, E: Into<redb::Error>> During<T> for Result<T, E> {
    fn during(self, act: &'static str) -> Result<T, FirmwareError> {
        self.map_err(|error| FirmwareError::Storage { act, source: Box::new(error.into()) })
    }
}
