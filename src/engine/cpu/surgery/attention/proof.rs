//! The exporter's nodes against attention as we compute it.

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::Attention;
use super::measure::Bench;
use super::pattern::Pattern;
use super::rotary::Turning;
use crate::engine::cpu::surgery::evaluate::{Setting, as_floats, zeros};

/// Largest difference of two results of the order of 1.
const TOLERANCE: f32 = 1e-3;

/// Runs the nodes on arbitrary rows and caches, and compares with plain causal attention.
pub(super) fn compare(
    bench: &Bench<'_>,
    attention: Attention,
    turning: Option<&Turning>,
) -> TractResult<()> {
    let setting = bench.setting();
    let out = bench.output().context("no output")?;
    let fills: [Box<dyn Fn(usize, usize) -> f32>; 3] = [1u32, 2, 3].map(|which| {
        Box::new(move |token: usize, column: usize| arbitrary(which, token * 4096 + column))
            as Box<dyn Fn(usize, usize) -> f32>
    });
    let [q, k, v] = &fills;
    let mut caches = [Vec::new(), Vec::new()];
    let got = bench.run(setting, &[out], [q, k, v], |name, shape| {
        let Some(which) = bench.caches.iter().position(|cache| *cache == Some(name)) else {
            return zeros(shape);
        };
        let len: usize = shape.iter().product();
        let values: Vec<f32> = (0..len).map(|at| arbitrary(4 + which as u32, at)).collect();
        let tensor = Tensor::from_shape(shape, &values).unwrap_or_default();
        if let Some(cache) = caches.get_mut(which) {
            *cache = values;
        }
        tensor
    })?;
    let got = as_floats(got.first().context("nothing was computed")?)?;
    let [cached_keys, cached_values] = caches;
    let expected = Reference { attention, turning, setting, cached_keys, cached_values };
    let want = expected.attend(q, k, v);
    let off = got.iter().zip(&want).map(|(got, want)| (got - want).abs());
    // A NaN is no agreement either, and `max` would pass over it.
    let worst =
        off.fold(0.0, |worst: f32, off| if off > worst || off.is_nan() { off } else { worst });
    ensure!(
        got.len() == want.len() && worst < TOLERANCE,
        "it is not causal attention with {attention:?} over all tokens before (off by {worst})"
    );
    Ok(())
}

/// Each mask must let the last token of a full context see the first: no sliding window.
///
/// `seen` has the masks that were looked at before.
pub(super) fn sees_all(
    bench: &Bench<'_>,
    pattern: &Pattern<'_>,
    seen: &mut Vec<String>,
    context_tokens: usize,
) -> TractResult<()> {
    /// A graph without a cache has no mask of one row, and one of all rows grows with the square.
    const MAX_UNCACHED: usize = 2048;
    let setting = match bench.caches[0] {
        Some(_) => Setting { past: context_tokens.saturating_sub(1), tokens: 1 },
        None => Setting { past: 0, tokens: context_tokens.min(MAX_UNCACHED) },
    };
    let total = setting.past + setting.tokens;
    for &mask in &pattern.sides {
        if seen.iter().any(|name| name == mask) {
            continue;
        }
        let nothing: &super::measure::Fill<'_> = &|_, _| 0.0;
        let values = bench.run(setting, &[mask], [nothing; 3], |_, shape| zeros(shape))?;
        let values = as_floats(values.first().context("no mask")?)?;
        let last = values.chunks(total).next_back().unwrap_or_default();
        let first = last.first().copied().unwrap_or_default();
        ensure!(
            last.iter().all(|&value| value == first),
            "the mask {mask} hides earlier tokens in a context of {total}"
        );
        seen.push(mask.to_owned());
    }
    Ok(())
}

/// A number in -1..1 that has no pattern.
fn arbitrary(stream: u32, at: usize) -> f32 {
    let mut x = (at as u32).wrapping_mul(0x9e37_79b9) ^ stream.wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 16)).wrapping_mul(0x7feb_352d);
    x = (x ^ (x >> 15)).wrapping_mul(0x846c_a68b);
    ((x ^ (x >> 16)) as f32 / u32::MAX as f32) * 2.0 - 1.0
}

/// Causal attention, written to be read.
struct Reference<'t> {
    attention: Attention,
    turning: Option<&'t Turning>,
    setting: Setting,
    /// KV heads × past × head size, turned already.
    cached_keys: Vec<f32>,
    cached_values: Vec<f32>,
}

type Row<'f> = &'f dyn Fn(usize, usize) -> f32;

impl Reference<'_> {
    fn attend(&self, q: Row<'_>, k: Row<'_>, v: Row<'_>) -> Vec<f32> {
        let Attention { heads, kv_heads, head_size, scale } = self.attention;
        let mut out = Vec::new();
        for token in 0..self.setting.tokens {
            for head in 0..heads {
                let kv_head = head / (heads / kv_heads);
                let query = self.turned(&self.head(q, token, head), token);
                let visible = self.setting.past + token + 1;
                let keys = (0..visible).map(|at| self.key(k, at, kv_head));
                let scores = keys.map(|key| {
                    let products = query.iter().zip(&key).map(|(q, k)| q * k);
                    (products.sum::<f32>() * scale).exp()
                });
                let weights: Vec<f32> = scores.collect();
                let sum: f32 = weights.iter().sum();
                let mut mixed = vec![0.0; head_size];
                for (at, weight) in weights.iter().enumerate() {
                    for (mixed, value) in mixed.iter_mut().zip(self.value(v, at, kv_head)) {
                        *mixed += value * weight / sum;
                    }
                }
                out.extend(mixed);
            }
        }
        out
    }

    fn head(&self, rows: Row<'_>, token: usize, head: usize) -> Vec<f32> {
        let size = self.attention.head_size;
        (0..size).map(|column| rows(token, head * size + column)).collect()
    }

    fn turned(&self, head: &[f32], token: usize) -> Vec<f32> {
        match self.turning {
            Some(turning) => turning.turned(head, self.setting.past + token),
            None => head.to_vec(),
        }
    }

    fn key(&self, keys: Row<'_>, at: usize, head: usize) -> Vec<f32> {
        match at.checked_sub(self.setting.past) {
            Some(token) => self.turned(&self.head(keys, token, head), token),
            None => self.cached(&self.cached_keys, at, head),
        }
    }

    fn value(&self, values: Row<'_>, at: usize, head: usize) -> Vec<f32> {
        match at.checked_sub(self.setting.past) {
            Some(token) => self.head(values, token, head),
            None => self.cached(&self.cached_values, at, head),
        }
    }

    fn cached(&self, cache: &[f32], at: usize, head: usize) -> Vec<f32> {
        let size = self.attention.head_size;
        let from = (head * self.setting.past + at) * size;
        cache.iter().skip(from).take(size).copied().collect()
    }
}
