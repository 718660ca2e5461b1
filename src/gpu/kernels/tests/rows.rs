//! What works on rows alone.

use super::*;
use crate::kernels::{Best, CHUNK, LIST_WORDS, LayerNorm, Norm, Pick, Reduction, Rows, Top};
use crate::results::parse;
use crate::{Found, Need};

#[test]
fn rows_are_normalised() {
    for reduction in reductions() {
        for (width, rows) in [(64, 1), (576, 3), (50, 7), (1000, 2)] {
            normalised(width, rows, reduction);
        }
    }
}

fn normalised(width: usize, rows: usize, reduction: Reduction) {
    let (from, stride, out_stride) = (4, width + 12, width + 3);
    let mut chance = Chance::new(width as u64);
    let (x, gain) = (chance.floats(rows * stride), chance.floats(width));
    let (of, epsilon) = (Rows::Wanted, 1e-5);
    let norm = Norm { rows: of, width, from, stride, out_stride, epsilon, reduction };
    let buffers =
        [(Norm::X, bits(&x)), (Norm::GAIN, bits(&gain)), (Norm::OUT, vec![0; rows * out_stride])];
    let uniforms = [[0, rows as u32, 1, 0], [0; 4]];
    let out = run(&norm.kernel(), &buffers, uniforms, Norm::groups(rows), &[Norm::OUT]);
    let mut want = vec![0.0; rows * out_stride];
    for row in 0..rows {
        let x = &x[row * stride + from..][..width];
        let mean = x.iter().map(|v| f64::from(v * v)).sum::<f64>() / width as f64;
        let scale = 1.0 / (mean + 1e-5).sqrt();
        for at in 0..width {
            want[row * out_stride + at] = (f64::from(x[at] * gain[at]) * scale) as f32;
        }
    }
    let what = format!("{rows} rows of {width}, {reduction:?}");
    near(&floats(&out[0])[..want.len()], &want, &what);
}

#[test]
fn rows_are_brought_to_mean_0_and_variance_1() {
    // What all numbers of a row have in common is taken off before squares lose it.
    for (width, rows, common) in [(64, 1, 0.0), (384, 3, 0.0), (50, 7, 100.0), (1000, 2, -20.0)] {
        let (from, stride, out_stride) = (4, width + 12, width + 3);
        let mut chance = Chance::new(width as u64);
        let x: Vec<f32> = chance.floats(rows * stride).into_iter().map(|x| x + common).collect();
        let (gain, bias) = (chance.floats(width), chance.floats(width));
        let norm = LayerNorm { rows: Rows::Tokens, width, from, stride, out_stride, epsilon: 1e-5 };
        let buffers = [
            (LayerNorm::X, bits(&x)),
            (LayerNorm::GAIN, bits(&gain)),
            (LayerNorm::BIAS, bits(&bias)),
            (LayerNorm::OUT, vec![0; rows * out_stride]),
        ];
        let uniforms = [[rows as u32, 0, 1, 0], [0; 4]];
        let groups = LayerNorm::groups(rows);
        let out = run(&norm.kernel(), &buffers, uniforms, groups, &[LayerNorm::OUT]);
        let mut want = vec![0.0; rows * out_stride];
        for row in 0..rows {
            let x: Vec<f64> =
                { x[row * stride + from..][..width].iter() }.map(|&x| x.into()).collect();
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
            let scale = 1.0 / (variance + 1e-5).sqrt();
            for at in 0..width {
                let value = (x[at] - mean) * scale * f64::from(gain[at]) + f64::from(bias[at]);
                want[row * out_stride + at] = value as f32;
            }
        }
        near(&floats(&out[0])[..want.len()], &want, &format!("{rows} rows of {width}"));
    }
}

#[test]
fn wanted_rows_are_picked() {
    for (width, wanted) in [(64, vec![2]), (100, vec![0, 3, 3, 1]), (3, vec![4, 0])] {
        let (from, stride, out_stride) = (1, width + 5, width + 2);
        let x = Chance::new(5).floats(5 * stride);
        let pick = Pick { width, from, stride, out_stride };
        let many = wanted.len();
        let buffers = [
            (Pick::X, bits(&x)),
            (Pick::WANTED, wanted.clone()),
            (Pick::OUT, vec![0; many * out_stride]),
        ];
        let uniforms = [[5, many as u32, 1, 0], [0; 4]];
        let out = run(&pick.kernel(), &buffers, uniforms, pick.groups(many), &[Pick::OUT]);
        for (row, &from_row) in wanted.iter().enumerate() {
            let have = floats(&out[0][row * out_stride..][..width]);
            assert_eq!(have, &x[from_row as usize * stride + from..][..width]);
        }
    }
}

/// The tokens of both kernels, one after the other.
fn best(logits: &[f32], vocabulary: usize, rows: usize) -> Vec<u32> {
    let best = Best { vocabulary, stride: vocabulary };
    let uniforms = [[0, rows as u32, 1, 0], [0; 4]];
    let found = vec![0; rows * best.chunks() * 2];
    let buffers = [(Best::FROM, bits(logits)), (Best::OUT, found)];
    let groups = best.chunk_groups(rows);
    let found = run(&best.chunk_kernel(), &buffers, uniforms, groups, &[Best::OUT]);
    let buffers = [(Best::FROM, found[0].clone()), (Best::OUT, vec![0; rows])];
    let groups = Best::row_groups(rows);
    let tokens = run(&best.row_kernel(), &buffers, uniforms, groups, &[Best::OUT]);
    tokens[0][..rows].to_vec()
}

#[test]
fn the_best_token_is_the_first_of_the_largest() {
    for vocabulary in [5, 64, CHUNK, CHUNK + 1, 3 * CHUNK + 77] {
        let mut logits = Chance::new(vocabulary as u64).floats(3 * vocabulary);
        let last = vocabulary - 1;
        logits[last] = 7.0;
        logits[vocabulary + 1] = 9.0;
        logits[vocabulary + last] = 9.0;
        logits[2 * vocabulary..].fill(f32::NEG_INFINITY);
        assert_eq!(best(&logits, vocabulary, 3), [last as u32, 1, 0], "{vocabulary} tokens");
    }
}

#[test]
fn a_row_with_what_is_no_number_has_no_best_token() {
    for at in [0, 1, CHUNK, CHUNK + 99] {
        let mut logits = Chance::new(1).floats(2 * (CHUNK + 100));
        logits[at] = f32::NAN;
        let tokens = best(&logits, CHUNK + 100, 2);
        assert_eq!(tokens[0], u32::MAX);
        assert!(tokens[1] < CHUNK as u32 + 100);
    }
}

/// What the kernels of the largest logits find, one after the other.
fn top(logits: &[f32], vocabulary: usize, temperatures: &[f32]) -> Vec<Vec<u32>> {
    let (top, rows) = (Top { vocabulary, stride: vocabulary }, temperatures.len());
    let factors: Vec<f32> = temperatures.iter().map(|temperature| 1.0 / temperature).collect();
    let mut from = bits(logits);
    for (level, lists) in top.levels().into_iter().enumerate() {
        let buffers = [
            (Top::FROM, from),
            (Top::OUT, vec![0; rows * lists * LIST_WORDS]),
            (Top::FACTORS, bits(&factors)),
        ];
        let uniforms = [[0, rows as u32, 1, 0], [0; 4]];
        let groups = Top::groups(lists, rows);
        from = run(&top.kernel(level), &buffers, uniforms, groups, &[Top::OUT]).remove(0);
    }
    from.chunks_exact(LIST_WORDS).take(rows).map(<[u32]>::to_vec).collect()
}

/// Logits that look like a model's, with equal ones among the largest and some that nothing reaches.
fn lifelike(vocabulary: usize, seed: u64) -> Vec<f32> {
    let mut chance = Chance::new(seed);
    let mut logits: Vec<f32> = (0..vocabulary)
        .map(|_| (chance.float() + chance.float() + chance.float()) * 5.0)
        .map(|logit| (logit * 16.0).round() / 16.0)
        .collect();
    for _ in 0..vocabulary / 9 {
        let at = chance.word() as usize % vocabulary;
        logits[at] = f32::NEG_INFINITY;
    }
    logits
}

#[test]
fn the_largest_logits_come_in_their_order_with_what_all_weigh() {
    for vocabulary in [1, 5, 127, 128, 129, 1024, 1025, 8 * 1024 + 1, 49_152, 70_001] {
        let temperatures = [0.05, 1.0, 30.0];
        let mut logits: Vec<f32> =
            (0..3).flat_map(|row| lifelike(vocabulary, row * 7 + vocabulary as u64)).collect();
        // Both zeros are equal.
        logits.iter_mut().step_by(5).filter(|logit| **logit == 0.0).for_each(|logit| *logit = -0.0);
        let lists = top(&logits, vocabulary, &temperatures);
        for ((words, logits), temperature) in
            lists.iter().zip(logits.chunks_exact(vocabulary)).zip(temperatures)
        {
            let found = parse(Need::Top { temperature }, words, vocabulary).unwrap();
            let Found::Top(found) = found else { panic!("{found:?}") };
            let mut want: Vec<_> = logits.iter().enumerate().map(|(t, &l)| (t as u32, l)).collect();
            want.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap());
            let most = f64::from(want[0].1);
            let weigh = |temperature: f32| -> f64 {
                let weight = |(_, l): &(u32, f32)| (f64::from(*l) - most) / f64::from(temperature);
                want.iter().map(|pair| weight(pair).exp()).sum()
            };
            for (have, want) in [(found.mass, weigh(temperature)), (found.plain_mass, weigh(1.0))] {
                let off = (f64::from(have) - want).abs() / want;
                assert!(off < crate::Top::MASS_TOLERANCE, "{vocabulary}: {have} for {want}");
            }
            want.truncate(crate::Top::MOST);
            assert_eq!(found.best, want, "{vocabulary} tokens");
        }
    }
}

#[test]
fn rows_of_infinite_logits_have_their_first_tokens() {
    let vocabulary = 1500;
    let mut logits = vec![f32::NEG_INFINITY; 2 * vocabulary];
    logits[vocabulary + 1200] = f32::INFINITY;
    let lists = top(&logits, vocabulary, &[1.0, 1.0]);
    for (words, first) in lists.iter().zip([0, 1200]) {
        let found = parse(Need::Top { temperature: 1.0 }, words, vocabulary).unwrap();
        let Found::Top(found) = found else { panic!("{found:?}") };
        assert_eq!((found.best.len(), found.best[0].0), (128, first));
        assert_eq!(parse(Need::Best, &words[4..6], vocabulary).unwrap(), Found::Best(first));
    }
}

#[test]
fn a_row_with_what_is_no_number_has_no_largest_logits() {
    for (at, strange) in [(0, f32::NAN), (1023, -f32::NAN), (1024, f32::NAN), (2999, -f32::NAN)] {
        let mut logits = Chance::new(3).floats(6000);
        logits[at] = strange;
        let lists = top(&logits, 3000, &[1.0, 1.0]);
        assert!(parse(Need::Top { temperature: 1.0 }, &lists[0], 3000).is_err(), "{at}");
        assert!(parse(Need::Best, &lists[0][4..6], 3000).is_err(), "{at}");
        assert!(parse(Need::Top { temperature: 1.0 }, &lists[1], 3000).is_ok());
    }
}
