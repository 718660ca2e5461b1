//! Our operators as tract sees them.
//!
//! All but one are a [`RowOp`]: rows of floats in, rows of floats out, each row a token. [`register`]
//! teaches tract their names; [`super::surgery`] puts those names into the graph.

mod attention;
mod gather;
mod integer;
mod linear;
mod norm;

pub(super) use attention::Attention;
pub(super) use gather::Gather;

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernels::Kernel;
use super::kernels::pool::Pool;
use super::kernels::quantize::Activations;
use crate::engine::Activation;
use crate::engine::kv::{KvStore, SequenceId};

/// Names under which [`super::surgery`] leaves nodes for us.
pub(super) const QUANTIZED: &str = "MatMulNBits";
pub(super) const GATHER: &str = "GatherBlockQuantized";
pub(super) const FLOAT: &str = "RowMatMul";
pub(super) const INTEGER: &str = "RowMatMulInteger";
pub(super) const ATTENTION: &str = "RowAttention";
pub(super) const NORM: &str = "RowNorm";

/// What the operators of a plan share during one step. Lives in tract's turn state.
pub(super) struct Step {
    pub(super) kernel: Kernel,
    pub(super) activation: Activation,
    pub(super) pool: Arc<Pool>,
    pub(super) kv: RefCell<KvStore>,
    /// Scratch of the quantised products.
    pub(super) activations: RefCell<Activations>,
    /// Whose token each row is.
    pub(super) rows: Vec<(SequenceId, usize)>,
}

/// Rows of floats in, rows of floats out.
pub(super) trait RowOp: Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;
    /// Width of an output row.
    fn width(&self) -> usize;
    /// Bytes of weights held.
    fn bytes(&self) -> usize;
    /// `inputs` are `rows` rows each; `out` is `rows` rows of [`Self::width`].
    fn eval(&self, step: &Step, rows: usize, inputs: &[&[f32]], out: &mut [f32])
    -> TractResult<()>;
    /// Lets the decoder find its attention layers.
    fn as_attention(&self) -> Option<&Attention> {
        None
    }
}

/// A [`RowOp`] in a plan. Two are equal when they are the same.
#[derive(Debug, Clone)]
pub(super) struct RowNode(pub(super) Arc<dyn RowOp>);

impl PartialEq for RowNode {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for RowNode {}

impl Op for RowNode {
    fn name(&self) -> StaticName {
        self.0.name().into()
    }

    op_as_typed_op!();
}

impl EvalOp for RowNode {
    not_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let step = step(context)?;
        let first = inputs.first().context("an operator without input")?;
        let mut shape: TVec<usize> = first.shape().into();
        let last = shape.last_mut().context("a row has at least one axis")?;
        *last = self.0.width();
        let rows = first.shape().iter().rev().skip(1).product();
        let views =
            inputs.iter().map(|t| t.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let slices = views.iter().map(|v| v.as_slice::<f32>()).collect::<TractResult<TVec<_>>>()?;
        let mut out = Tensor::zero::<f32>(&shape)?;
        if rows > 0 {
            let mut view = out.try_as_plain_ram_mut()?;
            self.0.eval(step, rows, &slices, view.as_slice_mut()?)?;
        }
        Ok(tvec![out.into()])
    }
}

impl TypedOp for RowNode {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let first = inputs.first().context("an operator without input")?;
        let mut shape = first.shape.to_tvec();
        *shape.last_mut().context("a row has at least one axis")? = self.0.width().to_dim();
        Ok(tvec!(f32::fact(shape)))
    }

    as_op!();
}

/// The step that a node is evaluated in.
pub(super) fn step<'a>(context: &EvalContext<'a>) -> TractResult<&'a Step> {
    context.shared.and_then(|shared| shared.get::<Step>()).context("no step is set up")
}

/// A node of ours between parsing and wiring, when shapes and constants become known.
#[derive(Debug, Clone)]
enum Row {
    Quantized(linear::QuantizedAttributes),
    Float,
    Integer,
    Attention(attention::Attributes),
    Norm { epsilon: f32 },
}

impl Expansion for Row {
    fn name(&self) -> StaticName {
        "Row".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let ([first, rest @ ..], [out]) = (inputs, outputs) else {
            bail!("expected inputs and one output")
        };
        solver.equals(&out.datum_type, f32::datum_type())?;
        match self {
            Self::Quantized(attributes) => {
                let width = attributes.outputs.to_dim();
                solver.given(&first.shape, move |s, mut shape| {
                    *shape.last_mut().context("a row has at least one axis")? = width.clone();
                    s.equals(&out.shape, shape)
                })
            }
            Self::Float | Self::Integer => {
                let weights = rest.first().context("MatMul without weights")?;
                solver.given_2(&first.shape, &weights.shape, move |s, mut shape, weights| {
                    *shape.last_mut().context("a row has at least one axis")? =
                        weights.last().context("weights have two axes")?.clone();
                    s.equals(&out.shape, shape)
                })
            }
            Self::Attention(_) | Self::Norm { .. } => solver.equals(&out.shape, &first.shape),
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let (op, dynamic): (Arc<dyn RowOp>, usize) = match self {
            Self::Quantized(attributes) => (Arc::new(attributes.build(model, inputs)?), 1),
            Self::Float => (Arc::new(linear::Float::build(model, inputs)?), 1),
            Self::Integer => (Arc::new(integer::build(model, inputs)?), 1),
            Self::Attention(attributes) => (Arc::new(attributes.build(model, inputs)?), 3),
            Self::Norm { epsilon } => (Arc::new(norm::Norm::build(model, inputs, *epsilon)?), 1),
        };
        let inputs = inputs.get(..dynamic).context("too few inputs")?;
        model.wire_node(prefix, RowNode(op), inputs)
    }
}

/// The constant at `inputs[at]`.
fn constant(model: &TypedModel, inputs: &[OutletId], at: usize) -> TractResult<Arc<Tensor>> {
    let outlet = *inputs.get(at).with_context(|| format!("input {at} is missing"))?;
    let konst = model.outlet_fact(outlet)?.konst.clone();
    konst.with_context(|| format!("input {at} is not a constant"))
}

/// Width of the rows at `inputs[at]`.
fn width(model: &TypedModel, inputs: &[OutletId], at: usize) -> TractResult<usize> {
    let outlet = *inputs.get(at).with_context(|| format!("input {at} is missing"))?;
    Ok(model
        .outlet_fact(outlet)?
        .shape
        .last()
        .context("a row has at least one axis")?
        .to_usize()?)
}

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// Teaches tract the names that [`super::surgery`] leaves in a graph.
pub(super) fn register(onnx: &mut Onnx) {
    fn quantized(_: &ParsingContext, node: &NodeProto) -> Built {
        Ok((expand(Row::Quantized(linear::QuantizedAttributes::parse(node)?)), vec![]))
    }
    fn float(_: &ParsingContext, _: &NodeProto) -> Built {
        Ok((expand(Row::Float), vec![]))
    }
    fn integer(_: &ParsingContext, _: &NodeProto) -> Built {
        Ok((expand(Row::Integer), vec![]))
    }
    fn attention(_: &ParsingContext, node: &NodeProto) -> Built {
        Ok((expand(Row::Attention(attention::Attributes::parse(node)?)), vec![]))
    }
    fn norm(_: &ParsingContext, node: &NodeProto) -> Built {
        let epsilon = node.get_attr_opt("epsilon")?.unwrap_or(1e-5);
        Ok((expand(Row::Norm { epsilon }), vec![]))
    }
    onnx.op_register.insert(QUANTIZED, quantized);
    onnx.op_register.insert(FLOAT, float);
    onnx.op_register.insert(INTEGER, integer);
    onnx.op_register.insert(ATTENTION, attention);
    onnx.op_register.insert(NORM, norm);
    onnx.op_register.insert(GATHER, gather::parse);
}
