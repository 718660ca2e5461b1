//! A convolution computed in patches; see [`super::winograd`].

use super::super::pool::Pool;
use super::super::{Kernel, LANES, compiled_for_each_kernel};
use super::gather::{self, Block};
use super::piece::{Buffers, LONG, Run};
use super::plan::Piece;
use super::tile::{self, OUTPUTS, SLACK, Tile};
use super::winograd::{self, NUMBERS, PATCH, STEP};

/// Sums of numbers begin at zero: a bias is added to outputs.
const ZEROS: [f32; OUTPUTS] = [0.0; OUTPUTS];

/// Floats from one number of transformed patches to the next: a cache line more than they are, or all
/// 36 that are written together might fall into the same few lines of the cache.
fn apart(channels: usize, padded: usize) -> usize {
    channels * padded + LANES
}

impl Run<'_> {
    /// Computes the convolution in patches.
    pub(super) fn patches(&self, kernel: Kernel, pool: &Pool) {
        self.pieces(pool, |piece, buffers| {
            let places = self.places(piece);
            self.enter(kernel, piece, places, buffers);
            for tile in piece.tiles.clone() {
                self.patch_tile(kernel, piece, tile, buffers);
            }
        });
    }

    fn places(&self, piece: &Piece) -> usize {
        (piece.block.rows - 1) * self.plan.layout.pitch + piece.block.columns
    }

    /// Transforms the input: numbers × channels × places. One channel at a time is copied, which
    /// the first cache holds.
    fn enter(&self, kernel: Kernel, piece: &Piece, places: usize, buffers: &mut Buffers) {
        let [channels, _] = self.convolution.channels;
        let layout = &self.plan.layout;
        let padded = places.next_multiple_of(LANES);
        let apart = apart(channels, padded);
        let Buffers { input, numbers, offsets, cuts, .. } = buffers;
        input.resize(layout.channel() + SLACK);
        numbers.resize(NUMBERS * apart);
        let gather = self.gathering(&PATCH, piece, cuts);
        for (channel, picture) in self.planes(piece).enumerate() {
            gather::channel(kernel, &gather, picture, &mut input[..layout.channel()]);
            let out = &mut numbers[channel * padded..];
            winograd::enter(kernel, input, &layout.taps, places, out, apart);
        }
        offsets.clear();
        offsets.extend((0..channels).map(|channel| channel * padded));
    }

    fn patch_tile(&self, kernel: Kernel, piece: &Piece, tile: usize, buffers: &mut Buffers) {
        let [channels, outputs] = self.convolution.channels;
        let (first, tiles) = (tile * OUTPUTS, outputs.div_ceil(OUTPUTS));
        let count = OUTPUTS.min(outputs - first);
        let places = self.places(piece);
        let padded = places.next_multiple_of(LANES);
        buffers.sums.resize(NUMBERS * OUTPUTS * padded);
        let size = channels * OUTPUTS;
        for (number, sums) in buffers.sums.chunks_exact_mut(OUTPUTS * padded).enumerate() {
            let operands = Tile {
                weights: &self.weights[(number * tiles + tile) * size..][..size],
                bias: &ZEROS[..count],
                input: &buffers.numbers[number * apart(channels, padded)..][..channels * padded],
                offsets: &buffers.offsets,
                furthest: (channels - 1) * padded,
            };
            tile::sums(kernel, operands, places, sums, padded);
        }
        for output in 0..count {
            let sums = &buffers.sums[output * padded..];
            let bias = self.convolution.bias[first + output];
            buffers.outputs.resize(STEP * STEP * padded, 0.0);
            let to = &mut buffers.outputs;
            winograd::leave(kernel, sums, OUTPUTS * padded, bias, places, to, padded);
            self.write_patches(kernel, piece, first + output, padded, buffers);
        }
    }

    /// Finishes and writes the patches of one channel, which lie in 16 pieces of `padded` floats.
    fn write_patches(
        &self,
        kernel: Kernel,
        piece: &Piece,
        channel: usize,
        padded: usize,
        buffers: &mut Buffers,
    ) {
        let Buffers { outputs, rows, line, .. } = buffers;
        let of = [piece.image, channel];
        let Block { top, left, rows: down, columns: across } = piece.block;
        let by_row = self.output.by_row() || across * STEP >= LONG;
        if !by_row {
            self.output.finish(kernel, of, None, outputs, rows);
        }
        let [height, width] = self.extent.output;
        let pitch = self.plan.layout.pitch;
        line.resize(across * STEP, 0.0);
        for y in top * STEP..((top + down) * STEP).min(height) {
            let at = (y / STEP - top) * pitch;
            let part = |x: usize| &outputs[(y % STEP * STEP + x) * padded + at..][..across];
            join(kernel, [part(0), part(1), part(2), part(3)], line);
            let line = &mut line[..(across * STEP).min(width - left * STEP)];
            let at = self.output.at(piece.image, channel, [y, left * STEP]);
            // SAFETY: the block lies within the output, and its places of this channel belong to
            // this piece.
            unsafe {
                if by_row {
                    self.output.put(kernel, of, at, line, rows);
                } else {
                    self.output.write(channel, at, line);
                }
            }
        }
    }
}

compiled_for_each_kernel! {
    /// Puts the columns of patches side by side.
    join => join_body(columns: [&[f32]; STEP], out: &mut [f32])
}

#[inline(always)]
fn join_body(columns: [&[f32]; STEP], out: &mut [f32]) {
    let [a, b, c, d] = columns;
    let pairs = a.iter().zip(b).zip(c.iter().zip(d));
    for (out, ((a, b), (c, d))) in out.as_chunks_mut::<STEP>().0.iter_mut().zip(pairs) {
        *out = [*a, *b, *c, *d];
    }
}
