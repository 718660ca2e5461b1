//! Products of rows with weights that many rows share, with what belongs to them.
//!
//! A `RowDense` node has the rows as its first input, then a residual, then the biases, each where its
//! attributes say so, and an output for each product.

use std::any::Any;

use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::tract_hir::internal::*;

use super::linear::{BIASES, RESIDUAL, ints};
use super::{RowOp, Step, constant, width};
use crate::engine::Activation;
use crate::engine::cpu::kernels::dense::{Digits, Function, Product, Scheme, multiply};
use crate::engine::cpu::weights::{WEIGHTS, WIDTHS};

/// For each product, the number of its [`Function`].
pub(in crate::engine::cpu) const FUNCTIONS: &str = "functions";
/// Bits of the rows where the model says how many; absent, they are as configured.
pub(in crate::engine::cpu) const BITS: &str = "bits";
/// Scale and zero point of the rows where the model has them.
pub(in crate::engine::cpu) const STEP: &str = "step";
pub(in crate::engine::cpu) const ZERO: &str = "zero";

/// Functions by their number.
pub(in crate::engine::cpu) const NUMBERED: [Function; 6] = [
    Function::None,
    Function::Relu,
    Function::Gelu,
    Function::GeluTanh,
    Function::Tanh,
    Function::Sigmoid,
];

/// A `RowDense` node between parsing and wiring.
#[derive(Debug, Clone)]
pub(super) struct Attributes {
    products: Vec<Numbers>,
    residual: bool,
    /// For each product.
    biased: Vec<bool>,
    rows: Rows,
}

/// One product.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Numbers {
    pub(in crate::engine::cpu) weights: usize,
    width: usize,
    pub(in crate::engine::cpu) function: Function,
}

/// What rows become where weights are bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) enum Rows {
    Configured,
    Known(Scheme),
}

impl Attributes {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Self> {
        let (weights, widths) = (ints(node, WEIGHTS), ints(node, WIDTHS));
        ensure!(weights.len() == widths.len() && !weights.is_empty(), "no weights");
        let functions = ints(node, FUNCTIONS);
        let products = weights.iter().zip(widths).enumerate().map(|(at, (&weights, &width))| {
            let number = usize::try_from(functions.get(at).copied().unwrap_or(0))?;
            let function = *NUMBERED.get(number).context("no such function")?;
            Ok(Numbers { weights: weights.try_into()?, width: width.try_into()?, function })
        });
        let products = products.collect::<TractResult<Vec<_>>>()?;
        let has = |name| node.attribute.iter().any(|a: &AttributeProto| a.name == name);
        let flags = ints(node, BIASES);
        let biased = (0..products.len()).map(|at| flags.get(at) == Some(&1)).collect();
        let rows = match (node.get_attr_opt::<f32>(STEP)?, node.get_attr_opt::<i64>(BITS)?) {
            (Some(scale), _) => {
                let zero = node.get_attr::<i64>(ZERO)?.try_into()?;
                Rows::Known(Scheme::Fixed { scale, zero })
            }
            (None, Some(8)) => Rows::Known(Scheme::Bits8),
            (None, Some(bits)) => bail!("rows of {bits} bits"),
            (None, None) => Rows::Configured,
        };
        Ok(Self { products, residual: has(RESIDUAL), biased, rows })
    }

    /// Width of each output.
    pub(super) fn widths(&self) -> Vec<usize> {
        self.products.iter().map(|product| product.width).collect()
    }

    pub(super) fn build(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<(Dense, TVec<OutletId>)> {
        let columns = width(model, inputs, 0)?;
        let dynamic: TVec<OutletId> =
            inputs.iter().take(1 + usize::from(self.residual)).copied().collect();
        if let (Some(&residual), Some(&first)) = (dynamic.get(1), dynamic.first()) {
            let (first, residual) = (model.outlet_fact(first)?, model.outlet_fact(residual)?);
            let mut shape = first.shape.to_tvec();
            *shape.last_mut().context("a row has at least one axis")? =
                self.products.first().map_or(0, |product| product.width).to_dim();
            ensure!(*shape == *residual.shape, "a residual of another shape");
        }
        let mut next = dynamic.len();
        let mut biases = Vec::with_capacity(self.products.len());
        for (product, &biased) in self.products.iter().zip(&self.biased) {
            let mut bias = Vec::new();
            if biased {
                let tensor = constant(model, inputs, next)?.cast_to::<f32>()?.into_owned();
                ensure!(tensor.len() == product.width, "a bias of {} values", tensor.len());
                bias.extend_from_slice(tensor.try_as_plain_ram()?.as_slice::<f32>()?);
                next += 1;
            }
            biases.push(bias);
        }
        let (products, widths, rows) = (self.products.clone(), self.widths(), self.rows);
        Ok((Dense { columns, products, widths, biases, rows }, dynamic))
    }
}

/// Products of rows with weights.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Dense {
    columns: usize,
    pub(in crate::engine::cpu) products: Vec<Numbers>,
    widths: Vec<usize>,
    /// For each product; may be empty.
    pub(in crate::engine::cpu) biases: Vec<Vec<f32>>,
    pub(in crate::engine::cpu) rows: Rows,
}

impl RowOp for Dense {
    fn name(&self) -> &'static str {
        if self.products.len() == 1 { "Dense" } else { "Denses" }
    }

    fn widths(&self) -> &[usize] {
        &self.widths
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
        let mut products = Vec::with_capacity(self.products.len());
        let mut reads_digits = false;
        for ((numbers, bias), out) in self.products.iter().zip(&self.biases).zip(outs) {
            let dense = step.weights.dense(numbers.weights).context("weights are missing")?;
            ensure!(
                (dense.inputs, dense.outputs) == (self.columns, numbers.width),
                "weights of another shape"
            );
            reads_digits |= dense.reads_digits();
            let function = numbers.function;
            products.push(Product { dense, bias, function, residual, out });
        }
        let mut scratch = step.scratch.try_borrow_mut()?;
        let digits: &mut Digits = &mut scratch.digits;
        if reads_digits {
            let scheme = match (self.rows, step.activation) {
                (Rows::Known(scheme), _) => scheme,
                (Rows::Configured, Activation::Bits8) => Scheme::Bits8,
                (Rows::Configured, Activation::Mixed | Activation::Bits16) => Scheme::Bits16,
            };
            digits.set(step.kernel, &step.pool, scheme, x, rows);
        }
        multiply(step.kernel, &step.pool, rows, x, digits, &mut products);
        Ok(())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
