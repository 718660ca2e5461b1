//! `endcap hq backup`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::output;
use crate::hq::{Hq, HqConfig};

const AFTER: &str = "\
The copy is whole and may be made while HQ serves. To put it back: stop HQ, copy it over DIR/hq.db, remove
DIR/hq.db-wal and DIR/hq.db-shm, start HQ. Keys and artefacts in DIR are files; copy them apart, and the
keys where nobody else reads them.";

/// Arguments of `hq backup`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Backup {
    /// HQ's folder
    #[arg(long, value_name = "DIR", env = "ENDCAP_HQ_DIR")]
    at: PathBuf,
    /// The file to write, which must not be there
    file: PathBuf,
}

impl Backup {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        Hq::open_made(HqConfig::new(&self.at)).await?.back_up(&self.file).await?;
        Ok(output::line(&self.file.display().to_string())?)
    }
}
