//! `endcap cache`: a running server's cache of answers.

mod evaluate;
mod export;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value};

use super::arguments::Common;
use super::output;
use super::place::Place;
use crate::units::Bytes;

const EXAMPLES: &str = "\
Examples:
  endcap cache stats
  endcap cache why 3f9a61c2                   the key of a Cache-Status header, or its beginning
  endcap cache purge --product 0041           whatever tells of a product
  endcap cache purge --fact promotions        whatever stands on a fact or group of facts
  endcap cache purge --all
  endcap cache export copy.pack --routes copy --languages de
  endcap cache evaluate models/questions/test.tsv

These ask a running server with an admin token, in ENDCAP_TOKEN.";

/// What is asked of the cache.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum CacheCommand {
    /// Show how the cache does: hits by kind, what they saved, what is kept
    Stats {
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Show what a kept answer was made of and what its facts say now
    Why {
        /// The key in the answer's Cache-Status header, or its first digits
        id: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Write answers into a file of which HQ makes a pack for other stores
    Export(export::Export),
    /// Measure on labelled pairs how often questions are wrongly taken for the same
    Evaluate(evaluate::Evaluate),
    /// Forget answers
    Purge {
        #[command(flatten)]
        what: What,
        #[command(flatten)]
        place: Place,
    },
}

/// What is forgotten: one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct What {
    /// Everything
    #[arg(long)]
    all: bool,
    /// One answer, by the key in its Cache-Status header
    #[arg(long, value_name = "ID")]
    answer: Option<String>,
    /// Whatever stands on a fact such as prices:0041, or on a group such as promotions
    #[arg(long, value_name = "NAME")]
    fact: Option<String>,
    /// Whatever is about a product
    #[arg(long, value_name = "SKU")]
    product: Option<String>,
    /// Answers of a package
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

impl What {
    fn body(self) -> Value {
        let fields = [
            ("all", self.all.then_some(Value::Bool(true))),
            ("answer", self.answer.map(Value::String)),
            ("fact", self.fact.map(Value::String)),
            ("product", self.product.map(Value::String)),
            ("model", self.model.map(Value::String)),
        ];
        let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    }
}

impl CacheCommand {
    pub(super) async fn run(self, common: &Common) -> anyhow::Result<()> {
        let sources = common.sources();
        match self {
            Self::Stats { json, place } => {
                let path = "/store/v1/cache/stats";
                let answer = place.ask(&sources, Method::GET, path, None).await?;
                if json { output::json(&answer) } else { Ok(output::line(&stats(&answer))?) }
            }
            Self::Why { id, json, place } => {
                let path = format!("/store/v1/cache/why/{id}");
                let answer = place.ask(&sources, Method::GET, &path, None).await?;
                if json { output::json(&answer) } else { Ok(output::line(&explained(&answer))?) }
            }
            Self::Export(export) => export.run(&sources).await,
            Self::Evaluate(evaluate) => evaluate.run(&sources).await,
            Self::Purge { what, place } => {
                let path = "/store/v1/cache/purge";
                let answer = place.ask(&sources, Method::POST, path, Some(what.body())).await?;
                let (entries, flights) = (number(&answer, "entries"), number(&answer, "flights"));
                output::note(&format!("{entries} kept and {flights} being made are gone"));
                Ok(())
            }
        }
    }
}

fn number(value: &Value, field: &str) -> u64 {
    value.get(field).and_then(Value::as_u64).unwrap_or_default()
}

fn text(value: &Value, field: &str) -> String {
    match value.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// `a 3, b 4` of an object of numbers.
fn counts(value: Option<&Value>) -> String {
    let fields = value.and_then(Value::as_object).into_iter().flatten();
    let counted = fields.filter(|(_, count)| count.as_u64() != Some(0));
    counted.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
}

fn stats(answer: &Value) -> String {
    let bytes = |field| Bytes(number(answer, field)).to_string();
    let mut lines = vec![
        format!(
            "answers kept  {}, {} being made",
            number(answer, "entries"),
            number(answer, "making")
        ),
        format!("in memory     {} of {}", bytes("memory_bytes"), bytes("memory_limit_bytes")),
        format!("on disk       {} of {}", bytes("disk_bytes"), bytes("disk_limit_bytes")),
    ];
    for (route, stats) in answer.get("routes").and_then(Value::as_object).into_iter().flatten() {
        let answers = counts(stats.get("answers"));
        if !answers.is_empty() {
            let rate = stats.get("hit_rate").and_then(Value::as_f64).unwrap_or_default() * 100.0;
            let (tokens, ms) = (number(stats, "saved_tokens"), number(stats, "saved_ms"));
            lines.push(format!(
                "{route:12}  {answers}; {rate:.1}% hits saved {tokens} tokens, {:.1} s",
                ms as f64 / 1000.0
            ));
        }
    }
    if let Some(pack) = answer.get("pack").filter(|pack| pack.is_object()) {
        let (epoch, name) = (number(pack, "epoch"), text(pack, "name"));
        let (entries, left_out) = (number(pack, "entries"), number(pack, "left_out"));
        let bytes = Bytes(number(pack, "disk_bytes"));
        lines.push(format!(
            "pack          {epoch} {name}, {entries} answers, {left_out} left out, {bytes}"
        ));
    }
    let gone = counts(answer.get("gone"));
    if !gone.is_empty() {
        lines.push(format!("gone          {gone}"));
    }
    lines.join("\n")
}

fn explained(answer: &Value) -> String {
    let answers = answer.get("answers").and_then(Value::as_array);
    answers.into_iter().flatten().map(entry).collect::<Vec<_>>().join("\n\n")
}

fn entry(entry: &Value) -> String {
    let facts: Vec<String> = entry
        .get("facts")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|fact| format!("{} @{}", text(fact, "name"), number(fact, "revision")))
        .collect();
    let facts = if facts.is_empty() { "none".to_owned() } else { facts.join(", ") };
    let rows = [
        ("answer", text(entry, "id")),
        ("route", format!("{}, scope {}", text(entry, "route"), text(entry, "scope"))),
        ("model", format!("{} ({})", text(entry, "model"), text(entry, "model_digest"))),
        ("template", text(entry, "template_digest")),
        ("step", text(entry, "step")),
        ("language", text(entry, "language")),
        ("pack", pack(entry.get("pack"))),
        ("seed", text(entry, "seed")),
        ("facts", facts),
        ("standing", text(entry, "standing")),
        ("age", format!("{} s", number(entry, "age_s"))),
        (
            "asked",
            format!(
                "{} times; made in {} ms, {} ms saved, {} tokens each",
                number(entry, "asked"),
                number(entry, "cost_ms"),
                number(entry, "saved_ms"),
                number(entry, "completion_tokens")
            ),
        ),
    ];
    let mut lines: Vec<String> = rows
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:10}{value}"))
        .collect();
    let meaning = entry.get("meaning").and_then(Value::as_array).into_iter().flatten();
    lines.extend(meaning.filter_map(Value::as_str).map(|line| format!("meaning   {line}")));
    lines.join("\n")
}

/// `7 (copy)` of the pack that an answer came with; nothing where it was made here.
fn pack(pack: Option<&Value>) -> String {
    let Some(pack) = pack.filter(|pack| pack.is_object()) else { return String::new() };
    let name = text(pack, "name");
    let name = if name.is_empty() { name } else { format!(" ({name})") };
    format!("{}{name}, made elsewhere", number(pack, "epoch"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_are_said_in_lines() {
        let answer = json!({
            "entries": 2, "making": 0, "memory_bytes": 2048, "memory_limit_bytes": 4096,
            "disk_bytes": 0, "disk_limit_bytes": 0, "gone": { "purged": 1, "lost": 0 },
            "routes": {
                "chat": { "answers": { "exact": 3, "miss": 1 }, "hit_rate": 0.75,
                          "saved_tokens": 90, "saved_ms": 1500 },
                "copy": { "answers": {}, "hit_rate": 0.0, "saved_tokens": 0, "saved_ms": 0 },
            },
        });
        assert_eq!(
            stats(&answer),
            "answers kept  2, 0 being made\nin memory     2.0 KiB of 4.0 KiB\n\
             on disk       0 B of 0 B\n\
             chat          exact 3, miss 1; 75.0% hits saved 90 tokens, 1.5 s\n\
             gone          purged 1"
        );
    }

    #[test]
    fn an_answer_is_explained_in_lines() {
        let answer = json!({ "answers": [{
            "id": "3f9a", "route": "ask", "scope": "store", "model": "tiny", "model_digest": "ab",
            "template_digest": null, "seed": 7, "facts": [{ "name": "prices:1", "revision": 4 }],
            "standing": "prices:1 has changed", "age_s": 9, "asked": 3, "cost_ms": 5,
            "saved_ms": 10, "completion_tokens": 8, "meaning": ["a sentence"],
        }] });
        assert_eq!(
            explained(&answer),
            "answer    3f9a\nroute     ask, scope store\nmodel     tiny (ab)\nseed      7\n\
             facts     prices:1 @4\nstanding  prices:1 has changed\nage       9 s\n\
             asked     3 times; made in 5 ms, 10 ms saved, 8 tokens each\nmeaning   a sentence"
        );
    }
}
