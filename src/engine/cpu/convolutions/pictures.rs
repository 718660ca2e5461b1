//! Nodes between convolutions: pooling, other sizes, and what is left of element-wise nodes.

use std::collections::HashSet;
use std::sync::Arc;

use tract_onnx::tract_core::ops::cnn::{MaxPool, PaddingSpec, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_core::ops::nn::resize::{NearestUpsample, Resize};
use tract_onnx::tract_hir::internal::*;

use super::region::Region;
use crate::engine::cpu::kernels::convolution::MOST_PICTURES;
use crate::engine::cpu::kernels::pooling::Pooling;
use crate::engine::cpu::ops::picture::{Elementwise, PictureNode, PictureOp, Pool, Resampling};

/// Gives them to our operators.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    for id in model.eval_order()? {
        if let Some(op) = taken(model, id)? {
            let node = model.node(id);
            TypedModelPatch::replace_single_op(model, node, &node.inputs, PictureNode(op))?
                .apply(model)?;
        }
    }
    join_elementwise(model)
}

fn taken(model: &TypedModel, id: usize) -> TractResult<Option<Arc<dyn PictureOp>>> {
    let node = model.node(id);
    let Some(&input) = node.inputs.first() else { return Ok(None) };
    let fact = model.outlet_fact(input)?;
    if fact.datum_type != f32::datum_type() || !matches!(fact.rank(), 3 | 4) {
        return Ok(None);
    }
    if let Some(op) = node.op_as::<MaxPool>() {
        let known = op.with_index_outputs.is_none() && planes(&op.pool_spec);
        let geometry = op.pool_spec.clone();
        return Ok(known.then(|| pool(Pooling::Largest, geometry)));
    }
    if let Some(op) = node.op_as::<SumPool>() {
        let padded = match &op.pool_spec.padding {
            PaddingSpec::Valid => false,
            PaddingSpec::Explicit(before, after) => before.iter().chain(after).any(|&n| n > 0),
            _ => true,
        };
        // Where windows reach beyond the picture, only the mean of what lies inside is ours.
        let known = op.normalize && planes(&op.pool_spec) && !(padded && op.count_include_pad);
        let geometry = op.pool_spec.clone();
        return Ok(known.then(|| pool(Pooling::Mean, geometry)));
    }
    let resampling = if let Some(op) = node.op_as::<Resize>() {
        Resampling::Planned(op.clone())
    } else if let Some(op) = node.op_as::<NearestUpsample>() {
        Resampling::Repeated(op.scales.clone())
    } else {
        return Ok(None);
    };
    // Images and channels keep their number.
    let output = node.outputs.first().context("no output")?;
    let kept = output.fact.shape.iter().take(2).eq(fact.shape.iter().take(2));
    Ok(kept.then(|| Arc::new(resampling) as Arc<dyn PictureOp>))
}

fn planes(geometry: &PoolSpec) -> bool {
    geometry.data_format == DataFormat::NCHW && matches!(geometry.rank(), 1 | 2)
}

fn pool(pooling: Pooling, geometry: PoolSpec) -> Arc<dyn PictureOp> {
    Arc::new(Pool { pooling, geometry })
}

/// Makes one node of element-wise nodes that follow one another.
fn join_elementwise(model: &mut TypedModel) -> TractResult<()> {
    let mut done = HashSet::new();
    loop {
        let order = model.eval_order()?;
        let mut patch = None;
        for &id in &order {
            if !done.insert(id) {
                continue;
            }
            if let Some((picture, region)) =
                Region::beginning_with(model, &order, id, MOST_PICTURES)?
            {
                patch = Some(joined(model, picture, &region)?);
                break;
            }
        }
        let Some(patch) = patch else { return Ok(()) };
        patch.apply(model)?;
    }
}

fn joined(model: &TypedModel, picture: OutletId, region: &Region) -> TractResult<TypedModelPatch> {
    let mut patch = TypedModelPatch::default();
    let inputs: TVec<OutletId> = std::iter::once(picture).chain(region.pictures.clone()).collect();
    let inputs = patch.taps(model, &inputs)?;
    let name = &model.node(region.result.node).name;
    let op = PictureNode(Arc::new(Elementwise(region.tail())));
    let out = patch.wire_node(name, op, &inputs)?;
    patch.shunt_outside(model, region.result, *out.first().context("no output")?)?;
    Ok(patch)
}
