//! `endcap hq bundle`.

mod build;
mod decide;
mod deploy;
mod fit;
mod list;
mod publish;
mod show;
mod status;
mod watch;

use clap::Subcommand;

const EXAMPLES: &str = "\
Examples:
  endcap hq bundle build ./smollm2 --id smollm2-2 --alias assistant --out bundle.json
  endcap hq bundle publish bundle.json
  endcap hq bundle deploy smollm2-2 --store store-1        asks; prints the deployment's number
  endcap hq bundle approve 7 --watch                       takes an approver
  endcap hq bundle deploy smollm2-2 --all --approve        both at once, for an approver
  endcap hq bundle status 7 --watch
  endcap hq bundle cancel 7
  endcap hq bundle revert 7 --approve --watch              what each box had before

With --watch the command ends when the deployment does, and fails unless it is complete.";

/// What is done with bundles.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) enum BundleCommand {
    /// Make a bundle of a package's folder and send the files that HQ lacks
    Build(build::Build),
    /// Make a bundle known to HQ, so that it can be deployed
    Publish(publish::Publish),
    /// List the bundles that can be deployed
    List(list::List),
    /// Ask that a bundle goes to boxes
    Deploy(deploy::Deploy),
    /// Let a deployment go that somebody asked for
    Approve(decide::Approve),
    /// End a deployment; boxes that did not come to an end go back
    Cancel(decide::Cancel),
    /// Ask that the boxes of a deployment get what each had before it
    Revert(decide::Revert),
    /// Show a deployment and its boxes, or all deployments
    Status(status::Status),
}

impl BundleCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Build(build) => build.run().await,
            Self::Publish(publish) => publish.run().await,
            Self::List(list) => list.run().await,
            Self::Deploy(deploy) => deploy.run().await,
            Self::Approve(approve) => approve.run().await,
            Self::Cancel(cancel) => cancel.run().await,
            Self::Revert(revert) => revert.run().await,
            Self::Status(status) => status.run().await,
        }
    }
}
