//! Attention of texts to themselves.

use super::*;
use crate::graph::Mask;
use crate::kernels::{BLIND, Mutual, OUT_OF_SIGHT, QUERIES, Span};

#[derive(Debug, Clone, Copy)]
struct Case {
    heads: usize,
    head_size: usize,
    mask: Option<Mask>,
    blind_is_zero: bool,
    /// Tokens of each text.
    texts: &'static [usize],
}

const fn case(heads: usize, head_size: usize, mask: Option<Mask>, texts: &'static [usize]) -> Case {
    Case { heads, head_size, mask, blind_is_zero: false, texts }
}

const CASES: [Case; 10] = [
    case(2, 32, None, &[1]),
    case(4, 8, Some(Mask::Keys), &[5, 5]),
    case(3, 4, Some(Mask::Pairs), &[QUERIES, 2, QUERIES + 1]),
    case(12, 32, Some(Mask::Keys), &[17, 3, 64, 1, 65]),
    case(1, 64, Some(Mask::Keys), &[200]),
    case(2, 96, Some(Mask::Pairs), &[130, 63]),
    case(1, 128, None, &[70, 129]),
    case(1, 256, Some(Mask::Keys), &[66]),
    Case { blind_is_zero: true, ..case(2, 16, Some(Mask::Keys), &[9, 70]) },
    Case { blind_is_zero: true, ..case(2, 20, Some(Mask::Pairs), &[12, 66]) },
];

/// What is brought to the kernel.
struct Setup {
    case: Case,
    /// Queries, keys and values of each token, each row behind four numbers of others.
    x: Vec<f32>,
    mask: Vec<f32>,
    blocks: Vec<u32>,
}

impl Setup {
    fn new(case: Case) -> Self {
        let mut chance = Chance::new(case.head_size as u64 + case.heads as u64);
        let width = case.heads * case.head_size;
        let rows: usize = case.texts.iter().sum();
        let x = chance.floats(rows * (4 + 3 * width)).into_iter().map(|x| x * 3.0).collect();
        let (mut mask, mut blocks, mut text, mut pairs) = (Vec::new(), Vec::new(), 0, 0);
        for &length in case.texts {
            for first in (0..length).step_by(QUERIES) {
                let many = QUERIES.min(length - first);
                blocks.extend([text + first, many, text, length, pairs, 0, 0, 0].map(|n| n as u32));
            }
            let lines = if case.mask == Some(Mask::Pairs) { length } else { 1 };
            for line in 0..lines {
                mask.extend((0..length).map(|_| match chance.word() % 4 {
                    // Weaker than being out of sight: what is hidden so counts a little.
                    0 => -2.0,
                    1 if case.blind_is_zero => BLIND,
                    1 => OUT_OF_SIGHT,
                    _ => 0.0,
                }));
                // Of some nothing is seen at all.
                if line % 5 == 1 || lines == 1 && text > 0 && case.blind_is_zero {
                    let hidden = if case.blind_is_zero { BLIND } else { OUT_OF_SIGHT };
                    let from = mask.len() - length;
                    mask[from..].fill(hidden);
                }
            }
            (text, pairs) = (text + length, pairs + length * length);
        }
        Self { case, x, mask, blocks }
    }

    fn part(&self, row: usize, which: usize, head: usize) -> &[f32] {
        let Case { heads, head_size, .. } = self.case;
        let width = heads * head_size;
        &self.x[row * (4 + 3 * width) + 4 + which * width + head * head_size..][..head_size]
    }

    fn hidden(&self, text: usize, pairs: usize, length: usize, query: usize, key: usize) -> f64 {
        f64::from(match self.case.mask {
            None => 0.0,
            Some(Mask::Keys) => self.mask[text + key],
            Some(Mask::Pairs) => self.mask[pairs + query * length + key],
        })
    }

    fn reference(&self) -> Vec<f32> {
        let Case { heads, head_size, texts, blind_is_zero, .. } = self.case;
        let (mut out, mut text, mut pairs) = (Vec::new(), 0, 0);
        for &length in texts {
            for query in 0..length {
                for head in 0..heads {
                    let own = self.part(text + query, 0, head);
                    let score = |key: usize| -> f64 {
                        let key_numbers = self.part(text + key, 1, head);
                        let dot = own.iter().zip(key_numbers).map(|(a, b)| f64::from(a * b));
                        let score = dot.sum::<f64>() * scale(head_size);
                        // As floats have it: beside what is out of sight a score does not matter.
                        let hidden = self.hidden(text, pairs, length, query, key);
                        if hidden < -1e30 { hidden } else { score + hidden }
                    };
                    let scores: Vec<f64> = (0..length).map(score).collect();
                    let most = scores.iter().copied().fold(f64::MIN, f64::max);
                    let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    let blind = blind_is_zero && most < f64::from(BLIND) * 0.9;
                    out.extend((0..head_size).map(|at| {
                        let value = |key| f64::from(self.part(text + key, 2, head)[at]);
                        let sum: f64 = (0..length).map(|key| weights[key] * value(key)).sum();
                        if blind { 0.0 } else { (sum / total) as f32 }
                    }));
                }
            }
            (text, pairs) = (text + length, pairs + length * length);
        }
        out
    }
}

fn scale(head_size: usize) -> f64 {
    f64::from(1.0 / (head_size as f32).sqrt())
}

/// What the kernel makes.
fn computed(setup: &Setup) -> Vec<f32> {
    let Case { heads, head_size, mask, blind_is_zero, texts } = setup.case;
    let width = heads * head_size;
    let span = |which| Span { from: 4 + which * width, stride: 4 + 3 * width };
    let (rows, out_stride) = (texts.iter().sum::<usize>(), width + 4);
    let kernel = Mutual {
        heads,
        head_size,
        inputs: [0, 1, 2].map(span),
        out_stride,
        scale: scale(head_size) as f32,
        mask,
        blind_is_zero,
    };
    let mut buffers = vec![
        (Mutual::QUERIES, bits(&setup.x)),
        (Mutual::KEYS, bits(&setup.x)),
        (Mutual::VALUES, bits(&setup.x)),
        (Mutual::BLOCKS, setup.blocks.clone()),
        (Mutual::OUT, vec![0; rows * out_stride]),
    ];
    if mask.is_some() {
        buffers.push((Mutual::MASK, bits(&setup.mask)));
    }
    let groups = kernel.groups(setup.blocks.len() / 8);
    let out = run(&kernel.kernel(), &buffers, [[0; 4]; 2], groups, &[Mutual::OUT]);
    let rows = out[0].chunks_exact(out_stride).take(rows);
    rows.flat_map(|row| floats(&row[..width])).collect()
}

#[test]
fn tokens_attend_to_all_of_their_text_that_is_not_hidden() {
    for case in CASES {
        let setup = Setup::new(case);
        near(&computed(&setup), &setup.reference(), &format!("{case:?}"));
    }
}

#[test]
fn a_token_that_sees_nothing_gets_zeros_only_where_the_graph_says_so() {
    let texts = &[9, 70];
    for blind_is_zero in [true, false] {
        let case = Case { blind_is_zero, ..case(2, 16, Some(Mask::Keys), texts) };
        let mut setup = Setup::new(case);
        setup.mask[9..].fill(if blind_is_zero { BLIND } else { OUT_OF_SIGHT });
        let out = computed(&setup);
        assert_eq!(out[9 * 32..].iter().all(|&x| x == 0.0), blind_is_zero);
        assert!(out[..9 * 32].iter().any(|&x| x != 0.0));
    }
}
