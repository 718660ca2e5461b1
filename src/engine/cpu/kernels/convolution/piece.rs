//! A convolution computed as it is defined, piece by piece.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use super::super::pool::Pool;
use super::super::{Kernel, LANES};
use super::gather::{self, Block, Cut, Gather};
use super::output::Output;
use super::plan::{Piece, Plan};
use super::tile::{self, OUTPUTS, SLACK, Tile};
use super::window::{Extent, Window};
use super::{Convolution, Source, rows};

/// Places of a line that are worth a program's start.
pub(super) const LONG: usize = 4 * LANES;

/// Floats that begin with a cache line, so that vectors of them lie in one.
#[derive(Default)]
pub(super) struct Floats {
    all: Vec<f32>,
    first: usize,
}

impl Floats {
    /// Makes them so many; what they hold is arbitrary.
    pub(super) fn resize(&mut self, len: usize) {
        self.all.resize(len + LANES, 0.0);
        self.first = self.all.as_ptr().align_offset(LANES * size_of::<f32>()).min(LANES);
    }
}

impl Deref for Floats {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.all[self.first..][..self.all.len().saturating_sub(LANES)]
    }
}

impl DerefMut for Floats {
    fn deref_mut(&mut self) -> &mut [f32] {
        let len = self.all.len().saturating_sub(LANES);
        &mut self.all[self.first..][..len]
    }
}

/// Buffers that a thread keeps from one convolution to the next.
#[derive(Default)]
pub(super) struct Buffers {
    pub(super) input: Floats,
    /// The input's patches, transformed.
    pub(super) numbers: Floats,
    pub(super) sums: Floats,
    pub(super) outputs: Vec<f32>,
    pub(super) line: Vec<f32>,
    pub(super) rows: rows::Rows,
    pub(super) offsets: Vec<usize>,
    pub(super) cuts: Vec<Cut>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
    /// What all threads of a convolution read.
    static SHARED: RefCell<Floats> = RefCell::default();
}

/// One call of [`Convolution::run`].
pub(super) struct Run<'a> {
    pub(super) convolution: &'a Convolution,
    pub(super) extent: &'a Extent,
    pub(super) sources: &'a [Source<'a>],
    pub(super) plan: &'a Plan,
    pub(super) weights: &'a [f32],
    pub(super) output: Output<'a>,
}

impl Run<'_> {
    /// Computes all pieces with `compute`.
    pub(super) fn pieces(&self, pool: &Pool, compute: impl Fn(&Piece, &mut Buffers) + Sync) {
        let pieces = self.plan.pieces();
        pool.ranges(pieces, pieces.div_ceil(pool.threads() * 8), |range| {
            BUFFERS.with_borrow_mut(|buffers| {
                range.for_each(|piece| compute(&self.plan.piece(piece), buffers));
            });
        });
    }

    /// Computes the convolution as it is defined.
    pub(super) fn plain(&self, kernel: Kernel, pool: &Pool) {
        let layout = &self.plan.layout;
        let [channels, _] = self.convolution.own();
        let channel = |channel| layout.taps.iter().map(move |tap| channel * layout.channel() + tap);
        let offsets: Vec<usize> = (0..channels).flat_map(channel).collect();
        if self.plan.direct {
            return self.direct(kernel, pool);
        }
        if self.plan.shared {
            return self.shared(kernel, pool, &offsets);
        }
        self.pieces(pool, |piece, buffers| {
            let (mut input, len) = (std::mem::take(&mut buffers.input), layout.channel());
            input.resize(channels * len + SLACK);
            let gather = self.gathering(&self.convolution.window, piece, &mut buffers.cuts);
            for (picture, out) in self.planes(piece).zip(input.chunks_exact_mut(len)) {
                gather::channel(kernel, &gather, picture, out);
            }
            self.tiles(kernel, piece, &offsets, &input, buffers);
            buffers.input = input;
        });
    }

    /// Computes a flat picture from its input where that is.
    fn direct(&self, kernel: Kernel, pool: &Pool) {
        let [channels, _] = self.convolution.own();
        let places = self.extent.input[1];
        let offsets: Vec<usize> = (0..channels).map(|channel| channel * places).collect();
        let Some(source) = self.sources.first() else { return };
        self.pieces(pool, |piece, buffers| {
            let first = piece.image * source.channels + piece.group * channels;
            let input = &source.values[first * places..(first + channels) * places];
            self.tiles(kernel, piece, &offsets, &input[piece.block.left..], buffers);
        });
    }

    /// Copies the input of all pieces, then computes them.
    fn shared(&self, kernel: Kernel, pool: &Pool, offsets: &[usize]) {
        let len = self.plan.layout.channel();
        let [channels, _] = self.convolution.own();
        let groups = self.plan.images * self.convolution.groups;
        let mut input = SHARED.take();
        input.resize(groups * channels * len + SLACK);
        let together = (groups * channels).div_ceil(pool.threads() * 4);
        let planes: Vec<&[f32]> =
            (0..self.plan.images).flat_map(|image| self.planes_of(image)).collect();
        let (first, mut cuts) = (self.plan.piece(0), Vec::new());
        let gather = self.gathering(&self.convolution.window, &first, &mut cuts);
        let parts = input.chunks_mut(together * len).zip(planes.chunks(together)).collect();
        pool.each(parts, |(out, planes)| {
            for (picture, out) in planes.iter().zip(out.chunks_exact_mut(len)) {
                gather::channel(kernel, &gather, picture, out);
            }
        });
        self.pieces(pool, |piece, buffers| {
            let group = piece.image * self.convolution.groups + piece.group;
            let input = &input[group * channels * len..][..channels * len + SLACK];
            self.tiles(kernel, piece, offsets, input, buffers);
        });
        SHARED.set(input);
    }

    /// Copies what a window reads of a piece's input.
    pub(super) fn gathering<'a>(
        &'a self,
        window: &'a Window,
        piece: &Piece,
        cuts: &'a mut Vec<Cut>,
    ) -> Gather<'a> {
        Gather::new(window, self.extent, &self.plan.layout, &piece.block, cuts)
    }

    /// The planes of a piece's image that its group reads.
    pub(super) fn planes(&self, piece: &Piece) -> impl Iterator<Item = &[f32]> {
        let [channels, _] = self.convolution.own();
        self.planes_of(piece.image).skip(piece.group * channels).take(channels)
    }

    /// The planes of an image, from all sources.
    fn planes_of(&self, image: usize) -> impl Iterator<Item = &[f32]> {
        let places: usize = self.extent.input.iter().product();
        self.sources.iter().flat_map(move |source| {
            let len = source.channels * places;
            source.values[image * len..(image + 1) * len].chunks_exact(places)
        })
    }

    /// Computes the tiles of a piece from its group's `input`.
    fn tiles(
        &self,
        kernel: Kernel,
        piece: &Piece,
        offsets: &[usize],
        input: &[f32],
        buffers: &mut Buffers,
    ) {
        let furthest = offsets.iter().max().copied().unwrap_or(0);
        let operands = Tile { weights: &[], bias: &[], input, offsets, furthest };
        for tile in piece.tiles.clone() {
            self.tile(kernel, piece, tile, operands, buffers);
        }
    }

    fn tile(
        &self,
        kernel: Kernel,
        piece: &Piece,
        tile: usize,
        operands: Tile<'_>,
        buffers: &mut Buffers,
    ) {
        let [_, outputs] = self.convolution.own();
        let size = operands.offsets.len() * OUTPUTS;
        let number = piece.group * outputs.div_ceil(OUTPUTS) + tile;
        let first = piece.group * outputs + tile * OUTPUTS;
        let count = OUTPUTS.min(outputs - tile * OUTPUTS);
        let Block { top, left, rows, columns } = piece.block;
        let pitch = self.plan.layout.pitch;
        // Whole rows without anything between them are one.
        let whole =
            pitch == columns && columns == self.extent.output[1] && self.convolution.parts() == 1;
        let places = (rows - 1) * pitch + columns;
        let padded = places.next_multiple_of(LANES);
        buffers.sums.resize(OUTPUTS * padded);
        let operands = Tile {
            weights: &self.weights[number * size..(number + 1) * size],
            bias: &self.convolution.bias[first..first + count],
            ..operands
        };
        tile::sums(kernel, operands, places, &mut buffers.sums, padded);
        let [line, used] = if whole { [places; 2] } else { [pitch, columns] };
        // Long lines are finished as they are written.
        let by_row = self.output.by_row() || used >= LONG;
        for (output, sums) in buffers.sums.chunks_exact_mut(padded).take(count).enumerate() {
            let of = [piece.image, first + output];
            if !by_row {
                self.output.finish(kernel, of, None, &mut sums[..places], &mut buffers.rows);
            }
            for (row, sums) in sums[..places].chunks_mut(line).enumerate() {
                let sums = &mut sums[..used];
                let at = self.output.at(piece.image, first + output, [top + row, left]);
                // SAFETY: the block lies within the output, and its places of these channels belong
                // to this piece.
                unsafe {
                    if by_row {
                        self.output.put(kernel, of, at, sums, &mut buffers.rows);
                    } else {
                        self.output.write(first + output, at, sums);
                    }
                }
            }
        }
    }
}
