//! Masks that attention operators imply.

use super::sketch::Sketch;
use crate::engine::cpu::surgery::build;

/// What hidden scores become.
const HIDDEN: f32 = -1e9;

/// Scores as they are where `visible`, and hidden elsewhere.
pub(super) fn keep(sketch: &mut Sketch, visible: &str, scores: &str) -> String {
    let hidden = sketch.number(HIDDEN);
    sketch.op("Where", &[visible, scores, &hidden])
}

/// Hides keys that come after a query; queries come after `past` keys where there is such a tensor,
/// whose axis 2 is counted.
pub(super) fn causal(
    sketch: &mut Sketch,
    scores: &str,
    q: &str,
    k: &str,
    past: Option<&str>,
) -> String {
    let (queries, keys) = (sketch.dimension(q, 2), sketch.dimension(k, 2));
    let (zero, one) = (sketch.integer(0), sketch.integer(1));
    let mut of_queries = sketch.op("Range", &[&zero, &queries, &one]);
    if let Some(past) = past {
        let past = sketch.dimension(past, 2);
        of_queries = sketch.op("Add", &[&of_queries, &past]);
    }
    let column = sketch.integers(&[-1, 1]);
    let of_queries = sketch.op("Reshape", &[&of_queries, &column]);
    let of_keys = sketch.op("Range", &[&zero, &keys, &one]);
    let later = sketch.op("Greater", &[&of_keys, &of_queries]);
    let visible = sketch.op("Not", &[&later]);
    keep(sketch, &visible, scores)
}

/// Hides the keys of which `mask`, sequences × keys, is 0.
pub(super) fn padding(sketch: &mut Sketch, scores: &str, mask: &str) -> String {
    const BOOL: i64 = 9;
    let shape = sketch.integers(&[0, 1, 1, -1]);
    let mask = sketch.op("Reshape", &[mask, &shape]);
    let visible = sketch.with("Cast", &[&mask], [build::integer_attribute("to", BOOL)]);
    keep(sketch, &visible, scores)
}
