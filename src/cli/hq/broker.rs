//! `endcap hq broker-files`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::output;
use crate::hq::broker_files::{BrokerPlan, write};

const EXAMPLES: &str = "\
Examples:
  endcap hq broker-files --at ./hq --mosquitto ./broker --host broker.example
  mosquitto -c ./broker/mosquitto.conf
  endcap hq serve --at ./hq --broker mqtts://broker.example:8883 --credentials ./broker/hq";

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
    #[arg(long = "host", value_name = "NAME", required = true)]
    hosts: Vec<String>,
    /// The port it listens at
    #[arg(long, default_value_t = 8883)]
    port: u16,
    /// Whose nodes; may be given more than once
    #[arg(long = "tenant", value_name = "NAME", default_value = "main")]
    tenants: Vec<String>,
}

impl BrokerFiles {
    pub(in crate::cli) fn run(self) -> anyhow::Result<()> {
        let tenants = self.tenants.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
        let plan =
            BrokerPlan { folder: self.mosquitto, hosts: self.hosts, port: self.port, tenants };
        for path in write(&self.at, &plan)? {
            output::line(&path.display().to_string())?;
        }
        Ok(())
    }
}
