//! Transposed convolutions whose windows do not overlap: each place becomes a window of outputs,
//! which is a product of its channels.

use std::sync::Arc;

use tract_onnx::tract_core::ops::cnn::conv::KernelFormat;
use tract_onnx::tract_core::ops::cnn::{Deconv, PaddingSpec, PoolSpec};
use tract_onnx::tract_core::ops::nn::DataFormat;
use tract_onnx::tract_hir::internal::*;

use crate::engine::cpu::kernels::convolution::Tail;
use crate::engine::cpu::ops::convolution::{ConvolutionNode, Described, Weights};

/// Our operator instead of tract's, where it can compute it.
pub(super) fn taken(model: &TypedModel, id: usize) -> TractResult<Option<TypedModelPatch>> {
    let node = model.node(id);
    let Some(op) = node.op_as::<Deconv>() else { return Ok(None) };
    let &[input, kernel, bias] = &*node.inputs else { return Ok(None) };
    let constant = |outlet| model.outlet_fact(outlet).map(|fact| fact.konst.clone());
    let (Some(kernel), Some(bias)) = (constant(kernel)?, constant(bias)?) else { return Ok(None) };
    let float = f32::datum_type();
    let floats = model.outlet_fact(input)?.datum_type == float
        && kernel.datum_type() == float
        && bias.datum_type() == float;
    if !floats || !apart(op) {
        return Ok(None);
    }
    let described = Described {
        weights: weights(&op.pool_spec, &kernel, &bias)?,
        sources: 1,
        tail: Tail::default(),
        packed: None,
    };
    let op = ConvolutionNode(Arc::new(described));
    TypedModelPatch::replace_single_op(model, node, &[input], op).map(Some)
}

/// Whether each output is made of one place.
fn apart(op: &Deconv) -> bool {
    let geometry = &op.pool_spec;
    let axes = 0..geometry.rank();
    op.group == 1
        && op.kernel_format == KernelFormat::OIHW
        && geometry.data_format == DataFormat::NCHW
        && matches!(geometry.rank(), 1 | 2)
        && op.adjustments.iter().all(|more| *more == 0)
        && geometry.kernel_shape.iter().eq(geometry.strides().iter())
        && geometry.dilations().iter().all(|dilation| *dilation == 1)
        && axes.into_iter().all(|axis| geometry.padding.valid_dim(axis, false))
}

/// The weights of the product: every output of a window is a channel of its own.
fn weights(geometry: &PoolSpec, kernel: &Tensor, bias: &Tensor) -> TractResult<Weights> {
    let (inputs, outputs) = (geometry.input_channels, geometry.output_channels);
    let taps: usize = geometry.kernel_shape.iter().product();
    let (kernel, bias) = (kernel.try_as_plain_ram()?, bias.try_as_plain_ram()?);
    let kernel = kernel.as_slice::<f32>()?;
    ensure!(kernel.len() == outputs * inputs * taps, "{} weights", kernel.len());
    // From outputs × inputs × taps to outputs × taps × inputs.
    let ordered: Vec<f32> = kernel
        .chunks_exact((inputs * taps).max(1))
        .flat_map(|of_output| {
            (0..taps).flat_map(|tap| of_output.iter().skip(tap).step_by(taps).copied())
        })
        .collect();
    let bias: Vec<f32> = match bias.as_slice::<f32>()? {
        &[bias] => vec![bias; outputs * taps],
        biases => biases.iter().flat_map(|&bias| std::iter::repeat_n(bias, taps)).collect(),
    };
    let spread = match *geometry.kernel_shape {
        [across] => [1, across],
        [down, across] => [down, across],
        _ => bail!("a window of one or two dimensions is expected"),
    };
    let ones: TVec<usize> = tvec![1; geometry.rank()];
    let geometry = PoolSpec {
        kernel_shape: ones,
        padding: PaddingSpec::Valid,
        dilations: None,
        strides: None,
        output_channels: outputs * taps,
        ..geometry.clone()
    };
    let weights = Tensor::from_shape(&[ordered.len()], &ordered)?.into_arc_tensor();
    let bias = Tensor::from_shape(&[bias.len()], &bias)?.into_arc_tensor();
    Ok(Weights { geometry, groups: 1, weights, bias, spread })
}
