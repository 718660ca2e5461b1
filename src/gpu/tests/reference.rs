//! A graph computed by hand, a token after the other.

use half::f16;

use super::Model;
use crate::graph::{Attention, Operation};
use crate::weights::Weights;

/// Keys and values of a layer, a token after the other.
type Past = Vec<[Vec<f32>; 2]>;

/// Logits after each token.
pub(super) fn logits(model: &Model, tokens: &[u32]) -> Vec<Vec<f32>> {
    let mut past: Vec<Past> = vec![Past::new(); model.operations.len()];
    let each = tokens.iter().enumerate();
    each.map(|(position, &token)| step(model, &mut past, position, token)).collect()
}

fn step(model: &Model, past: &mut [Past], position: usize, token: u32) -> Vec<f32> {
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); model.values.len()];
    for operation in &model.operations {
        match operation {
            Operation::Embed { table, out } => {
                let matrix = &model.matrices[*table];
                let row = (0..matrix.inputs()).map(|i| matrix.weight(token as usize, i));
                values[*out] = row.collect();
            }
            Operation::Norm { x, gain, epsilon, out } => {
                let x = &values[*x];
                let mean = x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32;
                let scale = 1.0 / (mean + epsilon).sqrt();
                values[*out] = x.iter().zip(gain).map(|(x, gain)| x * scale * gain).collect();
            }
            Operation::Linear { x, products, residual } => {
                for product in products {
                    let mut y = model.matrices[product.matrix].times(&values[*x]);
                    if let Some(gate) = product.gate {
                        let gates = model.matrices[gate].times(&values[*x]);
                        y.iter_mut().zip(gates).for_each(|(y, g)| *y *= g / (1.0 + (-g).exp()));
                    }
                    for added in product.bias.iter().chain(residual.map(|r| &values[r])) {
                        y.iter_mut().zip(added).for_each(|(y, added)| *y += added);
                    }
                    values[product.out] = y;
                }
            }
            Operation::Attend(attention) => {
                let [q, k, v] = attention.inputs.map(|input| values[input].clone());
                let past = &mut past[attention.layer];
                let half = |x: Vec<f32>| x.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
                past.push([half(turned(attention, &k, position)), half(v)]);
                values[attention.out] = attend(attention, &turned(attention, &q, position), past);
            }
            Operation::Pick { x, out } => values[*out] = values[*x].clone(),
            other => unreachable!("{other:?} is no decoder's"),
        }
    }
    values[model.logits].clone()
}

fn turned(attention: &Attention, x: &[f32], position: usize) -> Vec<f32> {
    let mut out = x.to_vec();
    let Some(rotary) = &attention.rotary else { return out };
    let half = attention.head_size / 2;
    for head in (0..x.len()).step_by(attention.head_size) {
        for pair in 0..half {
            let (a, b) =
                if rotary.neighbours { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) };
            let (a, b) = (head + a, head + b);
            let at = position * half + pair;
            out[a] = x[a] * rotary.cos[at] - x[b] * rotary.sin[at];
            out[b] = x[b] * rotary.cos[at] + x[a] * rotary.sin[at];
        }
    }
    out
}

fn attend(attention: &Attention, query: &[f32], past: &Past) -> Vec<f32> {
    let (size, group) = (attention.head_size, attention.heads / attention.kv_heads);
    let mut out = Vec::new();
    for head in 0..attention.heads {
        let (own, of) = (&query[head * size..][..size], head / group * size);
        let score =
            |key: &[f32]| own.iter().zip(key).map(|(a, b)| a * b).sum::<f32>() * attention.scale;
        let scores: Vec<f32> = past.iter().map(|[key, _]| score(&key[of..][..size])).collect();
        let most = scores.iter().copied().fold(f32::MIN, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
        let total: f32 = weights.iter().sum();
        out.extend((0..size).map(|at| {
            let sum: f32 =
                weights.iter().zip(past).map(|(weight, [_, value])| weight * value[of + at]).sum();
            sum / total
        }));
    }
    out
}
