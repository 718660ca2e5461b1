//! What is wrong with the settings, told all at once.

use std::fmt;
use std::path::PathBuf;

use super::Origin;

/// One thing that is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The setting, as `section.name`.
    pub path: String,
    /// Where its value came from.
    pub origin: Origin,
    /// What is wrong with it, and what would be right.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File => write!(f, "{}: {}", self.path, self.why),
            origin => write!(f, "{} ({origin}): {}", self.path, self.why),
        }
    }
}

/// Why there is no usable configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("reading the configuration {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML, so no setting in it can be judged.
    #[error("the configuration {path} is not TOML: {why}")]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Line, column and what was expected.
        why: String,
    },
    /// Settings are wrong; all of them are listed.
    #[error("{}", list(.file, .faults))]
    Faults {
        /// The file, where one was read.
        file: Option<PathBuf>,
        /// At least one.
        faults: Vec<Fault>,
    },
}

fn list(file: &Option<PathBuf>, faults: &[Fault]) -> String {
    let many = if faults.len() == 1 { "fault" } else { "faults" };
    let mut text = match file {
        Some(path) => format!("{} {many} in the configuration {}", faults.len(), path.display()),
        None => format!("{} {many} in the configuration", faults.len()),
    };
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    text
}
