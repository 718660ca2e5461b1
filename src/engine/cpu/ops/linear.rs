//! Products of rows with constant weights.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{RowOp, Step, constant, width};
use crate::engine::cpu::kernels::pack::{Bits, Packed, Stored};
use crate::engine::cpu::kernels::{float, quantized};

/// Attributes of `MatMulNBits` (ONNX Runtime contrib operators, domain com.microsoft).
#[derive(Debug, Clone)]
pub(super) struct QuantizedAttributes {
    inputs: usize,
    pub(super) outputs: usize,
    bits: Bits,
    block: usize,
}

impl QuantizedAttributes {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Self> {
        let bits = match node.get_attr_opt::<i64>("bits")?.unwrap_or(4) {
            4 => Bits::Four,
            8 => Bits::Eight,
            other => bail!("bits = {other}; 4 and 8 are supported"),
        };
        Ok(Self {
            inputs: node.get_attr::<i64>("K")?.try_into()?,
            outputs: node.get_attr::<i64>("N")?.try_into()?,
            block: node.get_attr::<i64>("block_size")?.try_into()?,
            bits,
        })
    }

    pub(super) fn build(&self, model: &TypedModel, inputs: &[OutletId]) -> TractResult<Quantized> {
        let columns = width(model, inputs, 0)?;
        ensure!(columns == self.inputs, "K is {} but rows have {columns} values", self.inputs);
        let values = constant(model, inputs, 1)?;
        let values = values.try_as_plain_ram()?;
        let scales = constant(model, inputs, 2)?.cast_to::<f32>()?.into_owned();
        let scales = scales.try_as_plain_ram()?;
        let zero_points = match inputs.len() {
            3 => None,
            _ => Some(self.zero_points(constant(model, inputs, 3)?.as_ref())?),
        };
        let packed = Packed::new(&Stored {
            rows: self.outputs,
            columns: self.inputs,
            bits: self.bits,
            block: self.block,
            values: values.as_slice::<u8>()?,
            scales: scales.as_slice::<f32>()?,
            zero_points,
        });
        Ok(Quantized(packed.map_err(|why| format_err!("{why}"))?))
    }

    /// One float a block, whatever form the zero points are stored in: floats, bytes, or nibbles
    /// packed row by row.
    fn zero_points(&self, tensor: &Tensor) -> TractResult<Vec<f32>> {
        if tensor.datum_type() != u8::datum_type() {
            let floats = tensor.cast_to::<f32>()?;
            return Ok(floats.try_as_plain_ram()?.as_slice::<f32>()?.to_vec());
        }
        let bytes = tensor.try_as_plain_ram()?;
        let bytes = bytes.as_slice::<u8>()?;
        let blocks = self.inputs.div_ceil(self.block.max(1));
        if self.bits == Bits::Eight {
            return Ok(bytes.iter().map(|&b| f32::from(b)).collect());
        }
        let rows = bytes.chunks(blocks.div_ceil(2).max(1));
        let nibbles = rows.flat_map(|row| {
            row.iter().flat_map(|b| [f32::from(b & 15), f32::from(b >> 4)]).take(blocks)
        });
        Ok(nibbles.collect())
    }
}

/// Integer activations times 4- or 8-bit weights.
#[derive(Debug)]
pub(super) struct Quantized(Packed);

impl Quantized {
    /// The product with weights that are packed already.
    pub(super) fn of(weights: Packed) -> Self {
        Self(weights)
    }
}

impl RowOp for Quantized {
    fn name(&self) -> &'static str {
        "QuantizedMatMul"
    }

    fn width(&self) -> usize {
        self.0.rows()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn eval(
        &self,
        step: &Step,
        rows: usize,
        inputs: &[&[f32]],
        out: &mut [f32],
    ) -> TractResult<()> {
        let [x] = inputs else { bail!("one input is expected") };
        let mut activations = step.activations.try_borrow_mut()?;
        activations.set(step.kernel, &step.pool, step.activation, x, rows);
        quantized::multiply(step.kernel, &step.pool, &self.0, &activations, out);
        Ok(())
    }
}

/// Float rows times float weights.
#[derive(Debug)]
pub(super) struct Float(float::Columns);

impl Float {
    pub(super) fn build(model: &TypedModel, inputs: &[OutletId]) -> TractResult<Self> {
        let columns = width(model, inputs, 0)?;
        let weights = constant(model, inputs, 1)?.cast_to::<f32>()?.into_owned();
        let &[rows, outputs] = weights.shape() else {
            bail!("weights have {} axes; 2 are supported", weights.rank())
        };
        ensure!(rows > 0 && outputs > 0, "weights of {rows} × {outputs}");
        ensure!(rows == columns, "weights have {rows} rows but the input has {columns} values");
        let values = weights.try_as_plain_ram()?;
        Ok(Self(float::Columns::new(values.as_slice::<f32>()?, rows, outputs)))
    }
}

impl RowOp for Float {
    fn name(&self) -> &'static str {
        "FloatMatMul"
    }

    fn width(&self) -> usize {
        self.0.outputs()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn eval(&self, step: &Step, _: usize, inputs: &[&[f32]], out: &mut [f32]) -> TractResult<()> {
        let [x] = inputs else { bail!("one input is expected") };
        float::multiply(step.kernel, &step.pool, &self.0, x, out);
        Ok(())
    }
}
