//! Our operators as tract sees them.
//!
//! All but one are a [`RowOp`]: rows of floats in, rows of floats out, each row a token. [`register`]
//! teaches tract their names; [`super::surgery`] puts those names into the graph.

pub(super) mod attend;
pub(super) mod attention;
pub(super) mod convolution;
pub(super) mod dense;
pub(super) mod layer_norm;
pub(super) mod linear;
pub(super) mod norm;
pub(super) mod picture;
mod table;
mod tiles;

pub(super) use attention::Attention;
pub(super) use table::Table;

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::kernels::dense::Digits;
use super::kernels::pool::Pool;
use super::kernels::quantize::Activations;
use super::kernels::{self, Kernel};
use super::weights::Weights;
use crate::engine::Activation;
use crate::engine::kv::{KvStore, SequenceId};

/// Names under which [`super::surgery`] leaves nodes for us.
pub(super) const QUANTIZED: &str = "MatMulNBits";
pub(super) const GATHER: &str = "GatherBlockQuantized";
pub(super) const FLOAT: &str = "RowMatMul";
pub(super) const INTEGER: &str = "RowMatMulInteger";
pub(super) const SILU: &str = "RowSilu";
pub(super) const ATTENTION: &str = "RowAttention";
pub(super) const NORM: &str = "RowNorm";
pub(super) const LAYER_NORM: &str = "RowLayerNorm";
pub(super) const ATTEND: &str = "Attend";
/// Products that many rows share: with weights of floats, and of bytes with one scale an output.
pub(super) const SHARED_FLOAT: &str = "SharedMatMul";
pub(super) const SHARED_INTEGER: &str = "SharedMatMulInteger";

/// Names of nodes whose weights were taken out of the graph by [`super::weights`].
pub(super) const LINEAR: &str = "RowLinear";
pub(super) const TABLE: &str = "RowTable";
pub(super) const DENSE: &str = "RowDense";

/// What the operators of a plan share during one step. Lives in tract's turn state.
pub(super) struct Step {
    pub(super) kernel: Kernel,
    pub(super) activation: Activation,
    pub(super) pool: Arc<Pool>,
    pub(super) weights: Arc<Weights>,
    pub(super) scratch: RefCell<Scratch>,
    /// Of a decoder; other graphs have none.
    pub(super) sequences: Option<Sequences>,
}

/// The sequences of a decoder.
pub(super) struct Sequences {
    pub(super) kv: RefCell<KvStore>,
    /// Scratch of attention.
    pub(super) attention: RefCell<attention::Work>,
    /// Whose token each row is.
    pub(super) rows: Vec<(SequenceId, usize)>,
}

impl Step {
    /// For graphs of any kind.
    pub(super) fn new(
        kernel: Kernel,
        activation: Activation,
        pool: Arc<Pool>,
        weights: Arc<Weights>,
    ) -> Self {
        Self { kernel, activation, pool, weights, scratch: RefCell::default(), sequences: None }
    }

    /// The sequences whose tokens the rows are.
    fn sequences(&self) -> TractResult<&Sequences> {
        self.sequences.as_ref().context("this graph has no sequences")
    }

    /// Calls `f` with each item: on all threads where that is `worth` waking them.
    fn each<T: Send>(&self, worth: bool, items: Vec<T>, f: impl Fn(T) + Sync) {
        if worth { self.pool.each(items, f) } else { items.into_iter().for_each(f) }
    }
}

/// Buffers that products keep from one to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    activations: Activations,
    digits: Digits,
    normed: Vec<f32>,
}

/// Rows of floats in, rows of floats out.
pub(super) trait RowOp: Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;
    /// Width of a row of each output.
    fn widths(&self) -> &[usize];
    /// Numbers of the weights that each evaluation reads whole.
    fn weights(&self) -> Vec<usize> {
        Vec::new()
    }
    /// `inputs` are `rows` rows each; of each output all `rows` rows are written.
    fn eval(
        &self,
        step: &Step,
        rows: usize,
        inputs: &[&[f32]],
        outs: &mut [&mut [f32]],
    ) -> TractResult<()>;
    /// Lets whoever looks through a plan know which operation it is.
    fn as_any(&self) -> &dyn Any;
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
        let rows = first.shape().iter().rev().skip(1).product();
        let views =
            inputs.iter().map(|t| t.try_as_plain_ram()).collect::<TractResult<TVec<_>>>()?;
        let slices = views.iter().map(|v| v.as_slice::<f32>()).collect::<TractResult<TVec<_>>>()?;
        let mut outputs = TVec::new();
        for &width in self.0.widths() {
            let mut shape: TVec<usize> = first.shape().into();
            *shape.last_mut().context("a row has at least one axis")? = width;
            outputs.push(uninitialised(&shape)?);
        }
        if rows > 0 {
            let mut views = outputs
                .iter_mut()
                .map(|t| t.try_as_plain_ram_mut())
                .collect::<TractResult<TVec<_>>>()?;
            let mut outs =
                views.iter_mut().map(|v| v.as_slice_mut()).collect::<TractResult<TVec<_>>>()?;
            self.0.eval(step, rows, &slices, &mut outs)?;
        }
        Ok(outputs.into_iter().map(Tensor::into_tvalue).collect())
    }
}

impl TypedOp for RowNode {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let first = inputs.first().context("an operator without input")?;
        let fact = |&width: &usize| {
            let mut shape = first.shape.to_tvec();
            *shape.last_mut().context("a row has at least one axis")? = width.to_dim();
            Ok(f32::fact(shape))
        };
        self.0.widths().iter().map(fact).collect()
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
    Linear(linear::Attributes),
    Dense(dense::Attributes),
    Attention(attention::Attributes),
    Norm { epsilon: f32 },
    LayerNorm { epsilon: f32 },
}

impl Row {
    /// Width of each output, where it is not the first input's.
    fn widths(&self) -> Option<Vec<usize>> {
        match self {
            Self::Linear(attributes) => Some(attributes.widths()),
            Self::Dense(attributes) => Some(attributes.widths()),
            Self::Attention(_) | Self::Norm { .. } | Self::LayerNorm { .. } => None,
        }
    }
}

impl Expansion for Row {
    fn name(&self) -> StaticName {
        "Row".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.widths().map_or(1, |widths| widths.len()))
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        let first = inputs.first().context("an operator without input")?;
        for out in outputs {
            solver.equals(&out.datum_type, f32::datum_type())?;
        }
        match self.widths() {
            Some(widths) => {
                ensure!(outputs.len() == widths.len(), "an output for each product is expected");
                solver.given(&first.shape, move |s, shape| {
                    for (width, out) in widths.iter().zip(outputs) {
                        let mut shape = shape.clone();
                        *shape.last_mut().context("a row has at least one axis")? = width.to_dim();
                        s.equals(&out.shape, shape)?;
                    }
                    Ok(())
                })
            }
            None => {
                let out = outputs.first().context("an operator without output")?;
                solver.equals(&out.shape, &first.shape)
            }
        }
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let take = |count: usize| inputs.get(..count).context("too few inputs").map(TVec::from);
        let (op, dynamic): (Arc<dyn RowOp>, TVec<OutletId>) = match self {
            Self::Linear(attributes) => {
                let (linear, dynamic) = attributes.build(model, inputs)?;
                (Arc::new(linear), dynamic)
            }
            Self::Dense(attributes) => {
                let (dense, dynamic) = attributes.build(model, inputs)?;
                (Arc::new(dense), dynamic)
            }
            Self::Attention(attributes) => (Arc::new(attributes.build(model, inputs)?), take(3)?),
            Self::LayerNorm { epsilon } => {
                let norm = layer_norm::LayerNorm::build(model, inputs, *epsilon)?;
                (Arc::new(norm), take(1)?)
            }
            Self::Norm { epsilon } => {
                (Arc::new(norm::Norm::build(model, inputs, *epsilon)?), take(1)?)
            }
        };
        model.wire_node(prefix, RowNode(op), &dynamic)
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
    fn linear(_: &ParsingContext, node: &NodeProto) -> Built {
        Ok((expand(Row::Linear(linear::Attributes::parse(node)?)), vec![]))
    }
    fn attention(_: &ParsingContext, node: &NodeProto) -> Built {
        Ok((expand(Row::Attention(attention::Attributes::parse(node)?)), vec![]))
    }
    fn norm(_: &ParsingContext, node: &NodeProto) -> Built {
        let epsilon = node.get_attr_opt("epsilon")?.unwrap_or(1e-5);
        Ok((expand(Row::Norm { epsilon }), vec![]))
    }
    fn dense(_: &ParsingContext, node: &NodeProto) -> Built {
        Ok((expand(Row::Dense(dense::Attributes::parse(node)?)), vec![]))
    }
    fn layer_norm(_: &ParsingContext, node: &NodeProto) -> Built {
        let epsilon = node.get_attr_opt("epsilon")?.unwrap_or(1e-5);
        Ok((expand(Row::LayerNorm { epsilon }), vec![]))
    }
    onnx.op_register.insert(LINEAR, linear);
    onnx.op_register.insert(DENSE, dense);
    onnx.op_register.insert(LAYER_NORM, layer_norm);
    onnx.op_register.insert(ATTEND, attend::parse);
    onnx.op_register.insert(TABLE, table::parse);
    onnx.op_register.insert(ATTENTION, attention);
    onnx.op_register.insert(NORM, norm);
}

/// Names under which nodes of ours stand in a plan.
const OWN: [&str; 16] = [
    "Attend",
    "Convolution",
    "Dense",
    "Denses",
    "Elementwise",
    "GatedLinear",
    "LayerNorm",
    "Linear",
    "Linears",
    "NormLinear",
    "PagedAttention",
    "Pooling",
    "Resampling",
    "RmsNorm",
    "Row",
    "Table",
];

/// Whether a plan's operator of this name is one of ours.
pub(in crate::engine) fn is_own(name: &str) -> bool {
    OWN.contains(&name)
}

/// Names of nodes that are turned into others before tract sees them.
pub(super) fn is_taken(op: &str) -> bool {
    [QUANTIZED, FLOAT, INTEGER, GATHER].contains(&op)
}

/// A tensor of floats whose values are still to be written.
fn uninitialised(shape: &[usize]) -> TractResult<Tensor> {
    kernels::uninitialised(shape)
}
