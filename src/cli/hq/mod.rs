//! `endcap hq`: headquarters, as a server and asked over HTTP.

mod audit;
#[cfg(feature = "hq")]
mod backup;
#[cfg(feature = "hq")]
mod broker;
mod bundle;
mod cache;
mod commands;
mod config;
mod documents;
mod enrol;
mod facts;
mod feedback;
mod groups;
#[cfg(feature = "hq")]
mod init;
mod key;
#[cfg(feature = "hq")]
mod people;
mod place;
mod recalls;
#[cfg(feature = "hq")]
mod serve;
mod stores;

use clap::Subcommand;

use super::arguments::LACKS;

/// How help begins where headquarters can be served, and what does not ask a running one.
const OWN: &str = "
  endcap hq init --at ./hq --admin Ada                a new HQ and its first user
  endcap hq serve --at ./hq --broker embedded";
const OTHERS: &str = "All but `init`, `serve`, `backup`, `broker-files` and `user --at`";

const EXAMPLES: &str = "
  endcap hq stores set store-1 --title \"High Street\"
  endcap hq enroll-token store-1 box-a
  endcap hq facts push prices prices.csv
  endcap hq facts put prices sku=0041 amount=2.99 currency=USD
  endcap hq config set store-1/box-a cache.ask=exact log_level=debug
  endcap hq bundle build ./smollm2 --id smollm2-2 --alias assistant --out bundle.json
  endcap hq bundle publish bundle.json
  endcap hq bundle deploy smollm2-2 --group north --approve --watch
  endcap hq bundle revert 7 --approve --watch
  endcap hq cache publish copy.pack --name copy --all
  endcap hq recalls
  endcap hq feedback export corrections.jsonl
  endcap hq cmd store-1/box-a cache.purge --wait
  endcap hq status store-1";

fn examples() -> String {
    let asks = "ask a running HQ (ENDCAP_HQ, ENDCAP_HQ_TOKEN; of a running demo's both are known).";
    if cfg!(feature = "hq") {
        format!("Examples:{OWN}{EXAMPLES}\n\n{OTHERS} {asks}")
    } else {
        format!("Examples:{EXAMPLES}\n\nAll of them {asks} {LACKS}")
    }
}

/// What is done at headquarters.
#[derive(Debug, Subcommand)]
#[command(after_help = examples())]
pub(in crate::cli) enum HqCommand {
    /// Make an HQ and its first user in a folder that has none
    #[cfg(feature = "hq")]
    Init(init::Init),
    /// Serve HQ until Ctrl-C
    #[cfg(feature = "hq")]
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
    /// Make bundles, deploy them, follow them, take them back
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
    /// Show or export answers that associates put right, as examples to learn from
    Feedback {
        #[command(subcommand)]
        command: feedback::FeedbackCommand,
    },
    /// Let one box enrol, once; prints its token
    EnrollToken(enrol::EnrollToken),
    /// Take a box's identity back; what it says is left aside, and its token opens nothing
    Revoke(enrol::Revoke),
    /// Give a box or a group a command
    Cmd(commands::Cmd),
    /// Want a new version of a document
    Publish(documents::Publish),
    /// Show and change the settings that are wanted of a box or a group
    Config {
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
    /// Show a store: what is wanted and what is so
    Status(documents::Status),
    /// Show what people did at HQ, verify boxes' audit logs, begin another for a box with another disk
    Audit(audit::Audit),
    /// Make, list and revoke HQ's users
    #[cfg(feature = "hq")]
    User {
        #[command(subcommand)]
        command: people::UserCommand,
    },
    /// Show the keys with which HQ signs; replace the director's
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// Copy HQ's database while it serves
    #[cfg(feature = "hq")]
    Backup(backup::Backup),
    /// Write configuration, access rules and certificates of a broker
    #[cfg(feature = "hq")]
    BrokerFiles(broker::BrokerFiles),
}

impl HqCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            #[cfg(feature = "hq")]
            Self::Init(init) => init.run().await,
            #[cfg(feature = "hq")]
            Self::Serve(serve) => serve.run().await,
            Self::Stores { command } => command.run().await,
            Self::Groups { command } => command.run().await,
            Self::Facts { command } => command.run().await,
            Self::Bundle { command } => command.run().await,
            Self::Cache { command } => command.run().await,
            Self::Recalls(recalls) => recalls.run().await,
            Self::Feedback { command } => command.run().await,
            Self::EnrollToken(token) => token.run().await,
            Self::Revoke(revoke) => revoke.run().await,
            Self::Cmd(cmd) => cmd.run().await,
            Self::Publish(publish) => publish.run().await,
            Self::Config { command } => command.run().await,
            Self::Status(status) => status.run().await,
            Self::Audit(audit) => audit.run().await,
            #[cfg(feature = "hq")]
            Self::User { command } => command.run().await,
            Self::Key { command } => command.run().await,
            #[cfg(feature = "hq")]
            Self::Backup(backup) => backup.run().await,
            #[cfg(feature = "hq")]
            Self::BrokerFiles(files) => files.run().await,
        }
    }
}
