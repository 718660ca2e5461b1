//! The values of a block, weighted.

use super::super::LANES;
use super::super::vector::Vector;
use super::block::{Block, LINE, MANY, widen};
use super::numbers::{Floats, Numbers};
use super::{BLOCK_PAGES, BLOCK_TOKENS, partial_len};
use crate::engine::kv::PAGE_TOKENS;

impl Block<'_> {
    /// Joins the weighted values of the block to the partial results.
    #[inline(always)]
    pub(super) unsafe fn mix_all<V: Vector, N: Numbers>(&self) {
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
