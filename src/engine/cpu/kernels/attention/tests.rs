use super::super::Kernel;
use super::*;
use crate::engine::kv::{KvStore, KvType, Layout, SequenceId};
use crate::engine::{Budget, Scope};

/// A layer of some heads over one sequence.
struct Case {
    layout: Layout,
    group: usize,
    tokens: usize,
}

const LAYER: usize = 1;

impl Case {
    fn new(kind: KvType, heads: usize, group: usize, head_size: usize, tokens: usize) -> Self {
        Self { layout: Layout { layers: 2, heads, head_size, kind }, group, tokens }
    }

    fn store(&self) -> (KvStore, SequenceId) {
        let mut kv = KvStore::new(self.layout, Budget::new(1 << 30).open(), None);
        let sequence = kv.open(Scope::Alone);
        assert!(kv.reserve(sequence, self.tokens));
        (kv, sequence)
    }

    fn width(&self) -> usize {
        self.layout.heads * self.layout.head_size
    }

    /// Queries, keys and values of a token.
    fn token(&self, at: usize) -> [Vec<f32>; 3] {
        let number = |i: usize, m: usize| ((i * m % 211) as f32 - 105.0) * 0.013;
        let row = |width: usize, m: usize| (0..width).map(|d| number(at * 97 + d, m)).collect();
        [row(self.width() * self.group, 71), row(self.width(), 31), row(self.width(), 53)]
    }

    /// Attention of all tokens, cut into pieces of at most `rows`; blocks joined at the end where
    /// `apart`.
    fn run(&self, kernel: Kernel, rows: usize, apart: bool) -> Vec<f32> {
        let (mut kv, sequence) = self.store();
        let size = self.layout.head_size;
        let width = self.width() * self.group;
        let heads = Heads {
            layer: LAYER,
            layout: self.layout,
            group: self.group,
            scale: 0.2,
            rotary: None,
        };
        let mut out = vec![f32::NAN; self.tokens * width];
        let mut position = 0;
        while position < self.tokens {
            let rows = rows.min(PAGE_TOKENS - position % PAGE_TOKENS).min(self.tokens - position);
            let tokens: Vec<_> = (position..position + rows).map(|at| self.token(at)).collect();
            let all = |i: usize| tokens.iter().flat_map(|t| t[i].clone()).collect::<Vec<f32>>();
            let mut turned = vec![f32::NAN; rows * width];
            let mut finite = false;
            let mut pages = kv.writing([(sequence, position)].into_iter()).unwrap();
            let page = &mut *pages[0];
            place(
                kernel,
                &heads,
                position,
                &all(0),
                &all(1),
                &all(2),
                &mut turned,
                page,
                &mut finite,
            );
            assert!(finite);
            let out = &mut out[position * width..(position + rows) * width];
            for (head, queries) in turned.chunks_exact(rows * self.group * size).enumerate() {
                let (pages, layout) = (kv.pages(sequence), self.layout);
                let seen = Seen { pages, layout, layer: LAYER, head, position, rows };
                let results = if apart { seen.blocks() } else { 1 };
                let mut partials = vec![f32::NAN; results * rows * self.group * partial_len(size)];
                attend(kernel, &seen, queries, 0..seen.blocks(), apart, &mut partials);
                let at = head * self.group * size;
                finish(kernel, size, results, self.group, &mut partials, out, width, at);
            }
            position += rows;
        }
        out
    }

    /// The largest distance to the definition, computed in f64 on the numbers as they were given.
    fn distance(&self, got: &[f32]) -> f64 {
        let size = self.layout.head_size;
        let tokens: Vec<_> = (0..self.tokens).map(|at| self.token(at)).collect();
        let mut largest = 0.0f64;
        for (row, got) in got.chunks_exact(self.width() * self.group).enumerate() {
            for (head, got) in got.chunks_exact(size).enumerate() {
                let kv = head / self.group * size;
                let query = &tokens[row][0][head * size..][..size];
                let weights: Vec<f64> = (0..=row)
                    .map(|t| {
                        let keys = &tokens[t][1][kv..kv + size];
                        let dot = |(q, k): (&f32, &f32)| f64::from(q * 0.2) * f64::from(*k);
                        query.iter().zip(keys).map(dot).sum::<f64>().exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for (d, got) in got.iter().enumerate() {
                    let value = |(t, w): (usize, &f64)| w / total * f64::from(tokens[t][2][kv + d]);
                    let want: f64 = weights.iter().enumerate().map(value).sum();
                    largest = largest.max((f64::from(*got) - want).abs());
                }
            }
        }
        largest
    }
}

/// Values go to 1.4, halves are exact to 2⁻¹¹ and bytes to 1/254 of the largest, and keys' errors
/// reach the result through the weights.
#[test]
fn attention_is_as_near_its_definition_as_its_numbers() {
    for (kind, near) in [(KvType::F16, 4e-3), (KvType::Int8, 4e-2)] {
        for (heads, group, size, tokens) in
            [(1, 1, 16, 1), (2, 3, 64, 37), (1, 7, 48, 150), (3, 1, 80, 20), (1, 14, 32, 300)]
        {
            let case = Case::new(kind, heads, group, size, tokens);
            let distance = case.distance(&case.run(Kernel::best(), 16, false));
            assert!(distance < near, "{kind:?} {heads} {group} {size} {tokens}: {distance}");
        }
    }
}

#[test]
fn kernels_pieces_and_blocks_apart_give_the_same_bits() {
    for kind in [KvType::F16, KvType::Int8] {
        for (heads, group, size, tokens) in [(2, 3, 64, 37), (1, 5, 80, 141), (1, 14, 16, 300)] {
            let case = Case::new(kind, heads, group, size, tokens);
            let want = case.run(Kernel::Portable, 16, false);
            for kernel in Kernel::available() {
                for (rows, apart) in [(1, false), (1, true), (5, false), (16, true), (16, false)] {
                    let got = case.run(kernel, rows, apart);
                    let same = got.iter().zip(&want).all(|(g, w)| g.to_bits() == w.to_bits());
                    assert!(same, "{kind:?} {kernel:?} {group} {size} {rows} {apart}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_is_noticed() {
    let case = Case::new(KvType::F16, 1, 1, 16, 1);
    for bad in [f32::NAN, f32::INFINITY] {
        for which in [1, 2] {
            let (mut kv, sequence) = case.store();
            let mut token = case.token(0);
            token[which][5] = bad;
            let [queries, keys, values] = token;
            let heads = Heads { layer: 0, layout: case.layout, group: 1, scale: 1.0, rotary: None };
            let mut pages = kv.writing([(sequence, 0)].into_iter()).unwrap();
            let (mut turned, mut finite) = (vec![0.0; 16], true);
            let page = &mut *pages[0];
            let kernel = Kernel::best();
            place(kernel, &heads, 0, &queries, &keys, &values, &mut turned, page, &mut finite);
            assert!(!finite);
        }
    }
}
