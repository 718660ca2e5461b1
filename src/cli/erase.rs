//! `endcap erase`: everything that a running server keeps of a shopper.

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::arguments::Common;
use super::output;
use super::place::Place;

const EXAMPLES: &str = "\
Examples:
  endcap erase --conversation 5d2c…           the id that its device has
  endcap erase --profile 91f0…                the id that the shopper has";

/// Whose traces are to go: one of these.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Erase {
    #[command(flatten)]
    whose: Whose,
    /// The receipt as one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Whose {
    /// A conversation, by its id
    #[arg(long, value_name = "ID")]
    conversation: Option<String>,
    /// A profile, by its id
    #[arg(long, value_name = "ID")]
    profile: Option<String>,
}

impl Erase {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let body = match (self.whose.conversation, self.whose.profile) {
            (Some(id), _) => json!({ "conversation": id }),
            (None, profile) => json!({ "profile": profile }),
        };
        let (sources, path) = (common.sources(), "/store/v1/erase");
        let receipt = self.place.ask(&sources, Method::POST, path, Some(body)).await?;
        if self.json {
            return output::json(&receipt);
        }
        let what =
            receipt.get("what").and_then(Value::as_object).context("a receipt has `what`")?;
        let text = |field: &str| receipt.get(field).and_then(Value::as_str).unwrap_or_default();
        output::line(&format!("receipt  {}\nat       {}", text("id"), text("at")))?;
        for (name, count) in what {
            output::line(&format!("{count:>8} {}", name.replace('_', " ")))?;
        }
        Ok(())
    }
}
