//! OneHot as ONNX has it: a place outside is nowhere, and all of its row is off. tract's panics there,
//! and counts places in 32 bits.

use tract_onnx::prelude::tract_ndarray::{Dimension, indices_of};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::array::OneHot;

/// Puts ours in the place of tract's.
pub(super) fn replace(model: &mut TypedModel) {
    for node in &mut model.nodes {
        if let Some(inner) = node.op_as::<OneHot>() {
            node.op = Box::new(Classes { inner: inner.clone() });
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Classes {
    inner: OneHot,
}

impl Op for Classes {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Classes {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let places = inputs.first().context("OneHot without places")?;
        let places = places.cast_to::<i64>()?;
        let OneHot { axis, dim, off, on } = &self.inner;
        let mut shape: TVec<usize> = places.shape().into();
        shape.insert(*axis, *dim);
        let off = off.broadcast_scalar_to_shape(&shape)?;
        let made = dispatch_datum!(marked(off.datum_type())(off, on, &places, *axis, *dim))?;
        Ok(tvec![made.into_tvalue()])
    }
}

/// `off` with `on` wherever a place says so; those from the end on are negative.
fn marked<T: Datum + Clone>(
    mut off: Tensor,
    on: &Tensor,
    places: &Tensor,
    axis: usize,
    dim: usize,
) -> TractResult<Tensor> {
    let on = on.try_as_plain_ram()?;
    let on = on.as_slice::<T>()?.first().context("OneHot without a value")?;
    let length = i64::try_from(dim)?;
    let places = places.try_as_plain_ram()?;
    let places = places.to_array_view::<i64>()?;
    let mut made = off.try_as_plain_ram_mut()?;
    let mut made = made.to_array_view_mut::<T>()?;
    for (at, &place) in indices_of(&places).into_iter().zip(places.iter()) {
        let place = if place < 0 { place + length } else { place };
        let Ok(place) = usize::try_from(place) else { continue };
        let mut at: TVec<usize> = at.slice().into();
        at.insert(axis, place);
        made.get_mut(&*at).into_iter().for_each(|value| *value = on.clone());
    }
    Ok(off)
}

impl TypedOp for Classes {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }
}
