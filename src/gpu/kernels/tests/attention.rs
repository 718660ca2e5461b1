//! Turning, keeping and attending.

use half::f16;

use super::*;
use crate::kernels::{
    Attend, Join, PAGE_TOKENS, Reduction, Rotate, SPLIT_KEYS, Tiled, Turning, partial_floats,
};

#[derive(Debug, Clone, Copy)]
struct Case {
    heads: usize,
    kv_heads: usize,
    head_size: usize,
    turning: Turning,
    /// Tokens of each sequence that are there before the step, and those that it brings.
    sequences: &'static [(usize, usize)],
}

const CASES: [Case; 8] = [
    // Twelve heads of one: looked at in two sixes.
    Case { heads: 12, kv_heads: 1, head_size: 16, turning: Turning::Not, sequences: &[(90, 2)] },
    Case { heads: 3, kv_heads: 1, head_size: 64, turning: Turning::Halves, sequences: &[(0, 5)] },
    Case {
        heads: 4,
        kv_heads: 2,
        head_size: 16,
        turning: Turning::Neighbours,
        sequences: &[(20, 1), (0, 3), (63, 2)],
    },
    Case {
        heads: 2,
        kv_heads: 2,
        head_size: 128,
        turning: Turning::Halves,
        sequences: &[(SPLIT_KEYS - 1, 2), (7, 1)],
    },
    // More rows than a tile has, of several sequences, over the end of a split.
    Case {
        heads: 6,
        kv_heads: 2,
        head_size: 32,
        turning: Turning::Halves,
        sequences: &[(SPLIT_KEYS - 5, 9), (0, 7), (70, 1), (0, 2), (130, 4)],
    },
    Case { heads: 2, kv_heads: 1, head_size: 96, turning: Turning::Not, sequences: &[(300, 1)] },
    Case { heads: 1, kv_heads: 1, head_size: 256, turning: Turning::Halves, sequences: &[(70, 1)] },
    Case {
        heads: 2,
        kv_heads: 1,
        head_size: 32,
        turning: Turning::Halves,
        sequences: &[(2 * SPLIT_KEYS + 3, 1), (2, 1)],
    },
];

/// A step's inputs and what is in memory before it.
struct Setup {
    case: Case,
    /// Queries, keys and values of the step's tokens, each row behind two numbers of others.
    x: Vec<f32>,
    rows: Vec<u32>,
    tables: Vec<u32>,
    pages: Vec<u32>,
    cos: Vec<f32>,
    sin: Vec<f32>,
    /// Keys (as they are kept) and values before the step: sequence, token, KV head, number.
    past: Vec<Vec<[Vec<f32>; 2]>>,
}

fn halves(floats: Vec<f32>) -> Vec<f32> {
    floats.into_iter().map(|f| f16::from_f32(f).to_f32()).collect()
}

impl Setup {
    fn new(case: Case) -> Self {
        let Case { heads, kv_heads, head_size, sequences, .. } = case;
        let mut chance = Chance::new(head_size as u64);
        let most = sequences.iter().map(|(past, new)| past + new).max().unwrap();
        let half = head_size / 2;
        let angles: Vec<f32> = (0..most * half)
            .map(|at| (at / half) as f32 * 0.3f32.powf((at % half) as f32 / half as f32 * 4.0))
            .collect();
        let (mut rows, mut tables, mut past) = (Vec::new(), Vec::new(), Vec::new());
        let mut page = 1;
        for &(before, new) in sequences {
            let table = tables.len();
            // Pages in an order of their own.
            let pages = (before + new).div_ceil(PAGE_TOKENS);
            tables.extend((0..pages as u32).rev().map(|at| page + at));
            page += pages as u32;
            rows.extend((before..before + new).flat_map(|at| [0, at as u32, table as u32, 0]));
            let width = kv_heads * head_size;
            past.push(
                (0..before).map(|_| [(); 2].map(|()| halves(chance.floats(width)))).collect(),
            );
        }
        let tokens = rows.len() / 4;
        let stride = 2 + (heads + 2 * kv_heads) * head_size;
        let x = chance.floats(tokens * stride);
        let cos = angles.iter().map(|a| a.cos()).collect();
        let sin = angles.iter().map(|a| a.sin()).collect();
        let words = (page as usize + 1) * kv_heads * PAGE_TOKENS * head_size;
        let mut setup =
            Self { case, x, rows, tables, pages: vec![0x7c00_7c00; words], cos, sin, past };
        setup.fill();
        setup
    }

    /// Places of a key's number and a value's number: word and whether it is the upper half.
    fn places(&self, table: usize, token: usize, head: usize, at: usize) -> [(usize, bool); 2] {
        let size = self.case.head_size;
        let page = self.tables[table + token / PAGE_TOKENS] as usize;
        let strips = (page * self.case.kv_heads + head) * PAGE_TOKENS * size;
        let inside = token % PAGE_TOKENS;
        let key = strips + at / 2 * PAGE_TOKENS + inside;
        let value = strips + PAGE_TOKENS * size / 2 + inside * size / 2 + at / 2;
        [(key, at % 2 == 1), (value, at % 2 == 1)]
    }

    /// Puts what is there before the step into the pages.
    fn fill(&mut self) {
        let mut table = 0;
        for (sequence, &(before, new)) in self.case.sequences.iter().enumerate() {
            for token in 0..before {
                for at in 0..self.case.kv_heads * self.case.head_size {
                    let (head, number) = (at / self.case.head_size, at % self.case.head_size);
                    let places = self.places(table, token, head, number);
                    for ((word, upper), of) in places.into_iter().zip(&self.past[sequence][token]) {
                        let bits = u32::from(f16::from_f32(of[at]).to_bits());
                        let kept = if upper { 0xffff } else { 0xffff_0000 };
                        let shift = if upper { 16 } else { 0 };
                        self.pages[word] = self.pages[word] & kept | bits << shift;
                    }
                }
            }
            table += (before + new).div_ceil(PAGE_TOKENS);
        }
    }

    fn turned(&self, head: &[f32], position: usize) -> Vec<f32> {
        let half = head.len() / 2;
        let mut out = head.to_vec();
        for pair in 0..half {
            let (a, b) = match self.case.turning {
                Turning::Not => continue,
                Turning::Halves => (pair, pair + half),
                Turning::Neighbours => (2 * pair, 2 * pair + 1),
            };
            let (cos, sin) = (self.cos[position * half + pair], self.sin[position * half + pair]);
            out[a] = head[a] * cos - head[b] * sin;
            out[b] = head[b] * cos + head[a] * sin;
        }
        out
    }

    /// Query, key or value of a row.
    fn part(&self, row: usize, from: usize, head: usize) -> &[f32] {
        let Case { heads, kv_heads, head_size, .. } = self.case;
        let stride = 2 + (heads + 2 * kv_heads) * head_size;
        &self.x[row * stride + 2 + from + head * head_size..][..head_size]
    }

    /// What each row and head attends to, in the order of rows.
    fn reference(&self) -> Vec<f32> {
        let Case { heads, kv_heads, head_size, sequences, .. } = self.case;
        let (keys_at, values_at) = (heads * head_size, (heads + kv_heads) * head_size);
        let (mut out, mut first) = (Vec::new(), 0);
        for (sequence, &(before, new)) in sequences.iter().enumerate() {
            for row in first..first + new {
                let position = before + row - first;
                for head in 0..heads {
                    let own = head / (heads / kv_heads);
                    let query = self.turned(self.part(row, 0, head), position);
                    let known = |token: usize, which: usize| -> Vec<f32> {
                        if token < before {
                            let range = own * head_size..(own + 1) * head_size;
                            return self.past[sequence][token][which][range].to_vec();
                        }
                        let row = first + token - before;
                        if which == 0 {
                            return halves(self.turned(self.part(row, keys_at, own), token));
                        }
                        halves(self.part(row, values_at, own).to_vec())
                    };
                    out.extend(attend(&query, position, head_size, known));
                }
            }
            first += new;
        }
        out
    }
}

fn attend(
    query: &[f32],
    position: usize,
    size: usize,
    known: impl Fn(usize, usize) -> Vec<f32>,
) -> Vec<f32> {
    let scale = 1.0 / (size as f64).sqrt();
    let dot = |key: Vec<f32>| -> f64 {
        query.iter().zip(key).map(|(a, b)| f64::from(*a) * f64::from(b)).sum::<f64>() * scale
    };
    let scores: Vec<f64> = (0..=position).map(|token| dot(known(token, 0))).collect();
    let most = scores.iter().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut out = vec![0.0; size];
    for (token, weight) in weights.iter().enumerate() {
        for (out, value) in out.iter_mut().zip(known(token, 1)) {
            *out += weight / total * f64::from(value);
        }
    }
    out.into_iter().map(|sum| sum as f32).collect()
}

/// How rows attend.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Together(Reduction),
    /// Each split by itself.
    Apart(Reduction),
    Tiles(usize),
}

/// Queries and pages after the step's tokens were turned and kept.
fn kept(setup: &Setup) -> [Vec<u32>; 2] {
    let Case { heads, kv_heads, head_size, turning, .. } = setup.case;
    let tokens = setup.rows.len() / 4;
    let stride = 2 + (heads + 2 * kv_heads) * head_size;
    let rotate = Rotate {
        heads,
        kv_heads,
        head_size,
        from: [2, 2 + heads * head_size, 2 + (heads + kv_heads) * head_size],
        stride,
        scale: 1.0 / (head_size as f32).sqrt(),
        turning,
    };
    let uniforms = [[tokens as u32, 0, 1, 0], [0; 4]];
    let mut buffers = vec![
        (Rotate::X, bits(&setup.x)),
        (Rotate::ROWS, setup.rows.clone()),
        (Rotate::TABLES, setup.tables.clone()),
        (Rotate::QUERIES, vec![0; tokens * heads * head_size]),
        (Rotate::PAGES, setup.pages.clone()),
    ];
    if turning != Turning::Not {
        buffers.push((Rotate::COS, bits(&setup.cos)));
        buffers.push((Rotate::SIN, bits(&setup.sin)));
    }
    let results = [Rotate::QUERIES, Rotate::PAGES];
    let made = run(&rotate.kernel(), &buffers, uniforms, rotate.groups(tokens), &results);
    made.try_into().unwrap()
}

/// What the kernels make.
fn computed(setup: &Setup, way: Way) -> Vec<f32> {
    let Case { heads, kv_heads, head_size, sequences, .. } = setup.case;
    let tokens = setup.rows.len() / 4;
    let [queries, pages] = kept(setup);
    let out_stride = heads * head_size + 4;
    let most = sequences.iter().map(|(past, new)| past + new).max().unwrap();
    let splits = if matches!(way, Way::Apart(_)) { most.div_ceil(SPLIT_KEYS) } else { 1 };
    let uniforms = [[tokens as u32, 0, splits as u32, 0], [0; 4]];
    let mut buffers = vec![
        (Attend::QUERIES, queries),
        (Attend::ROWS, setup.rows.clone()),
        (Attend::TABLES, setup.tables.clone()),
        (Attend::PAGES, pages),
        (Attend::OUT, vec![0; tokens * out_stride]),
    ];
    let mut out = match way {
        Way::Tiles(pairs) => {
            let kernel = Tiled { heads, kv_heads, head_size, out_stride, pairs };
            let groups = kernel.groups(tokens);
            run(&kernel.kernel(), &buffers, uniforms, groups, &[Attend::OUT]).remove(0)
        }
        Way::Together(reduction) | Way::Apart(reduction) => {
            let kernel = Attend { heads, kv_heads, head_size, out_stride, reduction };
            let partials = tokens * heads * splits * partial_floats(head_size);
            buffers.push((Attend::PARTIALS, vec![0; partials]));
            let groups = kernel.groups(tokens, splits);
            let results = [Attend::OUT, Attend::PARTIALS];
            let mut made = run(&kernel.kernel(), &buffers, uniforms, groups, &results);
            buffers.push((Join::PARTIALS, made.remove(1)));
            made.remove(0)
        }
    };
    if splits > 1 {
        let join = Join { heads, head_size, out_stride };
        let partials = buffers.pop().unwrap().1;
        let buffers = [
            (Join::PARTIALS, partials),
            (Join::ROWS, setup.rows.clone()),
            (Join::OUT, vec![0; tokens * out_stride]),
        ];
        let groups = join.groups(tokens);
        out = run(&join.kernel(), &buffers, uniforms, groups, &[Join::OUT]).remove(0);
    }
    let rows = out.chunks_exact(out_stride).take(tokens);
    rows.flat_map(|row| floats(&row[..heads * head_size])).collect()
}

#[test]
fn rows_attend_to_all_that_came_before_them() {
    for case in CASES {
        let setup = Setup::new(case);
        let want = setup.reference();
        for way in reductions().into_iter().map(Way::Together) {
            near(&computed(&setup, way), &want, &format!("{case:?}, {way:?}"));
        }
    }
}

#[test]
fn splits_apart_give_the_same_bits() {
    for case in CASES {
        let setup = Setup::new(case);
        for reduction in reductions() {
            let [apart, together] = [Way::Apart(reduction), Way::Together(reduction)];
            assert_eq!(computed(&setup, apart), computed(&setup, together), "{case:?}");
        }
    }
}

#[test]
fn rows_in_tiles_give_the_same_bits() {
    for case in CASES {
        let setup = Setup::new(case);
        let want = computed(&setup, Way::Together(Reduction::Shared));
        near(&want, &setup.reference(), &format!("{case:?}"));
        for pairs in [1, 8, 16] {
            assert_eq!(computed(&setup, Way::Tiles(pairs)), want, "{case:?}, {pairs} pairs");
        }
    }
}
