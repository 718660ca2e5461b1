//! `endcap audit`: the records of generated answers.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::arguments::Common;
use super::output;
use super::place::Place;
use crate::audit::{Audit, Noted};

const EXAMPLES: &str = "\
Examples:
  endcap audit verify                         the chain of a running server
  endcap audit verify --file audit.redb       a copy, or that of a server that is stopped
  endcap audit verify --heads heads.json      compared with what HQ was told (endcap hq audit answers)
  endcap audit show 1c9e…                     the `answer_id` of an answer
  endcap audit replay 1c9e…                   asks the same model the same once more

All but `verify --file` ask a running server with an admin token, in ENDCAP_TOKEN.";

/// What to do with records.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum AuditCommand {
    /// Recompute the chain of records; exit code 1 where one was changed, removed or added
    Verify {
        /// A file that no server has open, instead of a running server's
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Heads that HQ was told, as `endcap hq audit answers STORE/BOX --json` writes them: a chain that
        /// was written anew or cut does not have them
        #[arg(long, value_name = "FILE")]
        heads: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Show the record of an answer, and what was asked and told where that can still be opened
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Make an answer's text again and compare; exit code 1 where it differs or cannot be made
    Replay {
        /// Its id
        id: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

impl AuditCommand {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let sources = common.sources();
        match self {
            Self::Verify { file: Some(file), heads, .. } => {
                let noted = heads.as_deref().map(noted).transpose()?;
                let verified = Audit::verify_file(&file, noted.as_deref().unwrap_or_default())
                    .with_context(|| format!("looking at {}", file.display()))?;
                let fault = verified.fault.map(|fault| fault.to_string());
                let compared = noted.map(|noted| (verified.compared, noted.len()));
                told(fault.as_deref(), (verified.first, verified.last), &verified.head, compared)
            }
            Self::Verify { file: None, heads, place } => {
                let path = "/store/v1/audit/chain";
                let noted = heads.as_deref().map(noted).transpose()?;
                let (method, body) = match &noted {
                    Some(noted) => (Method::POST, Some(json!({ "heads": noted }))),
                    None => (Method::GET, None),
                };
                let chain = place.ask(&sources, method, path, body).await?;
                let number = |field: &str| chain.get(field).and_then(Value::as_u64);
                let fault = chain.get("fault").and_then(Value::as_str);
                let (first, last) = (number("first"), number("last"));
                let span = first.zip(last).context("the server tells no chain")?;
                let compared =
                    noted.map(|noted| (number("compared").unwrap_or_default(), noted.len()));
                told(fault, span, text(&chain, "head"), compared)
            }
            Self::Show { id, place } => {
                let path = format!("/store/v1/audit/answers/{id}");
                output::json(&place.ask(&sources, Method::GET, &path, None).await?)
            }
            Self::Replay { id, json, place } => {
                let path = format!("/store/v1/audit/answers/{id}/replay");
                let outcome = place.ask(&sources, Method::POST, &path, None).await?;
                if json {
                    output::json(&outcome)?;
                }
                replayed(&outcome, !json)
            }
        }
    }
}

/// Heads of a file: an array of objects with `entries` and `head`, and whatever else.
fn noted(file: &Path) -> anyhow::Result<Vec<Noted>> {
    let reading = || format!("reading {}", file.display());
    let text = std::fs::read(file).with_context(reading)?;
    let rows: Vec<Value> = serde_json::from_slice(&text).with_context(reading)?;
    let one = |row: &Value| {
        let entries = row.get("entries").and_then(Value::as_u64)?;
        Some(Noted { entries, head: text_of(row, "head")?.to_owned() })
    };
    let noted: Option<Vec<_>> = rows.iter().map(one).collect();
    noted.with_context(|| format!("{} has something that is no head", file.display()))
}

fn text_of<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

fn told(
    fault: Option<&str>,
    (first, last): (u64, u64),
    head: &str,
    compared: Option<(u64, usize)>,
) -> anyhow::Result<()> {
    match fault {
        Some(fault) => bail!("the chain is not as it was written: {fault}"),
        None if last == 0 => output::line("no record yet")?,
        None => {
            output::line(&format!("records {first} to {last} are as they were written: {head}"))?;
        }
    }
    if let Some((compared, of)) = compared {
        output::line(&format!("{compared} of {of} heads that HQ was told are theirs"))?;
    }
    Ok(())
}

fn replayed(outcome: &Value, tell: bool) -> anyhow::Result<()> {
    match text(outcome, "outcome") {
        "same" if tell => {
            let (model, then) = (text(outcome, "model"), text(outcome, "then"));
            Ok(output::line(&format!("{model} says the same, byte for byte: {then}"))?)
        }
        "same" => Ok(()),
        "differs" => bail!(
            "{} says something else now\nthen: {}\nnow:  {}",
            text(outcome, "model"),
            text(outcome, "then"),
            text(outcome, "now")
        ),
        _ => bail!("it cannot be made again: {}", text(outcome, "why")),
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    text_of(value, field).unwrap_or_default()
}
