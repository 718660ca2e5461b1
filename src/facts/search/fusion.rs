//! One order of what words and what meaning found.

use std::collections::HashMap;
use std::sync::Arc;

/// What a product weighs whose meaning is the query's, where another one has all of the query's words.
const MEANING: f32 = 0.7;
/// What it weighs more where no product has any of them.
const MEANING_ALONE: f32 = 5.0;
/// What a product counts for that has another name for what was typed.
const OTHER_NAME: f32 = 0.9;
/// Cosines below this are found between any two texts.
const UNRELATED: f32 = 0.4;

/// A product with what it was found by.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranked {
    pub(super) sku: Arc<str>,
    pub(super) score: f32,
    /// The cosine of its meaning and the query's, where both are known.
    pub(super) cosine: Option<f32>,
}

/// What words found.
#[derive(Debug, Default)]
pub(super) struct Worded {
    /// From 0 to 1.
    shares: HashMap<Arc<str>, f32>,
    /// The largest share of the words that one product has, from 0 to 1.
    coverage: f32,
}

impl Worded {
    /// Scores of words have no scale of their own, so they are taken as shares of the best one, times
    /// the share of the words that this one has: the best of products that fit by half does not hide
    /// what fits by meaning.
    pub(super) fn of(found: impl Iterator<Item = (Arc<str>, f32)>, coverage: f32) -> Self {
        let mut shares: HashMap<Arc<str>, f32> = found.collect();
        let best = shares.values().copied().fold(f32::MIN_POSITIVE, f32::max);
        shares.values_mut().for_each(|share| *share *= coverage / best);
        Self { shares, coverage }
    }

    /// With what other words for the same found, which counts a little less.
    pub(super) fn or(mut self, other: Self) -> Self {
        for (sku, share) in other.shares {
            let held = self.shares.entry(sku).or_default();
            *held = held.max(share * OTHER_NAME);
        }
        self.coverage = self.coverage.max(other.coverage);
        self
    }
}

/// Best first, of equals by SKU. A cosine has a scale of its own and keeps it. A sum of the two keeps
/// by how much one is better, which a sum of ranks would not.
pub(super) fn fuse(words: Worded, meaning: Vec<(Arc<str>, f32)>) -> Vec<Ranked> {
    let weight = MEANING + MEANING_ALONE * (1.0 - words.coverage);
    let shares = words.shares.into_iter();
    let mut joined: HashMap<Arc<str>, (f32, Option<f32>)> =
        shares.map(|(sku, share)| (sku, (share, None))).collect();
    for (sku, cosine) in meaning.into_iter().filter(|(_, cosine)| *cosine > UNRELATED) {
        let share = weight * (cosine - UNRELATED) / (1.0 - UNRELATED);
        let (score, of_meaning) = joined.entry(sku).or_default();
        *score += share;
        *of_meaning = Some(cosine);
    }
    let ranked = joined.into_iter();
    let ranked = ranked.map(|(sku, (score, cosine))| Ranked { sku, score, cosine });
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.sku.cmp(&b.sku)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(words: &[(&str, f32)], coverage: f32, meaning: &[(&str, f32)]) -> Vec<String> {
        let owned = |list: &[(&str, f32)]| {
            list.iter().map(|(sku, score)| (Arc::from(*sku), *score)).collect::<Vec<_>>()
        };
        let fused = fuse(Worded::of(owned(words).into_iter(), coverage), owned(meaning));
        fused.into_iter().map(|ranked| ranked.sku.to_string()).collect()
    }

    #[test]
    fn words_lead_where_a_product_has_them_all_and_meaning_where_none_has() {
        let (words, meaning) = ([("roll", 9.0), ("towel", 1.0)], [("towel", 0.7), ("roll", 0.4)]);
        assert_eq!(order(&words, 1.0, &meaning), ["roll", "towel"]);
        assert_eq!(order(&words, 0.5, &meaning), ["towel", "roll"]);
        assert_eq!(order(&[], 0.0, &meaning), ["towel"]);
    }

    #[test]
    fn what_goes_by_another_name_comes_after_what_goes_by_the_one_that_was_typed() {
        let found = |sku: &str| Worded::of([(Arc::from(sku), 3.0)].into_iter(), 1.0);
        let fused = fuse(found("crisps").or(found("chips")), Vec::new());
        assert_eq!(
            fused.iter().map(|ranked| &*ranked.sku).collect::<Vec<_>>(),
            ["crisps", "chips"]
        );
    }

    #[test]
    fn a_text_that_means_something_else_brings_nothing() {
        assert_eq!(order(&[("a", 1.0)], 1.0, &[("b", 0.3)]), ["a"]);
    }
}
