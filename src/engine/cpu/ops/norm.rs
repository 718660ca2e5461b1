//! Root-mean-square normalisation of rows.

use std::any::Any;
use std::sync::Arc;

use tract_onnx::tract_hir::internal::*;

use super::{RowOp, Step, constant};
use crate::engine::cpu::kernels::norm::rms_norm_rows;

/// `x / sqrt(mean(x²) + epsilon) * gain`.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Norm {
    width: [usize; 1],
    pub(in crate::engine::cpu) gain: Arc<Tensor>,
    pub(in crate::engine::cpu) epsilon: f32,
}

impl Norm {
    pub(super) fn build(
        model: &TypedModel,
        inputs: &[OutletId],
        epsilon: f32,
    ) -> TractResult<Self> {
        let gain = constant(model, inputs, 1)?.cast_to::<f32>()?.into_owned().into_arc_tensor();
        let width = super::width(model, inputs, 0)?;
        ensure!(gain.len() == width, "{} gains for rows of {width}", gain.len());
        Ok(Self { width: [width], gain, epsilon })
    }
}

impl RowOp for Norm {
    fn name(&self) -> &'static str {
        "RmsNorm"
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
        ensure!(x.len() == rows * width && out.len() == rows * width);
        let gain = self.gain.try_as_plain_ram()?;
        let gain = gain.as_slice::<f32>()?;
        rms_norm_rows(step.kernel, &step.pool, x, gain, self.epsilon, out);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
