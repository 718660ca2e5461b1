//! How a convolution is cut into pieces for threads and their caches.

use std::ops::Range;

use super::super::LANES;
use super::Convolution;
use super::gather::Block;
use super::tile::OUTPUTS;
use super::window::{Extent, Layout, Window};
use super::winograd::{self, NUMBERS, PATCH};

/// Input that a thread copies at a time: it stays in the second cache while all outputs pass.
const BLOCK_BYTES: usize = 384 << 10;

/// Transformed input that a thread works on at a time, likewise.
const PATCH_BYTES: usize = 640 << 10;

/// Rows that a block has at least where windows overlap: what two blocks share is copied twice.
const FEWEST_ROWS: usize = 4;

/// Pieces per thread, so that a thread whose core is taken away does not hold up the rest.
const PIECES: usize = 4;

/// The pieces of a convolution: images × groups × blocks × parts of the outputs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    /// Outputs down and across.
    size: [usize; 2],
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

/// How far a plan may go.
struct Limits {
    /// What a block reads.
    bytes: usize,
    /// Columns of a block at least, where a picture has as many.
    columns: usize,
    /// Rows likewise.
    rows: usize,
}

impl Plan {
    /// For [`super::piece::Run::plain`].
    pub(super) fn plain(
        convolution: &Convolution,
        extent: &Extent,
        images: usize,
        threads: usize,
    ) -> Self {
        let window = &convolution.window;
        let [channels, _] = convolution.own();
        let bytes = |rows, columns| {
            Layout::new(window, rows, columns).channel() * channels * size_of::<f32>()
        };
        let overlap = window.kernel[0] > window.stride[0];
        let rows = if overlap { FEWEST_ROWS } else { 1 };
        let limits = Limits { bytes: BLOCK_BYTES, columns: 4 * LANES, rows };
        Self::new(convolution, window, extent.output, images, threads, &limits, bytes)
    }

    /// For [`super::piece::Run::patches`].
    pub(super) fn patches(
        convolution: &Convolution,
        extent: &Extent,
        images: usize,
        threads: usize,
    ) -> Self {
        let [channels, _] = convolution.channels;
        let bytes = |rows: usize, columns: usize| {
            ((rows - 1) * (columns + 1) + columns) * channels * NUMBERS * size_of::<f32>()
        };
        let size = winograd::patches(extent).output;
        // As many as fill a few vectors.
        let rows = (3 * LANES).div_ceil(size[1] + 1);
        let limits = Limits { bytes: PATCH_BYTES, columns: 3 * LANES, rows };
        Self::new(convolution, &PATCH, size, images, threads, &limits, bytes)
    }

    fn new(
        convolution: &Convolution,
        window: &Window,
        size: [usize; 2],
        images: usize,
        threads: usize,
        limits: &Limits,
        bytes: impl Fn(usize, usize) -> usize,
    ) -> Self {
        let [_, outputs] = convolution.own();
        let [height, width] = size;
        let fewest = limits.rows.min(height);
        let mut columns = width;
        for parts in 2.. {
            if columns <= limits.columns || bytes(fewest, columns) <= limits.bytes {
                break;
            }
            // Whole vectors, so that places of a single row are not computed for nothing.
            columns = width.div_ceil(parts).next_multiple_of(LANES);
        }
        let across = width.div_ceil(columns) * images * convolution.groups;
        let wanted = if threads > 1 { (threads * PIECES).div_ceil(across) } else { 1 };
        let mut rows = height.div_ceil(wanted).max(fewest);
        while rows > 1 && bytes(rows, columns) > limits.bytes {
            rows = rows.div_ceil(2);
        }
        let blocks = across * height.div_ceil(rows);
        let tiles = outputs.div_ceil(OUTPUTS);
        let parts = if threads > 1 { (threads * 2).div_ceil(blocks) } else { 1 };
        let together = tiles.div_ceil(parts).max(1);
        Self {
            layout: Layout::new(window, rows, columns),
            size,
            block: [rows, columns],
            images,
            groups: convolution.groups,
            tiles,
            together,
        }
    }

    fn counts(&self) -> [usize; 5] {
        let [rows, columns] = self.block;
        let [height, width] = self.size;
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
        let [height, width] = self.size;
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
