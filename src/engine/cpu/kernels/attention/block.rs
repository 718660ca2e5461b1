//! Partial results: the softmax of a block of tokens and the values it weighs.

use std::cell::Cell;
use std::ops::Range;

use super::super::vector::{Vector, vectorised};
use super::super::{Kernel, LANES};
use super::finish::factors;
use super::numbers::{Bytes, Halves, Numbers};
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
pub(super) const MANY: usize = 12;

thread_local! {
    /// Room for one block's scores, factors and widened numbers; kept, as every step wants it again.
    static SCRATCH: Cell<Vec<Line>> = const { Cell::new(Vec::new()) };
}

/// Bytes that are fetched at once.
pub(super) const LINE: usize = 64;

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
pub(super) struct Block<'a> {
    pub(super) seen: &'a Seen<'a>,
    /// `head_size` × `count`.
    pub(super) queries: *const f32,
    pub(super) count: usize,
    /// At most [`BLOCK_PAGES`].
    pub(super) pages: Range<usize>,
    /// Where the keys of each page begin.
    pub(super) keys: [*const u8; BLOCK_PAGES],
    /// Keys that are wanted after this block; what is no page's is only asked for, not read.
    pub(super) later: [*const u8; BLOCK_PAGES],
    /// `count` × [`BLOCK_TOKENS`].
    pub(super) scores: *mut f32,
    /// `count` × 2 × lanes.
    pub(super) factors: *mut f32,
    /// Where there are [`MANY`] queries: [`BLOCK_TOKENS`] × `head_size`.
    pub(super) widened: *mut f32,
    /// `count` × [`partial_len`].
    pub(super) partials: *mut f32,
}

impl Block<'_> {
    #[inline(always)]
    pub(super) fn size(&self) -> usize {
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
}

/// Widens a page's strip: `head_size` lanes.
#[inline(always)]
pub(super) unsafe fn widen<V: Vector, N: Numbers>(
    from: *const u8,
    into: *mut f32,
    head_size: usize,
) {
    for d in 0..head_size {
        // SAFETY: both have `head_size` lanes.
        unsafe { N::lanes::<V>(from.add(d * N::BYTES)).store(into.add(d * LANES)) }
    }
}
