//! Casts to 64-bit integers: tract's go by way of 32 bits, and what is larger comes out as another
//! number.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::cast::{Cast, cast};

/// Puts ours in the place of tract's wherever numbers become what it counts lengths in.
pub(super) fn widen(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let lengths =
            |node: &TypedNode| node.op_as::<Cast>().is_some_and(|cast| cast.to == DatumType::TDim);
        let element = model.node_input_facts(id)?.first().map(|fact| fact.datum_type);
        if lengths(model.node(id)) && element != Some(DatumType::TDim) {
            model.node_mut(id).op = Box::new(Widen);
        }
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Widen;

impl Op for Widen {
    fn name(&self) -> StaticName {
        "Cast".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Widen {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = inputs.first().context("a cast without input")?;
        let wide = input.cast_to_dt(DatumType::I64)?;
        let view = wide.try_as_plain_ram()?;
        let values: Vec<TDim> = view.as_slice::<i64>()?.iter().map(|&value| value.into()).collect();
        Ok(tvec![tensor1(&values).into_shape(input.shape())?.into_tvalue()])
    }
}

impl TypedOp for Widen {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut facts = cast(DatumType::TDim).output_facts(inputs)?;
        // Computed by way of 32 bits, too.
        facts.iter_mut().for_each(|fact| fact.uniform = None);
        Ok(facts)
    }

    fn axes_mapping(
        &self,
        inputs: &[&TypedFact],
        outputs: &[&TypedFact],
    ) -> TractResult<AxesMapping> {
        AxesMapping::natural(inputs, outputs)
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        _: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        Ok(Some(AxisChangeConsequence::new(model, node, None, change)))
    }
}
