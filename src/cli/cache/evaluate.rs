//! How often questions that mean something else are taken for the same.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use clap::Args;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cache::Calibration;
use crate::cache::evaluation::{self, Half, Hits, Outcome, Pair, Report};
use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;

/// Texts of one request for vectors.
const TEXTS_AT_ONCE: usize = 64;

/// Which pairs, and by whose vectors.
#[derive(Debug, Args)]
pub(in crate::cli) struct Evaluate {
    /// Labelled pairs: half, kind, 1 (same) or 0, language, question, question; separated by tabs
    #[arg(required = true)]
    pairs: Vec<PathBuf>,
    /// The served encoder whose vectors are compared
    #[arg(long, default_value = "all-minilm-l6-v2")]
    encoder: String,
    /// The plain threshold of the cosine that is compared with
    #[arg(long, default_value_t = 0.8)]
    plain: f32,
    /// Fit thresholds on the pairs of the calibration half, use them, and write them to this file
    #[arg(long, value_name = "FILE")]
    fit: Option<PathBuf>,
    /// Share of false hits that is fitted for
    #[arg(long, default_value_t = 0.005, requires = "fit")]
    budget: f64,
    /// As one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

impl Evaluate {
    pub(super) async fn run(self, sources: &Sources) -> anyhow::Result<()> {
        let mut pairs = Vec::new();
        for path in &self.pairs {
            let reading = || format!("reading {}", path.display());
            let text = std::fs::read_to_string(path).with_context(reading)?;
            pairs.extend(evaluation::read(&text).with_context(reading)?);
        }
        let vectors = self.vectors(sources, &pairs).await?;
        let cosine = |pair: &Pair| cosine(vectors.get(&pair.first)?, vectors.get(&pair.second)?);
        let cosines: Option<Vec<f32>> = pairs.iter().map(cosine).collect();
        let cosines = cosines.context("the server gave vectors of different lengths")?;
        let calibration = self.calibration(&pairs, &cosines)?;
        let report = evaluation::report(&pairs, &cosines, Half::Test, self.plain, &calibration);
        if self.json {
            return output::json(&as_json(&report));
        }
        Ok(output::line(&table(&report, self.plain))?)
    }

    fn calibration(&self, pairs: &[Pair], cosines: &[f32]) -> anyhow::Result<Calibration> {
        let Some(file) = &self.fit else { return Ok(Calibration::of(&self.encoder)) };
        let samples = evaluation::samples(pairs, cosines, Half::Calibration);
        let fitted = Calibration::fit(&self.encoder, self.budget, &samples);
        let text = serde_json::to_string_pretty(&fitted)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(fitted)
    }

    /// The vector of each question.
    async fn vectors(
        &self,
        sources: &Sources,
        pairs: &[Pair],
    ) -> anyhow::Result<HashMap<String, Vec<f32>>> {
        let texts = pairs.iter().flat_map(|pair| [&pair.first, &pair.second]);
        let texts: Vec<&String> = texts.collect::<BTreeSet<_>>().into_iter().collect();
        let mut vectors = HashMap::with_capacity(texts.len());
        for part in texts.chunks(TEXTS_AT_ONCE) {
            output::progress_note(&format!("{} of {} questions", vectors.len(), texts.len()));
            let body = json!({"model": self.encoder, "input": part, "encoding_format": "base64"});
            let path = "/v1/embeddings";
            let answer = self.place.ask(sources, Method::POST, path, Some(body)).await?;
            let data = answer.get("data").and_then(Value::as_array).context("no vectors came")?;
            ensure!(data.len() == part.len(), "{} vectors came for {}", data.len(), part.len());
            for (text, one) in part.iter().zip(data) {
                vectors.insert((*text).clone(), vector(one)?);
            }
        }
        Ok(vectors)
    }
}

fn vector(one: &Value) -> anyhow::Result<Vec<f32>> {
    let text = one.get("embedding").and_then(Value::as_str).context("a vector is missing")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text)?;
    let (floats, _) = bytes.as_chunks();
    Ok(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn cosine(a: &[f32], b: &[f32]) -> Option<f32> {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len()).then(|| if length > 0.0 { dot(a, b) / length } else { 0.0 })
}

fn ways(report: &Report) -> [(&'static str, &Outcome); 3] {
    [("plain", &report.plain), ("guarded", &report.guarded), ("calibrated", &report.calibrated)]
}

fn table(report: &Report, plain: f32) -> String {
    let mut lines = vec![
        format!("plain: cosine of {plain} or more; guarded: that and guards; calibrated: as the cache decides"),
        "                 true hits               false hits              false among hits, 95 % bounds".to_owned(),
    ];
    for (name, outcome) in ways(report) {
        lines.push(row(name, &outcome.all));
    }
    lines.push(String::new());
    lines.push(format!(
        "{:16}{:>8}{:>10}{:>10}{:>12}",
        "pairs", "", "plain", "guarded", "calibrated"
    ));
    for (kind, plain) in &report.plain.kinds {
        let hits = |outcome: &Outcome| {
            outcome.kinds.get(kind).map_or(0, |hits| hits.true_hits + hits.false_hits)
        };
        let of = plain.same + plain.different;
        let [p, g, c] = ways(report).map(|(_, outcome)| hits(outcome));
        lines.push(format!("{kind:16}{of:>8}{p:>10}{g:>10}{c:>12}"));
    }
    lines.join("\n")
}

fn row(name: &str, hits: &Hits) -> String {
    let percent = |part: u64, of: u64| part as f64 * 100.0 / of.max(1) as f64;
    let (share, low, high) = hits.false_share();
    format!(
        "{name:12}{:>6} of {:<6}{:>5.1} %{:>8} of {:<6}{:>5.1} %{:>10.2} % ({:.2} to {:.2})",
        hits.true_hits,
        hits.same,
        percent(hits.true_hits, hits.same),
        hits.false_hits,
        hits.different,
        percent(hits.false_hits, hits.different),
        share * 100.0,
        low * 100.0,
        high * 100.0,
    )
}

fn as_json(report: &Report) -> Value {
    let hits = |hits: &Hits| {
        let (share, low, high) = hits.false_share();
        json!({
            "same": hits.same,
            "true_hits": hits.true_hits,
            "different": hits.different,
            "false_hits": hits.false_hits,
            "false_share": share,
            "false_share_bounds": [low, high],
        })
    };
    let outcome = |outcome: &Outcome| {
        let kinds = outcome.kinds.iter().map(|(kind, one)| (kind.clone(), hits(one)));
        json!({"all": hits(&outcome.all), "kinds": kinds.collect::<serde_json::Map<_, _>>()})
    };
    let ways = ways(report).map(|(name, one)| (name.to_owned(), outcome(one)));
    Value::Object(ways.into_iter().collect())
}
