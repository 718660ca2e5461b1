//! Products of rows with constant weights.

use tract_onnx::pb::NodeProto;

use super::graph::{Edits, Graph, input, integer};
use super::refuse_node;
use super::rows::Rows;
use crate::engine::LoadError;
use crate::engine::cpu::ops;

/// Checks and trims `MatMulNBits`.
pub(super) fn check_quantized(graph: &mut Graph) -> Result<(), LoadError> {
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.op_type == ops::QUANTIZED {
            edits.nodes.insert(at, quantized(node.clone())?);
        }
    }
    graph.apply(edits);
    Ok(())
}

fn quantized(mut node: NodeProto) -> Result<Vec<NodeProto>, LoadError> {
    let block = integer(&node, "block_size").unwrap_or(0);
    if block <= 0 || block % 16 != 0 {
        return refuse_node(&node, format!("block_size = {block}; multiples of 16 are supported"));
    }
    if input(&node, 4).is_some() {
        return refuse_node(&node, "input g_idx is not supported".to_owned());
    }
    let bias = input(&node, 5).map(str::to_owned);
    node.input.truncate(4);
    while node.input.last().is_some_and(String::is_empty) {
        node.input.pop();
    }
    let Some((bias, out)) = bias.zip(node.output.first_mut()) else { return Ok(vec![node]) };
    let unbiased = format!("{out}/unbiased");
    let out = std::mem::replace(out, unbiased.clone());
    Ok(vec![node, super::build::node("Add", &[&unbiased, &bias], &out)])
}

/// `MatMul` of rows and constant weights → the one that our kernels compute.
pub(super) fn name_products(graph: &mut Graph) {
    let rows = Rows::of(graph);
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        let Some((x, weights)) = input(node, 0).zip(input(node, 1)) else { continue };
        if node.op_type == "MatMul" && rows.width(x).is_some() && links.is_constant(weights) {
            let product = NodeProto { op_type: ops::FLOAT.to_owned(), ..node.clone() };
            edits.nodes.insert(at, vec![product]);
        }
    }
    drop(links);
    graph.apply(edits);
}
