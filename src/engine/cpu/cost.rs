//! What a plan takes for each token.

use tract_onnx::tract_hir::internal::*;

use super::kernels::product::Matrix;
use super::ops::RowNode;
use super::weights::Weights;

/// Work of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Bytes of weights that a step reads, however many rows it has.
    pub(super) read_bytes: u64,
    /// Products of a row with weights, where a row is computed for every token.
    pub(super) multiply_adds: u64,
}

/// The work of all nodes together.
pub(super) fn of(model: &TypedModel, weights: &Weights) -> Cost {
    let tokens = model.input_fact(0).ok().and_then(|fact| fact.shape.last());
    let mut cost = Cost::default();
    for node in &model.nodes {
        let Some(RowNode(op)) = node.op_as::<RowNode>() else { continue };
        let read: Vec<&Matrix> = op.weights().into_iter().filter_map(|n| weights.get(n)).collect();
        cost.read_bytes += read.iter().map(|m| m.bytes() as u64).sum::<u64>();
        let rows = node.inputs.first().and_then(|&input| model.outlet_fact(input).ok());
        // The others have rows only for those tokens whose logits are wanted.
        if rows.is_some_and(|rows| rows.shape.iter().any(|dim| Some(dim) == tokens)) {
            let products = read.iter().map(|m| m.inputs() as u64 * m.outputs() as u64);
            cost.multiply_adds += products.sum::<u64>();
        }
    }
    cost
}
