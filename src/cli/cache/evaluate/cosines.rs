//! The cosines of labelled pairs: from a server's encoder, or as they were written before.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Evaluate;
use crate::cache::evaluation::Pair;
use crate::cli::output;
use crate::config::Sources;

/// Texts of one request for vectors.
const TEXTS_AT_ONCE: usize = 64;

impl Evaluate {
    /// A value for each pair, as the file of cosines has it or would have it.
    pub(super) async fn cosines(
        &self,
        sources: &Sources,
        pairs: &[Pair],
    ) -> anyhow::Result<Vec<f32>> {
        let Some(file) = &self.cosines else { return self.made(sources, pairs).await };
        if !file.exists() {
            let text = written(&self.made(sources, pairs).await?)?;
            std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        let reading = || format!("reading {}", file.display());
        let text = std::fs::read_to_string(file).with_context(reading)?;
        read(&text, pairs.len()).with_context(reading)
    }

    async fn made(&self, sources: &Sources, pairs: &[Pair]) -> anyhow::Result<Vec<f32>> {
        let vectors = self.vectors(sources, pairs).await?;
        let cosine = |pair: &Pair| cosine(vectors.get(&pair.first)?, vectors.get(&pair.second)?);
        let cosines: Option<Vec<f32>> = pairs.iter().map(cosine).collect();
        cosines.context("the server gave vectors of different lengths")
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

/// Four digits: what differs between processors lies behind them.
fn written(cosines: &[f32]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    cosines.iter().try_for_each(|cosine| writeln!(text, "{cosine:.4}"))?;
    Ok(text)
}

fn read(text: &str, pairs: usize) -> anyhow::Result<Vec<f32>> {
    let number = |(at, line): (usize, &str)| {
        line.parse::<f32>().with_context(|| format!("line {}: `{line}` is no cosine", at + 1))
    };
    let cosines: Vec<f32> = text.lines().enumerate().map(number).collect::<Result<_, _>>()?;
    ensure!(cosines.len() == pairs, "{} cosines are there for {pairs} pairs", cosines.len());
    Ok(cosines)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_cosines_are_read_again() {
        let text = written(&[0.123_449, -0.5, 1.0]).unwrap();
        assert_eq!(text, "0.1234\n-0.5000\n1.0000\n");
        assert_eq!(read(&text, 3).unwrap(), [0.1234, -0.5, 1.0]);
    }

    #[test]
    fn what_is_not_a_cosine_for_each_pair_is_told() {
        assert_eq!(read("0.5\n", 2).unwrap_err().to_string(), "1 cosines are there for 2 pairs");
        assert_eq!(read("0.5\nx\n", 2).unwrap_err().to_string(), "line 2: `x` is no cosine");
    }
}
