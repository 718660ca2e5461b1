//! ONNX's own `Attention`, from operator set 23 on.

use tract_onnx::pb::NodeProto;

use super::sketch::Sketch;
use super::{Spelled, is_boolean, joined, mask, needed};
use crate::engine::cpu::surgery::build;
use crate::engine::cpu::surgery::graph::{Links, float, input, integer, output};

/// Query, key and value as rows, with their number of heads as attributes, or by heads.
pub(super) fn spelled(links: &Links<'_>, node: &NodeProto) -> Spelled {
    if float(node, "softcap").is_some_and(|softcap| softcap != 0.0) {
        return Err("attribute softcap is not supported".to_owned());
    }
    if output(node, 3).is_some() || input(node, 6).is_some() {
        return Err("nonpad_kv_seqlen and the output of scores are not supported".to_owned());
    }
    let rows = integer(node, "q_num_heads").zip(integer(node, "kv_num_heads"));
    let mut sketch = Sketch::of(node);
    let parts = [needed(node, 0, "Q")?, needed(node, 1, "K")?, needed(node, 2, "V")?];
    let [q, k, v] = match rows {
        None => parts.map(str::to_owned),
        Some((heads, kv_heads)) => {
            let [q, k, v] = parts;
            [(q, heads), (k, kv_heads), (v, kv_heads)]
                .map(|(rows, heads)| sketch.heads(rows, heads))
        }
    };
    let past = input(node, 4);
    let k = joined(&mut sketch, past, &k, output(node, 1));
    let v = joined(&mut sketch, input(node, 5), &v, output(node, 2));
    let [k, v] = [k, v].map(|heads| repeated(&mut sketch, &heads, &q));
    let mut scores = sketch.scores(&q, &k, float(node, "scale").unwrap_or(0.0));
    if let Some(given) = input(node, 3) {
        scores = match is_boolean(links, given)? {
            true => mask::keep(&mut sketch, given, &scores),
            false => sketch.op("Add", &[&scores, given]),
        };
    }
    if integer(node, "is_causal").unwrap_or(0) != 0 {
        scores = mask::causal(&mut sketch, &scores, &q, &k, past);
    }
    let mixed = sketch.weighted(&scores, &v);
    let out = output(node, 0).ok_or("it has no output")?;
    match rows {
        Some(_) => sketch.rows(&mixed, out),
        None => drop(sketch.named("Identity", &[&mixed], out, [])),
    }
    Ok(sketch)
}

/// Repeats the heads of keys or values so that each query head has its own.
fn repeated(sketch: &mut Sketch, heads: &str, q: &str) -> String {
    let (wanted, have) = (sketch.op("Shape", &[q]), sketch.op("Shape", &[heads]));
    let part = |sketch: &mut Sketch, shape: &str, from: i64, to: i64| {
        let [from, to, axis] = [from, to, 0].map(|value| sketch.integers(&[value]));
        sketch.op("Slice", &[shape, &from, &to, &axis])
    };
    let (wanted, kv) = (part(sketch, &wanted, 1, 2), part(sketch, &have, 1, 2));
    let times = sketch.op("Div", &[&wanted, &kv]);
    let (batch, rest) = (part(sketch, &have, 0, 1), part(sketch, &have, 2, 4));
    let one = sketch.integers(&[1]);
    let axis = || [build::integer_attribute("axis", 0)];
    let apart = sketch.with("Concat", &[&batch, &kv, &one, &rest], axis());
    let wide = sketch.with("Concat", &[&batch, &kv, &times, &rest], axis());
    let flat = sketch.with("Concat", &[&batch, &wanted, &rest], axis());
    let apart = sketch.op("Reshape", &[heads, &apart]);
    let wide = sketch.op("Expand", &[&apart, &wide]);
    sketch.op("Reshape", &[&wide, &flat])
}
