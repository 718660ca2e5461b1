//! Rows of a matrix by number: the embedding.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::linear::ints;
use super::{Built, step, uninitialised};
use crate::engine::cpu::weights::{WEIGHTS, WIDTHS, Weights};

/// A row is made into floats when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::cpu) struct Table {
    weights: usize,
    width: usize,
}

pub(super) fn parse(_: &ParsingContext, node: &NodeProto) -> Built {
    let (&[weights], &[width]) = (ints(node, WEIGHTS), ints(node, WIDTHS)) else {
        bail!("one table is expected")
    };
    Ok((expand(Table { weights: weights.try_into()?, width: width.try_into()? }), vec![]))
}

impl Table {
    /// The number of its matrix.
    pub(in crate::engine::cpu) fn weights(&self) -> usize {
        self.weights
    }

    fn fill(&self, weights: &Weights, ids: &[i64], out: &mut [f32]) -> TractResult<()> {
        let table = weights.get(self.weights).context("weights are missing")?;
        ensure!(table.inputs() == self.width, "weights of another shape");
        for (&id, out) in ids.iter().zip(out.chunks_exact_mut(self.width)) {
            let rows = table.outputs();
            // Negative numbers count from the end.
            let row = if id < 0 { id.saturating_add(rows as i64) } else { id };
            let row = usize::try_from(row).ok().filter(|&row| row < rows);
            let row = row.with_context(|| format!("row {id} of a table of {rows}"))?;
            table.row(row, out);
        }
        Ok(())
    }
}

impl Expansion for Table {
    fn name(&self) -> StaticName {
        "Table".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([rows], [out]) = (inputs, outputs) else { bail!("expected one input and one output") };
        solver.equals(&out.datum_type, f32::datum_type())?;
        solver.given(&rows.shape, move |s, mut shape| {
            shape.push(self.width.to_dim());
            s.equals(&out.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Table {
    fn name(&self) -> StaticName {
        "Table".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Table {
    not_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let step = step(context)?;
        let ids = args_1!(inputs);
        let mut shape: TVec<usize> = ids.shape().into();
        shape.push(self.width);
        let ids = ids.cast_to::<i64>()?;
        let ids = ids.try_as_plain_ram()?;
        let mut out = uninitialised(&shape)?;
        self.fill(&step.weights, ids.as_slice()?, out.try_as_plain_ram_mut()?.as_slice_mut()?)?;
        Ok(tvec![out.into()])
    }
}

impl TypedOp for Table {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs.first().context("no indices")?.shape.to_tvec();
        shape.push(self.width.to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}
