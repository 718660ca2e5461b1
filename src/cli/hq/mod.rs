//! `endcap hq`: headquarters, as a server and asked over HTTP.

mod broker;
mod bundle;
mod cache;
mod commands;
mod documents;
mod enrol;
mod facts;
mod groups;
mod people;
mod place;
mod recalls;
mod serve;
mod stores;

use clap::Subcommand;

use super::arguments::Common;

const EXAMPLES: &str = "\
Examples:
  endcap hq user add Ada --role admin --at ./hq       the first user, in HQ's own folder
  endcap hq serve --at ./hq --broker embedded
  endcap hq stores set store-1 --title \"High Street\"
  endcap hq enroll-token store-1 box-a
  endcap hq facts push prices prices.csv
  endcap hq publish config store-1/box-a settings.json
  endcap hq bundle build ./smollm2 --id smollm2-2 --alias assistant --out bundle.json
  endcap hq publish bundle north bundle.json
  endcap hq cache publish copy.pack --name copy --all
  endcap hq recalls
  endcap hq cmd store-1/box-a cache.purge --wait
  endcap hq status store-1

All but `serve`, `broker-files` and `user --at` ask a running HQ (ENDCAP_HQ, ENDCAP_HQ_TOKEN).";

/// What is done at headquarters.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) enum HqCommand {
    /// Serve HQ until Ctrl-C
    Serve(serve::Serve),
    /// List stores, or make one
    Stores {
        #[command(subcommand)]
        command: stores::StoresCommand,
    },
    /// List groups of boxes, make one, put boxes in and take them out
    Groups {
        #[command(subcommand)]
        command: groups::GroupsCommand,
    },
    /// Publish facts to all stores
    Facts {
        #[command(subcommand)]
        command: facts::FactsCommand,
    },
    /// Make a bundle of a package's folder, and send its files to HQ
    Bundle {
        #[command(subcommand)]
        command: bundle::BundleCommand,
    },
    /// Make packs of answers, want them at boxes, take them back
    Cache {
        #[command(subcommand)]
        command: cache::CacheCommand,
    },
    /// Show which boxes have confirmed a recall, and which are silent
    Recalls(recalls::Recalls),
    /// Let one box enrol, once; prints its token
    EnrollToken(enrol::EnrollToken),
    /// Give a box or a group a command
    Cmd(commands::Cmd),
    /// Want a new version of a document
    Publish(documents::Publish),
    /// Show a store: what is wanted and what is so
    Status(documents::Status),
    /// Show what people did at HQ
    Audit(people::Audit),
    /// Make, list and revoke HQ's users
    User {
        #[command(subcommand)]
        command: people::UserCommand,
    },
    /// Write configuration, access rules and certificates of a broker
    BrokerFiles(broker::BrokerFiles),
}

impl HqCommand {
    pub(in crate::cli) async fn run(self, common: &Common) -> anyhow::Result<()> {
        match self {
            Self::Serve(serve) => serve.run(common).await,
            Self::Stores { command } => command.run().await,
            Self::Groups { command } => command.run().await,
            Self::Facts { command } => command.run().await,
            Self::Bundle { command } => command.run().await,
            Self::Cache { command } => command.run().await,
            Self::Recalls(recalls) => recalls.run().await,
            Self::EnrollToken(token) => token.run().await,
            Self::Cmd(cmd) => cmd.run().await,
            Self::Publish(publish) => publish.run().await,
            Self::Status(status) => status.run().await,
            Self::Audit(audit) => audit.run().await,
            Self::User { command } => command.run().await,
            Self::BrokerFiles(files) => files.run(),
        }
    }
}
