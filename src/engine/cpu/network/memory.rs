//! How much memory a plan takes: its weights, and what is alive at once while it runs.

use std::collections::HashSet;

use tract_onnx::pb::{GraphProto, TensorProto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::tract_core::ops::konst::Const;

use crate::engine::cpu::ops::convolution::ConvolutionNode;

/// Bytes of a plan's convolutions, and of its constants that are not in `counted`, which has them
/// afterwards.
pub(super) fn weights(model: &TypedModel, counted: &mut HashSet<*const Tensor>) -> u64 {
    let mut bytes = 0;
    for node in model.nodes() {
        if let Some(convolution) = node.op_as::<ConvolutionNode>() {
            bytes += convolution.weight_bytes();
        }
        let Some(constant) = node.op_as::<Const>() else { continue };
        if counted.insert(Arc::as_ptr(constant.val())) {
            let facts = node.outputs.iter().map(|output| output.fact.mem_size().to_i64());
            bytes += facts.filter_map(|size| u64::try_from(size.ok()?).ok()).sum::<u64>();
        }
    }
    bytes
}

/// Bytes of the tensors that a graph stores, by their shapes.
pub(super) fn declared(graph: &GraphProto) -> u64 {
    let size = |tensor: &TensorProto| {
        let element = match tensor.data_type {
            2 | 3 | 9 => 1,
            4 | 5 | 10 | 16 => 2,
            7 | 11 | 13 => 8,
            _ => 4,
        };
        let dims = tensor.dims.iter().map(|dim| dim.unsigned_abs());
        dims.fold(element, u64::saturating_mul)
    };
    graph.initializer.iter().map(size).fold(0, u64::saturating_add)
}

/// Bytes of stored tensors that are not in `counted`, which has them afterwards.
pub(super) fn stored<'a>(
    tensors: impl Iterator<Item = &'a Arc<Tensor>>,
    counted: &mut HashSet<*const Tensor>,
) -> u64 {
    let new = tensors.filter(|tensor| counted.insert(Arc::as_ptr(tensor)));
    new.map(|tensor| (tensor.len() * tensor.datum_type().size_of()) as u64).sum()
}

/// Lengths that inputs of these shapes give to the plan's symbols.
pub(super) fn symbols(model: &TypedModel, inputs: &TVec<TValue>) -> TractResult<SymbolValues> {
    let mut values = SymbolValues::default();
    for (outlet, input) in model.input_outlets()?.iter().zip(inputs) {
        let fact = model.outlet_fact(*outlet)?;
        for (dim, &length) in fact.shape.iter().zip(input.shape()) {
            if let TDim::Sym(symbol) = dim {
                values.set(symbol, i64::try_from(length)?);
            }
        }
    }
    Ok(values)
}

/// What is alive at once at most in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peak {
    /// Bytes of arrays, inputs and outputs included.
    pub(super) bytes: u64,
    /// Whether there are arrays whose size the run itself decides.
    pub(super) open: bool,
}

/// Bytes of a value's elements.
pub(super) fn bytes_of(value: &TValue) -> u64 {
    (value.len() * value.datum_type().size_of()) as u64
}

/// For each node the last step of the plan that needs what it makes; outputs are needed beyond all.
pub(super) fn last_uses(plan: &TypedSimplePlan) -> TractResult<Vec<usize>> {
    let (model, order) = (plan.model(), plan.order_without_consts());
    let mut needed_until = vec![0; model.nodes().len()];
    for (step, &id) in order.iter().enumerate() {
        for input in &model.node(id).inputs {
            needed_until.get_mut(input.node).into_iter().for_each(|until| *until = step);
        }
    }
    for output in model.output_outlets()? {
        needed_until.get_mut(output.node).into_iter().for_each(|until| *until = order.len());
    }
    Ok(needed_until)
}

/// The peak of a run with these lengths, and the node that makes more than can be counted.
pub(super) fn peak(plan: &TypedSimplePlan, symbols: &SymbolValues) -> TractResult<Peak> {
    let (model, order, needed_until) =
        (plan.model(), plan.order_without_consts(), last_uses(plan)?);
    let mut ends: Vec<u64> = vec![0; order.len() + 1];
    let (mut alive, mut peak, mut open) = (0_u64, 0_u64, false);
    for (step, &id) in order.iter().enumerate() {
        let made = made(model.node(id), symbols);
        open |= made.is_none();
        let made = made.unwrap_or(0);
        let until = needed_until.get(id).copied().unwrap_or(step).max(step);
        ends.get_mut(until).into_iter().for_each(|end| *end = end.saturating_add(made));
        alive = alive.saturating_add(made);
        peak = peak.max(alive);
        alive = alive.saturating_sub(ends.get(step).copied().unwrap_or(0));
    }
    Ok(Peak { bytes: peak, open })
}

/// Bytes that a node makes; `None` where that is not known before.
pub(super) fn made(node: &TypedNode, symbols: &SymbolValues) -> Option<u64> {
    let mut sum = 0_u64;
    for output in &node.outputs {
        let fact = &output.fact;
        let dims: TVec<TDim> = fact.shape.iter().map(|dim| dim.eval(symbols)).collect();
        sum = sum.saturating_add(super::guard::bytes(fact.datum_type, &dims)?);
    }
    Some(sum)
}

/// Bytes that a node is about to make whose output has no known shape, from what goes in.
pub(super) fn about_to_make(node: &TypedNode, inputs: &[TValue]) -> u64 {
    let number = |at: usize| -> Option<f64> {
        let value: &TValue = inputs.get(at)?;
        value.cast_to_scalar::<f64>().ok()
    };
    match &*node.op().name() {
        "Range" => {
            let ends = (number(0), number(1), number(2));
            let (Some(start), Some(end), Some(step)) = ends else { return 0 };
            (((end - start) / step).abs().ceil() * 8.0) as u64
        }
        "DynTile" => {
            let times = inputs.get(1).and_then(|times| times.cast_to::<i64>().ok());
            let times = times.iter().filter_map(|times| times.try_as_plain_ram().ok());
            let times = times.flat_map(|view| view.as_slice::<i64>().map(<[i64]>::to_vec));
            let times = times.flatten().map(i64::unsigned_abs);
            times.fold(inputs.first().map_or(0, bytes_of), u64::saturating_mul)
        }
        // The place of each element that is not zero.
        "NonZero" => inputs.first().map_or(0, |x| (8 * x.rank() * x.len()) as u64),
        _ => 0,
    }
}
