//! Products of integers, as dynamic quantisation leaves them.
//!
//! ONNX quantises a whole tensor of activations to bytes with one scale. Here each row is quantised
//! by itself, by our own kernels, so that a token does not depend on its neighbours. The quantised
//! weights are kept as they are.

use tract_onnx::pb::NodeProto;

use super::build;
use super::graph::{Edits, Graph, Links, input, integer, output};
use crate::engine::cpu::ops;

/// Brings every product of quantised activations and constant weights to one node.
pub(super) fn gather_up(graph: &mut Graph) {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let found = match node.op_type.as_str() {
            "MatMulInteger" => scaled(&links, node),
            "MatMulIntegerToFloat" => to_float(&links, node).map(|nodes| (at, nodes)),
            "DynamicQuantizeMatMul"
                if input(node, 1).is_some_and(|name| is_matrix(&links, name)) =>
            {
                dynamic(node).map(|nodes| (at, nodes))
            }
            _ => None,
        };
        if let Some((at, nodes)) = found {
            edits.nodes.insert(at, nodes);
        }
    }
    drop(links);
    graph.apply(edits);
}

/// What one product is made of.
struct Product<'g> {
    x: &'g str,
    weights: &'g str,
    scale: &'g str,
    zero: Option<&'g str>,
    bias: Option<&'g str>,
    out: &'g str,
}

impl Product<'_> {
    fn nodes(&self) -> Vec<NodeProto> {
        let product = match self.bias {
            None => self.out.to_owned(),
            Some(_) => format!("{}/product", self.out),
        };
        let inputs: Vec<&str> =
            [self.x, self.weights, self.scale].into_iter().chain(self.zero).collect();
        let mut nodes = vec![build::node(ops::INTEGER, &inputs, &product)];
        nodes.extend(self.bias.map(|bias| build::node("Add", &[&product, bias], self.out)));
        nodes
    }
}

/// `Mul(Cast(MatMulInteger(quantised x, weights)), scale of x * scale of weights)`.
fn scaled<'g>(links: &Links<'g>, node: &'g NodeProto) -> Option<(usize, Vec<NodeProto>)> {
    let quantized = quantized(links, input(node, 0)?)?;
    if input(node, 2) != output(quantized, 2) {
        return None;
    }
    let weights = input(node, 1).filter(|name| is_matrix(links, name))?;
    let (_, cast) = links.consumer(output(node, 0)?)?;
    let (at, scaling) = links.consumer(output(cast, 0)?)?;
    let floats = cast.op_type == "Cast" && integer(cast, "to") == Some(1);
    if !floats || scaling.op_type != "Mul" {
        return None;
    }
    let scales = other(scaling, output(cast, 0)?)?;
    let scales = links.made_by(scales, &["Mul"])?;
    let scale = other(scales, output(quantized, 1)?).filter(|name| links.is_constant(name))?;
    let product = Product {
        x: input(quantized, 0)?,
        weights,
        scale,
        zero: input(node, 3),
        bias: None,
        out: output(scaling, 0)?,
    };
    Some((at, product.nodes()))
}

/// `MatMulIntegerToFloat(quantised x, weights, scale of x, scale, zero of x, zero, bias)`.
fn to_float<'g>(links: &Links<'g>, node: &'g NodeProto) -> Option<Vec<NodeProto>> {
    let quantized = quantized(links, input(node, 0)?)?;
    if input(node, 2) != output(quantized, 1) || input(node, 4) != output(quantized, 2) {
        return None;
    }
    let product = Product {
        x: input(quantized, 0)?,
        weights: input(node, 1).filter(|name| is_matrix(links, name))?,
        scale: input(node, 3).filter(|name| links.is_constant(name))?,
        zero: input(node, 5),
        bias: input(node, 6),
        out: output(node, 0)?,
    };
    Some(product.nodes())
}

/// `DynamicQuantizeMatMul(x, weights, scale, zero, bias)`.
fn dynamic(node: &NodeProto) -> Option<Vec<NodeProto>> {
    let product = Product {
        x: input(node, 0)?,
        weights: input(node, 1)?,
        scale: input(node, 2)?,
        zero: input(node, 3),
        bias: input(node, 4),
        out: output(node, 0)?,
    };
    Some(product.nodes())
}

/// Whether `name` is a constant of two axes.
fn is_matrix(links: &Links<'_>, name: &str) -> bool {
    links.is_constant(name) && links.constant_shape(name).is_none_or(|shape| shape.len() == 2)
}

/// The node that quantises, where `name` is its first output.
fn quantized<'g>(links: &Links<'g>, name: &str) -> Option<&'g NodeProto> {
    let node = links.made_by(name, &["DynamicQuantizeLinear"])?;
    (output(node, 0) == Some(name)).then_some(node)
}

/// The operand of a node with two that is not `one`.
fn other<'g>(node: &'g NodeProto, one: &str) -> Option<&'g str> {
    match (input(node, 0)?, input(node, 1)?) {
        (a, b) if a == one => Some(b),
        (a, b) if b == one => Some(a),
        _ => None,
    }
}
