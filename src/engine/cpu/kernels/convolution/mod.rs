//! Convolution of pictures in two dimensions (one dimension is a picture of height 1).
//!
//! Pictures are planes, one a channel. A thread takes a block of outputs, copies what it reads into
//! a buffer that stays in its cache, zeros around the picture included, and goes through the
//! outputs eight at a time. Rows of the buffer follow one another without a gap, so that a vector
//! of sixteen places may reach over the end of a row; what it computes there is not written.
//!
//! Each output is one chain of fused multiply-adds that begins with its bias: channels first to
//! last, in each the window's rows and columns.

mod gather;
mod plan;
mod tail;
#[cfg(test)]
mod tests;
mod tile;
mod window;

pub(in crate::engine::cpu) use self::tail::{Function, Instruction, Operand, Tail, apply};
pub(in crate::engine::cpu) use self::window::{Extent, Window};

use std::cell::RefCell;

use self::gather::Block;
use self::plan::Plan;
use self::tail::Around;
use self::tile::{OUTPUTS, SLACK, Tile};
use super::pool::Pool;
use super::{Kernel, LANES};

/// Weights of a convolution, as its products read them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Convolution {
    pub(in crate::engine::cpu) window: Window,
    pub(in crate::engine::cpu) groups: usize,
    /// Channels of the input and of the sums, of all groups.
    pub(in crate::engine::cpu) channels: [usize; 2],
    /// Rows and columns of the output for each place of the sums: as many neighbouring channels
    /// are written side by side.
    spread: [usize; 2],
    /// Groups × tiles × channels of a group × taps × [`OUTPUTS`].
    weights: Vec<f32>,
    /// One number an output.
    bias: Vec<f32>,
    pub(in crate::engine::cpu) tail: Tail,
}

/// Some of an input's channels: images × channels × places.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Source<'a> {
    pub(in crate::engine::cpu) channels: usize,
    pub(in crate::engine::cpu) values: &'a [f32],
}

/// A tensor that a [`Tail`] reads: as large as the output, or one number for each image and channel.
pub(in crate::engine::cpu) type Picture<'a> = &'a [f32];

impl Convolution {
    /// From weights that are outputs × channels of a group × height × width of the window, and a
    /// number for each output. The sentence says which length is wrong.
    pub(in crate::engine::cpu) fn new(
        window: Window,
        groups: usize,
        channels: [usize; 2],
        weights: &[f32],
        bias: &[f32],
        tail: Tail,
    ) -> Result<Self, String> {
        let [inputs, outputs] = channels;
        if groups == 0 || !inputs.is_multiple_of(groups) || !outputs.is_multiple_of(groups) {
            return Err(format!("{inputs} and {outputs} channels do not make {groups} groups"));
        }
        let depth = inputs / groups * window.taps();
        let all = window.kernel.iter().chain(&window.stride).chain(&window.dilation);
        if depth == 0 || outputs == 0 || all.into_iter().any(|&n| n == 0) {
            return Err("a window, a stride and channels of at least one are expected".into());
        }
        if weights.len() != outputs * depth || bias.len() != outputs {
            let (have, biases) = (weights.len(), bias.len());
            return Err(format!("{have} weights, {biases} biases for {outputs} × {depth}"));
        }
        let own = outputs / groups;
        let tiles = own.div_ceil(OUTPUTS);
        let mut packed = vec![0.0; groups * tiles * depth * OUTPUTS];
        for (output, weights) in weights.chunks_exact(depth).enumerate() {
            let (group, output) = (output / own, output % own);
            let tile = group * tiles + output / OUTPUTS;
            let to = packed[tile * depth * OUTPUTS..].iter_mut().skip(output % OUTPUTS);
            to.step_by(OUTPUTS).zip(weights).for_each(|(to, weight)| *to = *weight);
        }
        let (spread, bias) = ([1, 1], bias.to_vec());
        Ok(Self { window, groups, channels, spread, weights: packed, bias, tail })
    }

    /// Each `rows` · `columns` channels become one of that many more rows and columns. Its tail then
    /// reads no pictures.
    pub(in crate::engine::cpu) fn spread(self, spread: [usize; 2]) -> Result<Self, String> {
        let [rows, columns] = spread;
        let (parts, sums) = (rows * columns, self.channels[1]);
        let pictures = self.tail.reads_pictures();
        if parts == 0 || !sums.is_multiple_of(parts) || (parts > 1 && pictures) {
            return Err(format!("{sums} channels cannot be spread over {rows} × {columns}"));
        }
        Ok(Self { spread, ..self })
    }

    /// Channels of the output.
    pub(in crate::engine::cpu) fn outputs(&self) -> usize {
        self.channels[1] / self.spread.iter().product::<usize>()
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        (self.weights.len() + self.bias.len()) * size_of::<f32>()
    }

    /// Computes `images` pictures: `sources` together have the input's channels, `out` is images ×
    /// channels × places.
    ///
    /// # Panics
    /// Where a length does not fit, or the pictures that the tail names are not there.
    #[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
    pub(in crate::engine::cpu) fn run(
        &self,
        kernel: Kernel,
        pool: &Pool,
        images: usize,
        extent: &Extent,
        sources: &[Source<'_>],
        pictures: &[Picture<'_>],
        out: &mut [f32],
    ) {
        let extent = &self.flat(extent);
        let places: usize = extent.output.iter().product();
        let [inputs, outputs] = self.channels;
        assert_eq!(sources.iter().map(|source| source.channels).sum::<usize>(), inputs);
        for source in sources {
            let [height, width] = extent.input;
            assert_eq!(source.values.len(), images * source.channels * height * width);
        }
        assert_eq!(out.len(), images * outputs * places);
        self.tail.check(self.outputs(), images * outputs, places, pictures);
        if out.is_empty() {
            return;
        }
        let plan = Plan::new(self, extent, images, pool.threads());
        let (len, out) = (out.len(), Out(out.as_mut_ptr()));
        let run = Run { convolution: self, extent, sources, pictures, plan: &plan, out, len };
        let pieces = plan.pieces();
        pool.ranges(pieces, pieces.div_ceil(pool.threads() * 8), |range| {
            BUFFERS.with_borrow_mut(|buffers| {
                range.for_each(|piece| run.piece(kernel, piece, buffers));
            });
        });
    }

    /// Pictures of which every place is computed by itself are one row.
    fn flat(&self, extent: &Extent) -> Extent {
        if !self.window.is_point(extent) || self.spread != [1, 1] {
            return *extent;
        }
        let row = [1, extent.input.iter().product()];
        Extent { input: row, before: [0, 0], output: row }
    }

    /// Channels of a group.
    fn own(&self) -> [usize; 2] {
        self.channels.map(|channels| channels / self.groups)
    }
}

/// Buffers that a thread keeps from one convolution to the next.
#[derive(Default)]
struct Buffers {
    input: Vec<f32>,
    sums: Vec<f32>,
    rows: tail::Rows,
    offsets: Vec<usize>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// Where outputs go.
#[derive(Clone, Copy)]
struct Out(*mut f32);

// SAFETY: pieces write disjoint parts, and each piece is computed by one thread.
unsafe impl Sync for Out {}

/// One call of [`Convolution::run`].
struct Run<'a> {
    convolution: &'a Convolution,
    extent: &'a Extent,
    sources: &'a [Source<'a>],
    pictures: &'a [Picture<'a>],
    plan: &'a Plan,
    out: Out,
    /// Floats of the output.
    len: usize,
}

impl Run<'_> {
    fn piece(&self, kernel: Kernel, piece: usize, buffers: &mut Buffers) {
        let piece = self.plan.piece(piece);
        let [channels, _] = self.convolution.own();
        let layout = &self.plan.layout;
        self.gather(piece.image, piece.group * channels, &piece.block, &mut buffers.input);
        buffers.offsets.clear();
        for channel in 0..channels {
            let first = channel * layout.channel();
            buffers.offsets.extend(layout.taps.iter().map(|tap| first + tap));
        }
        for tile in piece.tiles.clone() {
            self.tile(kernel, piece.image, piece.group, tile, &piece.block, buffers);
        }
    }

    /// What `block` reads of the channels of a group, which begin at `first`.
    fn gather(&self, image: usize, first: usize, block: &Block, buffer: &mut Vec<f32>) {
        let layout = &self.plan.layout;
        let [channels, _] = self.convolution.own();
        let len = layout.channel();
        buffer.resize(channels * len + SLACK, 0.0);
        let places: usize = self.extent.input.iter().product();
        let mut begin = 0;
        for source in self.sources {
            let end = begin + source.channels;
            for channel in first.max(begin)..end.min(first + channels) {
                let at = (image * source.channels + channel - begin) * places;
                let picture = &source.values[at..at + places];
                let out = &mut buffer[(channel - first) * len..][..len];
                gather::channel(&self.convolution.window, self.extent, layout, block, picture, out);
            }
            begin = end;
        }
    }

    fn tile(
        &self,
        kernel: Kernel,
        image: usize,
        group: usize,
        tile: usize,
        block: &Block,
        buffers: &mut Buffers,
    ) {
        let convolution = self.convolution;
        let [_, outputs] = convolution.own();
        let size = buffers.offsets.len() * OUTPUTS;
        let number = group * outputs.div_ceil(OUTPUTS) + tile;
        let first = group * outputs + tile * OUTPUTS;
        let count = OUTPUTS.min(outputs - tile * OUTPUTS);
        let pitch = self.plan.layout.pitch;
        let places = (block.rows - 1) * pitch + block.columns;
        let padded = places.next_multiple_of(LANES);
        buffers.sums.resize(OUTPUTS * padded, 0.0);
        let operands = Tile {
            weights: &convolution.weights[number * size..(number + 1) * size],
            bias: &convolution.bias[first..first + count],
            input: &buffers.input,
            offsets: &buffers.offsets,
        };
        tile::sums(kernel, operands, places, &mut buffers.sums, padded);
        let by_row = convolution.tail.reads_pictures();
        for (output, sums) in buffers.sums.chunks_exact_mut(padded).take(count).enumerate() {
            let channel = first + output;
            if !by_row {
                self.finish(kernel, image, channel, None, &mut sums[..places], &mut buffers.rows);
            }
            for (row, sums) in sums[..places].chunks_mut(pitch).enumerate() {
                let sums = &mut sums[..block.columns];
                let at = self.at(image, channel, block, row);
                if by_row {
                    self.finish(kernel, image, channel, Some(at), sums, &mut buffers.rows);
                }
                self.write(channel, at, sums);
            }
        }
    }

    /// Where a row of sums begins, with the places of all channels one after the other.
    fn at(&self, image: usize, channel: usize, block: &Block, row: usize) -> usize {
        let [height, width] = self.extent.output;
        let plane = image * self.convolution.channels[1] + channel;
        (plane * height + block.top + row) * width + block.left
    }

    /// Does to sums what the tail says; those that begin at `at` where it reads pictures.
    fn finish(
        &self,
        kernel: Kernel,
        image: usize,
        channel: usize,
        at: Option<usize>,
        sums: &mut [f32],
        rows: &mut tail::Rows,
    ) {
        let convolution = self.convolution;
        let plane = image * convolution.channels[1] + channel;
        let mut pictures = [&[][..]; MOST_PICTURES];
        for (around, picture) in pictures.iter_mut().zip(self.pictures) {
            *around = match at {
                Some(at) if picture.len() == self.len => &picture[at..at + sums.len()],
                _ => &picture[plane..=plane],
            };
        }
        let channel = channel / convolution.spread.iter().product::<usize>();
        convolution.tail.run(kernel, &Around { channel, pictures: &pictures }, rows, sums);
    }

    /// Writes a row of a channel's sums, which begin at `at`.
    fn write(&self, channel: usize, at: usize, sums: &[f32]) {
        let [down, across] = self.convolution.spread;
        if down * across == 1 {
            // SAFETY: the block lies within the output, whose length was checked, and this call
            // owns it for these channels.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.0.add(at), sums.len()) };
            out.copy_from_slice(sums);
            return;
        }
        let [height, width] = self.extent.output;
        let (plane, y, x) = (at / width / height, at / width % height, at % width);
        let (part, plane) = (channel % (down * across), plane / (down * across));
        let row = (plane * height + y) * down + part / across;
        let first = (row * width + x) * across + part % across;
        for (column, sum) in sums.iter().enumerate() {
            // SAFETY: as above; neighbouring channels have the places between.
            unsafe { self.out.0.add(first + column * across).write(*sum) };
        }
    }
}

/// Pictures that a tail reads at most.
pub(in crate::engine::cpu) const MOST_PICTURES: usize = 4;
