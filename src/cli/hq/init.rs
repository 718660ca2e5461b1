//! `endcap hq init`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::output;
use crate::hq::{Actor, Hq, HqConfig, Role};

const AFTER: &str = "\
Prints the admin's token, this once. Other commands take a folder that has an HQ, and make none of a
mistyped one.";

/// Arguments of `hq init`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub(in crate::cli) struct Init {
    /// The folder of the new HQ: database, keys, artefacts
    #[arg(long, value_name = "DIR", env = "ENDCAP_HQ_DIR")]
    at: PathBuf,
    /// The first user, who may do everything
    #[arg(long, value_name = "NAME")]
    admin: String,
}

impl Init {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let Self { at, admin } = self;
        anyhow::ensure!(!Hq::is_in(&at), "there is an HQ in {} already", at.display());
        let hq = Hq::open(HqConfig::new(&at)).await?;
        let made = hq.add_user(&Actor::local(), &admin, Role::Admin).await?;
        output::note(&format!(
            "an HQ in {}; the token of {admin} is shown this once:",
            at.display()
        ));
        Ok(output::line(&made.token)?)
    }
}
