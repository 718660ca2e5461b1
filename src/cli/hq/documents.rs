//! `endcap hq publish` and `endcap hq status`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;

/// Arguments of `hq publish`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Publish {
    /// config, bundle, cache or keys
    document: String,
    /// A box as store/box, or a group
    target: String,
    /// The document as JSON; `bundle build` writes that of a bundle
    file: PathBuf,
    /// Publish only over this version, 0 for none
    #[arg(long, value_name = "VERSION")]
    over: Option<u64>,
    #[command(flatten)]
    place: HqPlace,
}

impl Publish {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let Self { document, target, file, over, place } = self;
        let read = std::fs::read_to_string(&file);
        let contents = read.with_context(|| format!("reading {}", file.display()))?;
        let contents: Value = serde_json::from_str(&contents)
            .with_context(|| format!("reading {}", file.display()))?;
        let target = place.target(&target);
        let body =
            json!({ "target": target, "document": document, "contents": contents, "over": over });
        let answer = place.ask(Method::POST, &place.path("desired"), Some(body)).await?;
        let version = number(&answer, "version");
        Ok(output::line(&format!("{document} version {version} for {target}"))?)
    }
}

/// Arguments of `hq status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    /// The store
    store: String,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl Status {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let path = self.place.at(&["stores", &self.store])?;
        let answer = self.place.ask(Method::GET, &path, None).await?;
        if self.json {
            return output::json(&answer);
        }
        output::line(&format!("{}  {}", text(&answer, "name"), text(&answer, "title")))?;
        for node in rows(&answer, "nodes") {
            show(node)?;
        }
        Ok(())
    }
}

fn show(node: &Value) -> anyhow::Result<()> {
    let heard = ago(number(node, "heard_ms"));
    output::line(&format!("  {}  {}, heard {heard}", text(node, "place"), text(node, "presence")))?;
    let reported = rows(node, "reported");
    for wanted in rows(node, "desired") {
        let (document, version) = (text(wanted, "document"), number(wanted, "version"));
        let found = reported.iter().find(|row| text(row, "document") == document);
        let so = found.map_or_else(|| "nothing reported".to_owned(), told);
        output::line(&format!("    {document:8}  wanted {version}, {so}"))?;
    }
    let other = |row: &&Value| {
        !rows(node, "desired")
            .iter()
            .any(|wanted| text(wanted, "document") == text(row, "document"))
    };
    for row in reported.iter().filter(other) {
        output::line(&format!("    {:8}  {}", text(row, "document"), told(row)))?;
    }
    Ok(())
}

fn told(row: &Value) -> String {
    let applied = row.get("applied").and_then(Value::as_u64);
    let applied = applied.map_or_else(|| "none".to_owned(), |version| version.to_string());
    let why = row.get("failure").and_then(Value::as_array).and_then(|parts| parts.get(1)?.as_str());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("applied {applied}, {}{why}", text(row, "stage"))
}
