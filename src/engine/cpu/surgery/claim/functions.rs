//! Functions of a product's values, however they are spelled: a part of the graph is a function we
//! know when it gives that function's values.

use std::collections::HashSet;

use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::*;

use super::super::build::{self, With};
use super::super::evaluate::{self, Feeds};
use super::super::graph::{Edits, Graph, Links, inputs, output};
use crate::engine::cpu::kernels::dense::Function;
use crate::engine::cpu::ops::{self, dense, linear};

/// Operators that functions are spelled with.
const SPELLING: [&str; 10] =
    ["Add", "Sub", "Mul", "Div", "Pow", "Erf", "Tanh", "Sigmoid", "Relu", "Sqrt"];
/// Nodes of the longest spelling.
const LONGEST: usize = 12;

/// `function(product)` → a product with a function.
pub(super) fn recognise(graph: &mut Graph) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let free = [linear::RESIDUAL, dense::FUNCTIONS];
        let free = !node.attribute.iter().any(|a| free.contains(&a.name.as_str()));
        if node.op_type != ops::DENSE || node.output.len() != 1 || !free {
            continue;
        }
        if let Some((places, last, number)) = function_of(&links, node) {
            let mut joined = node.clone();
            joined.output = vec![last.to_owned()];
            joined = joined.with(build::integers_attribute(dense::FUNCTIONS, &[number]));
            edits.nodes.extend(places.into_iter().map(|place| (place, Vec::new())));
            edits.nodes.insert(at, vec![joined]);
        }
    }
    drop(links);
    graph.apply(edits);
}

/// Nodes that compute a function of a product's values, the name of the result, and the function's
/// number.
fn function_of<'g>(
    links: &Links<'g>,
    product: &'g NodeProto,
) -> Option<(Vec<usize>, &'g str, i64)> {
    let x = output(product, 0)?;
    let mut names = HashSet::from([x]);
    let mut nodes: Vec<(usize, &NodeProto)> = Vec::new();
    let mut open = vec![x];
    while let Some(name) = open.pop() {
        for (at, node) in links.consumers(name) {
            let known = inputs(node).all(|name| names.contains(name) || is_number(links, name));
            let spells = SPELLING.contains(&node.op_type.as_str());
            let new = !nodes.iter().any(|(place, _)| *place == at);
            if known && spells && new && nodes.len() < LONGEST {
                let out = output(node, 0)?;
                names.insert(out);
                nodes.push((at, node));
                // What was not all known before may be now.
                open.extend(names.iter());
            }
        }
    }
    nodes.sort_unstable_by_key(|(at, _)| *at);
    (1..=nodes.len()).rev().find_map(|count| {
        let part = nodes.get(..count)?;
        let (_, last) = part.last()?;
        let last = output(last, 0)?;
        let places: Vec<usize> = part.iter().map(|(at, _)| *at).collect();
        let inner = std::iter::once(x).chain(part.iter().filter_map(|(_, node)| output(node, 0)));
        let closed = inner.filter(|name| *name != last).all(|name| {
            !links.graph.is_output(name)
                && links.consumers(name).all(|(at, _)| places.contains(&at))
        });
        let number = if closed { number_of(links, x, last) } else { None };
        number.map(|number| (places, last, number))
    })
}

fn is_number(links: &Links<'_>, name: &str) -> bool {
    links.is_constant(name)
        && links.constant_shape(name).is_none_or(|shape| shape.iter().all(|&dim| dim == 1))
}

/// The number of the function that `out` is of `x`.
fn number_of(links: &Links<'_>, x: &str, out: &str) -> Option<i64> {
    let samples: Vec<f32> = (-120..=120).map(|i| i as f32 * 0.0517).collect();
    let feeds = Feeds::from([(x.to_owned(), tensor1(&samples))]);
    let value = evaluate::evaluate(links, &[out], &feeds).ok()?.pop()?;
    let values = evaluate::as_floats(&value).ok()?;
    if values.len() != samples.len() {
        return None;
    }
    let is = |function: &Function| {
        *function != Function::None
            && samples.iter().zip(&values).all(|(&x, &value)| {
                let want = function.of(x);
                (want - value).abs() <= 3e-6 * want.abs().max(1.0)
            })
    };
    let at = dense::NUMBERED.iter().position(is)?;
    i64::try_from(at).ok()
}
