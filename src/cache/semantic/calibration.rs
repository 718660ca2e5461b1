//! How alike two questions must be, per category: fitted on labelled pairs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bound;
use super::category::Category;

/// No pair below it is a hit, whatever the labelled pairs say.
const FLOOR: f32 = 0.60;
/// Steps in which thresholds are tried.
const STEP: f32 = 0.01;

/// A labelled pair whose guards agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Of both questions.
    pub category: Category,
    /// Cosine of their vectors.
    pub similarity: f32,
    /// Whether one answer serves both.
    pub same: bool,
}

/// The least similarity of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Cosine, from 0 to 1.
    pub similarity: f32,
    /// Hits among the labelled pairs that it was fitted on.
    pub hits: u64,
    /// Those of them that were false.
    pub false_hits: u64,
}

/// Thresholds by category, for the vectors of one encoder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The encoder whose vectors were compared: the package's name.
    pub encoder: String,
    /// Share of false hits that was aimed at, by the upper end of its 95 % interval.
    pub budget: f64,
    /// Categories without one have no hits.
    pub thresholds: BTreeMap<Category, Threshold>,
}

impl Calibration {
    /// The thresholds for the vectors of an encoder, by its package's name; none for one that they
    /// were not fitted for. Fitted on the calibration half of `models/questions` by
    /// `endcap cache evaluate --fit`.
    pub fn of(encoder: &str) -> Self {
        let fitted: Self =
            serde_json::from_str(include_str!("thresholds.json")).unwrap_or_default();
        if fitted.encoder == encoder { fitted } else { Self::default() }
    }

    /// The least similarity of a hit, or `None` where there is none.
    pub fn threshold(&self, category: Category) -> Option<f32> {
        let threshold = self.thresholds.get(&category)?;
        category.may_share().then_some(threshold.similarity)
    }

    /// The lowest thresholds at which the rate of false hits is below a budget with 95 % confidence.
    /// Where the pairs are too few to tell there is no threshold, so that nothing is a hit.
    pub fn fit(encoder: &str, budget: f64, samples: &[Sample]) -> Self {
        let fitted = Category::ALL.into_iter().filter(|category| category.may_share()).filter_map(
            |category| {
                let inside = samples.iter().filter(|sample| sample.category == category);
                let inside: Vec<_> = inside.map(|one| (one.similarity, one.same)).collect();
                Some((category, lowest(&inside, budget)?))
            },
        );
        Self { encoder: encoder.to_owned(), budget, thresholds: fitted.collect() }
    }
}

fn lowest(samples: &[(f32, bool)], budget: f64) -> Option<Threshold> {
    let steps = ((1.0 - FLOOR) / STEP).round() as u32;
    (0..=steps).map(|step| FLOOR + step as f32 * STEP).find_map(|similarity| {
        let hits = samples.iter().filter(|(value, _)| *value >= similarity);
        let (hits, false_hits) =
            hits.fold((0, 0), |(hits, wrong), (_, same)| (hits + 1, wrong + u64::from(!same)));
        (bound::upper(false_hits, hits) <= budget).then_some(Threshold {
            similarity,
            hits,
            false_hits,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(similarity: f32, same: bool) -> Sample {
        Sample { category: Category::Usage, similarity, same }
    }

    #[test]
    fn a_threshold_stands_above_the_false_pairs() {
        let mut samples = vec![sample(0.9, true); 700];
        samples.extend(vec![sample(0.7, false); 5]);
        let fitted = Calibration::fit("e", 0.005, &samples);
        let threshold = fitted.threshold(Category::Usage).unwrap();
        assert!(threshold > 0.7 && threshold < 0.75, "{threshold}");
        assert_eq!(fitted.threshold(Category::Hours), None);
    }

    #[test]
    fn too_few_pairs_are_no_evidence() {
        let fitted = Calibration::fit("e", 0.005, &vec![sample(0.95, true); 300]);
        assert_eq!(fitted.threshold(Category::Usage), None);
    }

    #[test]
    fn what_is_never_shared_has_no_threshold() {
        let priced = Sample { category: Category::Price, ..sample(1.0, true) };
        let fitted = Calibration::fit("e", 0.005, &vec![priced; 5000]);
        assert_eq!(fitted.threshold(Category::Price), None);
        let forged = Calibration {
            thresholds: [(Category::Price, Threshold { similarity: 0.1, hits: 9, false_hits: 0 })]
                .into(),
            ..fitted
        };
        assert_eq!(forged.threshold(Category::Price), None);
    }

    #[test]
    fn the_fitted_thresholds_can_be_read() {
        let fitted = Calibration::of("all-minilm-l6-v2");
        assert!(!fitted.thresholds.is_empty());
        assert_eq!(Calibration::of("another"), Calibration::default());
    }
}
