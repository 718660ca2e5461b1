//! Attention of one token's heads over the pages of its sequence (Vaswani et al. 2017), with
//! rotary positions (Su et al. 2021, arXiv:2104.09864).

use super::half::{narrow, widen_lanes};
use super::{LANES, Lanes, compiled_for_each_kernel, exp, fused};
use crate::engine::kv::PAGE_TOKENS;

const _: () = assert!(PAGE_TOKENS == LANES, "a page's keys are read as lanes");

/// How positions turn a head.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Rotary<'a> {
    /// Positions × half a head.
    pub(in crate::engine::cpu) cos: &'a [f32],
    pub(in crate::engine::cpu) sin: &'a [f32],
    /// Neighbours are a pair, instead of the halves' equal places.
    pub(in crate::engine::cpu) interleaved: bool,
}

impl Rotary<'_> {
    /// Turns each head of `x`.
    pub(in crate::engine::cpu) fn turn(&self, x: &mut [f32], head_size: usize, position: usize) {
        let half = head_size / 2;
        let cos = &self.cos[position * half..(position + 1) * half];
        let sin = &self.sin[position * half..(position + 1) * half];
        for head in x.chunks_exact_mut(head_size) {
            for j in 0..half {
                let (i, k) = if self.interleaved { (2 * j, 2 * j + 1) } else { (j, half + j) };
                let (a, b) = (head[i], head[k]);
                head[i] = a * cos[j] - b * sin[j];
                head[k] = b * cos[j] + a * sin[j];
            }
        }
    }
}

/// Writes one token's key and value of one head into its page.
pub(in crate::engine::cpu) fn append(
    key: &[f32],
    value: &[f32],
    slot: usize,
    keys: &mut [u16],
    values: &mut [u16],
) {
    let size = key.len();
    for (d, k) in key.iter().enumerate() {
        keys[d * PAGE_TOKENS + slot] = narrow(*k);
    }
    for (to, v) in values[slot * size..(slot + 1) * size].iter_mut().zip(value) {
        *to = narrow(*v);
    }
}

compiled_for_each_kernel! {
    /// Attention of the query heads that share a KV head: `queries` and `out` are heads ×
    /// `head_size`, queries already turned and scaled; `pages` are (keys, values) of `tokens`
    /// tokens.
    attend => attend_body(
        queries: &[f32], head_size: usize, tokens: usize, pages: &[(&[u16], &[u16])], out: &mut [f32]
    )
}

#[inline(always)]
fn attend_body(
    queries: &[f32],
    head_size: usize,
    tokens: usize,
    pages: &[(&[u16], &[u16])],
    out: &mut [f32],
) {
    assert!(queries.len() == out.len() && head_size.is_multiple_of(LANES) && tokens > 0);
    assert_eq!(pages.len(), tokens.div_ceil(PAGE_TOKENS));
    let strip = head_size * PAGE_TOKENS;
    assert!(pages.iter().all(|(k, v)| k.len() == strip && v.len() == strip));
    let heads = queries.len() / head_size;
    let mut head = 0;
    // Heads that go together read a page once.
    while head < heads {
        let from = head * head_size;
        head += match heads - head {
            4.. => together::<4>(&queries[from..], head_size, tokens, pages, &mut out[from..]),
            3 => together::<3>(&queries[from..], head_size, tokens, pages, &mut out[from..]),
            2 => together::<2>(&queries[from..], head_size, tokens, pages, &mut out[from..]),
            _ => together::<1>(&queries[from..], head_size, tokens, pages, &mut out[from..]),
        };
    }
}

/// The first `H` heads; returns `H`.
#[inline(always)]
fn together<const H: usize>(
    queries: &[f32],
    head_size: usize,
    tokens: usize,
    pages: &[(&[u16], &[u16])],
    out: &mut [f32],
) -> usize {
    let mut scores = vec![[0.0f32; LANES]; pages.len() * H];
    for (page, (keys, _)) in pages.iter().enumerate() {
        let mut dots = [[0.0; LANES]; H];
        for d in 0..head_size {
            let keys = widen_lanes(&keys[d * LANES..(d + 1) * LANES]);
            for h in 0..H {
                fused(&keys, queries[h * head_size + d], &mut dots[h]);
            }
        }
        scores[page * H..(page + 1) * H].copy_from_slice(&dots);
    }
    let mut inverse = [0.0; H];
    for (h, inverse) in inverse.iter_mut().enumerate() {
        *inverse = 1.0 / soften(&mut scores, H, h, tokens);
    }
    for from in (0..head_size).step_by(LANES) {
        let mut sums = [[0.0; LANES]; H];
        for (page, (_, values)) in pages.iter().enumerate() {
            let here = (tokens - page * PAGE_TOKENS).min(PAGE_TOKENS);
            for slot in 0..here {
                let at = slot * head_size + from;
                let values = widen_lanes(&values[at..at + LANES]);
                for h in 0..H {
                    fused(&values, scores[page * H + h][slot], &mut sums[h]);
                }
            }
        }
        for h in 0..H {
            for lane in 0..LANES {
                out[h * head_size + from + lane] = sums[h][lane] * inverse[h];
            }
        }
    }
    H
}

/// Replaces a head's scores by e^(score - max), 0 beyond the last token; returns their sum.
#[inline(always)]
fn soften(scores: &mut [Lanes], heads: usize, head: usize, tokens: usize) -> f32 {
    let mut largest = [f32::NEG_INFINITY; LANES];
    for (page, lanes) in scores.iter_mut().skip(head).step_by(heads).enumerate() {
        for lane in 0..LANES {
            if page * LANES + lane >= tokens {
                lanes[lane] = f32::NEG_INFINITY;
            }
            largest[lane] = largest[lane].max(lanes[lane]);
        }
    }
    let largest = largest.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sums = [0.0f32; LANES];
    for (page, lanes) in scores.iter_mut().skip(head).step_by(heads).enumerate() {
        for lane in 0..LANES {
            let inside = page * LANES + lane < tokens;
            lanes[lane] = if inside { exp(lanes[lane] - largest) } else { 0.0 };
            sums[lane] += lanes[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::Kernel;
    use super::super::half::widen;
    use super::*;

    #[test]
    fn attention_equals_the_definition_and_kernels_agree() {
        for (heads, head_size, tokens) in
            [(1usize, 16usize, 1usize), (3, 64, 16), (3, 64, 37), (7, 32, 100)]
        {
            let value = |i: usize, m: usize| ((i * m % 211) as f32 - 105.0) * 0.01;
            let mut pages =
                vec![(vec![0; head_size * 16], vec![0; head_size * 16]); tokens.div_ceil(16)];
            for t in 0..tokens {
                let key: Vec<_> = (0..head_size).map(|d| value(t * 97 + d, 31)).collect();
                let val: Vec<_> = (0..head_size).map(|d| value(t * 89 + d, 53)).collect();
                let (keys, values) = &mut pages[t / 16];
                append(&key, &val, t % 16, keys, values);
            }
            let queries: Vec<_> = (0..heads * head_size).map(|i| value(i, 71)).collect();
            let views: Vec<_> = pages.iter().map(|(k, v)| (&k[..], &v[..])).collect();
            let mut first: Option<Vec<f32>> = None;
            for kernel in Kernel::available() {
                let mut out = vec![f32::NAN; heads * head_size];
                attend(kernel, &queries, head_size, tokens, &views, &mut out);
                for h in 0..heads {
                    let weights: Vec<f64> = (0..tokens)
                        .map(|t| {
                            let dot = |d: usize| {
                                f64::from(queries[h * head_size + d])
                                    * f64::from(widen(pages[t / 16].0[d * 16 + t % 16]))
                            };
                            (0..head_size).map(dot).sum::<f64>().exp()
                        })
                        .collect();
                    let total: f64 = weights.iter().sum();
                    for d in 0..head_size {
                        let want: f64 = (0..tokens)
                            .map(|t| {
                                let v = widen(pages[t / 16].1[t % 16 * head_size + d]);
                                weights[t] / total * f64::from(v)
                            })
                            .sum();
                        let got = f64::from(out[h * head_size + d]);
                        assert!((got - want).abs() < 2e-5, "{kernel:?}: {got} for {want}");
                    }
                }
                if let Some(first) = &first {
                    assert_eq!(&out, first, "{kernel:?}");
                }
                first.get_or_insert(out);
            }
        }
    }

    #[test]
    fn turning_keeps_length_and_position_zero() {
        for interleaved in [false, true] {
            let angle = 0.7f32;
            let rotary = Rotary {
                cos: &[1.0, 1.0, angle.cos(), (angle * 0.1).cos()],
                sin: &[0.0, 0.0, angle.sin(), (angle * 0.1).sin()],
                interleaved,
            };
            let start = [1.0, 2.0, 3.0, 4.0];
            let mut x = start;
            rotary.turn(&mut x, 4, 0);
            assert_eq!(x, start);
            rotary.turn(&mut x, 4, 1);
            let partner = if interleaved { 1 } else { 2 };
            let want = start[0] * angle.cos() - start[partner] * angle.sin();
            assert!((x[0] - want).abs() < 1e-6);
            let length = |v: &[f32]| v.iter().map(|a| a * a).sum::<f32>();
            assert!((length(&x) - length(&start)).abs() < 1e-5);
        }
    }
}
