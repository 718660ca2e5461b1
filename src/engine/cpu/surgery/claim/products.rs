//! Products with constant weights: floats, or bytes with one scale an output, however an exporter
//! wrote them.

use tract_onnx::pb::{NodeProto, TensorProto};

use super::super::build::{self, With};
use super::super::constants;
use super::super::evaluate::{self, Feeds};
use super::super::graph::{Edits, Graph, Links, input, integer, integers, output};
use super::super::{products, refuse_node};
use crate::engine::LoadError;
use crate::engine::cpu::kernels::dense::MAX_INPUTS;
use crate::engine::cpu::ops::{self, dense};
use crate::engine::cpu::weights::TURNED;

/// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const BYTES: [i32; 2] = [2, 3];

/// Gives products the names under which their weights are taken.
pub(super) fn name(graph: &mut Graph) -> Result<(), LoadError> {
    products::check_quantized(graph)?;
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let nodes = match node.op_type.as_str() {
            "MatMul" => mat_mul(&links, node, &mut edits.constants),
            "Gemm" => gemm(&links, node, &mut edits.constants),
            ops::INTEGER => Some(integer_product(&links, node, &mut edits.constants)?),
            ops::QUANTIZED => {
                check_floats(&links, node)?;
                None
            }
            _ => None,
        };
        if let Some(nodes) = nodes {
            edits.nodes.insert(at, nodes);
        }
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

/// Blocks whose scales are halves are multiplied with halves, which our kernels do not read.
fn check_floats(links: &Links<'_>, node: &NodeProto) -> Result<(), LoadError> {
    let scales = input(node, 2).and_then(|name| links.graph.initializer(name));
    match scales.filter(|scales| scales.data_type != FLOAT) {
        Some(_) => refuse_node(node, "its scales are not single floats".to_owned()),
        None => Ok(()),
    }
}

/// Constant weights, as stored.
#[derive(Debug, Clone, Default)]
struct Stored {
    values: String,
    /// Of bytes.
    scale: Option<String>,
    zero: Option<String>,
    /// Whether they are outputs × inputs.
    turned: bool,
}

fn mat_mul(
    links: &Links<'_>,
    node: &NodeProto,
    constants: &mut Vec<TensorProto>,
) -> Option<Vec<NodeProto>> {
    let (x, weights) = (input(node, 0)?, input(node, 1)?);
    if links.is_constant(x) {
        return None;
    }
    let stored = stored(links, weights, false, constants)?;
    Some(vec![product(links, node, x, &stored)])
}

/// `x · w + c`, with no factors and `x` as it is.
fn gemm(
    links: &Links<'_>,
    node: &NodeProto,
    constants: &mut Vec<TensorProto>,
) -> Option<Vec<NodeProto>> {
    let (x, weights, out) = (input(node, 0)?, input(node, 1)?, output(node, 0)?);
    let factor = |name| node.attribute.iter().find(|a| a.name == name).map_or(1.0, |a| a.f);
    let turned = integer(node, "transB").unwrap_or(0) != 0;
    let plain = integer(node, "transA").unwrap_or(0) == 0 && factor("alpha") == 1.0;
    if links.is_constant(x) || !plain || (input(node, 2).is_some() && factor("beta") != 1.0) {
        return None;
    }
    let stored = stored(links, weights, turned, constants)?;
    let mut product = product(links, node, x, &stored);
    let Some(bias) = input(node, 2) else { return Some(vec![product]) };
    let unbiased = format!("{out}/unbiased");
    product.output = vec![unbiased.clone()];
    Some(vec![product, build::node("Add", &[&unbiased, bias], out)])
}

fn product(links: &Links<'_>, node: &NodeProto, x: &str, stored: &Stored) -> NodeProto {
    let turned = build::integer_attribute(TURNED, i64::from(stored.turned));
    let mut product = NodeProto {
        name: node.name.clone(),
        output: node.output.iter().take(1).cloned().collect(),
        ..Default::default()
    }
    .with(turned);
    let Some(scale) = &stored.scale else {
        product.op_type = ops::SHARED_FLOAT.to_owned();
        product.input = vec![x.to_owned(), stored.values.clone()];
        return product;
    };
    product.op_type = ops::SHARED_INTEGER.to_owned();
    let zero = stored.zero.clone().unwrap_or_default();
    product.input = vec![x.to_owned(), stored.values.clone(), scale.clone(), zero];
    if let Some((x, step, zero)) = stepped(links, x) {
        if let Some(first) = product.input.first_mut() {
            *first = x.to_owned();
        }
        product = product
            .with(build::float_attribute(dense::STEP, step))
            .with(build::integer_attribute(dense::ZERO, i64::from(zero)));
    }
    product
}

/// What [`integers`](super::super::integers) made one node of.
fn integer_product(
    links: &Links<'_>,
    node: &NodeProto,
    constants: &mut Vec<TensorProto>,
) -> Result<Vec<NodeProto>, LoadError> {
    let mut product = NodeProto { op_type: ops::SHARED_INTEGER.to_owned(), ..node.clone() };
    for name in product.input.iter().skip(1) {
        match constant(links, name) {
            Some(Some(tensor)) => constants.push(tensor),
            Some(None) => {}
            None => return refuse_node(node, format!("{name} is not a constant")),
        }
    }
    let inputs = input(node, 1).and_then(|weights| links.constant_shape(weights));
    if let Some(inputs) = inputs.and_then(|shape| shape.first().copied())
        && inputs > MAX_INPUTS
    {
        return refuse_node(node, format!("{inputs} inputs; at most {MAX_INPUTS} are supported"));
    }
    product.attribute = vec![build::integer_attribute(dense::BITS, 8)];
    Ok(vec![product])
}

/// A constant that is not stored yet, to be stored; `None` where it is no constant.
#[allow(clippy::option_option, reason = "no constant, a stored one, or one to store")]
fn constant(links: &Links<'_>, name: &str) -> Option<Option<TensorProto>> {
    if name.is_empty() || links.graph.initializer(name).is_some() {
        return Some(None);
    }
    if !links.is_constant(name) {
        return None;
    }
    let value = evaluate::evaluate(links, &[name], &Feeds::new()).ok()?.pop()?;
    // The node that makes it stays where others need it under this name.
    constants::tensor(name, &value).ok().map(Some)
}

/// Follows weights to what is stored.
fn stored(
    links: &Links<'_>,
    name: &str,
    turned: bool,
    constants: &mut Vec<TensorProto>,
) -> Option<Stored> {
    if let Some(tensor) = links.graph.initializer(name) {
        let fits = tensor.data_type == FLOAT && tensor.dims.len() == 2;
        return fits.then(|| Stored { values: name.to_owned(), turned, ..Default::default() });
    }
    if !links.is_constant(name) {
        return None;
    }
    let (_, node) = links.producer(name)?;
    let bytes = match node.op_type.as_str() {
        "Transpose" if integers(node, "perm").is_none_or(|perm| perm == [1, 0]) => {
            stored(links, input(node, 0)?, !turned, constants)
        }
        "DequantizeLinear" => dequantized(links, node, turned),
        "Mul" => scaled(links, node, turned),
        _ => None,
    };
    bytes.or_else(|| computed(links, name, turned, constants))
}

/// Weights that a graph computes from constants, as floats.
fn computed(
    links: &Links<'_>,
    name: &str,
    turned: bool,
    constants: &mut Vec<TensorProto>,
) -> Option<Stored> {
    let value = evaluate::evaluate(links, &[name], &Feeds::new()).ok()?.pop()?;
    let values = format!("{name}/computed");
    let tensor = constants::tensor(&values, &value).ok()?;
    let fits = tensor.data_type == FLOAT && tensor.dims.len() == 2;
    constants.push(tensor);
    fits.then_some(Stored { values, turned, ..Default::default() })
}

/// A stored matrix of bytes whose products do not overflow.
fn matrix<'g>(links: &Links<'g>, name: &str, turned: bool) -> Option<&'g TensorProto> {
    let tensor = links.graph.initializer(name)?;
    let &[first, second] = tensor.dims.as_slice() else { return None };
    let inputs = usize::try_from(if turned { second } else { first }).ok()?;
    (BYTES.contains(&tensor.data_type) && inputs <= MAX_INPUTS).then_some(tensor)
}

/// `DequantizeLinear(bytes, scale, zero)` with one scale for all or for each output.
fn dequantized(links: &Links<'_>, node: &NodeProto, turned: bool) -> Option<Stored> {
    let (values, scale) = (input(node, 0)?, input(node, 1)?);
    let tensor = matrix(links, values, turned)?;
    let outputs = *tensor.dims.get(usize::from(!turned))?;
    let axis = integer(node, "axis").unwrap_or(1).rem_euclid(2);
    let numbers = links.graph.initializer(scale).filter(|scale| scale.data_type == FLOAT)?;
    let count: i64 = numbers.dims.iter().product();
    let by_output = axis == i64::from(!turned) && count == outputs && numbers.dims.len() == 1;
    let plain = integer(node, "block_size").unwrap_or(0) == 0;
    let zero = match input(node, 2) {
        Some(zero) => Some(links.graph.initializer(zero).map(|_| zero.to_owned())?),
        None => None,
    };
    (plain && (count == 1 || by_output)).then(|| Stored {
        values: values.to_owned(),
        scale: Some(scale.to_owned()),
        zero,
        turned,
    })
}

/// `Mul(Cast(bytes), scale)` with one scale for all or for each output.
fn scaled(links: &Links<'_>, node: &NodeProto, turned: bool) -> Option<Stored> {
    let cast = |name: &str| {
        let cast = links.made_by(name, &["Cast"])?;
        let values = input(cast, 0)?;
        (integer(cast, "to") == Some(1))
            .then(|| matrix(links, values, turned).map(|t| (values, t)))?
    };
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    let (values, tensor, scale) = match (cast(a), cast(b)) {
        (Some((values, tensor)), None) => (values, tensor, b),
        (None, Some((values, tensor))) => (values, tensor, a),
        _ => return None,
    };
    let numbers = links.graph.initializer(scale).filter(|scale| scale.data_type == FLOAT)?;
    let [first, second] = match numbers.dims.as_slice() {
        [] => [1, 1],
        &[second] => [1, second],
        &[first, second] => [first, second],
        _ => return None,
    };
    let outputs = *tensor.dims.get(usize::from(!turned))?;
    let (along_inputs, along_outputs) = if turned { (second, first) } else { (first, second) };
    let fits = along_inputs == 1 && (along_outputs == 1 || along_outputs == outputs);
    let (values, scale) = (values.to_owned(), Some(scale.to_owned()));
    fits.then_some(Stored { values, scale, zero: None, turned })
}

/// What `x` is before it is brought to the steps of a constant scale, and the scale and zero point
/// (of bytes without sign): `DequantizeLinear(QuantizeLinear(x))`.
fn stepped<'g>(links: &Links<'g>, x: &str) -> Option<(&'g str, f32, u8)> {
    let back = links.made_by(x, &["DequantizeLinear"])?;
    let there = links.made_by(input(back, 0)?, &["QuantizeLinear"])?;
    let scale = |node| evaluate::number(links, input(node, 1)?);
    let zero = |node| match input(node, 2) {
        None => Some((0.0, 2)),
        Some(name) => {
            let kind = links.graph.initializer(name)?.data_type;
            Some((evaluate_byte(links, name)?, kind))
        }
    };
    let (step, (middle, kind)) = (scale(there)?, zero(there)?);
    let same = scale(back)? == step && zero(back)? == (middle, kind);
    let raised = if kind == 3 { middle + 128.0 } else { middle };
    let bytes = BYTES.contains(&kind) && (0.0..=255.0).contains(&raised);
    (same && bytes && step > 0.0).then(|| Some((input(there, 0)?, step, raised as u8)))?
}

/// The value of a stored byte.
fn evaluate_byte(links: &Links<'_>, name: &str) -> Option<f32> {
    let tensor = links.graph.initializer(name)?;
    if tensor.dims.iter().any(|&dim| dim != 1) {
        return None;
    }
    match (tensor.raw_data.as_slice(), tensor.int32_data.as_slice()) {
        (&[byte], _) if tensor.data_type == 3 => Some(f32::from(byte.cast_signed())),
        (&[byte], _) => Some(f32::from(byte)),
        (&[], &[value]) => Some(value as f32),
        _ => None,
    }
}
