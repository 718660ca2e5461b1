//! Joins nodes whose work belongs together, so that a step reads and writes its rows less often.
//!
//! What follows a product (a bias, a gate, a residual) is done while its result is at hand;
//! products of one input are one node, which turns its rows into integers once; a normalisation
//! that only such a node reads is part of it. Results are the same numbers.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use super::ops::{self, linear};
use super::surgery;
use super::weights::{WEIGHTS, WIDTHS, integers};

/// Rewrites the graph, whose weights were taken out.
pub(super) fn fuse(graph: &mut GraphProto) {
    let vectors: HashMap<String, usize> = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.data_type == 1)
        .filter_map(|tensor| match tensor.dims.as_slice() {
            [width] => Some((tensor.name.clone(), usize::try_from(*width).ok()?)),
            _ => None,
        })
        .collect();
    let mut nodes = Nodes::new(std::mem::take(&mut graph.node), surgery::LOGITS);
    nodes.each(|nodes, at| nodes.bias(at, &vectors));
    nodes.each(Nodes::gate);
    nodes.each(|nodes, at| nodes.residual(at, &vectors));
    nodes.each(Nodes::siblings);
    nodes.each(Nodes::norm);
    graph.node = nodes.nodes.into_iter().flatten().collect();
}

/// A graph's nodes, in order; `None` where one was joined with another.
struct Nodes {
    nodes: Vec<Option<NodeProto>>,
    /// Who makes a value.
    makers: HashMap<String, usize>,
    /// Who reads a value.
    readers: HashMap<String, Vec<usize>>,
    /// The value that leaves the graph.
    output: String,
}

impl Nodes {
    fn new(nodes: Vec<NodeProto>, output: &str) -> Self {
        let mut all = Self {
            nodes: nodes.into_iter().map(Some).collect(),
            makers: HashMap::new(),
            readers: HashMap::new(),
            output: output.to_owned(),
        };
        all.index();
        all
    }

    fn index(&mut self) {
        self.makers.clear();
        self.readers.clear();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(node) = node else { continue };
            for output in &node.output {
                self.makers.insert(output.clone(), at);
            }
            for input in node.input.iter().collect::<HashSet<_>>() {
                self.readers.entry(input.clone()).or_default().push(at);
            }
        }
    }

    /// Applies a rule at each node; a rule says whether it changed anything.
    fn each(&mut self, rule: impl Fn(&mut Self, usize) -> Option<()>) {
        for at in 0..self.nodes.len() {
            if rule(self, at).is_some() {
                self.index();
            }
        }
    }

    fn node(&self, at: usize) -> Option<&NodeProto> {
        self.nodes.get(at)?.as_ref()
    }

    fn maker(&self, value: &str) -> Option<(usize, &NodeProto)> {
        let at = *self.makers.get(value)?;
        Some((at, self.node(at)?))
    }

    /// The product that makes `value`, where nothing but `reader` reads it.
    fn product_for(&self, value: &str, reader: usize) -> Option<(usize, &NodeProto)> {
        let (at, node) = self.maker(value)?;
        let only = self.readers.get(value).is_some_and(|readers| readers == &[reader]);
        let single = node.op_type == ops::LINEAR && node.output.len() == 1;
        (only && single && value != self.output).then_some((at, node))
    }

    /// Puts `node` at `at` and takes those away that became part of it.
    fn replace(&mut self, at: usize, node: NodeProto, gone: &[usize]) -> Option<()> {
        for &gone in gone {
            *self.nodes.get_mut(gone)? = None;
        }
        *self.nodes.get_mut(at)? = Some(node);
        Some(())
    }

    /// `product + vector` → a product with a bias.
    fn bias(&mut self, at: usize, vectors: &HashMap<String, usize>) -> Option<()> {
        let add = self.of_type(at, "Add")?;
        let (product, bias) = either(add, |a, b| {
            let width = *vectors.get(b)?;
            let (maker, node) = self.product_for(a, at)?;
            let fits = linear::ints(node, WIDTHS) == [width as i64];
            (fits && linear::inputs(node).plain()).then(|| (maker, b.to_owned()))
        })?;
        let mut node = self.node(product)?.clone();
        node.output.clone_from(&add.output);
        node.input.push(bias);
        node.attribute.push(integers(linear::BIASES, vec![1]));
        self.replace(at, node, &[product])
    }

    /// `gate * sigmoid(gate) * up` → a gated product.
    fn gate(&mut self, at: usize) -> Option<()> {
        let outer = self.of_type(at, "Mul")?;
        let (gone, gate, up) = either(outer, |silu, up| {
            let (inner_at, inner) = self.maker(silu)?;
            let (gate, mut gone) = self.silu(inner_at, inner)?;
            let (up, up_node) = self.product_for(up, at)?;
            let gate_node = self.node(gate)?;
            let same = up_node.input.first() == gate_node.input.first()
                && linear::inputs(up_node).plain()
                && linear::inputs(gate_node).plain()
                && linear::ints(up_node, WIDTHS) == linear::ints(gate_node, WIDTHS)
                && self.readers.get(silu).is_some_and(|readers| readers == &[at]);
            gone.extend([inner_at, gate, up]);
            same.then_some((gone, gate, up))
        })?;
        let gates = linear::ints(self.node(gate)?, WEIGHTS).to_vec();
        let mut node = self.node(up)?.clone();
        node.output.clone_from(&outer.output);
        node.attribute.push(integers(linear::GATES, gates));
        self.replace(at, node, &gone)
    }

    /// The product `g` in `g * sigmoid(g)` (or `silu(g)`) that the node `inner` computes, and the
    /// node between where there is one.
    fn silu(&self, inner_at: usize, inner: &NodeProto) -> Option<(usize, Vec<usize>)> {
        if inner.op_type == ops::SILU {
            let (gate, _) = self.product_for(inner.input.first()?, inner_at)?;
            return Some((gate, Vec::new()));
        }
        if inner.op_type != "Mul" {
            return None;
        }
        either(inner, |gate, sigmoid| {
            let (sigmoid_at, node) = self.maker(sigmoid)?;
            let (gate_at, gate_node) = self.maker(gate)?;
            let mut readers = self.readers.get(gate)?.clone();
            readers.sort_unstable();
            let mut expected = [inner_at, sigmoid_at];
            expected.sort_unstable();
            let fits = node.op_type == "Sigmoid"
                && node.input.first().is_some_and(|input| input == gate)
                && readers == expected
                && self.readers.get(sigmoid).is_some_and(|readers| readers == &[inner_at])
                && gate_node.op_type == ops::LINEAR
                && gate_node.output.len() == 1;
            fits.then(|| (gate_at, vec![sigmoid_at]))
        })
    }

    /// `product + rows` → a product with a residual.
    fn residual(&mut self, at: usize, vectors: &HashMap<String, usize>) -> Option<()> {
        let add = self.of_type(at, "Add")?;
        let (product, rows) = either(add, |a, b| {
            // Rows of other products or of an embedding, not something that is repeated.
            let made_of_rows = self.maker(b).is_some_and(|(_, node)| {
                [ops::LINEAR, ops::TABLE, ops::NORM, "Add"].contains(&&*node.op_type)
            });
            let (maker, node) = self.product_for(a, at)?;
            let inputs = linear::inputs(node);
            let free = inputs.residual.is_none() && inputs.gain.is_none();
            (free && made_of_rows && !vectors.contains_key(b)).then(|| (maker, b.to_owned()))
        })?;
        let mut node = self.node(product)?.clone();
        node.output.clone_from(&add.output);
        node.input.insert(1, rows);
        node.attribute.push(flag(linear::RESIDUAL));
        self.replace(at, node, &[product])
    }

    /// Products of one input → one node with an output for each.
    fn siblings(&mut self, at: usize) -> Option<()> {
        let joinable = |node: &NodeProto| {
            node.op_type == ops::LINEAR && linear::inputs(node).residual.is_none()
        };
        let first = self.node(at).filter(|node| joinable(node))?;
        let input = first.input.first()?;
        let others: Vec<usize> = self
            .readers
            .get(input)?
            .iter()
            .copied()
            .filter(|&other| other > at && self.node(other).is_some_and(joinable))
            .collect();
        if others.is_empty() {
            return None;
        }
        let all: Vec<&NodeProto> =
            std::iter::once(first).chain(others.iter().filter_map(|&i| self.node(i))).collect();
        let joined = linear::join(&all);
        self.replace(at, joined, &others)
    }

    /// A normalisation that one product reads → part of the product.
    fn norm(&mut self, at: usize) -> Option<()> {
        let node = self.of_type(at, ops::LINEAR)?;
        let input = node.input.first()?;
        let (norm_at, norm) = self.maker(input)?;
        let only = self.readers.get(input).is_some_and(|readers| readers == &[at]);
        let inputs = linear::inputs(node);
        if norm.op_type != ops::NORM || !only || inputs.residual.is_some() || inputs.gain.is_some()
        {
            return None;
        }
        let (x, gain) = (norm.input.first()?.clone(), norm.input.get(1)?.clone());
        let epsilon = norm.attribute.iter().find(|a| a.name == "epsilon").map_or(1e-5, |a| a.f);
        let mut node = node.clone();
        *node.input.first_mut()? = x;
        node.input.insert(1, gain);
        node.attribute.push(AttributeProto {
            name: linear::EPSILON.to_owned(),
            r#type: 1,
            f: epsilon,
            ..Default::default()
        });
        self.replace(at, node, &[norm_at])
    }

    fn of_type(&self, at: usize, op: &str) -> Option<&NodeProto> {
        self.node(at).filter(|node| node.op_type == op)
    }
}

/// Tries a rule on the two inputs of a node, in either order.
fn either<T>(node: &NodeProto, rule: impl Fn(&str, &str) -> Option<T>) -> Option<T> {
    let [a, b] = node.input.as_slice() else { return None };
    rule(a, b).or_else(|| rule(b, a))
}

fn flag(name: &str) -> AttributeProto {
    AttributeProto { name: name.to_owned(), r#type: 2, i: 1, ..Default::default() }
}
