//! Settings: what a person wrote, checked once, as one value per room.
//!
//! [`load`] lays four layers over each other (default < file < environment < flag), checks every
//! value and the values against each other, and answers with a [`Config`] or with **all** faults
//! at once, each with the path of its setting. A setting `section.name` is overridden by the
//! environment variable `ENDCAP_SECTION_NAME`; the data folder by `ENDCAP_DATA`.
//!
//! **Invariants**
//! - A [`Config`] that exists is usable: ranges hold, pairs are complete, plain HTTP beyond
//!   loopback was asked for.
//! - An unknown setting is a fault, in the file and in the environment.
//! - No setting holds a secret; keys and certificates are named by their files.
//!
//! **Not here**: what a room does with its values; what HQ or the store lay over them while the server runs.

mod concierge;
mod connector;
mod desk;
mod discovery;
mod facts;
mod fault;
mod firmware;
mod kinds;
mod line;
mod raw;
mod sections;
mod shared;
mod shoppers;
mod sources;

use std::path::PathBuf;

pub use connector::{Connector, ConnectorAddress};
pub use fault::{ConfigError, Fault};
pub use raw::{Origin, Setting};
pub use sections::{Config, LoadAt, Log, Models};
pub use sources::{Sources, default_data_dir};

/// Reads and checks the settings.
pub fn load(sources: &Sources) -> Result<Config, ConfigError> {
    let mut reader = raw::Reader::open(sources)?;
    let config = sections::read(&mut reader);
    let (settings, faults) = reader.finish();
    match config {
        Some(config) if faults.is_empty() => Ok(Config { settings, ..config }),
        _ => Err(ConfigError::Faults { file: sources.file(), faults }),
    }
}

/// The file that [`load`] would read, where there is one.
pub fn file(sources: &Sources) -> Option<PathBuf> {
    sources.file()
}

#[cfg(test)]
mod tests;
