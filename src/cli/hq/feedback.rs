//! `endcap hq feedback`: answers that associates of all stores put right.

use std::path::PathBuf;

use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::place::{HqPlace, number, rows, text, value_of};
use crate::cli::{feedback, output};

const EXAMPLES: &str = "\
Examples:
  endcap hq feedback list
  endcap hq feedback list --box high-street/box-1
  endcap hq feedback export corrections.jsonl     one JSON object a line, the oldest first";

/// Rows of one request.
const PAGE: u64 = 500;

/// What is asked of the examples.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) enum FeedbackCommand {
    /// Show what was asked, what was answered, and what is better
    List {
        /// Of this box alone, as store/box
        #[arg(long = "box", value_name = "STORE/BOX")]
        node: Option<String>,
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: HqPlace,
    },
    /// Write all examples into a file, one JSON object a line
    Export {
        /// The file; it must not be there yet
        file: PathBuf,
        /// Of this box alone, as store/box
        #[arg(long = "box", value_name = "STORE/BOX")]
        node: Option<String>,
        #[command(flatten)]
        place: HqPlace,
    },
}

impl FeedbackCommand {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::List { node, json, place } => {
                let examples = all(&place, node.as_deref()).await?;
                if json {
                    return output::json(&examples);
                }
                examples.iter().try_for_each(|example| {
                    output::line(&format!(
                        "{}  {}",
                        text(example, "place"),
                        feedback::shown(example)
                    ))
                })?;
                Ok(())
            }
            Self::Export { file, node, place } => {
                feedback::export(&all(&place, node.as_deref()).await?, &file)
            }
        }
    }
}

/// Every example, the oldest first.
async fn all(place: &HqPlace, node: Option<&str>) -> anyhow::Result<Vec<Value>> {
    let of = node.map(|node| format!("&place={}", value_of(&place.target(node))));
    let of = of.unwrap_or_default();
    let (mut examples, mut before) = (Vec::new(), String::new());
    loop {
        let path = place.path(&format!("examples?limit={PAGE}{of}{before}"));
        let answer = place.ask(Method::GET, &path, None).await?;
        let page = rows(&answer, "data");
        examples.extend_from_slice(page);
        match page.last() {
            Some(last) if page.len() as u64 == PAGE => {
                before = format!("&before={}", number(last, "id"))
            }
            _ => break,
        }
    }
    examples.reverse();
    Ok(examples)
}
