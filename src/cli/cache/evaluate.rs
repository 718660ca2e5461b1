//! How often questions that mean something else are taken for the same.

mod cosines;
mod table;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::cache::Calibration;
use crate::cache::evaluation::{self, Half, Pair};
use crate::cli::output;
use crate::cli::place::Place;
use crate::config::Sources;

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
    /// Read the cosines of the pairs from this file, a line each; where it is not there they are made
    /// and written to it
    #[arg(long, value_name = "FILE")]
    cosines: Option<PathBuf>,
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
        let cosines = self.cosines(sources, &pairs).await?;
        let calibration = self.calibration(&pairs, &cosines)?;
        let report = evaluation::report(&pairs, &cosines, Half::Test, self.plain, &calibration);
        if self.json {
            return output::json(&table::as_json(&report));
        }
        if self.fit.is_some() {
            output::line(&table::thresholds(&calibration))?;
        }
        Ok(output::line(&table::table(&report, self.plain))?)
    }

    fn calibration(&self, pairs: &[Pair], cosines: &[f32]) -> anyhow::Result<Calibration> {
        let Some(file) = &self.fit else { return Ok(Calibration::of(&self.encoder)) };
        let samples = evaluation::samples(pairs, cosines, Half::Calibration);
        let fitted = Calibration::fit(&self.encoder, self.budget, &samples);
        let text = serde_json::to_string_pretty(&fitted)? + "\n";
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        Ok(fitted)
    }
}
