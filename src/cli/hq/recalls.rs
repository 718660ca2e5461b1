//! `endcap hq recalls`: which boxes have confirmed a recall, and which are silent.

use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::place::{HqPlace, ago, number, rows, text};
use crate::cli::output;

/// Arguments of `hq recalls`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Recalls {
    /// One recall, with every box; all recalls without
    recall: Option<String>,
    /// The catalogue that has it
    #[arg(long, default_value = "main")]
    catalogue: String,
    /// Only boxes that have not confirmed it
    #[arg(long, requires = "recall")]
    silent: bool,
    /// As one JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: HqPlace,
}

impl Recalls {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<()> {
        let path = match &self.recall {
            None => self.place.path("recalls"),
            Some(recall) => self.place.at(&["catalogues", &self.catalogue, "recalls", recall])?,
        };
        let answer = self.place.ask(Method::GET, &path, None).await?;
        let confirmed = |row: &Value| row.get("confirmed").and_then(Value::as_bool) == Some(true);
        let shown = rows(&answer, "data").iter().filter(|row| !(self.silent && confirmed(row)));
        let shown: Vec<&Value> = shown.collect();
        if self.json {
            return output::json(&shown);
        }
        for row in shown {
            output::line(&if self.recall.is_some() { of_box(row) } else { of_recall(row) })?;
        }
        Ok(())
    }
}

fn of_recall(row: &Value) -> String {
    let skus = row.get("skus").and_then(Value::as_array).into_iter().flatten();
    let skus: Vec<_> = skus.filter_map(Value::as_str).collect();
    format!(
        "{}  {} of {} boxes confirmed, {} answers ended  epoch {} of {}  {}",
        text(row, "recall"),
        number(row, "confirmed"),
        number(row, "confirmed") + number(row, "silent"),
        number(row, "answers"),
        number(row, "epoch"),
        text(row, "catalogue"),
        skus.join(", "),
    )
}

fn of_box(row: &Value) -> String {
    let place = text(row, "place");
    if row.get("confirmed").and_then(Value::as_bool) != Some(true) {
        let (presence, heard) = (text(row, "presence"), ago(number(row, "heard_ms")));
        return format!("{place}  SILENT, {presence}, heard {heard}");
    }
    format!(
        "{place}  in force {}, {} answers and {} makings ended, {} models forgot",
        ago(number(row, "in_force_ms")),
        number(row, "answers"),
        number(row, "makings"),
        number(row, "models"),
    )
}
