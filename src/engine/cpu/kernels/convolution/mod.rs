//! Convolution of pictures in two dimensions (one dimension is a picture of height 1).
//!
//! Pictures are planes, one a channel. A thread takes a block of outputs, copies what it reads into
//! a buffer that stays in its cache, zeros around the picture included, and goes through the
//! outputs eight at a time. Rows of the buffer follow one another without a gap, so that a vector
//! of sixteen places may reach over the end of a row; what it computes there is not written. Nothing
//! is copied for a window of one place where whole vectors can be read from the picture itself, and
//! a picture that is one block is copied once for all threads, each of which computes some outputs.
//!
//! Each output is one chain of fused multiply-adds that begins with its bias: channels first to
//! last, in each the window's rows and columns.

mod gather;
mod output;
mod patchwork;
mod piece;
mod plan;
mod rows;
mod tail;
#[cfg(test)]
mod tests;
mod tile;
mod window;
mod winograd;

pub(in crate::engine::cpu) use self::rows::apply;
pub(in crate::engine::cpu) use self::tail::{Function, Instruction, Operand, Tail};
pub(in crate::engine::cpu) use self::window::{Extent, Window};

use self::output::Output;
use self::piece::Run;
use self::plan::Plan;
use self::tile::OUTPUTS;
use super::Kernel;
use super::pool::Pool;

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
    weights: Weights,
    /// One number an output.
    bias: Vec<f32>,
    pub(in crate::engine::cpu) tail: Tail,
}

/// Weights in the order in which they are read.
#[derive(Debug, Clone, PartialEq)]
enum Weights {
    /// Groups × tiles × channels of a group × taps × [`OUTPUTS`].
    Plain(Vec<f32>),
    /// Of one group; see [`winograd::weights`].
    Winograd(Vec<f32>),
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
    /// number for each output. `size` is that of the output, where it is known. The sentence says
    /// which length is wrong.
    pub(in crate::engine::cpu) fn new(
        window: Window,
        groups: usize,
        channels: [usize; 2],
        weights: &[f32],
        bias: &[f32],
        tail: Tail,
        size: Option<[usize; 2]>,
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
        let weights = if groups == 1 && winograd::gains(&window, channels, size) {
            Weights::Winograd(winograd::weights(inputs, outputs, weights))
        } else {
            Weights::Plain(plain(groups, outputs / groups, depth, weights))
        };
        let (spread, bias) = ([1, 1], bias.to_vec());
        Ok(Self { window, groups, channels, spread, weights, bias, tail })
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
        self.channels[1] / self.parts()
    }

    /// Channels of sums that become one of the output.
    fn parts(&self) -> usize {
        self.spread.iter().product()
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        let (Weights::Plain(weights) | Weights::Winograd(weights)) = &self.weights;
        (weights.len() + self.bias.len()) * size_of::<f32>()
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
        let output = Output::new(self, extent.output, pictures, out);
        match &self.weights {
            Weights::Plain(weights) => {
                let plan = Plan::plain(self, extent, images, sources.len(), pool.threads());
                let run = Run { convolution: self, extent, sources, plan: &plan, weights, output };
                run.plain(kernel, pool);
            }
            Weights::Winograd(weights) => {
                let plan = Plan::patches(self, extent, images, pool.threads());
                let run = Run { convolution: self, extent, sources, plan: &plan, weights, output };
                run.patches(kernel, pool);
            }
        }
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

/// Weights of `own` outputs a group with `depth` inputs each, in tiles.
fn plain(groups: usize, own: usize, depth: usize, weights: &[f32]) -> Vec<f32> {
    let tiles = own.div_ceil(OUTPUTS);
    let mut packed = vec![0.0; groups * tiles * depth * OUTPUTS];
    for (output, weights) in weights.chunks_exact(depth).enumerate() {
        let (group, output) = (output / own, output % own);
        let tile = group * tiles + output / OUTPUTS;
        let to = packed[tile * depth * OUTPUTS..].iter_mut().skip(output % OUTPUTS);
        to.step_by(OUTPUTS).zip(weights).for_each(|(to, weight)| *to = *weight);
    }
    packed
}

/// Pictures that a tail reads at most.
pub(in crate::engine::cpu) const MOST_PICTURES: usize = 4;
