//! Attention as ONNX Runtime's own operators have it, in terms of products and [`ops::ATTEND`].

use tract_onnx::pb::NodeProto;

use super::super::build::{self, With};
use super::super::graph::{float, input, integer, integers, output, port};
use super::contributed::Spelling;
use crate::engine::LoadError;
use crate::engine::cpu::ops::{self, attend};

/// What `mask_filter_value` is where a node does not say.
const HIDDEN: f32 = -10_000.0;
const FLOAT: i64 = 1;
const INT64: i64 = 7;
const PARTS: [&str; 3] = ["query", "key", "value"];

/// `Attention(x, weights, bias, mask, past, attention bias)`: query, key and value lie side by side
/// in the weights.
pub(super) fn packed(spelling: &mut Spelling<'_, '_>) -> Result<(), LoadError> {
    spelling.only_outputs(1)?;
    spelling.only_inputs(6)?;
    if input(spelling.node, 4).is_some() {
        return spelling.refuse("input 4 (a past) is not supported".to_owned());
    }
    let (x, weights) = (spelling.input(0)?, spelling.input(1)?);
    let widths = widths(spelling, weights)?;
    let mut rows = Vec::new();
    let mut from = 0;
    for (part, width) in PARTS.into_iter().zip(widths) {
        let weights = cut(spelling, weights, 1, from, width, &format!("{part}/weights"));
        let mut product = spelling.add("MatMul", &[x, &weights], &format!("{part}/product"));
        if let Some(bias) = input(spelling.node, 2) {
            let bias = cut(spelling, bias, 0, from, width, &format!("{part}/bias"));
            product = spelling.add("Add", &[&product, &bias], part);
        }
        rows.push(product);
        from += width;
    }
    let mask = key_mask(spelling, x, 3)?;
    attend(spelling, &rows, mask, input(spelling.node, 5).map(str::to_owned))
}

/// `QAttention(x, weights, bias, scale of x, scale, mask, zero of x, zero, past)`: the same with bytes.
pub(super) fn quantized(spelling: &mut Spelling<'_, '_>) -> Result<(), LoadError> {
    spelling.only_outputs(1)?;
    spelling.only_inputs(8)?;
    let links = spelling.links;
    let quantized = links.made_by(spelling.input(0)?, &["DynamicQuantizeLinear"]);
    let whole = |node: &&NodeProto| {
        let own = |at| output(node, at);
        input(spelling.node, 3) == own(1) && input(spelling.node, 6) == own(2)
    };
    let Some(x) = quantized.filter(whole).and_then(|node| input(node, 0)) else {
        return spelling.refuse("its input is not made by DynamicQuantizeLinear".to_owned());
    };
    let (weights, bias, scale) = (spelling.input(1)?, spelling.input(2)?, spelling.input(4)?);
    let widths = widths(spelling, weights)?;
    let mut rows = Vec::new();
    let mut from = 0;
    for (part, width) in PARTS.into_iter().zip(widths) {
        let name = |what: &str| format!("{part}/{what}");
        let weights = cut(spelling, weights, 1, from, width, &name("weights"));
        let scale = own_numbers(spelling, scale, from, width, &name("scale"));
        let zero = input(spelling.node, 7);
        let zero = zero.map(|zero| own_numbers(spelling, zero, from, width, &name("zero")));
        let inputs: Vec<&str> = [x, &weights, &scale].into_iter().chain(zero.as_deref()).collect();
        let product = spelling.add(ops::INTEGER, &inputs, &name("product"));
        let bias = cut(spelling, bias, 0, from, width, &name("bias"));
        rows.push(spelling.add("Add", &[&product, &bias], part));
        from += width;
    }
    let mask = key_mask(spelling, x, 5)?;
    attend(spelling, &rows, mask, None)
}

/// `MultiHeadAttention(query, key, value, bias, mask, attention bias)`.
pub(super) fn separate(spelling: &mut Spelling<'_, '_>) -> Result<(), LoadError> {
    spelling.only_outputs(1)?;
    spelling.only_inputs(6)?;
    let mut rows = vec![spelling.input(0)?.to_owned()];
    for at in [1, 2] {
        match input(spelling.node, at) {
            Some(name) => rows.push(name.to_owned()),
            None => {
                return spelling.refuse("packed query, key and value are not supported".to_owned());
            }
        }
    }
    if let Some(bias) = input(spelling.node, 3) {
        let all = spelling.links.constant_shape(bias).and_then(|shape| shape.first().copied());
        let Some(width) = all.filter(|all| all % 3 == 0).map(|all| all / 3) else {
            return spelling.refuse("its bias is not a constant of three equal parts".to_owned());
        };
        for (at, (part, rows)) in PARTS.into_iter().zip(&mut rows).enumerate() {
            let bias = cut(spelling, bias, 0, at * width, width, &format!("{part}/bias"));
            *rows = spelling.add("Add", &[rows, &bias], part);
        }
    }
    let key = spelling.input(1)?;
    let mask = key_mask(spelling, key, 4)?;
    attend(spelling, &rows, mask, input(spelling.node, 5).map(str::to_owned))
}

/// Widths of query, key and value.
fn widths(spelling: &Spelling<'_, '_>, weights: &str) -> Result<[usize; 3], LoadError> {
    let shape = spelling.links.constant_shape(weights);
    let Some(&[_, all]) = shape.as_deref() else {
        return spelling.refuse("its weights are not a constant of two axes".to_owned());
    };
    let widths = match integers(spelling.node, "qkv_hidden_sizes").filter(|sizes| !sizes.is_empty())
    {
        None => [all / 3; 3],
        Some(&[q, k, v]) => [q, k, v].map(|size| usize::try_from(size).unwrap_or(0)),
        Some(_) => return spelling.refuse("qkv_hidden_sizes are not three".to_owned()),
    };
    if widths.iter().sum::<usize>() != all {
        return spelling.refuse(format!("{widths:?} of {all} outputs"));
    }
    Ok(widths)
}

/// A part of a constant along an axis.
fn cut(
    spelling: &mut Spelling<'_, '_>,
    constant: &str,
    axis: i64,
    from: usize,
    width: usize,
    what: &str,
) -> String {
    let starts = spelling.integers(&format!("{what}/from"), &[from as i64]);
    let ends = spelling.integers(&format!("{what}/to"), &[(from + width) as i64]);
    let axes = spelling.integers(&format!("{what}/axis"), &[axis]);
    spelling.add("Slice", &[constant, &starts, &ends, &axes], what)
}

/// A part's own scales or zero points: there is one for all, or one for each output.
fn own_numbers(
    spelling: &mut Spelling<'_, '_>,
    numbers: &str,
    from: usize,
    width: usize,
    what: &str,
) -> String {
    match spelling.links.constant_shape(numbers) {
        Some(shape) if shape.iter().any(|&dim| dim > 1) => {
            cut(spelling, numbers, 0, from, width, what)
        }
        _ => numbers.to_owned(),
    }
}

/// What is added to scores where a mask hides keys: batch × 1 × 1 × keys. The mask has 1 for each key
/// that is seen, or how many keys are seen.
fn key_mask(
    spelling: &mut Spelling<'_, '_>,
    keys: &str,
    at: usize,
) -> Result<Option<String>, LoadError> {
    let Some(mask) = input(spelling.node, at) else { return Ok(None) };
    let seen = match rank(spelling, mask) {
        Some(2) => mask.to_owned(),
        Some(1) => {
            let (zero, one) = (spelling.name("mask/zero"), spelling.name("mask/one"));
            for (name, value) in [(&zero, 0), (&one, 1)] {
                let constant = build::integers(name, &[value]);
                spelling.constants.push(tract_onnx::pb::TensorProto { dims: vec![], ..constant });
            }
            let shape = spelling.add("Shape", &[keys], "mask/shape");
            let count = spelling.add("Gather", &[&shape, &one], "mask/keys");
            let places = spelling.add("Range", &[&zero, &count, &one], "mask/places");
            let to = build::integer_attribute("to", INT64);
            let lengths = spelling.add_with("Cast", &[mask], "mask/lengths", to);
            let lengths = spelling.unsqueeze(&lengths, &[1], "mask/each");
            spelling.add("Less", &[&places, &lengths], "mask/seen")
        }
        Some(rank) => return spelling.refuse(format!("a mask of {rank} axes is not supported")),
        None => return spelling.refuse("how many axes its mask has is not known".to_owned()),
    };
    let least = float(spelling.node, "mask_filter_value").unwrap_or(HIDDEN);
    let to = build::integer_attribute("to", FLOAT);
    let seen = spelling.add_with("Cast", &[&seen], "mask/floats", to);
    let (one, least) = (spelling.scalar("mask/whole", 1.0), spelling.scalar("mask/least", least));
    let hidden = spelling.add("Sub", &[&one, &seen], "mask/hidden");
    let values = spelling.add("Mul", &[&hidden, &least], "mask/values");
    Ok(Some(spelling.unsqueeze(&values, &[1, 2], "mask")))
}

/// How many axes a mask has.
fn rank(spelling: &Spelling<'_, '_>, name: &str) -> Option<usize> {
    let graph = spelling.links.graph;
    if let Some(fed) = graph.inputs.iter().find(|input| input.name == name) {
        return port(fed).map(|(_, dims)| dims.len());
    }
    let (_, node) = spelling.links.producer(name)?;
    match node.op_type.as_str() {
        "Cast" | "Identity" => rank(spelling, input(node, 0)?),
        "EmbedLayerNormalization" | "ReduceSum" => Some(1),
        _ => None,
    }
}

/// The attention itself, of rows of query, key and value.
fn attend(
    spelling: &mut Spelling<'_, '_>,
    rows: &[String],
    mask: Option<String>,
    bias: Option<String>,
) -> Result<(), LoadError> {
    let mask = match (mask, bias) {
        (Some(mask), Some(bias)) => Some(spelling.add("Add", &[&mask, &bias], "mask/all")),
        (mask, bias) => mask.or(bias),
    };
    let Some(heads) = integer(spelling.node, "num_heads").filter(|&heads| heads > 0) else {
        return spelling.refuse("num_heads is missing".to_owned());
    };
    let inputs: Vec<&str> = rows.iter().chain(&mask).map(String::as_str).collect();
    spelling.finish(ops::ATTEND, &inputs)?;
    let scale = float(spelling.node, "scale").filter(|&scale| scale != 0.0);
    if let Some(mut last) = spelling.nodes.pop() {
        last = last.with(build::integer_attribute(attend::HEADS, heads));
        if let Some(scale) = scale {
            last = last.with(build::float_attribute(attend::SCALE, scale));
        }
        spelling.nodes.push(last);
    }
    Ok(())
}
