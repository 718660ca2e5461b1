//! How a convolution is cut into pieces for threads and their caches.

use std::ops::Range;

use super::Convolution;
use super::gather::Block;
use super::tile::OUTPUTS;
use super::window::{Extent, Layout};

/// Input that a thread copies at a time: it stays in the second cache while all outputs pass.
const BLOCK_BYTES: usize = 384 << 10;

/// Rows that a block has at least where windows overlap: what two blocks share is copied twice.
const FEWEST_ROWS: usize = 4;

/// Pieces per thread, so that a thread whose core is taken away does not hold up the rest.
const PIECES: usize = 4;

/// The pieces of a convolution: images × groups × blocks × parts of the outputs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    extent: [usize; 2],
    /// Rows and columns of a block.
    block: [usize; 2],
    images: usize,
    groups: usize,
    tiles: usize,
    /// Tiles of a piece.
    together: usize,
}

/// What one thread computes at a time.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) image: usize,
    pub(super) group: usize,
    pub(super) block: Block,
    /// Tiles of the group.
    pub(super) tiles: Range<usize>,
}

impl Plan {
    pub(super) fn new(
        convolution: &Convolution,
        extent: &Extent,
        images: usize,
        threads: usize,
    ) -> Self {
        let window = &convolution.window;
        let [channels, outputs] = convolution.own();
        let [height, width] = extent.output;
        let bytes = |rows, columns| {
            Layout::new(window, rows, columns).channel() * channels * size_of::<f32>()
        };
        let overlap = window.kernel[0] > window.stride[0];
        let fewest = if overlap { FEWEST_ROWS.min(height) } else { 1 };
        let mut columns = width;
        for parts in 2.. {
            if columns <= 4 * 16 || bytes(fewest, columns) <= BLOCK_BYTES {
                break;
            }
            // Whole vectors, so that places of a single row are not computed for nothing.
            columns = width.div_ceil(parts).next_multiple_of(16);
        }
        let across = width.div_ceil(columns) * images * convolution.groups;
        let wanted = if threads > 1 { (threads * PIECES).div_ceil(across) } else { 1 };
        let even = height.div_ceil(wanted).max(fewest);
        let mut rows = even;
        while rows > 1 && bytes(rows, columns) > BLOCK_BYTES {
            rows = rows.div_ceil(2);
        }
        let blocks = across * height.div_ceil(rows);
        let tiles = outputs.div_ceil(OUTPUTS);
        let parts = if threads > 1 { (threads * 2).div_ceil(blocks) } else { 1 };
        let together = tiles.div_ceil(parts).max(1);
        Self {
            layout: Layout::new(window, rows, columns),
            extent: extent.output,
            block: [rows, columns],
            images,
            groups: convolution.groups,
            tiles,
            together,
        }
    }

    fn counts(&self) -> [usize; 5] {
        let [rows, columns] = self.block;
        let [height, width] = self.extent;
        let parts = self.tiles.div_ceil(self.together);
        [self.images, self.groups, height.div_ceil(rows), width.div_ceil(columns), parts]
    }

    /// How many pieces there are.
    pub(super) fn pieces(&self) -> usize {
        self.counts().iter().product()
    }

    /// One of them.
    pub(super) fn piece(&self, number: usize) -> Piece {
        let [_, groups, down, across, parts] = self.counts();
        let (number, part) = (number / parts, number % parts);
        let (number, column) = (number / across, number % across);
        let (number, row) = (number / down, number % down);
        let [rows, columns] = self.block;
        let [height, width] = self.extent;
        let (top, left) = (row * rows, column * columns);
        Piece {
            image: number / groups,
            group: number % groups,
            block: Block {
                top,
                left,
                rows: rows.min(height - top),
                columns: columns.min(width - left),
            },
            tiles: part * self.together..((part + 1) * self.together).min(self.tiles),
        }
    }
}
