//! A decoder of chance.

use std::sync::Arc;

use crate::graph::{Attention, Function, Graph, Operation, Product, Rotary};
use crate::kernels::tests::Chance;
use crate::kernels::tests::matrix::Matrix;
use crate::weights::{Form, Numbers, Offset, Weights, Width};

const FOUR: Form =
    Form { width: Width::Four, numbers: Numbers::Half, offset: Offset::Zero(8), parts: 1 };
const EIGHT: Form =
    Form { width: Width::Eight, numbers: Numbers::Single, offset: Offset::Minimum, parts: 2 };
const HALF: Form =
    Form { width: Width::Half, numbers: Numbers::Half, offset: Offset::Zero(0), parts: 1 };

/// Sizes of a decoder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_size: usize,
    inner: usize,
    vocabulary: usize,
    layers: usize,
    bias: bool,
    /// Of most matrices, and of values' and what comes after the gate.
    forms: [Form; 2],
    rotary: Option<bool>,
}

impl Shape {
    pub(super) const ALL: [Self; 3] = [
        Self {
            width: 96,
            heads: 3,
            kv_heads: 1,
            head_size: 32,
            inner: 160,
            vocabulary: 300,
            layers: 2,
            bias: false,
            forms: [FOUR, FOUR],
            rotary: Some(false),
        },
        Self {
            width: 64,
            heads: 4,
            kv_heads: 2,
            head_size: 16,
            inner: 100,
            vocabulary: 129,
            layers: 2,
            bias: true,
            forms: [FOUR, EIGHT],
            rotary: Some(true),
        },
        Self {
            width: 80,
            heads: 2,
            kv_heads: 2,
            head_size: 48,
            inner: 72,
            vocabulary: 50,
            layers: 1,
            bias: true,
            forms: [HALF, HALF],
            rotary: None,
        },
    ];
}

impl Shape {
    /// A decoder that is hardly more than its vocabulary.
    pub(super) fn of_words(vocabulary: usize) -> Self {
        Self { width: 32, layers: 0, vocabulary, ..Self::ALL[0] }
    }
}

pub(super) struct Model {
    shape: Shape,
    pub(super) matrices: Vec<Matrix>,
    pub(super) values: Vec<usize>,
    pub(super) operations: Vec<Operation>,
    pub(super) logits: usize,
}

fn product(matrix: usize, out: usize) -> Product {
    Product { matrix, gate: None, bias: None, function: Function::None, out }
}

/// Positions of the rotary tables.
const POSITIONS: usize = 640;

impl Model {
    pub(super) fn new(shape: Shape) -> Self {
        let (matrices, values, operations) = Default::default();
        let mut model = Self { shape, matrices, values, operations, logits: 0 };
        let table = model.matrix(shape.forms[0], shape.vocabulary, shape.width);
        let mut x = model.value(shape.width);
        model.operations.push(Operation::Embed { table, out: x });
        for layer in 0..shape.layers {
            x = model.attention(layer, x);
            x = model.feed_forward(layer, x);
        }
        let picked = model.value(shape.width);
        model.operations.push(Operation::Pick { x, out: picked });
        let x = model.norm(picked, 99);
        model.logits = model.value(shape.vocabulary);
        // The embedding again: what names a token also makes its logit.
        let products = vec![product(table, model.logits)];
        model.operations.push(Operation::Linear { x, products, residual: None });
        model
    }

    pub(super) fn graph(&self) -> Graph<'_> {
        Graph {
            matrices: self.matrices.iter().map(|matrix| matrix as &dyn Weights).collect(),
            values: self.values.clone(),
            operations: self.operations.clone(),
            results: vec![self.logits],
            ..Graph::default()
        }
    }

    pub(super) fn vocabulary(&self) -> usize {
        self.shape.vocabulary
    }

    pub(super) fn tokens(&self, count: usize, seed: u64) -> Vec<u32> {
        let mut chance = Chance::new(seed);
        (0..count).map(|_| chance.word() % self.shape.vocabulary as u32).collect()
    }

    fn value(&mut self, width: usize) -> usize {
        self.values.push(width);
        self.values.len() - 1
    }

    fn matrix(&mut self, form: Form, outputs: usize, inputs: usize) -> usize {
        let seed = self.matrices.len() as u64 + 11;
        self.matrices.push(Matrix::new(form, outputs, inputs, seed));
        self.matrices.len() - 1
    }

    fn norm(&mut self, x: usize, seed: u64) -> usize {
        let gain = Chance::new(seed).floats(self.shape.width).into_iter().map(|g| 0.3 + g * 0.1);
        let (gain, out) = (gain.collect(), self.value(self.shape.width));
        self.operations.push(Operation::Norm { x, gain, epsilon: 1e-5, out });
        out
    }

    fn product(&mut self, form: Form, outputs: usize, inputs: usize) -> Product {
        let matrix = self.matrix(form, outputs, inputs);
        product(matrix, self.value(outputs))
    }

    fn attention(&mut self, layer: usize, x: usize) -> usize {
        let Shape { width, heads, kv_heads, head_size, forms, .. } = self.shape;
        let normed = self.norm(x, layer as u64 * 2 + 1);
        let sizes = [heads, kv_heads, kv_heads].map(|heads| heads * head_size);
        let mut products = Vec::new();
        for (at, (size, form)) in sizes.into_iter().zip([forms[0], forms[0], forms[1]]).enumerate()
        {
            let mut product = self.product(form, size, width);
            product.bias = self.shape.bias.then(|| Chance::new(at as u64).floats(size));
            products.push(product);
        }
        let inputs = [0, 1, 2].map(|at: usize| products[at].out);
        self.operations.push(Operation::Linear { x: normed, products, residual: None });
        let out = self.value(heads * head_size);
        let (scale, rotary) = (1.0 / (head_size as f32).sqrt(), self.rotary());
        let attention = Attention { inputs, layer, heads, kv_heads, head_size, scale, rotary, out };
        self.operations.push(Operation::Attend(attention));
        let product = self.product(forms[0], width, heads * head_size);
        let next = product.out;
        self.operations.push(Operation::Linear {
            x: out,
            products: vec![product],
            residual: Some(x),
        });
        next
    }

    fn rotary(&self) -> Option<Rotary> {
        let half = self.shape.head_size / 2;
        let angle = |at: usize| (at / half) as f32 * 0.01f32.powf((at % half) as f32 / half as f32);
        let table =
            |of: fn(f32) -> f32| Arc::new((0..POSITIONS * half).map(|at| of(angle(at))).collect());
        let neighbours = self.shape.rotary?;
        Some(Rotary { table: 0, cos: table(f32::cos), sin: table(f32::sin), neighbours })
    }

    fn feed_forward(&mut self, layer: usize, x: usize) -> usize {
        let Shape { width, inner, forms, .. } = self.shape;
        let normed = self.norm(x, layer as u64 * 2 + 2);
        let gate = self.matrix(forms[0], inner, width);
        let up = Product { gate: Some(gate), ..self.product(forms[0], inner, width) };
        let gated = up.out;
        self.operations.push(Operation::Linear { x: normed, products: vec![up], residual: None });
        let down = self.product(forms[1], width, inner);
        let next = down.out;
        self.operations.push(Operation::Linear {
            x: gated,
            products: vec![down],
            residual: Some(x),
        });
        next
    }
}
