//! Partial results: the softmax of a block of tokens and the values it weighs.

use std::cell::Cell;
use std::ops::Range;

use super::super::vector::{Vector, vectorised};
use super::super::{Kernel, LANES};
use super::finish::factors;
use super::numbers::{Bytes, Floats, Halves, Numbers};
use super::{BLOCK_PAGES, BLOCK_TOKENS, partial_len};
use crate::engine::kv::{KvType, Layout, PAGE_TOKENS, Pages};

/// What queries see: one KV head of a layer in the pages of their sequence.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Seen<'a> {
    pub(in crate::engine::cpu) pages: Pages<'a>,
    pub(in crate::engine::cpu) layout: Layout,
    pub(in crate::engine::cpu) layer: usize,
    pub(in crate::engine::cpu) head: usize,
    /// Place of the first row's token; the next rows follow on it, within one page.
    pub(in crate::engine::cpu) position: usize,
    pub(in crate::engine::cpu) rows: usize,
}

impl Seen<'_> {
    /// Blocks that hold the tokens.
    pub(in crate::engine::cpu) fn blocks(&self) -> usize {
        super::blocks(self.tokens())
    }

    /// Tokens that the last row sees.
    fn tokens(&self) -> usize {
        self.position + self.rows
    }

    /// The keys of a page, behind which its values are; `None` where there is no such page.
    #[inline(always)]
    fn keys_in(&self, page: usize) -> Option<*const u8> {
        let from = self.layout.strips_at(self.layer, self.head);
        let strips = self.pages.get(page).get(from..from + 2 * self.layout.strip_bytes())?;
        Some(strips.as_ptr())
    }
}

/// Attends to `blocks` of what is seen with `queries` (`head_size` × (rows × group), as
/// [`super::place`] leaves them). `partials` gets rows × group × [`partial_len`] floats for all blocks
/// together, or as many for each where `apart`.
pub(in crate::engine::cpu) fn attend(
    kernel: Kernel,
    seen: &Seen<'_>,
    queries: &[f32],
    blocks: Range<usize>,
    apart: bool,
    partials: &mut [f32],
) {
    // Not in a closure: the kernel must be called from where its instruction set is known.
    let mut scratch = SCRATCH.take();
    attend_with(kernel, seen, queries, blocks, apart, partials, &mut scratch);
    SCRATCH.set(scratch);
}

vectorised! {
    /// [`attend`] with room to work in.
    attend_with => attend_body(
        seen: &Seen<'_>, queries: &[f32], blocks: Range<usize>, apart: bool, partials: &mut [f32],
        scratch: &mut Vec<Line>
    )
}

/// From so many queries on, numbers are widened once for all of them.
const MANY: usize = 12;

thread_local! {
    /// Room for one block's scores, factors and widened numbers; kept, as every step wants it again.
    static SCRATCH: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Bytes that are fetched at once.
const LINE: usize = 64;

/// Lanes at a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(in crate::engine::cpu) struct Line(
    #[allow(dead_code, reason = "read and written through pointers")] [f32; LANES],
);

#[inline(always)]
fn attend_body<V: Vector>(
    seen: &Seen<'_>,
    queries: &[f32],
    blocks: Range<usize>,
    apart: bool,
    partials: &mut [f32],
    scratch: &mut Vec<Line>,
) {
    let size = seen.layout.head_size;
    let count = queries.len() / size;
    let results = if apart { blocks.len() } else { 1 };
    let one = count * partial_len(size);
    assert!(seen.rows > 0 && size.is_multiple_of(LANES) && blocks.end <= seen.blocks());
    assert!(seen.position % PAGE_TOKENS + seen.rows <= PAGE_TOKENS);
    assert!(queries.len() == count * size && count.is_multiple_of(seen.rows));
    assert!(partials.len() == results * one && seen.tokens() <= seen.pages.len() * PAGE_TOKENS);
    let columns = size / LANES;
    let scores = count * BLOCK_PAGES;
    let widened = if count >= MANY { BLOCK_TOKENS * columns } else { 0 };
    let lines = scores + 2 * count + widened;
    if scratch.len() < lines {
        scratch.resize(lines, Line([0.0; LANES]));
    }
    let scratch = scratch.as_mut_ptr().cast::<f32>();
    let first = blocks.start;
    for block in blocks {
        let at = if apart { (block - first) * one } else { 0 };
        let partials = &mut partials[at..at + one];
        if apart || block == first {
            empty(partials, size);
        }
        let end = seen.tokens().div_ceil(PAGE_TOKENS).min((block + 1) * BLOCK_PAGES);
        let pages = block * BLOCK_PAGES..end;
        let mut keys = [std::ptr::null(); BLOCK_PAGES];
        for (keys, page) in keys.iter_mut().zip(pages.clone()) {
            let found = seen.keys_in(page);
            assert!(found.is_some(), "a page is not there");
            *keys = found.unwrap_or(std::ptr::null());
        }
        let mut later = keys;
        for (at, later) in later.iter_mut().enumerate() {
            *later = seen.keys_in(end + at).unwrap_or(*later);
        }
        // SAFETY: all lengths are asserted above; the scratch has three parts after each other.
        unsafe {
            let work = Block {
                seen,
                queries: queries.as_ptr(),
                count,
                pages,
                keys,
                later,
                scores: scratch,
                factors: scratch.add(scores * LANES),
                widened: scratch.add((scores + 2 * count) * LANES),
                partials: partials.as_mut_ptr(),
            };
            match seen.layout.kind {
                KvType::F16 => work.run::<V, Halves>(),
                KvType::Int8 => work.run::<V, Bytes>(),
            }
        }
    }
}

/// Results of no block.
fn empty(partials: &mut [f32], head_size: usize) {
    for partial in partials.chunks_exact_mut(partial_len(head_size)) {
        let (largest, rest) = partial.split_at_mut(LANES);
        largest.fill(f32::NEG_INFINITY);
        rest.fill(0.0);
    }
}

/// One block's work.
struct Block<'a> {
    seen: &'a Seen<'a>,
    /// `head_size` × `count`.
    queries: *const f32,
    count: usize,
    /// At most [`BLOCK_PAGES`].
    pages: Range<usize>,
    /// Where the keys of each page begin.
    keys: [*const u8; BLOCK_PAGES],
    /// Keys that are wanted after this block; what is no page's is only asked for, not read.
    later: [*const u8; BLOCK_PAGES],
    /// `count` × [`BLOCK_TOKENS`].
    scores: *mut f32,
    /// `count` × 2 × lanes.
    factors: *mut f32,
    /// Where there are [`MANY`] queries: [`BLOCK_TOKENS`] × `head_size`.
    widened: *mut f32,
    /// `count` × [`partial_len`].
    partials: *mut f32,
}

impl Block<'_> {
    #[inline(always)]
    fn size(&self) -> usize {
        self.seen.layout.head_size
    }

    #[inline(always)]
    unsafe fn run<V: Vector, N: Numbers>(&self) {
        // SAFETY: whoever made the block says that its pointers are good.
        unsafe {
            self.score_all::<V, N>();
            for query in 0..self.count {
                self.soften::<V>(query);
            }
            self.mix_all::<V, N>();
        }
    }

    /// Scores of all queries.
    #[inline(always)]
    unsafe fn score_all<V: Vector, N: Numbers>(&self) {
        let (keys, count) = (&self.keys, self.pages.len());
        // SAFETY: keys are `strip` bytes and so are the values behind them.
        unsafe {
            if self.count < MANY {
                return self.score::<V, N>(&keys[..count], 0);
            }
            for page in (0..count).step_by(2) {
                let mut wide = [std::ptr::null(); 2];
                let here = (count - page).min(2);
                for i in 0..here {
                    let into = self.widened.add(i * self.size() * LANES);
                    widen::<V, N>(keys[page + i], into, self.size());
                    wide[i] = into.cast_const().cast::<u8>();
                }
                self.score::<V, Floats>(&wide[..here], page);
            }
        }
    }

    /// Scores of all queries in pages whose keys are given, the first of which is the block's
    /// `page`th.
    #[inline(always)]
    unsafe fn score<V: Vector, N: Numbers>(&self, keys: &[*const u8], page: usize) {
        let mut query = 0;
        // SAFETY: there are as many queries left as are taken.
        unsafe {
            while query < self.count {
                query += match self.count - query {
                    12.. if V::WIDE => self.score_some::<V, N, 12, 2>(keys, page, query),
                    6.. if V::WIDE => self.score_some::<V, N, 6, 4>(keys, page, query),
                    4.. if V::WIDE => self.score_some::<V, N, 4, 4>(keys, page, query),
                    3.. if V::WIDE => self.score_some::<V, N, 3, 4>(keys, page, query),
                    2.. if V::WIDE => self.score_some::<V, N, 2, 8>(keys, page, query),
                    1.. if V::WIDE => self.score_some::<V, N, 1, 8>(keys, page, query),
                    6.. => self.score_some::<V, N, 6, 1>(keys, page, query),
                    3.. => self.score_some::<V, N, 3, 2>(keys, page, query),
                    2.. => self.score_some::<V, N, 2, 2>(keys, page, query),
                    _ => self.score_some::<V, N, 1, 4>(keys, page, query),
                };
            }
        }
    }

    /// `Q` queries, `P` pages at a time; returns `Q`.
    #[inline(always)]
    unsafe fn score_some<V: Vector, N: Numbers, const Q: usize, const P: usize>(
        &self,
        keys: &[*const u8],
        page: usize,
        query: usize,
    ) -> usize {
        // SAFETY: the caller's.
        unsafe {
            let whole = keys.chunks_exact(P);
            let rest = whole.remainder();
            let mut at = page;
            for keys in whole {
                let mut together = [std::ptr::null(); P];
                together.copy_from_slice(keys);
                self.dots::<V, N, Q, P>(together, at, query);
                at += P;
            }
            for &keys in rest {
                self.dots::<V, N, Q, 1>([keys], at, query);
                at += 1;
            }
        }
        Q
    }

    /// Dot products of queries with the keys of pages.
    #[inline(always)]
    unsafe fn dots<V: Vector, N: Numbers, const Q: usize, const P: usize>(
        &self,
        keys: [*const u8; P],
        page: usize,
        query: usize,
    ) {
        let values = self.seen.layout.strip_bytes();
        // SAFETY: keys are `head_size` lanes, queries `head_size` × `count`, scores as long as a
        // block for each query.
        unsafe {
            let mut sums = [[V::splat(0.0); P]; Q];
            for d in 0..self.size() {
                let mut lanes = [V::splat(0.0); P];
                for p in 0..P {
                    lanes[p] = N::lanes(keys[p].add(d * N::BYTES));
                }
                if N::FROM_PAGES && (d * N::BYTES).is_multiple_of(LINE) {
                    // The values, which are wanted next.
                    for keys in keys {
                        V::prefetch(keys.wrapping_add(values + d * N::BYTES));
                    }
                }
                let queries = self.queries.add(d * self.count + query);
                for q in 0..Q {
                    let x = V::splat(*queries.add(q));
                    for p in 0..P {
                        sums[q][p] = lanes[p].mul_add(x, sums[q][p]);
                    }
                }
            }
            for q in 0..Q {
                for p in 0..P {
                    sums[q][p]
                        .store(self.scores.add((query + q) * BLOCK_TOKENS + (page + p) * LANES));
                }
            }
        }
    }

    /// Scales of the 8-bit keys (1) or values (2) of the block's `page`th page.
    #[inline(always)]
    unsafe fn scales<V: Vector>(&self, page: usize, strips: usize) -> V {
        let end = strips * self.seen.layout.strip_bytes();
        // SAFETY: scales stand at the end of their strip.
        unsafe { V::load(self.keys[page].add(end - size_of::<[f32; LANES]>()).cast()) }
    }

    /// Turns a query's scores into weights, joins their sum to its partial result and leaves the
    /// factors for its values.
    #[inline(always)]
    unsafe fn soften<V: Vector>(&self, query: usize) {
        let group = self.count / self.seen.rows;
        let seen = self.seen.position + query / group + 1;
        // SAFETY: see [`Self::dots`].
        unsafe {
            let scores = self.scores.add(query * BLOCK_TOKENS);
            let eight_bit = self.seen.layout.kind == KvType::Int8;
            let mut largest = V::splat(f32::NEG_INFINITY);
            for (at, page) in self.pages.clone().enumerate() {
                let mut x = V::load(scores.add(at * LANES));
                if eight_bit {
                    x = x.mul(self.scales(at, 1));
                }
                let visible = seen - page * PAGE_TOKENS;
                if visible < PAGE_TOKENS {
                    x = x.keep(visible, f32::NEG_INFINITY);
                }
                x.store(scores.add(at * LANES));
                largest = largest.max(x);
            }
            let largest = V::splat(largest.largest());
            let mut sum = V::splat(0.0);
            for (at, page) in self.pages.clone().enumerate() {
                let mut weight = V::load(scores.add(at * LANES)).sub(largest).exp();
                let visible = seen - page * PAGE_TOKENS;
                if visible < PAGE_TOKENS {
                    weight = weight.keep(visible, 0.0);
                }
                sum = sum.add(weight);
                if eight_bit {
                    weight = weight.mul(self.scales(at, 2));
                }
                weight.store(scores.add(at * LANES));
            }
            let partial = self.partials.add(query * partial_len(self.size()));
            let (both, a, b) = factors(V::load(partial), largest);
            both.store(partial);
            let sums = partial.add(LANES);
            V::load(sums).mul_add(a, sum.mul(b)).store(sums);
            a.store(self.factors.add(query * 2 * LANES));
            b.store(self.factors.add((query * 2 + 1) * LANES));
        }
    }

    /// Joins the weighted values of the block to the partial results.
    #[inline(always)]
    unsafe fn mix_all<V: Vector, N: Numbers>(&self) {
        let (keys, count) = (&self.keys, self.pages.len());
        let strip = self.seen.layout.strip_bytes();
        let mut values = [std::ptr::null(); BLOCK_PAGES];
        // SAFETY: values are behind keys; widened numbers are as many as a block has.
        unsafe {
            if self.count < MANY {
                for page in 0..count {
                    values[page] = keys[page].add(strip);
                }
                return self.mix::<V, N>(&values[..count]);
            }
            for page in 0..count {
                let into = self.widened.add(page * self.size() * LANES);
                widen::<V, N>(keys[page].add(strip), into, self.size());
                values[page] = into.cast_const().cast::<u8>();
            }
            self.mix::<V, Floats>(&values[..count]);
        }
    }

    #[inline(always)]
    unsafe fn mix<V: Vector, N: Numbers>(&self, values: &[*const u8]) {
        let columns = self.size() / LANES;
        let mut column = 0;
        // SAFETY: there are as many columns left as are taken.
        unsafe {
            while column < columns {
                column += match columns - column {
                    4.. if V::WIDE => self.mix_columns::<V, N, 4>(values, column),
                    2.. => self.mix_columns::<V, N, 2>(values, column),
                    _ => self.mix_columns::<V, N, 1>(values, column),
                };
            }
        }
    }

    /// `C` columns of lanes for all queries; returns `C`.
    #[inline(always)]
    unsafe fn mix_columns<V: Vector, N: Numbers, const C: usize>(
        &self,
        values: &[*const u8],
        column: usize,
    ) -> usize {
        let mut query = 0;
        // SAFETY: there are as many queries left as are taken.
        unsafe {
            while query < self.count {
                query += match self.count - query {
                    6.. if V::WIDE => self.mix_some::<V, N, 6, C>(values, column, query),
                    4.. if V::WIDE => self.mix_some::<V, N, 4, C>(values, column, query),
                    3.. => self.mix_some::<V, N, 3, C>(values, column, query),
                    2.. => self.mix_some::<V, N, 2, C>(values, column, query),
                    _ => self.mix_some::<V, N, 1, C>(values, column, query),
                };
            }
        }
        C
    }

    /// `Q` queries, `C` columns; returns `Q`.
    #[inline(always)]
    unsafe fn mix_some<V: Vector, N: Numbers, const Q: usize, const C: usize>(
        &self,
        values: &[*const u8],
        column: usize,
        query: usize,
    ) -> usize {
        let columns = self.size() / LANES;
        // SAFETY: values are 16 × `head_size`, partial results `head_size` floats behind two lanes.
        unsafe {
            let mut sums = [[V::splat(0.0); C]; Q];
            let mut weights = self.scores.add(query * BLOCK_TOKENS).cast_const();
            for (values, later) in values.iter().zip(self.later) {
                let mut from = values.add(column * N::BYTES);
                for slot in 0..PAGE_TOKENS {
                    if N::FROM_PAGES && column + query == 0 {
                        // The keys of the next block.
                        for line in (0..columns * N::BYTES).step_by(LINE) {
                            V::prefetch(later.wrapping_add(slot * columns * N::BYTES + line));
                        }
                    }
                    let mut lanes = [V::splat(0.0); C];
                    for c in 0..C {
                        lanes[c] = N::lanes(from.add(c * N::BYTES));
                    }
                    for q in 0..Q {
                        let weight = V::splat(*weights.add(q * BLOCK_TOKENS));
                        for c in 0..C {
                            sums[q][c] = lanes[c].mul_add(weight, sums[q][c]);
                        }
                    }
                    from = from.add(columns * N::BYTES);
                    weights = weights.add(1);
                }
            }
            for q in 0..Q {
                let factors = self.factors.add((query + q) * 2 * LANES);
                let (a, b) = (V::load(factors), V::load(factors.add(LANES)));
                let partial = self.partials.add((query + q) * partial_len(self.size()));
                for c in 0..C {
                    let place = partial.add((2 + column + c) * LANES);
                    V::load(place).mul_add(a, sums[q][c].mul(b)).store(place);
                }
            }
        }
        Q
    }
}

/// Widens a page's strip: `head_size` lanes.
#[inline(always)]
unsafe fn widen<V: Vector, N: Numbers>(from: *const u8, into: *mut f32, head_size: usize) {
    for d in 0..head_size {
        // SAFETY: both have `head_size` lanes.
        unsafe { N::lanes::<V>(from.add(d * N::BYTES)).store(into.add(d * LANES)) }
    }
}
