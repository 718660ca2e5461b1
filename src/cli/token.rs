//! `endcap token`: the server's bearer tokens.

use clap::Subcommand;

use super::arguments::Common;
use super::output;
use crate::config::{self, Config};
use crate::http::{Role, Tokens};

const EXAMPLES: &str = "\
Examples:
  endcap token create --label \"kiosk 4\"
  endcap token create --role admin --label \"back office\"
  endcap token list
  endcap token revoke tok_AbCd1234

A running server takes up a change within a second or two.";

/// What to do with tokens.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum TokenCommand {
    /// Make a token; it is printed once and kept as a digest only
    Create {
        /// What its holder may do: client, associate, device, feed, metrics or admin
        #[arg(long, default_value = "client")]
        role: Role,
        /// Whose it is, for people
        #[arg(long, default_value = "unnamed")]
        label: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the tokens, without the tokens themselves
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Make a token worthless
    Revoke {
        /// Its id, as `list` shows it
        id: String,
    },
}

/// Where a box keeps its tokens' digests.
pub(super) fn open(config: &Config) -> anyhow::Result<Tokens> {
    Ok(Tokens::open(&config.tokens_file())?)
}

pub(super) fn run(common: &Common, command: TokenCommand) -> anyhow::Result<()> {
    let config = config::load(&common.sources())?;
    let tokens = open(&config)?;
    match command {
        TokenCommand::Create { role, label, json } => {
            std::fs::create_dir_all(&config.data_dir)?;
            let made = tokens.create(role, &label)?;
            if json {
                let made = serde_json::json!({ "id": made.id, "role": role, "token": made.token });
                return output::json(&made);
            }
            output::note(&format!("{} ({role}, {label}); the token is shown this once:", made.id));
            output::line(&made.token)?;
        }
        TokenCommand::List { json } => {
            let list = tokens.list();
            if json {
                return output::json(&list);
            }
            for token in list {
                output::line(&format!("{}  {:9}  {}", token.id, token.role, token.label))?;
            }
        }
        TokenCommand::Revoke { id } => {
            tokens.revoke(&id)?;
            output::note(&format!("{id} is revoked"));
        }
    }
    Ok(())
}
