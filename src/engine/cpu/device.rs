//! A decoder's plan as a graph for a device: the same operations with the same weights.
//!
//! What a device has no kernel for is refused by the node's name; the processor serves then.

use std::collections::HashMap;
use std::sync::Arc;

use endcap_gpu::{Attention, Function, Graph, Operation, Product, Rotary, Weights};
use tract_onnx::tract_core::ops::array::Gather;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_hir::internal::*;

use super::Plan;
use super::kernels::product::Matrix;
use super::ops::attention::Tables;
use super::ops::linear::Linear;
use super::ops::norm::Norm;
use super::ops::{self, RowNode, Table};

impl Plan {
    /// The graph that a device would compute.
    pub(in crate::engine) fn graph(&self) -> Result<Graph<'_>, String> {
        let mut lowering = Lowering::default();
        lowering.graph.matrices =
            (0..).map_while(|number| self.weights.get(number)).map(weights).collect();
        let model = self.runnable.model();
        let order = model.eval_order().map_err(|error| format!("{error:#}"))?;
        for id in order {
            let node = model.nodes.get(id).ok_or("a node is missing")?;
            lowering
                .node(model, node)
                .map_err(|error| format!("node {} ({}): {error:#}", node.name, node.op().name()))?;
        }
        let output = model.outputs.first().ok_or("it has no output")?;
        let logits = lowering.values.get(output).ok_or("nothing makes the logits")?;
        lowering.graph.results = vec![*logits];
        Ok(lowering.graph)
    }
}

/// The weights of a matrix, as a device reads them.
pub(super) fn weights(matrix: &Matrix) -> &dyn Weights {
    match matrix {
        Matrix::Quantized(packed) => packed,
        Matrix::Float(columns) => columns,
    }
}

/// A graph in the making.
#[derive(Default)]
pub(super) struct Lowering<'a> {
    pub(super) graph: Graph<'a>,
    /// Which value each outlet of the plan is.
    pub(super) values: HashMap<OutletId, usize>,
    tables: HashMap<[usize; 2], Rotary>,
}

impl Lowering<'_> {
    fn node(&mut self, model: &TypedModel, node: &TypedNode) -> TractResult<()> {
        // What the step brings, and what operations hold already.
        if node.op_is::<TypedSource>() || node.op_is::<Const>() {
            return Ok(());
        }
        let operation = if let Some(table) = node.op_as::<Table>() {
            Operation::Embed { table: table.weights(), out: self.made(model, node, 0)? }
        } else if let Some(RowNode(op)) = node.op_as::<RowNode>() {
            let op = op.as_any();
            if let Some(norm) = op.downcast_ref::<Norm>() {
                let gain = floats(&norm.gain)?;
                let (x, out) = (self.read(node, 0)?, self.made(model, node, 0)?);
                Operation::Norm { x, gain, epsilon: norm.epsilon, out }
            } else if let Some(linear) = op.downcast_ref::<Linear>() {
                self.linear(model, node, linear)?
            } else if let Some(attention) = op.downcast_ref::<ops::Attention>() {
                self.attention(model, node, attention)?
            } else {
                bail!("there is no kernel for it")
            }
        } else if node.op_as::<Gather>().is_some_and(|gather| gather.axis == 1) {
            // The wanted rows are the only thing that a decoder gathers of rows.
            ensure!(model.inputs.get(1) == node.inputs.get(1), "it gathers by other numbers");
            Operation::Pick { x: self.read(node, 0)?, out: self.made(model, node, 0)? }
        } else {
            bail!("there is no kernel for it")
        };
        self.graph.operations.push(operation);
        Ok(())
    }

    /// A value that the node reads.
    pub(super) fn read(&self, node: &TypedNode, input: usize) -> TractResult<usize> {
        let outlet = node.inputs.get(input).context("it has too few inputs")?;
        self.values.get(outlet).copied().context("it reads what no kernel makes")
    }

    /// A value that the node makes.
    pub(super) fn made(
        &mut self,
        model: &TypedModel,
        node: &TypedNode,
        output: usize,
    ) -> TractResult<usize> {
        self.value(model, OutletId::new(node.id, output))
    }

    /// A new value for an outlet.
    pub(super) fn value(&mut self, model: &TypedModel, outlet: OutletId) -> TractResult<usize> {
        let width =
            model.outlet_fact(outlet)?.shape.last().context("it makes a number")?.to_usize()?;
        self.graph.values.push(width);
        let value = self.graph.values.len() - 1;
        self.values.insert(outlet, value);
        Ok(value)
    }

    /// Products of a decoder's, or with blocks of weights.
    pub(super) fn linear(
        &mut self,
        model: &TypedModel,
        node: &TypedNode,
        linear: &Linear,
    ) -> TractResult<Operation> {
        let mut x = self.read(node, 0)?;
        if let Some(gain) = &linear.gain {
            self.graph.values.push(gain.len());
            let out = self.graph.values.len() - 1;
            let (gain, epsilon) = (gain.clone(), linear.epsilon);
            self.graph.operations.push(Operation::Norm { x, gain, epsilon, out });
            x = out;
        }
        let residual = (node.inputs.len() > 1).then(|| self.read(node, 1)).transpose()?;
        let mut products = Vec::new();
        for (at, (numbers, bias)) in linear.products.iter().zip(&linear.biases).enumerate() {
            let (matrix, gate) = (numbers.weights, numbers.gate);
            let out = self.made(model, node, at)?;
            let (bias, function) = (bias.clone(), Function::None);
            products.push(Product { matrix, gate, bias, function, out });
        }
        Ok(Operation::Linear { x, products, residual })
    }

    fn attention(
        &mut self,
        model: &TypedModel,
        node: &TypedNode,
        attention: &ops::Attention,
    ) -> TractResult<Operation> {
        let inputs = [self.read(node, 0)?, self.read(node, 1)?, self.read(node, 2)?];
        let &ops::Attention { layer, heads, kv_heads, head_size, scale, .. } = attention;
        let rotary = attention.rotary.as_ref().map(|tables| self.rotary(tables)).transpose()?;
        let out = self.made(model, node, 0)?;
        let attention = Attention { inputs, layer, heads, kv_heads, head_size, scale, rotary, out };
        Ok(Operation::Attend(attention))
    }

    /// Layers that share tables name the same.
    fn rotary(&mut self, tables: &Tables) -> TractResult<Rotary> {
        let key = [&tables.cos, &tables.sin].map(|table| Arc::as_ptr(table).addr());
        if let Some(rotary) = self.tables.get(&key) {
            return Ok(Rotary { neighbours: tables.interleaved, ..rotary.clone() });
        }
        let (cos, sin) = (Arc::new(floats(&tables.cos)?), Arc::new(floats(&tables.sin)?));
        let (table, neighbours) = (self.tables.len(), tables.interleaved);
        let rotary = Rotary { table, cos, sin, neighbours };
        self.tables.insert(key, rotary.clone());
        Ok(rotary)
    }
}

fn floats(tensor: &Tensor) -> TractResult<Vec<f32>> {
    Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}
