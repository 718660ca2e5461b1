//! `endcap hq key`: the keys with which HQ signs what boxes are to do.

use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::place::{HqPlace, number, rows, text};
use crate::cli::output;

const AFTER: &str = "\
`rotate` makes another key: both sign, and boxes learn of it by what the old one signs. `retire` then lets
boxes believe the new one alone. HQ forgets the old key when the last box has taken that up, also one that is
away; `show` names those that it waits for, and one that will not come back is to be revoked.";

/// What is done with the director's key.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER)]
pub(in crate::cli) enum KeyCommand {
    /// Show the public keys, how far a change is, and which boxes do not follow yet
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Make another key, which signs beside the one that is there
    Rotate {
        #[command(flatten)]
        place: HqPlace,
    },
    /// Let boxes believe the new key alone
    Retire {
        #[command(flatten)]
        place: HqPlace,
    },
}

impl KeyCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let (method, path, json, place) = match self {
            Self::Show { json, place } => (Method::GET, "/hq/v1/keys", json, place),
            Self::Rotate { place } => (Method::POST, "/hq/v1/keys/rotate", false, place),
            Self::Retire { place } => (Method::POST, "/hq/v1/keys/retire", false, place),
        };
        let state = place.ask(method, path, None).await?;
        if json {
            return output::json(&state);
        }
        show(&state)
    }
}

fn show(state: &Value) -> anyhow::Result<()> {
    output::line(&format!("director  {}", text(state, "director")))?;
    if let Some(leaving) = state.get("leaving").and_then(Value::as_str) {
        let how = match text(state, "stage") {
            "retiring" => "signs along until every box believes the new one alone",
            _ => "signs along",
        };
        output::line(&format!("old       {leaving}, {how}"))?;
    }
    output::line(&format!("facts     {}", text(state, "facts")))?;
    let behind = number(state, "behind");
    if behind > 0 {
        let named: Vec<_> = rows(state, "named").iter().filter_map(Value::as_str).collect();
        let more = if behind > named.len() as u64 { ", …" } else { "" };
        output::line(&format!("{behind} boxes do not follow yet: {}{more}", named.join(", ")))?;
    }
    Ok(())
}
