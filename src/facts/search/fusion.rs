//! One order of what words and what meaning found.

use std::collections::HashMap;
use std::sync::Arc;

/// What a product weighs that words do not find but whose meaning is the query's.
const MEANING: f32 = 0.7;
/// Cosines below this are found between any two texts.
const UNRELATED: f32 = 0.25;

/// Best first, of equals by SKU. Scores of words have no scale of their own, so they are taken as
/// shares of the best one; a cosine has one and keeps it. A sum of the two keeps by how much one is
/// better, which a sum of ranks would not.
pub(super) fn fuse(
    words: Vec<(Arc<str>, f32)>,
    meaning: Vec<(Arc<str>, f32)>,
) -> Vec<(Arc<str>, f32)> {
    let best = words.iter().map(|(_, score)| *score).fold(f32::MIN_POSITIVE, f32::max);
    let mut joined: HashMap<Arc<str>, f32> = HashMap::new();
    for (sku, score) in words {
        joined.insert(sku, score / best);
    }
    for (sku, cosine) in meaning.into_iter().filter(|(_, cosine)| *cosine > UNRELATED) {
        let share = MEANING * (cosine - UNRELATED) / (1.0 - UNRELATED);
        *joined.entry(sku).or_default() += share;
    }
    let mut ranked: Vec<_> = joined.into_iter().collect();
    ranked.sort_by(|(one, a), (other, b)| b.total_cmp(a).then_with(|| one.cmp(other)));
    ranked
}
