//! Rows of a quantised table by number: the embedding.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{Built, constant};
use crate::engine::cpu::kernels::pack::Bits;

/// Attributes of `GatherBlockQuantized` (ONNX Runtime contrib operators, domain com.microsoft).
#[derive(Debug, Clone)]
struct Attributes {
    bits: Bits,
    block: usize,
}

pub(super) fn parse(_: &ParsingContext, node: &NodeProto) -> Built {
    let bits = match node.get_attr_opt::<i64>("bits")?.unwrap_or(4) {
        4 => Bits::Four,
        8 => Bits::Eight,
        other => bail!("bits = {other}; 4 and 8 are supported"),
    };
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
        let per_byte = if self.bits == Bits::Four { 2 } else { 1 };
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
        let width = if self.bits == Bits::Four { stored * 2 } else { stored };
        let blocks = width.div_ceil(self.block);
        let scales = constant(model, inputs, 2)?.cast_to::<f32>()?.into_owned().into_arc_tensor();
        ensure!(
            scales.len() == rows * blocks,
            "{} scales where {} are expected",
            scales.len(),
            rows * blocks
        );
        let zeros = match inputs.len() {
            3 => None,
            _ => Some(constant(model, inputs, 3)?),
        };
        if let Some(zeros) = &zeros {
            let per_row = if self.bits == Bits::Four { blocks.div_ceil(2) } else { blocks };
            ensure!(
                zeros.datum_type() == u8::datum_type() && zeros.len() == rows * per_row,
                "zero points are not {} bytes",
                rows * per_row
            );
        }
        let op = Gather { bits: self.bits, block: self.block, rows, width, table, scales, zeros };
        let index = *inputs.get(1).context("no indices")?;
        model.wire_node(prefix, op, &[index])
    }
}

/// The table stays as stored; a row is made into floats when it is asked for.
#[derive(Debug, Clone)]
pub(in crate::engine::cpu) struct Gather {
    bits: Bits,
    block: usize,
    rows: usize,
    width: usize,
    table: Arc<Tensor>,
    scales: Arc<Tensor>,
    zeros: Option<Arc<Tensor>>,
}

impl PartialEq for Gather {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.table, &other.table) && Arc::ptr_eq(&self.scales, &other.scales)
    }
}

impl Eq for Gather {}

impl Gather {
    /// Rows of the table.
    pub(in crate::engine::cpu) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        self.table.len() + self.scales.len() * 4
    }

    fn fill(&self, row: usize, out: &mut [f32]) -> TractResult<()> {
        let table = self.table.try_as_plain_ram()?;
        let scales = self.scales.try_as_plain_ram()?;
        let zeros = self.zeros.as_ref().map(|z| z.try_as_plain_ram()).transpose()?;
        let zeros = zeros.as_ref().map(|z| z.as_slice::<u8>()).transpose()?;
        let (four, blocks) = (self.bits == Bits::Four, self.width.div_ceil(self.block));
        let stored = if four { self.width / 2 } else { self.width };
        let table = part(table.as_slice::<u8>()?, row * stored, stored)?;
        let scales = part(scales.as_slice::<f32>()?, row * blocks, blocks)?;
        let nibble = |bytes: &[u8], i: usize| -> u8 {
            let byte = bytes.get(if four { i / 2 } else { i }).copied().unwrap_or(0);
            match (four, i % 2) {
                (false, _) => byte,
                (true, 0) => byte & 15,
                (true, _) => byte >> 4,
            }
        };
        let per_row = if four { blocks.div_ceil(2) } else { blocks };
        let zeros = zeros.map(|z| part(z, row * per_row, per_row)).transpose()?;
        for (b, (out, scale)) in out.chunks_mut(self.block).zip(scales).enumerate() {
            let middle = if four { 8 } else { 128 };
            let zero = f32::from(zeros.map_or(middle, |z| nibble(z, b)));
            for (i, out) in out.iter_mut().enumerate() {
                *out = (f32::from(nibble(table, b * self.block + i)) - zero) * scale;
            }
        }
        Ok(())
    }
}

fn part<T>(values: &[T], from: usize, len: usize) -> TractResult<&[T]> {
    values.get(from..from + len).context("the row is outside the table")
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
        shape.push(self.width);
        let index = index.cast_to::<i64>()?;
        let index = index.try_as_plain_ram()?;
        let mut out = Tensor::zero::<f32>(&shape)?;
        {
            let mut view = out.try_as_plain_ram_mut()?;
            let rows = view.as_slice_mut::<f32>()?.chunks_exact_mut(self.width.max(1));
            for (row, out) in index.as_slice::<i64>()?.iter().zip(rows) {
                let row = usize::try_from(*row)?;
                ensure!(row < self.rows, "row {row} of a table of {}", self.rows);
                self.fill(row, out)?;
            }
        }
        Ok(tvec![out.into()])
    }
}

impl TypedOp for Gather {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let mut shape = inputs.first().context("no indices")?.shape.to_tvec();
        shape.push(self.width.to_dim());
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}
