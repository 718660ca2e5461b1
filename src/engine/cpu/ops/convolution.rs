//! Convolution as tract sees it.

use std::sync::Arc;

use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_hir::internal::*;

use super::{step, uninitialised};
use crate::engine::cpu::kernels::convolution::{
    Convolution, Extent, Function, Instruction, Operand, Source, Tail, Window,
};

/// The constants of a convolution.
#[derive(Debug, Clone)]
pub(in crate::engine::cpu) struct Weights {
    pub(in crate::engine::cpu) geometry: PoolSpec,
    pub(in crate::engine::cpu) groups: usize,
    /// Outputs × channels of a group × the window.
    pub(in crate::engine::cpu) weights: Arc<Tensor>,
    /// A number for each output, or one for all.
    pub(in crate::engine::cpu) bias: Arc<Tensor>,
    /// Rows and columns that neighbouring outputs become; see [`Convolution::spread`].
    pub(in crate::engine::cpu) spread: [usize; 2],
}

/// A convolution with constant weights, and what is done to its sums. Two are equal when they are the
/// same.
///
/// Its inputs are pictures of images × channels × height × width (or × width) whose channels are
/// joined, then what its tail reads.
#[derive(Debug, Clone)]
pub(in crate::engine::cpu) struct ConvolutionNode(pub(in crate::engine::cpu) Arc<Described>);

/// What a [`ConvolutionNode`] computes.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Described {
    pub(in crate::engine::cpu) weights: Weights,
    /// Tensors whose channels are joined; those that the tail reads follow them.
    pub(in crate::engine::cpu) sources: usize,
    pub(in crate::engine::cpu) tail: Tail,
    /// Present once the graph does not change any more.
    pub(in crate::engine::cpu) packed: Option<Convolution>,
}

impl PartialEq for ConvolutionNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ConvolutionNode {}

impl Described {
    /// The weights in the order of the kernels, with what the tail does first already done.
    /// `size` is that of the output, where it is known.
    fn pack(&self, size: Option<[usize; 2]>) -> TractResult<Convolution> {
        let Weights { geometry, groups, weights, bias, spread } = &self.weights;
        let outputs = geometry.output_channels;
        let (weights, bias) = (weights.try_as_plain_ram()?, bias.try_as_plain_ram()?);
        let mut weights = weights.as_slice::<f32>()?.to_vec();
        let mut bias = bias.as_slice::<f32>()?.to_vec();
        if let &[bias_of_all] = &*bias {
            bias = vec![bias_of_all; outputs];
        }
        let mut tail = self.tail.clone();
        let parts: usize = spread.iter().product();
        while let Some((function, numbers)) = tail.take_linear(outputs / parts.max(1)) {
            ensure!(bias.len() == outputs, "{} biases for {outputs} outputs", bias.len());
            let depth = weights.len() / outputs;
            let numbers = numbers.iter().flat_map(|number| std::iter::repeat_n(number, parts));
            for ((weights, bias), number) in
                weights.chunks_mut(depth.max(1)).zip(&mut bias).zip(numbers)
            {
                match function {
                    Function::Add => *bias += number,
                    Function::Sub => *bias -= number,
                    Function::Mul => scale(weights, bias, |x| x * number),
                    _ => scale(weights, bias, |x| x / number),
                }
            }
        }
        let channels = [geometry.input_channels, outputs];
        let packed =
            Convolution::new(window(geometry)?, *groups, channels, &weights, &bias, tail, size);
        let packed = packed.and_then(|packed| packed.spread(*spread));
        packed.map_err(|why| format_err!("weights of a convolution: {why}"))
    }
}

/// Sizes in two dimensions for an input's places; a line has height 1.
pub(super) fn extent(geometry: &PoolSpec, input: &[usize]) -> Extent {
    let padding = geometry.computed_padding(input);
    let pair = |f: &dyn Fn(usize) -> usize, none| match padding.len() {
        1 => [none, f(0)],
        _ => [f(0), f(1)],
    };
    let get = |axis: usize| padding.get(axis);
    Extent {
        input: pair(&|axis| input.get(axis).copied().unwrap_or(1), 1),
        before: pair(&|axis| get(axis).map_or(0, |p| p.pad_before), 0),
        output: pair(&|axis| get(axis).map_or(1, |p| p.convoluted), 1),
    }
}

fn scale(weights: &mut [f32], bias: &mut f32, f: impl Fn(f32) -> f32) {
    weights.iter_mut().for_each(|weight| *weight = f(*weight));
    *bias = f(*bias);
}

/// A window in two dimensions; that of a line has height 1.
pub(super) fn window(geometry: &PoolSpec) -> TractResult<Window> {
    let pair = |numbers: &[usize]| match *numbers {
        [x] => Ok([1, x]),
        [y, x] => Ok([y, x]),
        _ => bail!("a window of one or two dimensions is expected, not {}", numbers.len()),
    };
    Ok(Window {
        kernel: pair(&geometry.kernel_shape)?,
        stride: pair(&geometry.strides())?,
        dilation: pair(&geometry.dilations())?,
    })
}

impl Op for ConvolutionNode {
    fn name(&self) -> StaticName {
        "Convolution".into()
    }

    fn info(&self) -> TractResult<Vec<String>> {
        let mut info = self.0.weights.geometry.info();
        info.push(format!("{} groups, {:?}", self.0.weights.groups, self.0.tail));
        Ok(info)
    }

    op_as_typed_op!();
}

impl EvalOp for ConvolutionNode {
    not_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let step = step(context)?;
        let described = &*self.0;
        let owned;
        let convolution = match &described.packed {
            Some(packed) => packed,
            None => {
                owned = described.pack(None)?;
                &owned
            }
        };
        let first = inputs.first().context("a convolution without input")?;
        let (&[images, _], places) = first.shape().split_at_checked(2).context("too few axes")?
        else {
            bail!("a picture has images and channels");
        };
        let extent = extent(&described.weights.geometry, places);
        let spread = described.weights.spread;
        let views =
            inputs.iter().map(|t| t.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let slices = views.iter().map(|v| v.as_slice::<f32>()).collect::<TractResult<TVec<_>>>()?;
        let (joined, pictures) =
            slices.split_at_checked(described.sources).context("a source is missing")?;
        let sources: TVec<Source<'_>> = inputs
            .iter()
            .zip(joined)
            .map(|(input, values)| {
                let channels = *input.shape().get(1).context("too few axes")?;
                Ok(Source { channels, values })
            })
            .collect::<TractResult<_>>()?;
        let mut shape: TVec<usize> = tvec![images, convolution.outputs()];
        let [height, width] = extent.output;
        let output = [height * spread[0], width * spread[1]];
        shape.extend(output.into_iter().skip(2 - places.len()));
        let mut out = uninitialised(&shape)?;
        let mut view = out.try_as_plain_ram_mut()?;
        convolution.run(
            step.kernel,
            &step.pool,
            images,
            &extent,
            &sources,
            pictures,
            view.as_slice_mut()?,
        );
        Ok(tvec![out.into_tvalue()])
    }
}

impl TypedOp for ConvolutionNode {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let geometry = &self.0.weights.geometry;
        let sources = inputs.get(..self.0.sources).context("a source is missing")?;
        let first = sources.first().context("a convolution without input")?;
        let mut channels = 0.to_dim();
        for source in sources {
            ensure!(source.datum_type == f32::datum_type(), "pictures of floats are expected");
            ensure!(source.rank() == first.rank() && source.rank() == geometry.rank() + 2);
            channels += source.shape.get(1).context("too few axes")?;
        }
        let mut shape = first.shape.to_tvec();
        *shape.get_mut(1).context("too few axes")? = channels;
        let mut shape = geometry.output_shape(&shape)?.shape;
        let [down, across] = self.0.weights.spread;
        let places = [down, across].into_iter().skip(2 - geometry.rank().min(2));
        for (dim, times) in shape.iter_mut().skip(2).zip(places) {
            *dim = dim.clone() * times;
        }
        if let Some(channels) = shape.get_mut(1) {
            *channels = (geometry.output_channels / (down * across)).to_dim();
        }
        Ok(tvec![f32::fact(shape)])
    }

    fn codegen(
        &self,
        model: &TypedModel,
        node: &TypedNode,
    ) -> TractResult<Option<TypedModelPatch>> {
        let described = &*self.0;
        if described.packed.is_some() {
            return Ok(None);
        }
        let input = node.inputs.first().context("a convolution without input")?;
        // The number of images need not be known.
        let places = model.outlet_fact(*input)?.shape.iter().skip(2);
        let places: Option<TVec<usize>> = places.map(|dim| dim.to_usize().ok()).collect();
        let size = places.map(|places| extent(&described.weights.geometry, &places).output);
        let packed = described.pack(size).with_context(|| format!("node {}", node.name))?;
        // What was packed is not needed any more; the shape of the weights is.
        let empty = Tensor::zero::<f32>(&[0])?.into_arc_tensor();
        let weights = Weights { weights: empty.clone(), bias: empty, ..described.weights.clone() };
        let described = Described {
            weights,
            sources: described.sources,
            tail: described.tail.clone(),
            packed: Some(packed),
        };
        let node_of_packed = Self(Arc::new(described));
        TypedModelPatch::replace_single_op(model, node, &node.inputs, node_of_packed).map(Some)
    }

    as_op!();
}

impl ConvolutionNode {
    /// Bytes of its weights.
    pub(in crate::engine::cpu) fn weight_bytes(&self) -> u64 {
        let Weights { weights, bias, .. } = &self.0.weights;
        let bytes = match &self.0.packed {
            Some(packed) => packed.bytes(),
            None => (weights.len() + bias.len()) * size_of::<f32>(),
        };
        bytes as u64
    }
}

/// An instruction of a program. Constants come second where the order does not matter.
pub(in crate::engine::cpu) fn instruction(
    function: Function,
    left: Operand,
    right: Operand,
) -> Instruction {
    let swap = matches!(function, Function::Add | Function::Mul | Function::Max | Function::Min)
        && !matches!(left, Operand::Value(_));
    let (left, right) = if swap { (right, left) } else { (left, right) };
    Instruction { function, left, right }
}
