//! `endcap hq stores`.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{HqPlace, ago, number, rows, text, value_of};
use crate::cli::output;

/// What is done with stores.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StoresCommand {
    /// List all stores and how their boxes are
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Make a store, or give it another title
    Set {
        /// Its name in topics: a-z, 0-9 and dashes
        store: String,
        /// Its name for people
        #[arg(long, default_value = "")]
        title: String,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl StoresCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { json, place } => {
                let stores = all(&place).await?;
                if json {
                    return output::json(&stores);
                }
                for store in &stores {
                    output::line(&shown(store))?;
                }
                Ok(())
            }
            Self::Set { store, title, place } => {
                let path = place.at(&["stores", &store])?;
                place.ask(Method::PUT, &path, Some(json!({ "title": title }))).await?;
                output::note(&format!("{store} is there"));
                Ok(())
            }
        }
    }
}

/// Every store, page by page.
async fn all(place: &HqPlace) -> anyhow::Result<Vec<Value>> {
    let (mut stores, mut after) = (Vec::new(), String::new());
    loop {
        let path = place.path(&format!("stores?limit=500&after={}", value_of(&after)));
        let page = place.ask(Method::GET, &path, None).await?;
        stores.extend_from_slice(rows(&page, "data"));
        match page.get("next").and_then(Value::as_str) {
            Some(next) => next.clone_into(&mut after),
            None => return Ok(stores),
        }
    }
}

fn shown(store: &Value) -> String {
    let node = |node: &Value| {
        let name = text(node, "place").rsplit('/').next().unwrap_or_default();
        format!("{name} {} ({})", text(node, "presence"), ago(number(node, "heard_ms")))
    };
    let nodes: Vec<String> = rows(store, "nodes").iter().map(node).collect();
    let nodes = if nodes.is_empty() { "no box".to_owned() } else { nodes.join(", ") };
    format!("{:20}  {:28}  {nodes}", text(store, "name"), text(store, "title"))
}
