//! `endcap hq broker-files`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::output;
use crate::hq::broker_files::{BrokerPlan, write, write_rules};
use crate::hq::{Hq, HqConfig};

const EXAMPLES: &str = "\
Examples:
  endcap hq broker-files --at ./hq --mosquitto ./broker --host broker.example
  mosquitto -c ./broker/mosquitto.conf
  endcap hq serve --at ./hq --broker mqtts://broker.example:8883 --credentials ./broker/hq

After `endcap hq revoke`: the same with --only-acl, then `kill -HUP` the broker.";

/// Arguments of `hq broker-files`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct BrokerFiles {
    /// HQ's folder, whose authority vouches for the broker
    #[arg(long, value_name = "DIR", env = "ENDCAP_HQ_DIR")]
    at: PathBuf,
    /// Write Mosquitto's files into this folder
    #[arg(long, value_name = "DIR")]
    mosquitto: PathBuf,
    /// A name or address by which nodes reach the broker; may be given more than once
    #[arg(long = "host", value_name = "NAME", required_unless_present = "only_acl")]
    hosts: Vec<String>,
    /// The port it listens at
    #[arg(long, default_value_t = 8883)]
    port: u16,
    /// Write the access rules alone, and leave keys and certificates as they are
    #[arg(long)]
    only_acl: bool,
    /// Whose nodes; may be given more than once
    #[arg(long = "tenant", value_name = "NAME", default_value = "main")]
    tenants: Vec<String>,
}

impl BrokerFiles {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let tenants = self.tenants.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let revoked = Hq::open_made(HqConfig::new(&self.at)).await?.revoked().await?;
        let Self { mosquitto: folder, hosts, port, .. } = self;
        let plan = BrokerPlan { folder, hosts, port, tenants, revoked };
        if self.only_acl {
            return Ok(output::line(&write_rules(&plan)?.display().to_string())?);
        }
        for path in write(&self.at, &plan)? {
            output::line(&path.display().to_string())?;
        }
        Ok(())
    }
}
