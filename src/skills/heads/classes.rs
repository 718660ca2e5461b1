//! Scores with names.

use serde::Deserialize;

use super::fault::{HeadError, named, within};
use super::names::Names;
use super::tensor::OutputError;

/// How an output's numbers become names with scores. The output has one number for each name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// The output, where the graph has several.
    pub output: Option<String>,
    /// What the numbers stand for, in their order.
    pub labels: Names,
    /// What makes scores of the numbers.
    #[serde(default)]
    pub activation: Activation,
    /// How many are told, the highest first, where the request does not say.
    pub top: Option<usize>,
    /// What scores less is not told, where the request does not say.
    #[serde(default)]
    pub threshold: f32,
}

/// What makes scores of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// They are scores.
    #[default]
    None,
    /// One of the names is right: scores add up to 1.
    Softmax,
    /// Each name is right or not: a score of 0 to 1 each.
    Sigmoid,
}

/// A name with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The name.
    pub label: String,
    /// From 0 to 1 where the graph means it so.
    pub score: f32,
}

impl Classes {
    /// The fields as they stand in a head.
    pub(super) const FIELDS: [&str; 5] = ["output", "labels", "activation", "top", "threshold"];

    pub(super) fn check(&self) -> Result<(), HeadError> {
        named("output", self.output.as_deref())?;
        self.labels.check("labels")?;
        within("top", self.top.unwrap_or(1), 1, 1000)?;
        within("threshold", self.threshold, 0.0, 1.0)
    }

    /// The names with the highest scores, the highest first.
    pub fn choose(
        &self,
        numbers: &[f32],
        top: Option<usize>,
        threshold: Option<f32>,
    ) -> Result<Vec<Scored>, OutputError> {
        let names = self.labels.list();
        if numbers.len() != names.len() {
            return Err(OutputError::Count { scores: numbers.len(), names: names.len() });
        }
        let scores = self.activation.scores(numbers);
        let threshold = threshold.unwrap_or(self.threshold);
        let mut scored: Vec<Scored> = names
            .iter()
            .zip(scores)
            .filter(|(_, score)| *score >= threshold)
            .map(|(label, score)| Scored { label: label.clone(), score })
            .collect();
        scored.sort_by(|a, b| b.score.total_cmp(&a.score));
        scored.truncate(top.or(self.top).unwrap_or(usize::MAX));
        Ok(scored)
    }
}

impl Activation {
    pub(super) fn scores(self, numbers: &[f32]) -> Vec<f32> {
        match self {
            Self::None => numbers.to_vec(),
            Self::Sigmoid => numbers.iter().map(|x| sigmoid(*x)).collect(),
            Self::Softmax => {
                let largest = numbers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let powers: Vec<f32> = numbers.iter().map(|x| (x - largest).exp()).collect();
                let sum: f32 = powers.iter().sum();
                powers.iter().map(|power| power / sum).collect()
            }
        }
    }
}

/// The logistic function.
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
