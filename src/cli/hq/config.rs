//! `endcap hq config`.

use anyhow::bail;
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::place::{HqPlace, ago, number, text, value_of};
use crate::cli::{output, settings};

const EXAMPLES: &str = "\
Examples:
  endcap hq config set north cache.ask=exact install_hours=22:00-05:00
  endcap hq config set store-1/box-a log_level=debug
  endcap hq config set store-1/box-a --unset log_level
  endcap hq config show store-1/box-a";

/// What is done with settings.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ConfigCommand {
    /// Show the settings that are wanted there, and what the boxes made of them
    Show {
        /// A box as store/box, or a group
        target: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Change some of them; the others stay, and whoever changed them meanwhile is not overwritten
    #[command(after_help = EXAMPLES, after_long_help = format!("{}\n\n{EXAMPLES}", settings::NAMES))]
    Set {
        /// A box as store/box, or a group
        target: String,
        /// NAME=VALUE
        #[arg(value_name = "SETTING")]
        settings: Vec<String>,
        /// Leave this one to the layers below
        #[arg(long, value_name = "NAME")]
        unset: Vec<String>,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl ConfigCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Show { target, json, place } => {
                let wanted = wanted(&place, &target).await?;
                if json { output::json(&wanted) } else { show(&place, &target, &wanted).await }
            }
            Self::Set { target, settings, unset, place } => {
                if settings.is_empty() && unset.is_empty() {
                    bail!("nothing to change; NAME=VALUE or --unset NAME\n{}", settings::NAMES);
                }
                set(&place, &target, &settings, &unset).await
            }
        }
    }
}

async fn wanted(place: &HqPlace, target: &str) -> anyhow::Result<Value> {
    let path = place.path(&format!("config?target={}", value_of(&place.target(target))));
    place.ask(Method::GET, &path, None).await
}

async fn set(
    place: &HqPlace,
    target: &str,
    settings: &[String],
    unset: &[String],
) -> anyhow::Result<()> {
    let there = wanted(place, target).await?;
    let mut document = set_of(&there);
    for name in unset {
        if !settings::unset(&mut document, name) {
            bail!("`{name}` is not set there");
        }
    }
    for setting in settings {
        settings::set(&mut document, setting)?;
    }
    let body = json!({
        "target": place.target(target),
        "document": "config",
        "contents": document,
        "over": number(&there, "version"),
    });
    let answer = place.ask(Method::POST, &place.path("desired"), Some(body)).await?;
    let version = number(&answer, "version");
    Ok(output::line(&format!("config version {version} for {}", place.target(target)))?)
}

fn set_of(wanted: &Value) -> Map<String, Value> {
    wanted.get("settings").and_then(Value::as_object).cloned().unwrap_or_default()
}

async fn show(place: &HqPlace, target: &str, wanted: &Value) -> anyhow::Result<()> {
    match number(wanted, "version") {
        0 => output::line("nothing is wanted there")?,
        version => {
            let (author, when) = (text(wanted, "author"), ago(number(wanted, "issued_ms")));
            output::line(&format!("version {version}, by {author}, {when}"))?;
        }
    }
    for (name, value) in set_of(wanted) {
        output::line(&format!("  {name}  {value}"))?;
    }
    match target.split_once('/') {
        Some((store, node)) => reported(place, store, node).await,
        None => Ok(()),
    }
}

/// What a box made of its settings, and what lies over them there.
async fn reported(place: &HqPlace, store: &str, node: &str) -> anyhow::Result<()> {
    let store = place.ask(Method::GET, &place.at(&["stores", store])?, None).await?;
    let is_it = |found: &&Value| text(found, "place").rsplit('/').next() == Some(node);
    let found = super::place::rows(&store, "nodes").iter().find(is_it);
    let rows = found.map(|found| super::place::rows(found, "reported")).unwrap_or_default();
    let Some(row) = rows.iter().find(|row| text(row, "document") == "config") else {
        return Ok(output::line("the box has reported nothing")?);
    };
    let applied = number(row, "applied");
    output::line(&format!("the box has version {applied}, {}", text(row, "stage")))?;
    if let Some([_, why]) = row.get("failure").and_then(Value::as_array).map(Vec::as_slice) {
        output::line(&format!("  {}", why.as_str().unwrap_or_default()))?;
    }
    if let Some([owner, reason, _]) = row.get("local").and_then(Value::as_array).map(Vec::as_slice)
    {
        let (owner, reason) = (owner.as_str(), reason.as_str());
        let (owner, reason) = (owner.unwrap_or_default(), reason.unwrap_or_default());
        output::line(&format!("  overridden in the store by {owner}: {reason}"))?;
    }
    Ok(())
}
