//! Normalisation of rows to mean 0 and variance 1.

use std::any::Any;

use tract_onnx::tract_hir::internal::*;

use super::{RowOp, Step, constant, width};
use crate::engine::cpu::kernels::layer_norm::layer_norm;

/// Rows with fewer values than this together are not worth another thread.
const ALONE: usize = 16 << 10;

/// `(x - mean) / sqrt(variance + epsilon) * gain + bias`.
#[derive(Debug)]
pub(in crate::engine::cpu) struct LayerNorm {
    width: [usize; 1],
    pub(in crate::engine::cpu) gain: Vec<f32>,
    /// May be empty.
    pub(in crate::engine::cpu) bias: Vec<f32>,
    pub(in crate::engine::cpu) epsilon: f32,
}

impl LayerNorm {
    /// Inputs are the rows, the gain and the bias, where there is one.
    pub(super) fn build(
        model: &TypedModel,
        inputs: &[OutletId],
        epsilon: f32,
    ) -> TractResult<Self> {
        let width = width(model, inputs, 0)?;
        let vector = |at: usize| -> TractResult<Vec<f32>> {
            let tensor = constant(model, inputs, at)?.cast_to::<f32>()?.into_owned();
            ensure!(tensor.len() == width, "{} values for rows of {width}", tensor.len());
            Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        };
        let bias = if inputs.len() > 2 { vector(2)? } else { Vec::new() };
        Ok(Self { width: [width], gain: vector(1)?, bias, epsilon })
    }
}

impl RowOp for LayerNorm {
    fn name(&self) -> &'static str {
        "LayerNorm"
    }

    fn widths(&self) -> &[usize] {
        &self.width
    }

    fn eval(
        &self,
        step: &Step,
        rows: usize,
        inputs: &[&[f32]],
        outs: &mut [&mut [f32]],
    ) -> TractResult<()> {
        let ([x], [out]) = (inputs, outs) else { bail!("one input and one output") };
        let [width] = self.width;
        ensure!(width > 0 && x.len() == rows * width && out.len() == rows * width);
        let kernel = step.kernel;
        let some = |(x, out): (&[f32], &mut [f32])| {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                layer_norm(kernel, x, &self.gain, &self.bias, self.epsilon, out);
            }
        };
        let part = rows.div_ceil(step.pool.threads() * 4) * width;
        let parts = x.chunks(part).zip(out.chunks_mut(part));
        step.each(x.len() >= ALONE, parts.collect(), some);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
