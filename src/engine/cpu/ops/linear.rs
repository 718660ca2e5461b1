//! Products of rows with weights, with what belongs to them.
//!
//! A `RowLinear` node has the rows as its first input, then the gain of a normalisation before it,
//! then a residual, then the biases, each where its attributes say so, and an output for each
//! product.

use std::any::Any;

use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use super::{RowOp, Step, constant, width};
use crate::engine::cpu::kernels::norm::rms_norm_rows;
use crate::engine::cpu::kernels::product::{Input, Matrix, Product, multiply};
use crate::engine::cpu::weights::{WEIGHTS, WIDTHS, integers};

/// Attributes besides [`WEIGHTS`] and [`WIDTHS`], which have an entry for each product.
pub(in crate::engine::cpu) const GATES: &str = "gates";
/// 1 for each product that has a bias among the inputs.
pub(in crate::engine::cpu) const BIASES: &str = "biases";
/// Set where a residual is an input; there is one product then.
pub(in crate::engine::cpu) const RESIDUAL: &str = "residual";
/// Of the normalisation whose gain is an input.
pub(in crate::engine::cpu) const EPSILON: &str = "epsilon";

/// Which of a node's inputs are what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine::cpu) struct Inputs {
    pub(in crate::engine::cpu) gain: Option<usize>,
    pub(in crate::engine::cpu) residual: Option<usize>,
    /// For each product.
    pub(in crate::engine::cpu) biases: Vec<Option<usize>>,
    gated: bool,
}

impl Inputs {
    /// Whether it is one bare product.
    pub(in crate::engine::cpu) fn plain(&self) -> bool {
        let bare = self.gain.is_none() && self.residual.is_none() && !self.gated;
        bare && self.biases == [None]
    }
}

/// A list attribute; empty where it is absent.
pub(in crate::engine::cpu) fn ints<'a>(node: &'a NodeProto, name: &str) -> &'a [i64] {
    node.attribute.iter().find(|a| a.name == name).map_or(&[], |a| &a.ints)
}

/// Reads the attributes of a node.
pub(in crate::engine::cpu) fn inputs(node: &NodeProto) -> Inputs {
    let has = |name| node.attribute.iter().any(|a: &AttributeProto| a.name == name);
    let mut next = 0;
    let mut place = |present: bool| {
        next += usize::from(present);
        present.then_some(next)
    };
    let gain = place(has(EPSILON));
    let residual = place(has(RESIDUAL));
    let flags = ints(node, BIASES);
    let products = ints(node, WEIGHTS).len();
    let biases = (0..products).map(|at| place(flags.get(at) == Some(&1))).collect();
    Inputs { gain, residual, biases, gated: has(GATES) }
}

/// One node for products of the same input that have neither gain nor residual.
pub(in crate::engine::cpu) fn join(nodes: &[&NodeProto]) -> NodeProto {
    let mut joined = NodeProto { op_type: super::LINEAR.to_owned(), ..Default::default() };
    let (mut weights, mut widths, mut gates, mut biases) = (vec![], vec![], vec![], vec![]);
    for node in nodes {
        if joined.input.is_empty() {
            joined.name.clone_from(&node.name);
            joined.input.extend(node.input.first().cloned());
        }
        let products = ints(node, WEIGHTS).len();
        let padded = |name, absent| {
            let have = ints(node, name);
            (0..products).map(move |at| have.get(at).copied().unwrap_or(absent))
        };
        weights.extend_from_slice(ints(node, WEIGHTS));
        widths.extend_from_slice(ints(node, WIDTHS));
        gates.extend(padded(GATES, -1));
        biases.extend(padded(BIASES, 0));
        joined.input.extend(node.input.iter().skip(1).cloned());
        joined.output.extend(node.output.iter().cloned());
    }
    let gated = gates.iter().any(|&gate| gate >= 0);
    joined.attribute = vec![integers(WEIGHTS, weights), integers(WIDTHS, widths)];
    joined.attribute.push(integers(BIASES, biases));
    if gated {
        joined.attribute.push(integers(GATES, gates));
    }
    joined
}

/// A `RowLinear` node between parsing and wiring.
#[derive(Debug, Clone)]
pub(super) struct Attributes {
    products: Vec<Numbers>,
    inputs: Inputs,
    epsilon: f32,
}

/// The weights of a product, by number.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Numbers {
    pub(in crate::engine::cpu) weights: usize,
    pub(in crate::engine::cpu) gate: Option<usize>,
    width: usize,
}

impl Attributes {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Self> {
        let gates = ints(node, GATES);
        let (weights, widths) = (ints(node, WEIGHTS), ints(node, WIDTHS));
        ensure!(weights.len() == widths.len() && !weights.is_empty(), "no weights");
        let products = weights.iter().zip(widths).enumerate().map(|(at, (&weights, &width))| {
            let gate = gates.get(at).filter(|&&gate| gate >= 0);
            Ok(Numbers {
                weights: weights.try_into()?,
                gate: gate.map(|&gate| gate.try_into()).transpose()?,
                width: width.try_into()?,
            })
        });
        let products = products.collect::<TractResult<Vec<_>>>()?;
        let epsilon = node.get_attr_opt(EPSILON)?.unwrap_or(0.0);
        Ok(Self { products, inputs: inputs(node), epsilon })
    }

    /// Width of each output.
    pub(super) fn widths(&self) -> Vec<usize> {
        self.products.iter().map(|product| product.width).collect()
    }

    pub(super) fn build(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<(Linear, TVec<OutletId>)> {
        let columns = width(model, inputs, 0)?;
        let vector = |at: usize, want: usize| -> TractResult<Vec<f32>> {
            let tensor = constant(model, inputs, at)?.cast_to::<f32>()?.into_owned();
            ensure!(tensor.len() == want, "input {at} has {} values, not {want}", tensor.len());
            Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
        };
        let gain = self.inputs.gain.map(|at| vector(at, columns)).transpose()?;
        let biases = self.products.iter().zip(&self.inputs.biases);
        let biases = biases
            .map(|(product, at)| at.map(|at| vector(at, product.width)).transpose())
            .collect::<TractResult<Vec<_>>>()?;
        let mut dynamic: TVec<OutletId> = inputs.iter().take(1).copied().collect();
        if let Some(at) = self.inputs.residual {
            let (have, want) = (width(model, inputs, at)?, self.widths());
            ensure!(want == [have], "a residual of {have} values for products of {want:?}");
            dynamic.extend(inputs.get(at).copied());
        }
        let linear = Linear {
            columns,
            products: self.products.clone(),
            widths: self.widths(),
            gain,
            biases,
            epsilon: self.epsilon,
        };
        Ok((linear, dynamic))
    }
}

/// Products of rows with weights.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Linear {
    columns: usize,
    pub(in crate::engine::cpu) products: Vec<Numbers>,
    widths: Vec<usize>,
    pub(in crate::engine::cpu) gain: Option<Vec<f32>>,
    pub(in crate::engine::cpu) biases: Vec<Option<Vec<f32>>>,
    pub(in crate::engine::cpu) epsilon: f32,
}

impl RowOp for Linear {
    fn name(&self) -> &'static str {
        match (self.products.as_slice(), &self.gain) {
            ([Numbers { gate: Some(_), .. }], _) => "GatedLinear",
            ([_], None) => "Linear",
            ([_], Some(_)) => "NormLinear",
            (_, None) => "Linears",
            (_, Some(_)) => "NormLinears",
        }
    }

    fn widths(&self) -> &[usize] {
        &self.widths
    }

    fn weights(&self) -> Vec<usize> {
        self.products.iter().flat_map(|p| [Some(p.weights), p.gate]).flatten().collect()
    }

    fn eval(
        &self,
        step: &Step,
        rows: usize,
        inputs: &[&[f32]],
        outs: &mut [&mut [f32]],
    ) -> TractResult<()> {
        let (x, residual) = match inputs {
            [x] => (*x, None),
            [x, residual] => (*x, Some(*residual)),
            _ => bail!("one or two inputs are expected"),
        };
        let mut scratch = step.scratch.try_borrow_mut()?;
        let scratch = &mut *scratch;
        let floats = match &self.gain {
            None => x,
            Some(gain) => {
                scratch.normed.resize(x.len(), 0.0);
                let out = scratch.normed.as_mut_slice();
                rms_norm_rows(step.kernel, &step.pool, x, gain, self.epsilon, out);
                &scratch.normed
            }
        };
        let matrix = |number| step.weights.get(number).context("weights are missing");
        let mut products = Vec::with_capacity(self.products.len());
        let mut quantized = false;
        for ((numbers, bias), out) in self.products.iter().zip(&self.biases).zip(outs) {
            let weights = matrix(numbers.weights)?;
            let gate = numbers.gate.map(matrix).transpose()?;
            let fits = |m: &Matrix| m.inputs() == self.columns && m.outputs() == numbers.width;
            ensure!(fits(weights) && gate.is_none_or(fits), "weights of another shape");
            quantized |= weights.is_quantized() || gate.is_some_and(Matrix::is_quantized);
            products.push(Product { weights, bias: bias.as_deref(), gate, residual, out });
        }
        if quantized {
            let activation = step.activation;
            scratch.activations.set(step.kernel, &step.pool, activation, floats, rows);
        }
        let input = Input { rows, floats, integers: &scratch.activations };
        multiply(step.kernel, &step.pool, input, &mut products);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
