//! Which part of a plan is an encoder, and the same operations for a device.

use std::collections::HashMap;

use endcap_gpu as gpu;
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_hir::tract_core::ops::math::Tanh;
use tract_onnx::tract_hir::tract_core::ops::nn::{GeluApproximate, GeluExact, Sigmoid};

use super::masks::Masked;
use super::node::OnDevice;
use crate::engine::cpu::device::Lowering;
use crate::engine::cpu::kernels::dense::{Function, Scheme};
use crate::engine::cpu::ops::RowNode;
use crate::engine::cpu::ops::attend::Attend;
use crate::engine::cpu::ops::dense::{Dense, Rows};
use crate::engine::cpu::ops::layer_norm::LayerNorm;
use crate::engine::cpu::ops::linear::Linear;

/// Nodes that lie together: whatever is between two of them is one of them.
pub(super) struct Part {
    /// In an order in which they can be computed.
    nodes: Vec<usize>,
    /// Rows that others make and these read.
    fed: Vec<OutletId>,
    masks: Vec<OutletId>,
    /// What these make and others read.
    read: Vec<OutletId>,
    /// Texts and tokens of each.
    rows: [TDim; 2],
}

/// Where a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Within,
    /// Behind this node, which reads the part and is not of it.
    After(usize),
}

impl Part {
    /// All nodes on rows of tokens, from the first to the last; every attention is among them.
    pub(super) fn find(model: &TypedModel) -> TractResult<Self> {
        let first = model.nodes.iter().find(|node| node.op_is::<Attend>());
        let first = first.and_then(|node| node.inputs.first()).context("nothing attends")?;
        let rows = rows_of(model.outlet_fact(*first)?).context("queries are no rows of tokens")?;
        let mut places: HashMap<usize, Place> = HashMap::new();
        let mut nodes = Vec::new();
        for id in model.eval_order()? {
            let Some(node) = model.nodes.get(id) else { continue };
            let of = |input: &OutletId| places.get(&input.node).copied().unwrap_or(Place::Before);
            let before: Vec<Place> = node.inputs.iter().map(of).collect();
            let behind = before.iter().find(|place| matches!(place, Place::After(_)));
            let place = match (behind, computes(node) && makes_rows(node, &rows)) {
                (Some(Place::After(other)), _) if node.op_is::<Attend>() => {
                    bail!(no_kernel(model, *other))
                }
                (Some(after), _) => *after,
                (None, true) => Place::Within,
                (None, false) if before.contains(&Place::Within) => Place::After(id),
                (None, false) => Place::Before,
            };
            if place == Place::Within {
                nodes.push(id);
            }
            if place != Place::Within && node.op_is::<Attend>() {
                bail!(no_kernel(model, id))
            }
            places.insert(id, place);
        }
        let within = |id: usize| places.get(&id) == Some(&Place::Within);
        let mut part = Self { nodes, fed: vec![], masks: vec![], read: vec![], rows };
        part.borders(model, within);
        Ok(part)
    }

    /// What goes in and comes out.
    fn borders(&mut self, model: &TypedModel, within: impl Fn(usize) -> bool) {
        let add = |to: &mut Vec<OutletId>, outlet: OutletId| {
            if !to.contains(&outlet) {
                to.push(outlet);
            }
        };
        for node in self.nodes.iter().filter_map(|&id| model.nodes.get(id)) {
            let rows = if node.op_is::<Attend>() { ROWS_OF_ATTENTION } else { usize::MAX };
            for (at, &input) in node.inputs.iter().enumerate() {
                if at >= rows {
                    add(&mut self.masks, input);
                } else if !within(input.node) {
                    add(&mut self.fed, input);
                }
            }
            for (at, output) in node.outputs.iter().enumerate() {
                let outlet = OutletId::new(node.id, at);
                let others = output.successors.iter().any(|reader| !within(reader.node));
                if others || model.outputs.contains(&outlet) {
                    add(&mut self.read, outlet);
                }
            }
        }
    }

    /// The part for a device; weights that many rows share are numbered after `matrices` others.
    pub(super) fn lower(
        &self,
        model: &TypedModel,
        matrices: usize,
    ) -> TractResult<gpu::Graph<'static>> {
        let mut lowering = Lowering::default();
        for &outlet in &self.fed {
            let fact = model.outlet_fact(outlet)?;
            let fits =
                fact.datum_type == f32::datum_type() && rows_of(fact).as_ref() == Some(&self.rows);
            ensure!(fits, "{} gives no rows of tokens", model.node(outlet.node).name);
            let out = lowering.value(model, outlet)?;
            lowering.graph.operations.push(gpu::Operation::Feed { out });
        }
        lowering.graph.masks = self.masked(model)?.iter().map(|mask| mask.kind).collect();
        for &id in &self.nodes {
            let node = model.node(id);
            let lowered = match function_of_rows(node) {
                Some(function) => joined(&mut lowering, model, node, function),
                None => self
                    .operation(&mut lowering, model, node, matrices)
                    .map(|operation| lowering.graph.operations.push(operation)),
            };
            lowered.with_context(|| format!("node {} ({})", node.name, node.op().name()))?;
        }
        for outlet in &self.read {
            let value = lowering.values.get(outlet).context("nothing makes a result")?;
            lowering.graph.results.push(*value);
        }
        Ok(lowering.graph)
    }

    fn operation(
        &self,
        lowering: &mut Lowering<'static>,
        model: &TypedModel,
        node: &TypedNode,
        matrices: usize,
    ) -> TractResult<gpu::Operation> {
        if let Some(attend) = node.op_as::<Attend>() {
            return self.attention(lowering, model, node, attend);
        }
        let RowNode(op) = node.op_as::<RowNode>().context("there is no kernel for it")?;
        let op = op.as_any();
        if let Some(norm) = op.downcast_ref::<LayerNorm>() {
            let (x, out) = (lowering.read(node, 0)?, lowering.made(model, node, 0)?);
            let (gain, bias, epsilon) = (norm.gain.clone(), norm.bias.clone(), norm.epsilon);
            return Ok(gpu::Operation::LayerNorm { x, gain, bias, epsilon, out });
        }
        if let Some(linear) = op.downcast_ref::<Linear>() {
            return lowering.linear(model, node, linear);
        }
        let dense = op.downcast_ref::<Dense>().context("there is no kernel for it")?;
        if let Rows::Known(Scheme::Fixed { .. }) = dense.rows {
            bail!("its rows are bytes with a scale of the model, beyond which they are cut off");
        }
        let x = lowering.read(node, 0)?;
        let residual = (node.inputs.len() > 1).then(|| lowering.read(node, 1)).transpose()?;
        let mut products = Vec::new();
        for (at, (numbers, bias)) in dense.products.iter().zip(&dense.biases).enumerate() {
            let out = lowering.made(model, node, at)?;
            products.push(gpu::Product {
                matrix: matrices + numbers.weights,
                gate: None,
                bias: (!bias.is_empty()).then(|| bias.clone()),
                function: function(numbers.function),
                out,
            });
        }
        Ok(gpu::Operation::Linear { x, products, residual })
    }

    fn attention(
        &self,
        lowering: &mut Lowering<'static>,
        model: &TypedModel,
        node: &TypedNode,
        attend: &Attend,
    ) -> TractResult<gpu::Operation> {
        let width = |at: usize| -> TractResult<usize> {
            let input = *node.inputs.get(at).context("it has too few inputs")?;
            let fact = model.outlet_fact(input)?;
            ensure!(rows_of(fact).as_ref() == Some(&self.rows), "it looks at other tokens");
            Ok(fact.shape.last().context("a row has at least one axis")?.to_usize()?)
        };
        let widths = [width(0)?, width(1)?, width(2)?];
        let [own, ..] = widths;
        ensure!(widths == [own; 3] && own.is_multiple_of(attend.heads), "heads of several sizes");
        let head_size = own / attend.heads;
        ensure!(
            head_size.is_multiple_of(4) && head_size <= MOST_HEAD_SIZE,
            "heads of {head_size} numbers"
        );
        let mask = node.inputs.get(ROWS_OF_ATTENTION);
        let mask = mask.and_then(|mask| self.masks.iter().position(|known| known == mask));
        let inputs = [lowering.read(node, 0)?, lowering.read(node, 1)?, lowering.read(node, 2)?];
        Ok(gpu::Operation::Mutual(gpu::Mutual {
            inputs,
            heads: attend.heads,
            head_size,
            scale: attend.scale.unwrap_or_else(|| 1.0 / (head_size as f32).sqrt()),
            mask,
            blind_is_zero: attend.blind_is_zero,
            out: lowering.made(model, node, 0)?,
        }))
    }

    fn masked(&self, model: &TypedModel) -> TractResult<Vec<Masked>> {
        let masked = |&mask: &OutletId| {
            ensure!(!self.nodes.contains(&mask.node), "a mask that is computed from its tokens");
            let name = &model.node(mask.node).name;
            Masked::of(model, mask, &self.rows).with_context(|| format!("the mask of {name}"))
        };
        self.masks.iter().map(masked).collect()
    }

    /// The plan with one node in the part's place.
    pub(super) fn replaced(&self, model: &TypedModel, op: OnDevice) -> TractResult<TypedModel> {
        let mut around = model.clone();
        let mut patch = TypedModelPatch::default();
        let mut inputs = patch.taps(model, &self.fed)?;
        for mask in self.masked(model)? {
            let whole = patch.tap_model(model, mask.outlet)?;
            let name = format!("{NAME}/mask {}", inputs.len());
            inputs.push(mask.wire(&mut patch, whole, &name)?);
        }
        let made = patch.wire_node(NAME, op, &inputs)?;
        for (read, made) in self.read.iter().zip(made) {
            patch.shunt_outside(model, *read, made)?;
        }
        patch.apply(&mut around)?;
        around.compact()?;
        Ok(around)
    }
}

/// Of the node in a part's place.
const NAME: &str = "on device";
/// Inputs of an attention that are rows; the next is its mask.
const ROWS_OF_ATTENTION: usize = 3;
/// Numbers of a head that kernels have room for.
const MOST_HEAD_SIZE: usize = 256;

/// Whether tokens look at each other in it.
pub(super) fn attends(model: &TypedModel) -> bool {
    model.nodes.iter().any(|node| node.op_is::<Attend>())
}

/// Whether it is an operation that devices have kernels for.
fn computes(node: &TypedNode) -> bool {
    let of_rows = |node: &RowNode| {
        let op = node.0.as_any();
        op.is::<LayerNorm>() || op.is::<Dense>() || op.is::<Linear>()
    };
    let own = node.op_is::<Attend>() || node.op_as::<RowNode>().is_some_and(of_rows);
    own || function_of_rows(node).is_some()
}

/// The function of each number that a node is, where devices have it.
fn function_of_rows(node: &TypedNode) -> Option<gpu::Function> {
    let ElementWiseOp(op, None) = node.op_as::<ElementWiseOp>()? else { return None };
    if op.is::<GeluExact>() {
        Some(gpu::Function::Gelu)
    } else if op.is::<GeluApproximate>() {
        Some(gpu::Function::GeluTanh)
    } else if op.is::<Tanh>() {
        Some(gpu::Function::Tanh)
    } else if op.is::<Sigmoid>() {
        Some(gpu::Function::Sigmoid)
    } else {
        None
    }
}

/// Makes a function part of the product that it follows.
fn joined(
    lowering: &mut Lowering<'static>,
    model: &TypedModel,
    node: &TypedNode,
    function: gpu::Function,
) -> TractResult<()> {
    let value = lowering.read(node, 0)?;
    let input = *node.inputs.first().context("it has no input")?;
    let readers = model.node(input.node).outputs.get(input.slot).map(|made| made.successors.len());
    let alone = readers == Some(1) && !model.outputs.contains(&input);
    let products = lowering.graph.operations.iter_mut().filter_map(|operation| match operation {
        gpu::Operation::Linear { products, residual: None, .. } => Some(products),
        _ => None,
    });
    let plain = |product: &&mut gpu::Product| {
        product.out == value && product.gate.is_none() && product.function == gpu::Function::None
    };
    let product = products.flatten().find(plain).filter(|_| alone);
    product.context("it is a function of no product alone")?.function = function;
    lowering.values.insert(OutletId::new(node.id, 0), value);
    Ok(())
}

/// Texts and tokens of batch × tokens × width.
fn rows_of(fact: &TypedFact) -> Option<[TDim; 2]> {
    let shape = fact.shape.to_tvec();
    let [texts, tokens, _] = &*shape else { return None };
    Some([texts.clone(), tokens.clone()])
}

fn makes_rows(node: &TypedNode, rows: &[TDim; 2]) -> bool {
    node.outputs.iter().all(|output| rows_of(&output.fact).as_ref() == Some(rows))
}

fn no_kernel(model: &TypedModel, id: usize) -> String {
    let node = model.node(id);
    format!("node {} ({}): there is no kernel for it", node.name, node.op().name())
}

fn function(function: Function) -> gpu::Function {
    match function {
        Function::None => gpu::Function::None,
        Function::Relu => gpu::Function::Relu,
        Function::Gelu => gpu::Function::Gelu,
        Function::GeluTanh => gpu::Function::GeluTanh,
        Function::Tanh => gpu::Function::Tanh,
        Function::Sigmoid => gpu::Function::Sigmoid,
    }
}
