//! `RotaryEmbedding` of heads: both the contributed operator and ONNX's own.

use tract_onnx::pb::NodeProto;

use super::sketch::Sketch;
use super::{Spelled, needed};
use crate::engine::cpu::surgery::build;
use crate::engine::cpu::surgery::fused::rotation_inputs;
use crate::engine::cpu::surgery::graph::{Links, input, integer, output};

/// Whether its input is laid out by heads; rows are left as they are.
pub(super) fn of_heads(links: &Links<'_>, node: &NodeProto) -> bool {
    let by_rows = integer(node, "num_heads").unwrap_or(0) != 0;
    let turned = input(node, 0).is_some_and(|x| links.made_by(x, &["Transpose"]).is_some());
    turned || (!by_rows && node.domain != "com.microsoft")
}

pub(super) fn spelled(links: &Links<'_>, node: &NodeProto) -> Spelled {
    if integer(node, "rotary_embedding_dim").unwrap_or(0) != 0 {
        let why = "rotary_embedding_dim: heads that are rotated in part are not supported";
        return Err(why.to_owned());
    }
    let x = needed(node, 0, "input")?;
    let (Some(cos), Some(sin), positions) = rotation_inputs(node) else {
        return Err("it has no rotary caches".to_owned());
    };
    let interleaved = integer(node, "interleaved").unwrap_or(0) != 0;
    let mut sketch = Sketch::of(node);
    let half = match links.constant_shape(cos) {
        Some(shape) => shape.last().copied().unwrap_or(0),
        None => return Err(format!("its rotary cache {cos} is not a constant")),
    };
    let wide = half as i64;
    let layout = if interleaved { vec![0, 1, -1, wide, 1] } else { vec![0, 1, -1, wide] };
    let [cos, sin] = [cos, sin].map(|table| {
        let rows = match positions {
            Some(positions) => sketch.op("Gather", &[table, positions]),
            None => table.to_owned(),
        };
        let layout = sketch.integers(&layout);
        sketch.op("Reshape", &[&rows, &layout])
    });
    let out = output(node, 0).ok_or("it has no output")?;
    if !interleaved {
        let pair = sketch.halves(x, 3, half);
        let [first, second] = turned(&mut sketch, &pair, &cos, &sin);
        let axis = build::integer_attribute("axis", 3);
        sketch.named("Concat", &[&first, &second], out, [axis]);
        return Ok(sketch);
    }
    let pairs = sketch.integers(&[0, 0, 0, wide, 2]);
    let pairs = sketch.op("Reshape", &[x, &pairs]);
    let pair = sketch.halves(&pairs, 4, 1);
    let [first, second] = turned(&mut sketch, &pair, &cos, &sin);
    let axis = build::integer_attribute("axis", 4);
    let together = sketch.with("Concat", &[&first, &second], [axis]);
    let heads = sketch.integers(&[0, 0, 0, -1]);
    sketch.named("Reshape", &[&together, &heads], out, []);
    Ok(sketch)
}

fn turned(sketch: &mut Sketch, [a, b]: &[String; 2], cos: &str, sin: &str) -> [String; 2] {
    let mut product = |x: &str, y: &str| sketch.op("Mul", &[x, y]);
    let (ac, bs, bc, as_) = (product(a, cos), product(b, sin), product(b, cos), product(a, sin));
    [sketch.op("Sub", &[&ac, &bs]), sketch.op("Add", &[&bc, &as_])]
}
