//! Why facts are refused, and why they cannot be kept.

use std::fmt;
use std::path::PathBuf;

use super::name::{FactId, Name, Revision};

/// What is wrong with a fact, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Path of the field, as `weekly.monday[0].closes`; empty for the whole.
    pub field: String,
    /// What is wrong, with the limit where there is one.
    pub why: String,
}

impl Fault {
    /// A fault of this field.
    pub fn new(field: impl Into<String>, why: impl Into<String>) -> Self {
        Self { field: field.into(), why: why.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => f.write_str(&self.why),
            field => write!(f, "{field}: {}", self.why),
        }
    }
}

/// Why facts are refused, or cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A fact is not as its table wants it.
    #[error("{id}: {fault}")]
    Invalid {
        /// Which fact.
        id: FactId,
        /// Where and why.
        fault: Fault,
    },
    /// A change to a fact that is not there.
    #[error("{id} is not there, so it cannot be changed in part")]
    Absent {
        /// Which fact.
        id: FactId,
    },
    /// More than a limit of this shop's memory; nothing of the batch was taken.
    #[error("{id}: {given} {unit} are more than the limit of {limit} (facts.{setting})")]
    Limit {
        /// The fact that was one too many, or too large.
        id: FactId,
        /// How much it would be.
        given: u64,
        /// Of what.
        unit: &'static str,
        /// How much may be.
        limit: u64,
        /// The setting's name.
        setting: &'static str,
    },
    /// A line of a batch that is no change.
    #[error("{fault}")]
    Line {
        /// Where and why.
        fault: Fault,
    },
    /// A batch that is too large.
    #[error("{given} bytes are more than the limit of {limit} of a batch (facts.max_batch)")]
    Batch {
        /// How much it would be.
        given: u64,
        /// How much may be.
        limit: u64,
    },
    /// A key of a repeated request came with another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// An old value that is no longer kept.
    #[error("{name} of revision {revision} is no longer kept")]
    Forgotten {
        /// Which fact.
        name: Name,
        /// Which of its values.
        revision: Revision,
    },
    /// The file was written by another version of the program.
    #[error("{path} has schema version {found}; this program reads {known}")]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// Ours.
        known: u64,
    },
    /// Another process has the file.
    #[error("{path} is in use by another Endcap")]
    InUse {
        /// Which file.
        path: PathBuf,
    },
    /// What the file holds is not what was written.
    #[error("{path} is broken: {why}")]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// The disk failed.
    #[error("{act} {path}")]
    Disk {
        /// What was being done.
        act: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
