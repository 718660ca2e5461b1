//! Convolutions of a graph, given to our own operator with what follows and precedes them.
//!
//! [`replace`] works on a graph as it was just read, before anything else rewrites it: products
//! that tract makes of some convolutions are no longer known as such.

mod deconvolution;
mod margins;
mod pictures;
mod region;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tract_onnx::tract_core::ops::array::TypedConcat;
use tract_onnx::tract_core::ops::cnn::conv::{Conv, KernelFormat};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

use self::region::Region;
use super::kernels::convolution::{MOST_PICTURES, Tail};
use super::ops::convolution::{ConvolutionNode, Described, Weights};

/// Gives convolutions to our operator, tidies the graph and joins with each what surrounds it.
///
/// Convolutions of floats in one or two dimensions with constant weights are taken; others stay as
/// they are. Plans of the graph need a [`super::ops::Step`] in their turn state.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    // A bias is cast as it is read, and is known to be constant only then.
    model.prop_consts()?;
    margins::replace(model)?;
    for id in 0..model.nodes.len() {
        let patch = match taken(model, id)? {
            None => deconvolution::taken(model, id)?,
            patch => patch,
        };
        if let Some(patch) = patch {
            patch.apply(model)?;
        }
    }
    model.declutter()?;
    if !model.nodes.iter().any(|node| node.op_is::<ConvolutionNode>()) {
        return Ok(());
    }
    for id in model.eval_order()? {
        if model.node(id).op_is::<ConvolutionNode>()
            && let Some(patch) = with_tail(model, id)?
        {
            patch.apply(model)?;
        }
    }
    for id in model.eval_order()? {
        if let Some(patch) = with_sources(model, id)? {
            patch.apply(model)?;
        }
    }
    pictures::replace(model)?;
    model.prop_consts()?;
    model.compact()
}

/// Our operator instead of tract's.
fn taken(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(conv) = node.op_as::<Conv>() else { return Ok(None) };
    let Some(weights) = weights(model, node, conv)? else { return Ok(None) };
    let described = Described { weights, sources: 1, tail: Tail::default(), packed: None };
    let input = *node.inputs.first().context("a convolution without input")?;
    let op = ConvolutionNode(Arc::new(described));
    TypedModelPatch::replace_single_op(model, node, &[input], op).map(Some)
}

/// The constants of a convolution that our operator can compute.
fn weights(model: &TypedModel, node: &TypedNode, conv: &Conv) -> TractResult<Option<Weights>> {
    let &[input, kernel, bias] = &*node.inputs else { return Ok(None) };
    let constant = |outlet| model.outlet_fact(outlet).map(|fact| fact.konst.clone());
    let (Some(weights), Some(bias)) = (constant(kernel)?, constant(bias)?) else { return Ok(None) };
    let float = f32::datum_type();
    let known = conv.q_params.is_none()
        && conv.kernel_fmt == KernelFormat::OIHW
        && conv.pool_spec.data_format == DataFormat::NCHW
        && matches!(conv.pool_spec.rank(), 1 | 2)
        && model.outlet_fact(input)?.datum_type == float
        && weights.datum_type() == float
        && bias.datum_type() == float;
    let geometry = conv.pool_spec.clone();
    let groups = conv.group;
    Ok(known.then_some(Weights { geometry, groups, weights, bias, spread: [1, 1] }))
}

/// A convolution with the element-wise nodes behind it.
fn with_tail(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(ConvolutionNode(described)) = node.op_as::<ConvolutionNode>() else {
        return Ok(None);
    };
    if !described.tail.instructions.is_empty() {
        return Ok(None);
    }
    let order = model.eval_order()?;
    let most_pictures = if described.weights.spread == [1, 1] { MOST_PICTURES } else { 0 };
    let region = Region::behind(model, &order, OutletId::new(id, 0), most_pictures)?;
    let Some(region) = region else { return Ok(None) };
    let mut patch = TypedModelPatch::default();
    let inputs: TVec<OutletId> = node.inputs.iter().chain(&region.pictures).copied().collect();
    let inputs = patch.taps(model, &inputs)?;
    let described = Described {
        weights: described.weights.clone(),
        sources: described.sources,
        tail: region.tail(),
        packed: None,
    };
    let name = &model.node(region.result.node).name;
    let out = patch.wire_node(name, ConvolutionNode(Arc::new(described)), &inputs)?;
    patch.shunt_outside(model, region.result, *out.first().context("no output")?)?;
    Ok(Some(patch))
}

/// A convolution that reads joined tensors itself.
fn with_sources(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(ConvolutionNode(described)) = node.op_as::<ConvolutionNode>() else {
        return Ok(None);
    };
    let (Some(&joined), 1) = (node.inputs.first(), described.sources) else { return Ok(None) };
    let join = model.node(joined.node);
    let Some(concat) = join.op_as::<TypedConcat>() else { return Ok(None) };
    let outputs = model.output_outlets()?;
    let only_read_here = join.outputs.iter().all(|output| output.successors.len() == 1);
    if concat.axis != 1 || !only_read_here || outputs.contains(&joined) {
        return Ok(None);
    }
    for &input in &join.inputs {
        let fact = model.outlet_fact(input)?;
        if fact.konst.is_some() || fact.shape.get(1).is_none_or(|dim| dim.to_usize().is_err()) {
            return Ok(None);
        }
    }
    let described = Described {
        weights: described.weights.clone(),
        sources: join.inputs.len(),
        tail: described.tail.clone(),
        packed: None,
    };
    let inputs: TVec<OutletId> =
        join.inputs.iter().chain(node.inputs.iter().skip(1)).copied().collect();
    let op = ConvolutionNode(Arc::new(described));
    TypedModelPatch::replace_single_op(model, node, &inputs, op).map(Some)
}
