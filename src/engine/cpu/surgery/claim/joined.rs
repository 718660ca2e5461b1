//! What follows a product, done while its result is at hand: a bias, a residual; and products of one
//! input as one node, for which rows are made into integers once.

use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};
use tract_onnx::prelude::TDim;

use super::super::build::{self, With};
use super::super::constants;
use super::super::evaluate;
use super::super::graph::{Edits, Graph, Links, input, output};
use super::facts::Facts;
use crate::engine::cpu::ops::{self, dense, linear};
use crate::engine::cpu::weights::{WEIGHTS, WIDTHS};

/// Products whose weights were taken out.
const PRODUCTS: [&str; 2] = [ops::DENSE, ops::LINEAR];

/// The single product that makes `name`, where the node at `reader` alone reads it.
pub(super) fn product_for<'g>(
    links: &Links<'g>,
    name: &str,
    reader: usize,
) -> Option<(usize, &'g NodeProto)> {
    let (at, node) = links.producer(name)?;
    let only = links.consumer(name).is_some_and(|(consumer, _)| consumer == reader);
    let asked = links.consumers(name).count();
    let single = PRODUCTS.contains(&node.op_type.as_str()) && node.output.len() == 1;
    (only && asked == 1 && single).then_some((at, node))
}

fn has(node: &NodeProto, name: &str) -> bool {
    node.attribute.iter().any(|a: &AttributeProto| a.name == name)
}

/// `product + vector` → a product with a bias.
pub(super) fn biases(graph: &mut Graph, facts: &Facts) {
    each(graph, |links, at, node| {
        let (product_at, product, bias) = either(node, |a, b| {
            let (product_at, product) = product_for(links, a, at)?;
            let taken = [linear::BIASES, linear::RESIDUAL, dense::FUNCTIONS];
            let plain = !taken.iter().any(|name| has(product, name));
            let &[width] = linear::ints(product, WIDTHS) else { return None };
            let rank = facts.shape(a).map_or(1, |shape| shape.len());
            let bias = vector(links, b, usize::try_from(width).ok()?, rank)?;
            plain.then_some((product_at, product, bias))
        })?;
        let mut joined = product.clone();
        joined.output = vec![output(node, 0)?.to_owned()];
        joined.input.push(bias.name.clone());
        joined.attribute.push(build::integers_attribute(linear::BIASES, &[1]));
        Some(Joined { node: joined, gone: vec![product_at], constants: vec![bias] })
    });
}

/// A constant that has a value for each output, as one axis.
fn vector(links: &Links<'_>, name: &str, width: usize, rank: usize) -> Option<TensorProto> {
    if !links.is_constant(name) {
        return None;
    }
    let known = links.constant_shape(name);
    let fits = |shape: &[usize]| {
        shape.len() <= rank
            && shape.last() == Some(&width)
            && shape.iter().rev().skip(1).all(|&dim| dim == 1)
    };
    if known.is_some_and(|shape| !fits(&shape)) {
        return None;
    }
    let value = evaluate::constant(links, name)?;
    if !fits(value.shape()) {
        return None;
    }
    let tensor = constants::tensor(&format!("{name}/bias"), &value).ok()?;
    (tensor.data_type == 1).then(|| TensorProto { dims: vec![width as i64], ..tensor })
}

/// `product + rows` → a product with a residual, where both have one shape.
pub(super) fn residuals(graph: &mut Graph, facts: &Facts) {
    each(graph, |links, at, node| {
        let (product_at, product, rows) = either(node, |a, b| {
            let (product_at, product) = product_for(links, a, at)?;
            let known: Option<Vec<TDim>> = facts.floats(a).map(|shape| shape.to_vec());
            let same = known.is_some() && known == facts.floats(b).map(|shape| shape.to_vec());
            let free = !has(product, linear::RESIDUAL) && !has(product, linear::EPSILON);
            (same && free && a != b && !links.is_constant(b)).then_some((product_at, product, b))
        })?;
        let mut joined = product.clone();
        joined.output = vec![output(node, 0)?.to_owned()];
        joined.input.insert(1, rows.to_owned());
        joined.attribute.push(build::integer_attribute(linear::RESIDUAL, 1));
        Some(Joined { node: joined, gone: vec![product_at], constants: Vec::new() })
    });
}

/// A node in place of others.
pub(super) struct Joined {
    pub(super) node: NodeProto,
    /// Places of nodes that became part of it.
    pub(super) gone: Vec<usize>,
    pub(super) constants: Vec<TensorProto>,
}

/// Applies a rule at each `Add`.
fn each<'n>(
    graph: &'n mut Graph,
    rule: impl for<'g> Fn(&Links<'g>, usize, &'g NodeProto) -> Option<Joined>,
) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let joined = if node.op_type == "Add" { rule(&links, at, node) } else { None };
        if let Some(joined) = joined
            // What became part of another node meanwhile is not there any more.
            && !joined.gone.iter().any(|gone| edits.nodes.contains_key(gone))
        {
            edits.nodes.extend(joined.gone.into_iter().map(|gone| (gone, Vec::new())));
            edits.nodes.insert(at, vec![joined.node]);
            edits.constants.extend(joined.constants);
        }
    }
    drop(links);
    graph.apply(edits);
}

/// Tries a rule on the two inputs of a node, in either order.
fn either<'g, T>(node: &'g NodeProto, rule: impl Fn(&'g str, &'g str) -> Option<T>) -> Option<T> {
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    rule(a, b).or_else(|| rule(b, a))
}

/// Products of one input → one node with an output for each.
pub(super) fn siblings(graph: &mut Graph) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if edits.nodes.contains_key(&at) || !joinable(node) {
            continue;
        }
        let Some(x) = input(node, 0) else { continue };
        let others = links.consumers(x).filter(|(other, sibling)| {
            *other > at && joinable(sibling) && input(sibling, 0) == Some(x) && alike(node, sibling)
        });
        let others: Vec<(usize, &NodeProto)> = others.collect();
        if others.is_empty() {
            continue;
        }
        let all: Vec<&NodeProto> =
            std::iter::once(node).chain(others.iter().map(|(_, node)| *node)).collect();
        edits.nodes.extend(others.iter().map(|(at, _)| (*at, Vec::new())));
        edits.nodes.insert(at, vec![side_by_side(&all)]);
    }
    drop(links);
    graph.apply(edits);
}

fn joinable(node: &NodeProto) -> bool {
    PRODUCTS.contains(&node.op_type.as_str())
        && !has(node, linear::RESIDUAL)
        && !has(node, linear::EPSILON)
}

/// Whether two products read their rows in the same way.
fn alike(a: &NodeProto, b: &NodeProto) -> bool {
    let rows = |node: &NodeProto| {
        let of = |name| node.attribute.iter().find(|a| a.name == name);
        [dense::BITS, dense::STEP, dense::ZERO].map(|name| of(name).map(|a| (a.i, a.f.to_bits())))
    };
    a.op_type == b.op_type && rows(a) == rows(b)
}

fn side_by_side(nodes: &[&NodeProto]) -> NodeProto {
    let mut joined = linear::join(nodes);
    let Some(first) = nodes.first() else { return joined };
    joined.op_type.clone_from(&first.op_type);
    let kept = [dense::BITS, dense::STEP, dense::ZERO];
    let kept = first.attribute.iter().filter(|a| kept.contains(&a.name.as_str()));
    joined.attribute.extend(kept.cloned());
    let functions: Vec<i64> = nodes
        .iter()
        .flat_map(|node| {
            let own = linear::ints(node, dense::FUNCTIONS);
            (0..linear::ints(node, WEIGHTS).len()).map(|at| own.get(at).copied().unwrap_or(0))
        })
        .collect();
    joined.with(build::integers_attribute(dense::FUNCTIONS, &functions))
}
