//! The largest and the smallest along axes, of infinite numbers and of truth values too: tract begins
//! with the largest finite one, which is then what it makes of nothing but infinities, and takes truth
//! for no number.

use tract_onnx::prelude::tract_ndarray::Dimension;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::nn::{Reduce, Reducer};

/// Puts our reductions in the place of tract's for floats and truth values.
pub(super) fn replace(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let Some(reduce) = node.op_as::<Reduce>() else { continue };
        let element = model.node_input_facts(id)?.first().map(|fact| fact.datum_type);
        if !matches!(reduce.reducer, Reducer::Max | Reducer::Min) {
            continue;
        }
        let inner = reduce.clone();
        match element {
            Some(DatumType::F32) => model.node_mut(id).op = Box::new(Extreme { inner }),
            Some(DatumType::Bool) => model.node_mut(id).op = Box::new(Truth { inner }),
            _ => {}
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Extreme {
    inner: Reduce,
}

impl Op for Extreme {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    op_as_typed_op!();
}

impl EvalOp for Extreme {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let largest = self.inner.reducer == Reducer::Max;
        let (begin, infinite) = match largest {
            true => (f32::MIN, f32::NEG_INFINITY),
            false => (f32::MAX, f32::INFINITY),
        };
        let input = inputs.first().cloned().context("a reduction without input")?;
        let output = self.inner.eval(ctx, inputs)?.into_iter().next().context("no output")?;
        let mut output = output.into_tensor();
        if !output.try_as_plain_ram()?.as_slice::<f32>()?.contains(&begin) {
            return Ok(tvec![output.into_tvalue()]);
        }
        // What is really there, or nothing but infinities.
        let shape = output.shape().to_vec();
        let mut finite = Tensor::zero_dt(bool::datum_type(), &shape)?;
        {
            let mut finite = finite.try_as_plain_ram_mut()?;
            let mut finite = finite.to_array_view_mut::<bool>()?;
            let input = input.try_as_plain_ram()?;
            for (place, value) in input.to_array_view::<f32>()?.indexed_iter() {
                let at: Vec<usize> =
                    place.slice().iter().zip(&shape).map(|(&p, &dim)| p.min(dim - 1)).collect();
                if let Some(finite) = finite.get_mut(at.as_slice()) {
                    *finite |= *value != infinite;
                }
            }
        }
        let finite = finite.try_as_plain_ram()?;
        let mut values = output.try_as_plain_ram_mut()?;
        for (value, finite) in
            values.as_slice_mut::<f32>()?.iter_mut().zip(finite.as_slice::<bool>()?)
        {
            if *value == begin && !finite {
                *value = infinite;
            }
        }
        Ok(tvec![output.into_tvalue()])
    }
}

impl TypedOp for Extreme {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }
}

/// Whether any is true, or all are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Truth {
    inner: Reduce,
}

impl Op for Truth {
    fn name(&self) -> StaticName {
        self.inner.name()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        self.inner.info()
    }

    op_as_typed_op!();
}

impl EvalOp for Truth {
    op_out_of_plan!();

    fn eval(&self, ctx: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let truth = |value: TValue, element: DatumType| -> TractResult<TValue> {
            Ok(value.cast_to_dt(element)?.into_owned().into_tvalue())
        };
        let bytes = inputs.into_iter().map(|value| truth(value, DatumType::U8));
        let reduced = self.inner.eval(ctx, bytes.collect::<TractResult<_>>()?)?;
        reduced.into_iter().map(|value| truth(value, DatumType::Bool)).collect()
    }
}

impl TypedOp for Truth {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.inner.output_facts(inputs)
    }
}
