//! `MultiHeadAttention` (ONNX Runtime contrib operators, domain com.microsoft).

use tract_onnx::pb::NodeProto;

use super::sketch::Sketch;
use super::{Spelled, absent, joined, mask, needed};
use crate::engine::cpu::surgery::graph::{Links, float, input, integer, output};

/// Query, key and value as rows; past and present by heads.
pub(super) fn spelled(links: &Links<'_>, node: &NodeProto) -> Spelled {
    absent(node, &[(3, "bias"), (8, "past_sequence_length"), (9, "cache_indirection")])?;
    let heads = integer(node, "num_heads").ok_or("it has no num_heads")?;
    let q = needed(node, 0, "query")?;
    let k = needed(node, 1, "key: packed query, key and value are not supported here")?;
    let v = needed(node, 2, "value: packed key and value are not supported here")?;
    let mut sketch = Sketch::of(node);
    let [q, k, v] = [q, k, v].map(|rows| sketch.heads(rows, heads));
    let past = input(node, 6);
    let k = joined(&mut sketch, past, &k, output(node, 1));
    let v = joined(&mut sketch, input(node, 7), &v, output(node, 2));
    let mut scores = sketch.scores(&q, &k, float(node, "scale").unwrap_or(0.0));
    if let Some(bias) = input(node, 5) {
        scores = sketch.op("Add", &[&scores, bias]);
    }
    if let Some(keys) = input(node, 4).filter(|name| !links.is_constant(name)) {
        scores = mask::padding(&mut sketch, &scores, keys);
    }
    if integer(node, "unidirectional").unwrap_or(0) != 0 {
        scores = mask::causal(&mut sketch, &scores, &q, &k, past);
    }
    let mixed = sketch.weighted(&scores, &v);
    sketch.rows(&mixed, output(node, 0).ok_or("it has no output")?);
    Ok(sketch)
}
