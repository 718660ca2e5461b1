//! `endcap hq user`.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::json;

use super::place::{HqPlace, path_of, rows, text};
use crate::cli::output;
use crate::hq::{Actor, Hq, HqConfig, Role};

/// What is done with users.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum UserCommand {
    /// Make a user; the token is printed once and kept as a digest only
    Add {
        /// For people; stands beside every act
        name: String,
        /// viewer, operator, approver or admin
        #[arg(long, default_value = "viewer")]
        role: Role,
        /// In the folder of an HQ on this machine, instead of asking one
        #[arg(long, value_name = "DIR")]
        at: Option<PathBuf>,
        #[command(flatten)]
        place: HqPlace,
    },
    /// List the users
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Make a user's token worthless
    Revoke {
        /// The user's id, as `list` shows it
        id: String,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl UserCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Add { name, role, at: Some(folder), .. } => {
                let hq = Hq::open_made(HqConfig::new(folder)).await?;
                let made = hq.add_user(&Actor::local(), &name, role).await?;
                output::note(&format!("{} ({role}); the token is shown this once:", made.id));
                Ok(output::line(&made.token)?)
            }
            Self::Add { name, role, at: None, place } => {
                let body = json!({ "name": name, "role": role });
                let made = place.ask(Method::POST, "/hq/v1/users", Some(body)).await?;
                let id = text(&made, "id");
                output::note(&format!("{id} ({role}); the token is shown this once:"));
                Ok(output::line(text(&made, "token"))?)
            }
            Self::List { json, place } => {
                let answer = place.ask(Method::GET, "/hq/v1/users", None).await?;
                if json {
                    return output::json(&rows(&answer, "data"));
                }
                for user in rows(&answer, "data") {
                    let (id, role, name) =
                        (text(user, "id"), text(user, "role"), text(user, "name"));
                    output::line(&format!("{id}  {role:8}  {name}"))?;
                }
                Ok(())
            }
            Self::Revoke { id, place } => {
                place.ask(Method::DELETE, &path_of(&["hq", "v1", "users", &id])?, None).await?;
                output::note(&format!("{id} is revoked"));
                Ok(())
            }
        }
    }
}
