//! How attention's rows are cut for threads. How they are cut does not change what comes out.

use std::ops::Range;

use crate::engine::kv::{PAGE_TOKENS, SequenceId};

/// Rows of a step that go together: they follow on each other in one page of their sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub(super) sequence: SequenceId,
    /// Place of the first row's token in its sequence.
    pub(super) position: usize,
    /// The first row in the step.
    pub(super) row: usize,
    pub(super) rows: usize,
}

impl Tile {
    /// Its part of rows that are `width` wide.
    pub(super) fn part(&self, width: usize) -> Range<usize> {
        self.row * width..(self.row + self.rows) * width
    }
}

/// Replaces `tiles` by those of a step's `rows`.
pub(super) fn cut(rows: &[(SequenceId, usize)], tiles: &mut Vec<Tile>) {
    tiles.clear();
    for (row, &(sequence, position)) in rows.iter().enumerate() {
        match tiles.last_mut() {
            Some(tile)
                if tile.sequence == sequence
                    && position == tile.position + tile.rows
                    && !position.is_multiple_of(PAGE_TOKENS) =>
            {
                tile.rows += 1;
            }
            _ => tiles.push(Tile { sequence, position, row, rows: 1 }),
        }
    }
}

/// Pieces in which a tile's blocks are computed, given the blocks that tiles have for each KV head.
///
/// `None`: each tile as a whole, as there are enough of them for all threads. Otherwise blocks are
/// kept apart, and so many of them are one piece of work.
pub(super) fn blocks_apart(
    blocks: impl ExactSizeIterator<Item = usize>,
    kv_heads: usize,
    threads: usize,
) -> Option<usize> {
    // A few pieces for each thread even out what one takes longer than another.
    let enough = 4 * threads;
    if threads == 1 || blocks.len() * kv_heads >= enough {
        return None;
    }
    let all: usize = blocks.sum::<usize>() * kv_heads;
    Some((all / (2 * enough)).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Budget;
    use crate::engine::Scope;
    use crate::engine::kv::{KvStore, KvType, Layout};

    #[test]
    fn a_tile_is_rows_of_one_page() {
        let layout = Layout { layers: 1, heads: 1, head_size: 16, kind: KvType::F16 };
        let mut kv = KvStore::new(layout, Budget::new(1).open(), None);
        let (a, b) = (kv.open(Scope::Alone), kv.open(Scope::Alone));
        let rows: Vec<_> = (14..33).map(|at| (a, at)).chain([(b, 33), (b, 40)]).collect();
        let mut tiles = Vec::new();
        cut(&rows, &mut tiles);
        let got: Vec<_> = tiles.iter().map(|t| (t.sequence, t.position, t.row, t.rows)).collect();
        let want = [(a, 14, 0, 2), (a, 16, 2, 16), (a, 32, 18, 1), (b, 33, 19, 1), (b, 40, 20, 1)];
        assert_eq!(got, want);
        assert_eq!(tiles[1].part(10), 20..180);
    }

    #[test]
    fn few_long_tiles_are_cut_into_pieces_for_all_threads() {
        assert_eq!(blocks_apart([16].into_iter(), 3, 2), Some(3));
        assert_eq!(blocks_apart([1].into_iter(), 3, 2), Some(1));
        assert_eq!(blocks_apart([16].into_iter(), 3, 1), None);
        assert_eq!(blocks_apart([16; 8].into_iter(), 3, 2), None);
    }
}
