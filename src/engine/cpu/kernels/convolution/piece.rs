//! A convolution computed as it is defined, piece by piece.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

use super::super::pool::Pool;
use super::super::{Kernel, LANES};
use super::gather::{self, Block, Gather};
use super::output::Output;
use super::plan::{Piece, Plan};
use super::tile::{self, OUTPUTS, SLACK, Tile};
use super::window::Extent;
use super::{Convolution, Source, rows};

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
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
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
        self.pieces(pool, |piece, buffers| {
            self.gather(kernel, piece, &mut buffers.input);
            for tile in piece.tiles.clone() {
                self.tile(kernel, piece, tile, &offsets, buffers);
            }
        });
    }

    /// Copies what a piece reads of the channels of its group.
    fn gather(&self, kernel: Kernel, piece: &Piece, buffer: &mut Floats) {
        let layout = &self.plan.layout;
        let [channels, _] = self.convolution.own();
        let len = layout.channel();
        buffer.resize(channels * len + SLACK);
        let gather = Gather::new(&self.convolution.window, self.extent, layout, &piece.block);
        for (picture, out) in self.planes(piece).zip(buffer.chunks_exact_mut(len)) {
            gather::channel(kernel, &gather, picture, out);
        }
    }

    /// The planes of a piece's image that its group reads.
    pub(super) fn planes(&self, piece: &Piece) -> impl Iterator<Item = &[f32]> {
        let places: usize = self.extent.input.iter().product();
        let [channels, _] = self.convolution.own();
        let image = piece.image;
        let planes = self.sources.iter().flat_map(move |source| {
            let len = source.channels * places;
            source.values[image * len..(image + 1) * len].chunks_exact(places)
        });
        planes.skip(piece.group * channels).take(channels)
    }

    fn tile(
        &self,
        kernel: Kernel,
        piece: &Piece,
        tile: usize,
        offsets: &[usize],
        buffers: &mut Buffers,
    ) {
        let [_, outputs] = self.convolution.own();
        let size = offsets.len() * OUTPUTS;
        let number = piece.group * outputs.div_ceil(OUTPUTS) + tile;
        let first = piece.group * outputs + tile * OUTPUTS;
        let count = OUTPUTS.min(outputs - tile * OUTPUTS);
        let Block { top, left, rows, columns } = piece.block;
        let pitch = self.plan.layout.pitch;
        let places = (rows - 1) * pitch + columns;
        let padded = places.next_multiple_of(LANES);
        buffers.sums.resize(OUTPUTS * padded);
        let operands = Tile {
            weights: &self.weights[number * size..(number + 1) * size],
            bias: &self.convolution.bias[first..first + count],
            input: &buffers.input,
            offsets,
            furthest: offsets.iter().max().copied().unwrap_or(0),
        };
        tile::sums(kernel, operands, places, &mut buffers.sums, padded);
        let by_row = self.output.by_row();
        for (output, sums) in buffers.sums.chunks_exact_mut(padded).take(count).enumerate() {
            let of = [piece.image, first + output];
            if !by_row {
                self.output.finish(kernel, of, None, &mut sums[..places], &mut buffers.rows);
            }
            for (row, sums) in sums[..places].chunks_mut(pitch).enumerate() {
                let sums = &mut sums[..columns];
                let at = self.output.at(piece.image, first + output, [top + row, left]);
                if by_row {
                    self.output.finish(kernel, of, Some(at), sums, &mut buffers.rows);
                }
                // SAFETY: the block lies within the output, and its places of these channels belong
                // to this piece.
                unsafe { self.output.write(first + output, at, sums) };
            }
        }
    }
}
