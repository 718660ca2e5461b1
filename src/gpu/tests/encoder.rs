//! A small encoder of chance on a device, against the same computed by hand.

use std::time::Duration;

use super::*;
use crate::graph::{Function, Graph, Mask, Mutual, Operation, Product};
use crate::kernels::tests::matrix::{Matrix, forms};
use crate::kernels::tests::{Chance, exact};
use crate::weights::{Form, Weights};
use crate::{Encoder, GpuError, HIDDEN, Limits, Software, Texts};

/// Several layers of sums in another order, as a share of the largest number.
const TOLERANCE_OF_LAYERS: f32 = 1e-4;
/// Tokens that are computed at once.
const ROWS: usize = 24;

/// An encoder: an embedding that is brought, its norm, and layers.
struct Model {
    width: usize,
    heads: usize,
    mask: Option<Mask>,
    matrices: Vec<Matrix>,
    values: Vec<usize>,
    operations: Vec<Operation>,
    results: Vec<usize>,
}

impl Model {
    fn new(width: usize, heads: usize, mask: Option<Mask>, form: Form) -> Self {
        let (matrices, values, operations, results) = Default::default();
        let mut model = Self { width, heads, mask, matrices, values, operations, results };
        let fed = model.value(width);
        model.operations.push(Operation::Feed { out: fed });
        let mut x = model.norm(fed);
        for _ in 0..2 {
            x = model.layer(x, form);
        }
        // What is between is read too, and stays though others come after it.
        let head = model.product(form, 5, width, Function::Tanh);
        let out = head.out;
        model.operations.push(Operation::Linear { x, products: vec![head], residual: None });
        model.results = vec![out, x];
        model
    }

    fn value(&mut self, width: usize) -> usize {
        self.values.push(width);
        self.values.len() - 1
    }

    fn chance(&self) -> Chance {
        Chance::new(self.values.len() as u64)
    }

    fn norm(&mut self, x: usize) -> usize {
        let mut chance = self.chance();
        let (gain, bias) = (chance.floats(self.width), chance.floats(self.width));
        let out = self.value(self.width);
        self.operations.push(Operation::LayerNorm { x, gain, bias, epsilon: 1e-5, out });
        out
    }

    fn product(
        &mut self,
        form: Form,
        outputs: usize,
        inputs: usize,
        function: Function,
    ) -> Product {
        let bias = Some(self.chance().floats(outputs));
        self.matrices.push(Matrix::new(form, outputs, inputs, self.values.len() as u64 + 5));
        let (matrix, out) = (self.matrices.len() - 1, self.value(outputs));
        Product { matrix, gate: None, bias, function, out }
    }

    fn linear(&mut self, x: usize, product: Product, residual: Option<usize>) -> usize {
        let out = product.out;
        self.operations.push(Operation::Linear { x, products: vec![product], residual });
        out
    }

    fn layer(&mut self, x: usize, form: Form) -> usize {
        let (width, heads) = (self.width, self.heads);
        let products = [(); 3].map(|()| self.product(form, width, width, Function::None));
        let inputs = [0, 1, 2].map(|at: usize| products[at].out);
        self.operations.push(Operation::Linear { x, products: products.into(), residual: None });
        let (head_size, out) = (width / heads, self.value(width));
        let (scale, mask) = (1.0 / (head_size as f32).sqrt(), self.mask.map(|_| 0));
        let attention = Mutual { inputs, heads, head_size, scale, mask, blind_is_zero: false, out };
        self.operations.push(Operation::Mutual(attention));
        let product = self.product(form, width, width, Function::None);
        let sum = self.linear(out, product, Some(x));
        let normed = self.norm(sum);
        let product = self.product(form, 72, width, Function::Gelu);
        let inner = self.linear(normed, product, None);
        let product = self.product(form, width, 72, Function::None);
        let sum = self.linear(inner, product, Some(normed));
        self.norm(sum)
    }

    fn graph(&self) -> Graph<'_> {
        Graph {
            matrices: self.matrices.iter().map(|matrix| matrix as &dyn Weights).collect(),
            values: self.values.clone(),
            operations: self.operations.clone(),
            masks: self.mask.into_iter().collect(),
            results: self.results.clone(),
        }
    }

    fn on(&self, device: &Device) -> Encoder {
        Encoder::new(device, &self.graph(), ROWS, Tuning::default()).unwrap()
    }

    fn texts(&self, lengths: &[usize], seed: u64) -> Given {
        let mut chance = Chance::new(seed);
        let texts = lengths.iter().map(|&length| {
            let rows = chance.floats(length * self.width);
            let count = match self.mask {
                None => 0,
                Some(Mask::Keys) => length,
                Some(Mask::Pairs) => length * length,
            };
            let hidden =
                |chance: &mut Chance| if chance.word().is_multiple_of(3) { HIDDEN } else { 0.0 };
            (rows, (0..count).map(|_| hidden(&mut chance)).collect())
        });
        let masked = self.mask.is_some();
        Given { texts: texts.collect(), lengths: lengths.to_vec(), masked }
    }
}

/// Texts, each with its embedding and its mask.
#[derive(Clone)]
struct Given {
    texts: Vec<(Vec<f32>, Vec<f32>)>,
    lengths: Vec<usize>,
    masked: bool,
}

impl Given {
    fn run(&self, encoder: &mut Encoder) -> Result<Vec<Vec<f32>>, GpuError> {
        let fed: Vec<f32> = self.texts.iter().flat_map(|(fed, _)| fed.clone()).collect();
        let mask: Vec<f32> = self.texts.iter().flat_map(|(_, mask)| mask.clone()).collect();
        let masks: &[&[f32]] = if self.masked { &[&mask] } else { &[] };
        encoder.run(&Texts { lengths: &self.lengths, fed: &[&fed], masks })
    }

    fn alone(&self, text: usize) -> Self {
        let (texts, lengths) = (vec![self.texts[text].clone()], vec![self.lengths[text]]);
        Self { texts, lengths, ..*self }
    }
}

/// Results for one text, computed by hand.
fn reference(model: &Model, (fed, mask): &(Vec<f32>, Vec<f32>), length: usize) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<Vec<f32>>> = vec![Vec::new(); model.values.len()];
    for operation in &model.operations {
        match operation {
            Operation::Feed { out } => {
                values[*out] = fed.chunks_exact(model.width).map(<[f32]>::to_vec).collect();
            }
            Operation::LayerNorm { x, gain, bias, epsilon, out } => {
                let normed = values[*x].iter().map(|x| {
                    let count = x.len() as f32;
                    let mean = x.iter().sum::<f32>() / count;
                    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / count;
                    let scale = 1.0 / (variance + epsilon).sqrt();
                    let each = x.iter().zip(gain.iter().zip(bias));
                    each.map(|(x, (gain, bias))| (x - mean) * scale * gain + bias).collect()
                });
                values[*out] = normed.collect();
            }
            Operation::Linear { x, products, residual } => {
                for product in products {
                    let rows = (0..length).map(|row| {
                        let mut y = model.matrices[product.matrix].times(&values[*x][row]);
                        let biases = product.bias.as_ref().unwrap();
                        y.iter_mut().zip(biases).for_each(|(y, bias)| *y += bias);
                        y.iter_mut().for_each(|y| *y = exact(product.function, *y));
                        if let Some(residual) = residual {
                            let added = &values[*residual][row];
                            y.iter_mut().zip(added).for_each(|(y, added)| *y += added);
                        }
                        y
                    });
                    values[product.out] = rows.collect();
                }
            }
            Operation::Mutual(attention) => {
                values[attention.out] = mutual(attention, &values, mask)
            }
            other => unreachable!("{other:?}"),
        }
    }
    model.results.iter().map(|&result| values[result].concat()).collect()
}

fn mutual(attention: &Mutual, values: &[Vec<Vec<f32>>], mask: &[f32]) -> Vec<Vec<f32>> {
    let [q, k, v] = attention.inputs.map(|input| &values[input]);
    let (size, length) = (attention.head_size, q.len());
    let row = |query: usize| -> Vec<f32> {
        let head = |head: usize| -> Vec<f32> {
            let range = head * size..(head + 1) * size;
            let score = |key: usize| {
                let pairs = q[query][range.clone()].iter().zip(&k[key][range.clone()]);
                let dot = pairs.map(|(a, b)| a * b).sum::<f32>() * attention.scale;
                let hidden = match mask.len() {
                    0 => 0.0,
                    own if own == length => mask[key],
                    _ => mask[query * length + key],
                };
                dot + hidden
            };
            let scores: Vec<f32> = (0..length).map(score).collect();
            let most = scores.iter().copied().fold(f32::MIN, f32::max);
            let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
            let total: f32 = weights.iter().sum();
            let sum = |at: usize| (0..length).map(|key| weights[key] * v[key][at]).sum::<f32>();
            range.map(|at| sum(at) / total).collect()
        };
        (0..attention.heads).flat_map(head).collect()
    };
    (0..length).map(row).collect()
}

/// Models of all forms of weights, with each kind of mask.
fn models() -> Vec<Model> {
    let forms = forms();
    let [four, eight, half, single] = [0, 5, 10, 11].map(|at: usize| forms[at]);
    vec![
        Model::new(64, 4, Some(Mask::Keys), single),
        Model::new(48, 3, Some(Mask::Pairs), eight),
        Model::new(40, 2, None, half),
        Model::new(96, 1, Some(Mask::Keys), four),
    ]
}

#[test]
fn results_of_texts_are_those_of_the_reference() {
    for (at, model) in models().iter().enumerate() {
        let lengths = [3, 20, 1, 24, 9, 8];
        let given = model.texts(&lengths, 7);
        let have = given.run(&mut model.on(&device())).unwrap();
        let each =
            given.texts.iter().zip(lengths).map(|(text, length)| reference(model, text, length));
        let want = each.reduce(|mut all, one| {
            all.iter_mut().zip(one).for_each(|(all, one)| all.extend(one));
            all
        });
        for (have, want) in have.iter().zip(&want.unwrap()) {
            let largest = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            let apart = have.iter().zip(want).map(|(h, w)| (h - w).abs()).fold(0.0, f32::max);
            let allowed = TOLERANCE_OF_LAYERS * largest;
            assert!(
                have.len() == want.len() && apart <= allowed,
                "model {at}: {apart} of {largest}"
            );
        }
    }
}

#[test]
fn a_text_gives_the_same_bits_alone_and_beside_others() {
    for model in models() {
        let given = model.texts(&[5, 17, 2, 24, 3], 9);
        let mut encoder = model.on(&device());
        let together = given.run(&mut encoder).unwrap();
        let mut alone = vec![Vec::new(); together.len()];
        for text in 0..given.lengths.len() {
            let own = given.alone(text).run(&mut encoder).unwrap();
            alone.iter_mut().zip(own).for_each(|(alone, own)| alone.extend(own));
        }
        assert_eq!(together, alone);
    }
}

#[test]
fn weights_in_pieces_give_the_same_bits() {
    for model in models() {
        let given = model.texts(&[12, 11], 3);
        let whole = given.run(&mut model.on(&device())).unwrap();
        // One or two tiles of the largest matrices.
        let limits = Limits {
            software: Software::Allowed,
            binding_bytes: Some(96 * 16 * 4),
            ..Limits::default()
        };
        let small = Device::open(limits).unwrap();
        assert_eq!(given.run(&mut model.on(&small)).unwrap(), whole);
    }
}

#[test]
fn what_does_not_fit_is_refused_and_the_encoder_goes_on() {
    let model = &models()[0];
    let mut encoder = model.on(&device());
    let outcome = model.texts(&[ROWS + 1], 1).run(&mut encoder);
    assert!(matches!(outcome, Err(GpuError::Unsupported(_))), "{outcome:?}");
    let outcome = encoder.run(&Texts { lengths: &[2], fed: &[&[0.0; 64]], masks: &[&[0.0; 2]] });
    assert!(matches!(outcome, Err(GpuError::Internal(_))), "{outcome:?}");
    assert_eq!(model.texts(&[], 1).run(&mut encoder).unwrap().concat(), []);
    assert_eq!(model.texts(&[ROWS], 1).run(&mut encoder).unwrap()[0].len(), ROWS * 5);
}

#[test]
fn a_device_that_is_lost_or_hangs_says_so_from_then_on() {
    let model = &models()[0];
    let given = model.texts(&[4], 2);
    let limits = Limits {
        software: Software::Allowed,
        // The first run also compiles.
        patience: Duration::from_secs(15),
        ..Limits::default()
    };
    for break_it in [Device::lose, Device::hang] {
        let device = Device::open(limits).unwrap();
        let mut encoder = model.on(&device);
        given.run(&mut encoder).unwrap();
        break_it(&device);
        for _ in 0..2 {
            let outcome = given.run(&mut encoder);
            let gone = matches!(outcome, Err(GpuError::Lost(_) | GpuError::Hung(_)));
            assert!(gone, "{outcome:?}");
        }
        drop(encoder);
    }
}
