//! Attention over the pages of a sequence (Vaswani et al. 2017), with rotary positions (Su et al.
//! 2021, arXiv:2104.09864).
//!
//! Several queries that see the same pages go together: the query heads of one KV head, and the rows
//! of a prompt whose places are in one page. Tokens are taken in blocks of [`BLOCK_TOKENS`]. Each
//! block has a softmax of its own, and blocks are joined first to last (Milakov and Gimelshein 2018,
//! arXiv:1805.02867), whether one thread does them all or several share them. So a row's result
//! depends neither on the rows beside it nor on the number of threads.
//!
//! Three passes: [`place`] turns queries and appends keys and values, [`attend`] makes partial
//! results of blocks, [`finish`] joins them.

mod block;
mod finish;
mod numbers;
mod place;
mod rotary;
mod scores;
#[cfg(test)]
mod tests;
mod values;

pub(in crate::engine::cpu) use block::{Seen, attend};
pub(in crate::engine::cpu) use finish::finish;
pub(in crate::engine::cpu) use place::{Heads, place};
pub(in crate::engine::cpu) use rotary::Rotary;

use super::LANES;
use crate::engine::kv::PAGE_TOKENS;

const _: () = assert!(PAGE_TOKENS == LANES, "a page's keys are read as lanes");

/// Pages in a block.
const BLOCK_PAGES: usize = 8;

/// Tokens that have a softmax of their own.
const BLOCK_TOKENS: usize = BLOCK_PAGES * PAGE_TOKENS;

/// The widest head that is supported.
pub(in crate::engine::cpu) const MAX_HEAD_SIZE: usize = 512;

/// Blocks in which the first `tokens` tokens of a sequence stand.
pub(in crate::engine::cpu) const fn blocks(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_TOKENS)
}

/// Floats in the partial result of one query: the largest score in each lane, the sum of the weights
/// in lanes, and the weighted values.
pub(in crate::engine::cpu) const fn partial_len(head_size: usize) -> usize {
    2 * LANES + head_size
}
