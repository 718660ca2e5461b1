//! Which tensors of a graph are rows: one for each token, each computed from its own token alone.

use std::collections::HashMap;

use tract_onnx::pb::NodeProto;

use super::graph::{Graph, Links, input, integer, integers, output};
use super::{IDS, ROTARY, WANTED, evaluate};
use crate::engine::cpu::ops;

/// Operators that take each number by itself.
const ONE_BY_ONE: [&str; 29] = [
    "Abs",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Cos",
    "Elu",
    "Erf",
    "Exp",
    "FastGelu",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Reciprocal",
    "Relu",
    "Round",
    "Rsqrt",
    "Sigmoid",
    "Sin",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Tanh",
];
/// Operators that take pairs of numbers.
const PAIRWISE: [&str; 7] = ["Add", "BiasGelu", "Div", "Max", "Min", "Mul", "Sub"];

/// The rows of a graph by name.
pub(super) struct Rows {
    widths: HashMap<String, usize>,
    /// Rows cut into parts of one size along an axis of their own.
    parted: HashMap<String, Parts>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    count: usize,
    size: usize,
}

impl Rows {
    /// Follows the token ids through the graph as far as tokens stay apart.
    pub(super) fn of(graph: &Graph) -> Self {
        let links = graph.links();
        let mut rows = Self { widths: HashMap::new(), parted: HashMap::new() };
        for node in &graph.nodes {
            for (name, width) in rows.after(&links, node) {
                rows.widths.insert(name, width);
            }
            if let Some((parts, name)) = rows.parts_after(&links, node).zip(output(node, 0)) {
                rows.parted.insert(name.to_owned(), parts);
            }
        }
        rows
    }

    /// Whether what is called `name` is made of rows, in whatever form.
    pub(super) fn keeps_apart(&self, name: &str) -> bool {
        self.widths.contains_key(name) || self.parted.contains_key(name)
    }

    /// Width of the rows called `name`; `None` where it is no rows.
    pub(super) fn width(&self, name: &str) -> Option<usize> {
        self.widths.get(name).copied()
    }

    /// The outputs of a node that are rows.
    fn after(&self, links: &Links<'_>, node: &NodeProto) -> Vec<(String, usize)> {
        let first = input(node, 0).and_then(|name| self.width(name));
        let width = match node.op_type.as_str() {
            "Gather" => self.gathered(links, node),
            ops::GATHER => embedded(links, node),
            "Split" => {
                return first.map(|width| self.split(links, node, width)).unwrap_or_default();
            }
            "Slice" => first.and_then(|width| sliced(links, node, width)),
            "Concat" => self.joined(node),
            "Reshape" => match first {
                Some(width) => by_heads(links, node, width),
                None => self.whole_again(links, node),
            },
            ops::QUANTIZED => first.and(integer(node, "N")).and_then(|n| usize::try_from(n).ok()),
            ops::FLOAT | ops::INTEGER | "MatMul" => first.and_then(|_| multiplied(links, node)),
            ops::NORM | ops::ATTENTION | "LayerNormalization" | "DequantizeLinear" | ROTARY => {
                first
            }
            op if ONE_BY_ONE.contains(&op) => first,
            op if PAIRWISE.contains(&op) || op == "Pow" => self.paired(links, node),
            _ => None,
        };
        width
            .zip(output(node, 0))
            .map(|(width, name)| (name.to_owned(), width))
            .into_iter()
            .collect()
    }

    /// The output of a node that is rows in parts: `[0, 0, count, size]` of whole rows, a last axis
    /// more, or numbers of two of one cut taken together.
    fn parts_after(&self, links: &Links<'_>, node: &NodeProto) -> Option<Parts> {
        let first = input(node, 0)?;
        match node.op_type.as_str() {
            "Reshape" => {
                let &[0, 0, count, size] = evaluate::list(links, input(node, 1)?)?.as_slice()
                else {
                    return None;
                };
                let parts = Parts { count: count.try_into().ok()?, size: size.try_into().ok()? };
                (self.width(first)? == parts.count.checked_mul(parts.size)?).then_some(parts)
            }
            "Unsqueeze" => {
                let last = evaluate::list(links, input(node, 1)?)? == [-1];
                last.then_some(Parts { count: self.width(first)?, size: 1 })
            }
            op if PAIRWISE.contains(&op) => {
                let a = *self.parted.get(first)?;
                let b = *self.parted.get(input(node, 1)?)?;
                let fits = a.count == b.count && (a.size == b.size || a.size == 1 || b.size == 1);
                fits.then_some(Parts { count: a.count, size: a.size.max(b.size) })
            }
            _ => None,
        }
    }

    /// Parts put together to whole rows: `[0, 0, width]`.
    fn whole_again(&self, links: &Links<'_>, node: &NodeProto) -> Option<usize> {
        let parts = self.parted.get(input(node, 0)?)?;
        let width = parts.count.checked_mul(parts.size)?;
        let &[0, 0, wanted] = evaluate::list(links, input(node, 1)?)?.as_slice() else {
            return None;
        };
        (usize::try_from(wanted) == Ok(width)).then_some(width)
    }

    /// Rows of a table by token id, or the wanted ones of all rows.
    fn gathered(&self, links: &Links<'_>, node: &NodeProto) -> Option<usize> {
        let axis = integer(node, "axis").unwrap_or(0);
        let (table, index) = (input(node, 0)?, input(node, 1)?);
        if index == WANTED && axis == 1 {
            return self.width(table);
        }
        match links.constant_shape(table)?.as_slice() {
            &[_, width] if index == IDS && axis == 0 => Some(width),
            _ => None,
        }
    }

    fn split(&self, links: &Links<'_>, node: &NodeProto, width: usize) -> Vec<(String, usize)> {
        if ![-1, 2].contains(&integer(node, "axis").unwrap_or(0)) {
            return Vec::new();
        }
        let sizes = match input(node, 1) {
            Some(sizes) => evaluate::list(links, sizes),
            None => integers(node, "split").map(<[i64]>::to_vec),
        };
        let parts = node.output.len().max(1);
        let sizes = sizes.unwrap_or_else(|| vec![width.div_ceil(parts) as i64; parts]);
        let named = node.output.iter().zip(sizes);
        named.filter_map(|(name, size)| Some((name.clone(), usize::try_from(size).ok()?))).collect()
    }

    /// Concatenation of rows side by side.
    fn joined(&self, node: &NodeProto) -> Option<usize> {
        if ![-1, 2].contains(&integer(node, "axis")?) {
            return None;
        }
        node.input.iter().map(|name| self.width(name)).sum()
    }

    /// Two rows of one width, or rows and a constant that is the same for each.
    fn paired(&self, links: &Links<'_>, node: &NodeProto) -> Option<usize> {
        let (a, b) = (input(node, 0)?, input(node, 1)?);
        match (self.width(a), self.width(b)) {
            (Some(a), Some(b)) => (a == b).then_some(a),
            (Some(width), None) => same_for_each(links, b, width).then_some(width),
            (None, Some(width)) => same_for_each(links, a, width).then_some(width),
            (None, None) => None,
        }
    }
}

fn same_for_each(links: &Links<'_>, constant: &str, width: usize) -> bool {
    let shape = links.constant_shape(constant);
    let computed = || Some(evaluate::constant(links, constant)?.shape().to_vec());
    let shape = shape.or_else(computed);
    shape.is_some_and(|shape| {
        shape.iter().rev().skip(1).all(|&dim| dim == 1)
            && shape.last().is_none_or(|&dim| dim == 1 || dim == width)
            && shape.len() <= 3
    })
}

fn embedded(links: &Links<'_>, node: &NodeProto) -> Option<usize> {
    let table = links.constant_shape(input(node, 0)?)?;
    let per_byte = if integer(node, "bits").unwrap_or(4) == 4 { 2 } else { 1 };
    let rows_by_id = input(node, 1)? == IDS;
    table.last().filter(|_| rows_by_id).map(|bytes| bytes * per_byte)
}

/// Width of rows that a product makes, with or without a bias, or of several such side by side.
pub(super) fn made_width(links: &Links<'_>, name: &str) -> Option<usize> {
    const MAX_STEPS: usize = 3;
    width_within(links, name, MAX_STEPS)
}

fn width_within(links: &Links<'_>, name: &str, steps: usize) -> Option<usize> {
    let (_, node) = links.producer(name)?;
    let rest = steps.checked_sub(1)?;
    match node.op_type.as_str() {
        ops::QUANTIZED => usize::try_from(integer(node, "N")?).ok(),
        ops::FLOAT | ops::INTEGER | "MatMul" => multiplied(links, node),
        "Add" => node.input.iter().find_map(|name| width_within(links, name, rest)),
        "Concat" => node.input.iter().map(|name| width_within(links, name, rest)).sum(),
        _ => None,
    }
}

fn multiplied(links: &Links<'_>, node: &NodeProto) -> Option<usize> {
    let weights = input(node, 1)?;
    match links.constant_shape(weights)?.as_slice() {
        &[_, width] => Some(width),
        _ => None,
    }
}

/// A slice across the width of rows.
fn sliced(links: &Links<'_>, node: &NodeProto, width: usize) -> Option<usize> {
    let numbers = |at| evaluate::list(links, input(node, at)?);
    let (starts, ends, axes) = (numbers(1)?, numbers(2)?, numbers(3)?);
    let steps = match input(node, 4) {
        Some(_) => numbers(4)?,
        None => vec![1],
    };
    let (&[start], &[end], &[axis], &[1]) = (&*starts, &*ends, &*axes, &*steps) else {
        return None;
    };
    let width = i64::try_from(width).ok()?;
    let bound = |at: i64| if at < 0 { at.saturating_add(width) } else { at }.clamp(0, width);
    [-1, 2].contains(&axis).then(|| usize::try_from(bound(end) - bound(start)).ok()).flatten()
}

/// Rows laid out anew as heads, or heads as rows: `[1, -1, width]` keeps the order of numbers.
fn by_heads(links: &Links<'_>, node: &NodeProto, width: usize) -> Option<usize> {
    match evaluate::list(links, input(node, 1)?)?.as_slice() {
        &[1 | 0, -1, wanted] if wanted > 0 => {
            let wanted = usize::try_from(wanted).ok()?;
            (width.is_multiple_of(wanted) || wanted.is_multiple_of(width)).then_some(wanted)
        }
        _ => None,
    }
}
