//! Masks of a part: what they have numbers for, and along which axes these are the same.
//!
//! Exporters spread a mask over heads, or over the tokens that look, before they add it. A device is given
//! it as it was before.

use endcap_gpu as gpu;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::{MultiBroadcastTo, Slice};
use tract_onnx::tract_hir::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_hir::tract_core::ops::cast::Cast;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_hir::tract_core::ops::logic::Iff;

/// What is added to scores, texts × heads × tokens that look × tokens that are seen.
pub(super) struct Masked {
    pub(super) outlet: OutletId,
    pub(super) kind: gpu::Mask,
    /// Axes of which the first place is enough.
    repeated: TVec<usize>,
}

/// Axes of scores.
const AXES: usize = 4;
const HEADS: usize = 1;
const LINES: usize = 2;
/// Nodes on the way back to where a mask was spread.
const FARTHEST: usize = 16;

impl Masked {
    /// Refuses what is another for each head.
    pub(super) fn of(
        model: &TypedModel,
        outlet: OutletId,
        [texts, tokens]: &[TDim; 2],
    ) -> TractResult<Self> {
        let fact = model.outlet_fact(outlet)?;
        ensure!(fact.datum_type == f32::datum_type(), "it has {:?}", fact.datum_type);
        let missing = AXES.checked_sub(fact.rank()).context("it has more than four axes")?;
        let (one, mut repeated) = (1.to_dim(), TVec::new());
        for axis in [HEADS, LINES].into_iter().filter_map(|axis| axis.checked_sub(missing)) {
            if fact.shape.get(axis) != Some(&one) && is_repeated(model, outlet, axis, FARTHEST)? {
                repeated.push(axis);
            }
        }
        let dim = |axis: usize| match axis.checked_sub(missing) {
            Some(axis) if repeated.contains(&axis) => one.clone(),
            Some(axis) => fact.shape.get(axis).cloned().unwrap_or_else(|| one.clone()),
            None => one.clone(),
        };
        ensure!(dim(HEADS) == one, "each head has its own");
        let fits = |axis: usize, whole: &TDim| dim(axis) == one || dim(axis) == *whole;
        ensure!(
            fits(0, texts) && fits(LINES, tokens) && fits(3, tokens),
            "it has the shape {:?}",
            fact.shape
        );
        let kind = if dim(LINES) == one { gpu::Mask::Keys } else { gpu::Mask::Pairs };
        Ok(Self { outlet, kind, repeated })
    }

    /// The mask without what is repeated, at the end of `patch`.
    pub(super) fn wire(
        &self,
        patch: &mut TypedModelPatch,
        mut mask: OutletId,
        name: &str,
    ) -> TractResult<OutletId> {
        for &axis in &self.repeated {
            let first =
                patch.wire_node(format!("{name}/{axis}"), Slice::new(axis, 0, 1), &[mask])?;
            mask = *first.first().context("a slice without output")?;
        }
        Ok(mask)
    }
}

/// Whether a value was spread along an axis, and only such things were done with it as keep equal what is.
fn is_repeated(
    model: &TypedModel,
    outlet: OutletId,
    axis: usize,
    farthest: usize,
) -> TractResult<bool> {
    let fact = model.outlet_fact(outlet)?;
    if fact.shape.get(axis) == Some(&1.to_dim()) {
        return Ok(true);
    }
    let node = model.node(outlet.node);
    let spreads = node.op_is::<MultiBroadcastTo>();
    let keeps = node.op_is::<Iff>()
        || node.op_is::<TypedBinOp>()
        || node.op_is::<ElementWiseOp>()
        || node.op_is::<Cast>();
    if !(spreads || keeps) || farthest == 0 {
        return Ok(false);
    }
    for &input in &node.inputs {
        let missing = fact.rank().checked_sub(model.outlet_fact(input)?.rank());
        let same = match missing.and_then(|missing| axis.checked_sub(missing)) {
            Some(axis) => is_repeated(model, input, axis, farthest - 1)?,
            // An axis that is new.
            None => spreads,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(!node.inputs.is_empty())
}
