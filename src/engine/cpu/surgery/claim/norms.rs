//! Normalisation of rows to mean 0 and variance 1, as one operator or spelled out.

use tract_onnx::pb::NodeProto;

use super::super::build::{self, With};
use super::super::evaluate::{list, number};
use super::super::graph::{Edits, Graph, Links, float, input, integer, integers, output};
use super::facts::{Facts, length};
use crate::engine::cpu::ops;

/// Brings both to one node.
pub(super) fn recognise(graph: &mut Graph, facts: &Facts) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        match node.op_type.as_str() {
            "LayerNormalization" => {
                if let Some(norm) = whole(&links, facts, node) {
                    edits.nodes.insert(at, vec![norm]);
                }
            }
            "Sub" => {
                if let Some((at, norm)) = spelled(&links, facts, node) {
                    edits.nodes.insert(at, vec![norm]);
                }
            }
            _ => {}
        }
    }
    drop(links);
    graph.apply(edits);
}

/// Width of rows of floats.
fn width(facts: &Facts, x: &str) -> Option<usize> {
    length(facts.floats(x)?.last()?)
}

/// Whether a constant has one value for each column.
fn by_column(links: &Links<'_>, name: &str, width: usize) -> bool {
    links.is_constant(name) && links.constant_shape(name).is_some_and(|shape| shape == [width])
}

fn whole(links: &Links<'_>, facts: &Facts, node: &NodeProto) -> Option<NodeProto> {
    let (x, gain) = (input(node, 0)?, input(node, 1)?);
    let shape = facts.floats(x)?;
    let axis = integer(node, "axis").unwrap_or(-1);
    let last = axis == -1 || usize::try_from(axis) == Ok(shape.len() - 1);
    let width = width(facts, x)?;
    let alone = node.output.iter().skip(1).all(String::is_empty);
    let fits = [Some(gain), input(node, 2)].iter().flatten().all(|v| by_column(links, v, width));
    if !last || !alone || !fits {
        return None;
    }
    let inputs: Vec<&str> = [x, gain].into_iter().chain(input(node, 2)).collect();
    let norm = build::node(ops::LAYER_NORM, &inputs, output(node, 0)?);
    let epsilon = float(node, "epsilon").unwrap_or(1e-5);
    Some(norm.with(build::float_attribute("epsilon", epsilon)))
}

/// `d = x - mean(x); d / sqrt(mean(d²) + epsilon) * gain + bias`, from the difference on, with the
/// place of the last sum.
fn spelled(links: &Links<'_>, facts: &Facts, sub: &NodeProto) -> Option<(usize, NodeProto)> {
    let (x, mean) = (input(sub, 0)?, input(sub, 1)?);
    let mean = links.made_by(mean, &["ReduceMean"])?;
    let rank = facts.floats(x)?.len();
    let width = width(facts, x)?;
    if input(mean, 0)? != x || !over_last(links, mean, rank) {
        return None;
    }
    let d = output(sub, 0)?;
    let divide = links.consumers(d).find(|(_, node)| node.op_type == "Div")?.1;
    if input(divide, 0)? != d {
        return None;
    }
    let root = links.made_by(input(divide, 1)?, &["Sqrt"])?;
    let sum = links.made_by(input(root, 0)?, &["Add"])?;
    let (variance, epsilon) = match (number(links, input(sum, 0)?), number(links, input(sum, 1)?)) {
        (None, Some(epsilon)) => (input(sum, 0)?, epsilon),
        (Some(epsilon), None) => (input(sum, 1)?, epsilon),
        _ => return None,
    };
    let variance = links.made_by(variance, &["ReduceMean"])?;
    if !over_last(links, variance, rank) || !is_square(links, input(variance, 0)?, x, mean, d) {
        return None;
    }
    let (_, scaled) = links.consumer(output(divide, 0)?)?;
    let gain = operand(scaled, "Mul", output(divide, 0)?)?;
    let (at, shifted) = links.consumer(output(scaled, 0)?)?;
    let bias = operand(shifted, "Add", output(scaled, 0)?)?;
    if !by_column(links, gain, width) || !by_column(links, bias, width) {
        return None;
    }
    let norm = build::node(ops::LAYER_NORM, &[x, gain, bias], output(shifted, 0)?);
    Some((at, norm.with(build::float_attribute("epsilon", epsilon))))
}

/// The other operand of a node of this operator.
fn operand<'g>(node: &'g NodeProto, operator: &str, one: &str) -> Option<&'g str> {
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    let other = if a == one { b } else { a };
    (node.op_type == operator).then_some(other)
}

/// Whether `name` is the square of `d`, or of the same difference made a second time.
fn is_square(links: &Links<'_>, name: &str, x: &str, mean: &NodeProto, d: &str) -> bool {
    let Some(node) = links.made_by(name, &["Pow", "Mul"]) else { return false };
    let (Some(base), Some(second)) = (input(node, 0), input(node, 1)) else { return false };
    let squared = match node.op_type.as_str() {
        "Pow" => number(links, second) == Some(2.0),
        _ => base == second,
    };
    let again = || {
        links.made_by(base, &["Sub"]).is_some_and(|sub| {
            input(sub, 0) == Some(x) && input(sub, 1).is_some_and(|m| output(mean, 0) == Some(m))
        })
    };
    squared && (base == d || again())
}

fn over_last(links: &Links<'_>, mean: &NodeProto, rank: usize) -> bool {
    let axes = match input(mean, 1) {
        Some(axes) => list(links, axes),
        None => integers(mean, "axes").map(<[i64]>::to_vec),
    };
    let last = |axis: i64| axis == -1 || usize::try_from(axis) == Ok(rank - 1);
    let keeps = integer(mean, "keepdims").unwrap_or(1) == 1;
    keeps && matches!(axes.as_deref(), Some(&[axis]) if last(axis))
}
