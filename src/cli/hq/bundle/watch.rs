//! Following a deployment to its end.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::Value;

use super::show::{counts, is_over, node_state, nodes, of_deployment, of_node};
use crate::cli::hq::place::{HqPlace, number, text};
use crate::cli::output;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// Boxes that are told one by one; of more only the counts are.
const MAX_TOLD_SINGLY: u64 = 20;

/// Whether and how to go on showing it.
#[derive(Debug, Args)]
pub(super) struct Follow {
    /// Follow it to its end, and fail unless it is complete
    #[arg(long)]
    pub(super) watch: bool,
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Follow {
    /// Shows a deployment as HQ just told it, and what follows.
    pub(super) async fn from(self, place: &HqPlace, first: Value) -> anyhow::Result<()> {
        if !self.watch {
            return if self.json {
                output::json(&first)
            } else {
                Ok(output::line(&short(&first))?)
            };
        }
        let last = self.to_end(place, first).await?;
        if self.json {
            output::json(&last)?;
        } else {
            output::line(&of_deployment(&last))?;
            for node in nodes(place, number(&last, "number")).await? {
                if text(&node, "result") != "ok" {
                    output::line(&of_node(&node))?;
                }
            }
        }
        match text(&last, "state") {
            "complete" => Ok(()),
            state => bail!(
                "deployment {} is {state}: {}",
                number(&last, "number"),
                text(&last, "reason")
            ),
        }
    }

    async fn to_end(&self, place: &HqPlace, first: Value) -> anyhow::Result<Value> {
        let deployment = number(&first, "number");
        let mut shown = Shown::new(std::io::stderr().is_terminal());
        if text(&first, "state") == "draft" {
            output::note(&format!("`endcap hq bundle approve {deployment}` lets it go"));
        }
        let mut row = first;
        loop {
            shown.deployment(&row);
            if row.pointer("/tally/boxes").and_then(Value::as_u64) <= Some(MAX_TOLD_SINGLY) {
                for node in nodes(place, deployment).await? {
                    shown.node(&node);
                }
            }
            if is_over(&row) {
                shown.end();
                return Ok(row);
            }
            tokio::time::sleep(LOOK).await;
            row = place
                .ask(Method::GET, &place.path(&format!("deployments/{deployment}")), None)
                .await?;
        }
    }
}

fn short(row: &Value) -> String {
    format!("{}  {}  {}", number(row, "number"), text(row, "state"), text(row, "target"))
}

/// What was shown so far: on a terminal a bar, elsewhere a line for each change.
struct Shown {
    bar: ProgressBar,
    said: BTreeMap<String, String>,
}

impl Shown {
    fn new(terminal: bool) -> Self {
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} judged");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar, said: BTreeMap::new() }
    }

    fn deployment(&mut self, row: &Value) {
        let of = |name: &str| row.get("tally").map_or(0, |tally| number(tally, name));
        self.bar.set_length(of("boxes"));
        self.bar.set_position(of("boxes").saturating_sub(of("open")));
        let words = format!("{} {}: {}", number(row, "number"), text(row, "state"), counts(row));
        self.bar.set_message(words.clone());
        if self.bar.is_hidden() {
            self.say("", words);
        }
    }

    fn node(&mut self, row: &Value) {
        let note = [text(row, "reason"), text(row, "note")];
        let note = note.into_iter().find(|note| !note.is_empty());
        let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
        let place = text(row, "place");
        self.say(place, format!("{place}  {}{note}", node_state(row)));
    }

    fn say(&mut self, what: &str, words: String) {
        if self.said.get(what) == Some(&words) {
            return;
        }
        self.bar.suspend(|| output::note(&words));
        self.said.insert(what.to_owned(), words);
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}
