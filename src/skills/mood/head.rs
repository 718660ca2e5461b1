//! The head that makes a probability of phrases and of a text's vector.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::cues::Cues;
use crate::skills::language::Language;

/// Of `models/sentiment`, which trains it and says how good it is.
const BUILT_IN: &str = include_str!("head.json");

/// A logistic model on vectors, and by language how its logit and cues are added up.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// Texts with their vectors, by which the encoder is known.
    pub probes: Vec<Probe>,
    /// Of each number of a vector.
    weights: Vec<f32>,
    bias: f32,
    /// By language: what is added for nothing, for each of the cues, and for the vector's logit.
    with_vector: BTreeMap<Language, [f32; 6]>,
    /// The same where there is no vector; its last number is not used.
    words_alone: BTreeMap<Language, [f32; 6]>,
    /// From this probability on a person is fetched.
    pub threshold: f32,
    /// The same after an answer that did not help.
    pub after_failure: f32,
}

/// A text, and the vector that the head's encoder makes of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    pub text: String,
    pub vector: Vec<f32>,
}

impl Head {
    /// The one that comes with the program.
    pub(super) fn built_in() -> &'static Self {
        // What is in the program is read by a test.
        static HEAD: LazyLock<Head> =
            LazyLock::new(|| serde_json::from_str(BUILT_IN).unwrap_or_default());
        &HEAD
    }

    /// What the vector alone says, as a logit; none where it has another size.
    pub(super) fn logit(&self, vector: &[f32]) -> Option<f32> {
        let fits = vector.len() == self.weights.len() && !vector.is_empty();
        let products = vector.iter().zip(&self.weights).map(|(a, b)| a * b);
        fits.then(|| self.bias + products.sum::<f32>())
    }

    /// The probability of anger, where as many messages are angry as `models/sentiment` says.
    pub(super) fn anger(&self, language: Language, cues: Cues, meaning: Option<f32>) -> f32 {
        let mix = if meaning.is_some() { &self.with_vector } else { &self.words_alone };
        let [bias, strong, mild, shouted, marks, vector] =
            mix.get(&language).copied().unwrap_or_default();
        let values = cues.values.into_iter().chain([meaning.unwrap_or_default()]);
        let weighted = [strong, mild, shouted, marks, vector].into_iter().zip(values);
        let logit = bias + weighted.map(|(weight, value)| weight * value).sum::<f32>();
        1.0 / (1.0 + (-logit).exp())
    }
}
