//! How much queries have in common with the keys of a block.

use super::super::LANES;
use super::super::vector::Vector;
use super::BLOCK_TOKENS;
use super::block::{Block, LINE, MANY, widen};
use super::numbers::{Floats, Numbers};

impl Block<'_> {
    /// Scores of all queries.
    #[inline(always)]
    pub(super) unsafe fn score_all<V: Vector, N: Numbers>(&self) {
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
}
