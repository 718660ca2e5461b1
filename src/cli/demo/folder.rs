//! What the demo keeps in its part of the data folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::line::Wanted;
use crate::config::Config;

/// The demo's part of a data folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn of(config: &Config) -> Self {
        Self(config.data_dir.join("demo"))
    }

    /// Makes it.
    pub(super) fn make(&self) -> anyhow::Result<()> {
        std::fs::create_dir_all(self.identity())
            .with_context(|| format!("making {}", self.identity().display()))
    }

    /// Headquarters' database, keys and artefacts.
    pub(super) fn hq(&self) -> PathBuf {
        self.0.join("hq")
    }

    /// Who the store is to headquarters.
    pub(super) fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    /// How the line is wanted; cut only where that was said.
    pub(super) fn line(&self) -> Wanted {
        match std::fs::read_to_string(self.0.join("line")) {
            Ok(text) if text.trim() == "down" => Wanted::Down,
            _ => Wanted::Up,
        }
    }

    pub(super) fn want_line(&self, wanted: Wanted) -> anyhow::Result<()> {
        write(&self.0.join("line"), wanted.as_str())
    }

    /// Where a running demo's broker listens while it does.
    pub(super) fn broker(&self) -> anyhow::Result<SocketAddr> {
        let path = self.0.join("broker");
        let none = || format!("no demo runs over {}", self.0.display());
        let text = std::fs::read_to_string(&path).with_context(none)?;
        text.trim().parse().with_context(|| format!("reading {}", path.display()))
    }

    /// Says where the broker listens, or that no demo runs.
    pub(super) fn set_broker(&self, address: Option<SocketAddr>) -> anyhow::Result<()> {
        let path = self.0.join("broker");
        match address {
            Some(address) => write(&path, &address.to_string()),
            None => {
                let _ = std::fs::remove_file(path);
                Ok(())
            }
        }
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, format!("{text}\n")).with_context(|| format!("writing {}", path.display()))
}
