//! `endcap hq groups`.

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{HqPlace, rows, text};
use crate::cli::output;

/// What is done with groups.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum GroupsCommand {
    /// List the groups and their boxes
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Make a group, or give it another title
    Set {
        /// Its name in topics
        group: String,
        /// Its name for people
        #[arg(long, default_value = "")]
        title: String,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Put a box into a group
    Join {
        /// The group
        group: String,
        /// The box, as store/box
        member: String,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Take a box out of a group
    Leave {
        /// The group
        group: String,
        /// The box, as store/box
        member: String,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl GroupsCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { json, place } => {
                let answer = place.ask(Method::GET, &place.path("groups"), None).await?;
                if json {
                    return output::json(&rows(&answer, "data"));
                }
                for group in rows(&answer, "data") {
                    let members = rows(group, "members").iter().filter_map(Value::as_str);
                    let members: Vec<_> = members.collect();
                    let (name, title) = (text(group, "name"), text(group, "title"));
                    output::line(&format!("{name:20}  {title:28}  {}", members.join(", ")))?;
                }
                Ok(())
            }
            Self::Set { group, title, place } => {
                let path = place.at(&["groups", &group])?;
                place.ask(Method::PUT, &path, Some(json!({ "title": title }))).await?;
                output::note(&format!("{group} is there"));
                Ok(())
            }
            Self::Join { group, member, place } => {
                member_of(&place, Method::PUT, &group, &member).await
            }
            Self::Leave { group, member, place } => {
                member_of(&place, Method::DELETE, &group, &member).await
            }
        }
    }
}

async fn member_of(
    place: &HqPlace,
    method: Method,
    group: &str,
    member: &str,
) -> anyhow::Result<()> {
    let (store, node) = member.split_once('/').context("a box is called store/box")?;
    let path = place.at(&["groups", group, "members", store, node])?;
    place.ask(method, &path, None).await?;
    Ok(())
}
