//! `endcap feedback`: what associates put right.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use reqwest::Method;
use serde_json::Value;

use super::arguments::Common;
use super::output;
use super::place::Place;

const EXAMPLES: &str = "\
Examples:
  endcap feedback list
  endcap feedback export corrections.jsonl     one JSON object a line";

/// What is asked of the examples.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum FeedbackCommand {
    /// Show what was asked, what was answered, and what is better
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write all examples into a file, one JSON object a line
    Export {
        /// The file; it must not be there yet
        file: PathBuf,
        #[command(flatten)]
        place: Place,
    },
}

impl FeedbackCommand {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        match self {
            Self::List { json, place } => {
                let examples = all(common, &place).await?;
                if json {
                    return output::json(&examples);
                }
                for example in &examples {
                    output::line(&shown(example))?;
                }
                Ok(())
            }
            Self::Export { file, place } => export(&all(common, &place).await?, &file),
        }
    }
}

/// Writes examples to a new file, one on each line.
pub(super) fn export(examples: &[Value], file: &Path) -> anyhow::Result<()> {
    let shown = file.display();
    let made = std::fs::File::create_new(file);
    let mut made = made.with_context(|| format!("making {shown}"))?;
    for example in examples {
        writeln!(made, "{example}").with_context(|| format!("writing {shown}"))?;
    }
    output::note(&format!("{} examples are in {shown}", examples.len()));
    Ok(())
}

/// Every example, page by page.
async fn all(common: &Common, place: &Place) -> anyhow::Result<Vec<Value>> {
    let (mut examples, mut after) = (Vec::new(), 0);
    loop {
        let path = format!("/store/v1/desk/feedback?after={after}");
        let page = place.ask(&common.sources(), Method::GET, &path, None).await?;
        let found = page.get("examples").and_then(Value::as_array).context("no examples")?;
        examples.extend(found.iter().cloned());
        match page.get("next").and_then(Value::as_u64) {
            Some(next) if next > after => after = next,
            _ => return Ok(examples),
        }
    }
}

/// An example as people read it, on four lines.
pub(super) fn shown(example: &Value) -> String {
    let text = |field| example.get(field).and_then(Value::as_str).unwrap_or_default();
    let number = example.get("number").and_then(Value::as_u64).unwrap_or_default();
    format!(
        "{number}  {}  {}\n    asked     {}\n    answered  {}\n    better    {}",
        text("at"),
        text("language"),
        text("question"),
        text("answered"),
        text("better"),
    )
}
