//! Rows of a quantised table by number: the embedding.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{Built, constant, linear::zero_points};
use crate::engine::cpu::kernels::pack::{Bits, Layout, Packed, Stored};

/// Attributes of `GatherBlockQuantized` (ONNX Runtime contrib operators, domain com.microsoft).
#[derive(Debug, Clone)]
struct Attributes {
    bits: Bits,
    block: usize,
}

pub(super) fn parse(_: &ParsingContext, node: &NodeProto) -> Built {
    let bits = Bits::parse(node.get_attr_opt("bits")?.unwrap_or(4));
    let bits = bits.map_err(|why| format_err!("{why}"))?;
    let gather_axis = node.get_attr_opt::<i64>("gather_axis")?.unwrap_or(0);
    let quantize_axis = node.get_attr_opt::<i64>("quantize_axis")?.unwrap_or(1);
    ensure!(gather_axis == 0, "gather_axis = {gather_axis}; 0 is supported");
    ensure!(matches!(quantize_axis, 1 | -1), "quantize_axis = {quantize_axis}; 1 is supported");
    let block = node.get_attr_opt::<i64>("block_size")?.unwrap_or(128).try_into()?;
    ensure!(block > 0, "block_size = {block}; it must be positive");
    Ok((expand(Attributes { bits, block }), vec![]))
}

impl Expansion for Attributes {
    fn name(&self) -> StaticName {
        "GatherBlockQuantized".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([data, rows, _scales, ..], [out]) = (inputs, outputs) else {
            bail!("expected data, indices and scales, and one output")
        };
        let per_byte = self.bits.per_byte();
        solver.equals(&out.datum_type, f32::datum_type())?;
        solver.given_2(&data.shape, &rows.shape, move |s, data, mut shape| {
            let stored = data.last().context("the table has two axes")?.clone();
            shape.push(stored * per_byte);
            s.equals(&out.shape, shape)
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let table = constant(model, inputs, 0)?;
        ensure!(
            table.datum_type() == u8::datum_type(),
            "the table is {:?}; UINT8 is supported",
            table.datum_type()
        );
        let &[rows, stored] = table.shape() else { bail!("the table has two axes") };
        let columns = stored * self.bits.per_byte();
        ensure!(
            self.block > 0 && columns.is_multiple_of(self.block),
            "block_size {} does not divide the table's {columns} columns",
            self.block
        );
        let scales = constant(model, inputs, 2)?.cast_to::<f32>()?.into_owned();
        let scales = scales.try_as_plain_ram()?;
        let zero_points = match inputs.len() {
            3 => None,
            _ => Some(zero_points(
                constant(model, inputs, 3)?.as_ref(),
                self.bits,
                columns / self.block,
            )?),
        };
        let packed = Packed::new(&Stored {
            rows,
            columns,
            bits: self.bits,
            block: self.block,
            layout: Layout::Rows,
            values: table.try_as_plain_ram()?.as_slice::<u8>()?,
            scales: scales.as_slice::<f32>()?,
            zero_points,
        });
        let op = Gather(Arc::new(packed.map_err(|why| format_err!("{why}"))?));
        let index = *inputs.get(1).context("no indices")?;
        model.wire_node(prefix, op, &[index])
    }
}

/// A table as the products hold their weights; a row is made into floats when it is asked for.
#[derive(Debug, Clone)]
pub(in crate::engine::cpu) struct Gather(Arc<Packed>);

impl PartialEq for Gather {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Gather {}

impl Gather {
    /// Rows of the table.
    pub(in crate::engine::cpu) fn rows(&self) -> usize {
        self.0.form.rows
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

impl Op for Gather {
    fn name(&self) -> StaticName {
        "GatherBlockQuantized".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Gather {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let index = args_1!(inputs);
        let mut shape: TVec<usize> = index.shape().into();
        let width = self.0.form.columns;
        shape.push(width);
        let index = index.cast_to::<i64>()?;
        let index = index.try_as_plain_ram()?;
        let mut out = Tensor::zero::<f32>(&shape)?;
        {
            let mut view = out.try_as_plain_ram_mut()?;
            let rows = view.as_slice_mut::<f32>()?.chunks_exact_mut(width);
            for (row, out) in index.as_slice::<i64>()?.iter().zip(rows) {
                let row = usize::try_from(*row)?;
                ensure!(row < self.rows(), "row {row} of a table of {}", self.rows());
                self.0.row(row, out);
            }
        }
        Ok(tvec![out.into()])
    }
}

impl TypedOp for Gather {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs.first().context("no indices")?.shape.to_tvec();
        shape.push(self.0.form.columns.to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}
