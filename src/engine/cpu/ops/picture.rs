//! Operators on pictures without weights: pooling, another size, element-wise programs.
//!
//! A picture is a tensor of images × channels × places, with one or two axes of places.

use std::fmt::Debug;
use std::sync::Arc;

use tract_onnx::tract_core::ops::cnn::PoolSpec;
use tract_onnx::tract_core::ops::nn::resize::{AxisPlan, Resize};
use tract_onnx::tract_hir::internal::*;

use super::convolution::{extent, window};
use super::{Step, step, uninitialised};
use crate::engine::cpu::kernels::convolution::{Tail, apply};
use crate::engine::cpu::kernels::pooling::{Pooling, pool};
use crate::engine::cpu::kernels::resampling::{Axis, resample};

/// A picture and what belongs to it in, a picture out.
pub(in crate::engine::cpu) trait PictureOp:
    Debug + Send + Sync + 'static
{
    fn name(&self) -> &'static str;
    /// Shape of the output.
    fn shape(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TDim>>;
    fn eval(&self, step: &Step, inputs: &[TValue]) -> TractResult<Tensor>;
}

/// A [`PictureOp`] in a plan. Two are equal when they are the same.
#[derive(Debug, Clone)]
pub(in crate::engine::cpu) struct PictureNode(pub(in crate::engine::cpu) Arc<dyn PictureOp>);

impl PartialEq for PictureNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for PictureNode {}

impl Op for PictureNode {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl EvalOp for PictureNode {
    not_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(tvec![self.0.eval(step(context)?, &inputs)?.into_tvalue()])
    }
}

impl TypedOp for PictureNode {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let first = inputs.first().context("a picture is missing")?;
        ensure!(first.datum_type == f32::datum_type(), "pictures of floats are expected");
        Ok(tvec![f32::fact(self.0.shape(inputs)?)])
    }

    as_op!();
}

/// A program for each place, whose value 0 is the first input; the others are what it reads.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Elementwise(pub(in crate::engine::cpu) Tail);

impl PictureOp for Elementwise {
    fn name(&self) -> &'static str {
        "Elementwise"
    }

    fn shape(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TDim>> {
        Ok(inputs.first().context("a picture is missing")?.shape.to_tvec())
    }

    fn eval(&self, step: &Step, inputs: &[TValue]) -> TractResult<Tensor> {
        let first = inputs.first().context("a picture is missing")?;
        let (&[_, channels], places) = first.shape().split_at_checked(2).context("too few axes")?
        else {
            bail!("a picture has images and channels");
        };
        let views =
            inputs.iter().map(|t| t.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let slices = views.iter().map(|v| v.as_slice::<f32>()).collect::<TractResult<TVec<_>>>()?;
        let (picture, others) = slices.split_first().context("a picture is missing")?;
        let mut out = uninitialised(first.shape())?;
        let mut view = out.try_as_plain_ram_mut()?;
        let places = places.iter().product();
        apply(
            step.kernel,
            &step.pool,
            &self.0,
            [channels, places],
            picture,
            others,
            view.as_slice_mut()?,
        );
        Ok(out)
    }
}

/// The largest or the mean of each window.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Pool {
    pub(in crate::engine::cpu) pooling: Pooling,
    pub(in crate::engine::cpu) geometry: PoolSpec,
}

impl PictureOp for Pool {
    fn name(&self) -> &'static str {
        "Pooling"
    }

    fn shape(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TDim>> {
        let first = inputs.first().context("a picture is missing")?;
        Ok(self.geometry.output_shape(&first.shape)?.shape)
    }

    fn eval(&self, step: &Step, inputs: &[TValue]) -> TractResult<Tensor> {
        let first = inputs.first().context("a picture is missing")?;
        let shape = self.geometry.output_shape(first.shape())?.shape;
        let places = first.shape().get(2..).context("too few axes")?;
        let (x, mut out) = (first.try_as_plain_ram()?, uninitialised(&shape)?);
        let mut view = out.try_as_plain_ram_mut()?;
        pool(
            step.kernel,
            &step.pool,
            self.pooling,
            &window(&self.geometry)?,
            &extent(&self.geometry, places),
            x.as_slice()?,
            view.as_slice_mut()?,
        );
        Ok(out)
    }
}

/// A picture in another size. What tells the size is the second input, where there is one.
#[derive(Debug)]
pub(in crate::engine::cpu) enum Resampling {
    /// As tract's operator plans it.
    Planned(Resize),
    /// Each place so often, along every axis.
    Repeated(TVec<usize>),
}

impl Resampling {
    fn told<'a>(&self, inputs: &'a [TValue]) -> (Option<&'a Tensor>, Option<&'a Tensor>) {
        let Self::Planned(resize) = self else { return (None, None) };
        let at = |slot: Option<usize>| slot.and_then(|slot| inputs.get(slot)).map(|t| &**t);
        (at(resize.optional_scales_input), at(resize.optional_sizes_input))
    }

    fn axes(&self, inputs: &[TValue], output: &[usize]) -> TractResult<[Axis; 2]> {
        let input = inputs.first().context("a picture is missing")?.shape();
        let told = self.told(inputs).0.filter(|scales| scales.len() == input.len());
        let scales = match told {
            Some(scales) => scales.try_as_plain_ram()?.as_slice::<f32>()?.to_vec(),
            None => input.iter().zip(output).map(|(i, o)| *o as f32 / *i as f32).collect(),
        };
        let mut axes = [Axis::repeated(1, 1), Axis::repeated(1, 1)];
        for axis in 2..input.len() {
            let (Some(&from), Some(&to)) = (input.get(axis), output.get(axis)) else { continue };
            let scale = scales.get(axis).copied().context("a scale is missing")?;
            let planned = match self {
                Self::Planned(_) if from == to && scale == 1.0 => Axis::repeated(from, 1),
                Self::Planned(resize) => axis_of(resize.plan_axis(scale, from, to)),
                Self::Repeated(times) => {
                    Axis::repeated(from, times.get(axis).copied().unwrap_or(1))
                }
            };
            if let Some(place) = axes.get_mut(axis + 2 - input.len()) {
                *place = planned;
            }
        }
        Ok(axes)
    }
}

fn axis_of(plan: AxisPlan) -> Axis {
    Axis { window: plan.window, indices: plan.indices, weights: plan.weights }
}

impl PictureOp for Resampling {
    fn name(&self) -> &'static str {
        "Resampling"
    }

    fn shape(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TDim>> {
        let first = inputs.first().context("a picture is missing")?;
        match self {
            Self::Planned(resize) => {
                Ok(resize.output_facts(inputs)?.first().context("no output")?.shape.to_tvec())
            }
            Self::Repeated(times) => {
                Ok(first.shape.iter().zip(times).map(|(dim, times)| dim.clone() * *times).collect())
            }
        }
    }

    fn eval(&self, step: &Step, inputs: &[TValue]) -> TractResult<Tensor> {
        let first = inputs.first().context("a picture is missing")?;
        let shape: TVec<usize> = match self {
            Self::Planned(resize) => {
                let (scales, sizes) = self.told(inputs);
                resize.compute_output_shape(first.shape(), scales, sizes)?
            }
            Self::Repeated(times) => first.shape().iter().zip(times).map(|(d, t)| d * t).collect(),
        };
        ensure!(shape.get(..2) == first.shape().get(..2), "images and channels stay as they are");
        let axes = self.axes(inputs, &shape)?;
        let input = match first.shape().get(2..) {
            Some(&[width]) => [1, width],
            Some(&[height, width]) => [height, width],
            _ => bail!("one or two axes of places are expected"),
        };
        let (x, mut out) = (first.try_as_plain_ram()?, uninitialised(&shape)?);
        let mut view = out.try_as_plain_ram_mut()?;
        let (x, to) = (x.as_slice()?, view.as_slice_mut()?);
        resample(step.kernel, &step.pool, input, &axes, x, to);
        Ok(out)
    }
}
