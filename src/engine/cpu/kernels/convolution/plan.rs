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

/// Of a piece, the part that a thread waits for others on average.
const DELAY: f64 = 0.15;

/// Floats between places that share lines of a cache with too many others.
const ALIKE: usize = 512;

/// Cycles until threads have come together.
const MEETING: f64 = 8_000.0;

/// The pieces of a convolution: images × groups × blocks × parts of the outputs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) layout: Layout,
    /// Outputs down and across.
    size: [usize; 2],
    /// Rows and columns of a block.
    block: [usize; 2],
    pub(super) images: usize,
    groups: usize,
    tiles: usize,
    /// Tiles of a piece.
    together: usize,
    /// Whether the input of all pieces is copied before any of them is computed.
    pub(super) shared: bool,
    /// Whether the input is read where it is.
    pub(super) direct: bool,
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

/// What decides how a convolution is cut. Times are in cycles of a processor with wide vectors, and
/// only their proportions matter.
struct Outlook {
    /// Outputs down and across, where patches count as one.
    size: [usize; 2],
    /// Of the window, for blocks of one output.
    layout: Layout,
    /// Channels that a block reads.
    channels: usize,
    /// Tiles of a group.
    tiles: usize,
    /// Images times groups.
    apart: usize,
    /// Numbers that each place has of a channel: it is multiplied so often.
    numbers: usize,
    /// Times that the sums of a vector of places take besides, for one channel in and one tile out.
    entering: usize,
    leaving: usize,
    /// Bytes that a thread keeps of a place of the buffer, of all channels, and how many it may.
    kept: usize,
    limit: usize,
    /// Whether nothing is copied.
    direct: bool,
    /// Whether threads may enter the input together.
    sharing: bool,
    /// Columns of a block at least, where a picture has as many; rows likewise.
    columns: usize,
    rows: usize,
}

impl Outlook {
    fn plain(convolution: &Convolution, extent: &Extent, images: usize, direct: bool) -> Self {
        let window = &convolution.window;
        let [channels, outputs] = convolution.own();
        let layout = Layout::new(window, 1, 1);
        let overlap = window.kernel[0] > window.stride[0];
        Self {
            size: extent.output,
            channels,
            tiles: outputs.div_ceil(OUTPUTS),
            apart: images * convolution.groups,
            numbers: window.taps(),
            entering: 0,
            leaving: OUTPUTS * 8,
            kept: layout.planes.len() * channels * size_of::<f32>(),
            limit: BLOCK_BYTES,
            direct,
            sharing: !direct,
            columns: 4 * LANES,
            rows: if overlap { FEWEST_ROWS } else { 1 },
            layout,
        }
    }

    fn patches(convolution: &Convolution, extent: &Extent, images: usize) -> Self {
        let [channels, outputs] = convolution.channels;
        let size = winograd::patches(extent).output;
        Self {
            size,
            layout: Layout::new(&PATCH, 1, 1),
            channels,
            tiles: outputs.div_ceil(OUTPUTS),
            apart: images,
            numbers: NUMBERS,
            entering: 120,
            leaving: OUTPUTS * 160,
            kept: NUMBERS * channels * size_of::<f32>(),
            limit: PATCH_BYTES,
            direct: false,
            sharing: false,
            columns: 3 * LANES,
            // As many as fill a few vectors.
            rows: (3 * LANES).div_ceil(size[1] + 1),
        }
    }

    /// Rows and columns of a buffer's plane for a block of so many outputs.
    fn plane(&self, rows: usize, columns: usize) -> [usize; 2] {
        [rows + self.layout.height - 1, columns + self.layout.pitch - 1]
    }

    /// Whether a thread can keep what a block reads.
    fn fits(&self, rows: usize, columns: usize) -> bool {
        let [height, pitch] = self.plane(rows, columns);
        height * pitch * self.kept <= self.limit
    }

    /// Columns of a block, in parts as even as whole vectors allow.
    fn columns(&self) -> usize {
        let [height, width] = self.size;
        let fewest = self.rows.min(height);
        let mut columns = width;
        for parts in 2.. {
            if columns <= self.columns || self.fits(fewest, columns) {
                break;
            }
            // Whole vectors, so that places of a single row are not computed for nothing.
            columns = width.div_ceil(parts).next_multiple_of(LANES);
        }
        columns
    }

    /// The time that threads take for blocks of so many rows whose outputs are cut in parts.
    fn time(&self, [rows, columns]: [usize; 2], parts: usize, threads: usize) -> f64 {
        let [height, pitch] = self.plane(rows, columns);
        let vectors = ((rows - 1) * pitch + columns).div_ceil(LANES);
        let lines = self.layout.planes.len() * height;
        let entering = 40 + lines * (pitch / 8 + 10) + vectors * self.entering;
        let entering = if self.direct { 0 } else { self.channels * entering };
        // Few vectors wait for their weights.
        let products = self.channels * self.numbers * OUTPUTS / 2 * (vectors + vectors.div_ceil(3));
        let leaving = vectors * self.leaving + rows * OUTPUTS * 20;
        let blocks = self.blocks(rows, columns);
        let once = self.is_shared([rows, columns], parts);
        let entering = entering * if once { 1 } else { parts };
        let work = blocks * (entering + self.tiles * (products + leaving));
        let pieces = blocks * parts;
        // A thread whose core is taken away holds up the rest for a part of a piece.
        let share = (pieces.div_ceil(threads) as f64 + DELAY) / pieces as f64;
        work as f64 * share + if once { MEETING } else { 0.0 }
    }

    /// Blocks of so many rows, of all images and groups.
    fn blocks(&self, rows: usize, columns: usize) -> usize {
        self.apart * self.size[0].div_ceil(rows) * self.size[1].div_ceil(columns)
    }

    /// Whether threads enter the input together, before they compute parts of the outputs.
    fn is_shared(&self, block: [usize; 2], parts: usize) -> bool {
        let [height, pitch] = self.plane(block[0], block[1]);
        let bytes = self.apart * height * pitch * self.kept;
        self.sharing && parts > 1 && block == self.size && bytes <= 2 * self.limit
    }

    /// Rows of a block and tiles of a piece with which threads are done first.
    fn cut(&self, columns: usize, threads: usize) -> [usize; 2] {
        let mut rows = self.size[0];
        while rows > 1 && !self.fits(rows, columns) {
            rows = rows.div_ceil(2);
        }
        let mut best = (f64::INFINITY, [rows, self.tiles]);
        if threads == 1 {
            return best.1;
        }
        let most = threads * PIECES;
        let mut down = self.size[0].div_ceil(rows);
        loop {
            let rows = self.size[0].div_ceil(down);
            let blocks = self.blocks(rows, columns);
            for parts in 1..=most.div_ceil(blocks).min(self.tiles) {
                let time = self.time([rows, columns], parts, threads);
                if time < best.0 {
                    best = (time, [rows, self.tiles.div_ceil(parts)]);
                }
            }
            if blocks >= most || rows == 1 {
                return best.1;
            }
            down += 1;
        }
    }
}

/// Whether a flat picture can be read where it is: in whole vectors, and without its channels falling
/// into the same few lines of a cache.
fn is_direct(window: &Window, extent: &Extent) -> bool {
    let places = extent.input[1];
    let flat = window.is_point(extent) && extent.input[0] == 1;
    flat && places.is_multiple_of(LANES) && !places.is_multiple_of(ALIKE)
}

impl Plan {
    /// For [`super::piece::Run::plain`], which reads so many sources.
    pub(super) fn plain(
        convolution: &Convolution,
        extent: &Extent,
        images: usize,
        sources: usize,
        threads: usize,
    ) -> Self {
        let direct = sources == 1 && is_direct(&convolution.window, extent);
        let outlook = Outlook::plain(convolution, extent, images, direct);
        Self::new(&outlook, &convolution.window, images, convolution.groups, threads)
    }

    /// For [`super::piece::Run::patches`].
    pub(super) fn patches(
        convolution: &Convolution,
        extent: &Extent,
        images: usize,
        threads: usize,
    ) -> Self {
        let outlook = Outlook::patches(convolution, extent, images);
        Self::new(&outlook, &PATCH, images, convolution.groups, threads)
    }

    fn new(
        outlook: &Outlook,
        window: &Window,
        images: usize,
        groups: usize,
        threads: usize,
    ) -> Self {
        let columns = outlook.columns();
        let [rows, together] = outlook.cut(columns, threads);
        Self {
            layout: Layout::new(window, rows, columns),
            size: outlook.size,
            block: [rows, columns],
            images,
            groups,
            tiles: outlook.tiles,
            together,
            direct: outlook.direct,
            shared: outlook.is_shared([rows, columns], outlook.tiles.div_ceil(together)),
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
