//! Pictures in another size: each output is a weighted sum of inputs near its place, first down and
//! then across.

use std::ops::Range;

use super::pool::Pool;
use super::{Kernel, LANES, compiled_for_each_kernel};

/// What outputs along one axis are made of.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Axis {
    /// Inputs of an output.
    pub(in crate::engine::cpu) window: usize,
    /// Outputs × window, each less than the input's length.
    pub(in crate::engine::cpu) indices: Vec<usize>,
    /// Outputs × window.
    pub(in crate::engine::cpu) weights: Vec<f32>,
}

impl Axis {
    /// Each input `times` times.
    pub(in crate::engine::cpu) fn repeated(inputs: usize, times: usize) -> Self {
        let indices: Vec<usize> = (0..inputs * times).map(|at| at / times).collect();
        Self { window: 1, weights: vec![1.0; indices.len()], indices }
    }

    fn outputs(&self) -> usize {
        self.indices.len() / self.window.max(1)
    }

    fn check(&self, inputs: usize) {
        assert!(self.window > 0 && self.indices.len() == self.weights.len());
        assert!(self.indices.len().is_multiple_of(self.window));
        assert!(self.indices.iter().all(|index| *index < inputs));
    }
}

/// A stretch of an axis on which outputs come in pairs: each pair is made like the one before it, of
/// the next inputs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine::cpu) struct Pairs {
    outputs: Range<usize>,
    /// Inputs of an output: one or two.
    window: usize,
    /// The inputs of the first pair, and their weights.
    indices: [[usize; 2]; 2],
    weights: [[f32; 2]; 2],
}

impl Pairs {
    /// The first long stretch of an axis with one or two inputs an output.
    fn of(axis: &Axis) -> Option<Self> {
        let count = axis.outputs();
        let taps = |output: usize| {
            let at = output * axis.window;
            match axis.window {
                1 => Some(([axis.indices[at]; 2], [axis.weights[at], 0.0])),
                2 => {
                    let both = [axis.indices[at], axis.indices[at + 1]];
                    Some((both, [axis.weights[at], axis.weights[at + 1]]))
                }
                _ => None,
            }
        };
        let next = |output: usize| {
            let (before, after) = (taps(output)?, taps(output + 2)?);
            (before.0.map(|index| index + 1) == after.0 && before.1 == after.1).then_some(())
        };
        let follows = |output: usize| output + 2 < count && next(output).is_some();
        let first = (0..count).find(|&output| follows(output) && follows(output + 1))?;
        let more = (first..).take_while(|&output| follows(output)).count();
        let outputs = first..first + (more + 2) / 2 * 2;
        let (a, b) = (taps(first)?, taps(first + 1)?);
        (outputs.len() >= 2 * LANES).then_some(Self {
            outputs,
            window: axis.window,
            indices: [a.0, b.0],
            weights: [a.1, b.1],
        })
    }

    /// Writes the stretch's part of a row.
    #[inline(always)]
    fn write(&self, line: &[f32], out: &mut [f32]) {
        let out = out[self.outputs.clone()].as_chunks_mut::<2>().0;
        let part = |index: usize| &line[index..index + out.len()];
        let [[a, b], [c, d]] = self.indices.map(|both| both.map(part));
        let [even, odd] = self.weights;
        if self.window == 1 {
            for (out, (a, c)) in out.iter_mut().zip(a.iter().zip(c)) {
                *out = [a * even[0], c * odd[0]];
            }
            return;
        }
        let inputs = a.iter().zip(b).zip(c.iter().zip(d));
        for (out, ((a, b), (c, d))) in out.iter_mut().zip(inputs) {
            *out = [a * even[0] + b * even[1], c * odd[0] + d * odd[1]];
        }
    }
}

/// Rows that a thread computes at a time.
const ROWS: usize = 32;

/// Resamples planes of `input` rows and columns.
///
/// # Panics
/// Where the lengths do not fit.
pub(in crate::engine::cpu) fn resample(
    kernel: Kernel,
    pool: &Pool,
    input: [usize; 2],
    axes: &[Axis; 2],
    x: &[f32],
    out: &mut [f32],
) {
    let [down, across] = axes;
    down.check(input[0]);
    across.check(input[1]);
    if out.is_empty() {
        return;
    }
    let (rows, columns) = (down.outputs(), across.outputs());
    let planes = out.len() / (rows * columns);
    assert!(out.len() == planes * rows * columns && x.len() == planes * input[0] * input[1]);
    let pieces =
        out.chunks_mut(rows * columns).zip(x.chunks(input[0] * input[1])).flat_map(|(out, x)| {
            let parts = out.chunks_mut(ROWS * columns).enumerate();
            parts.map(move |(part, out)| (part * ROWS, x, out))
        });
    let pairs = Pairs::of(across);
    pool.each(pieces.collect(), |(first, x, out)| {
        some_rows(kernel, first, input[1], axes, pairs.as_ref(), x, out);
    });
}

compiled_for_each_kernel! {
    /// Rows from `first` on of one plane.
    some_rows => some_rows_body(
        first: usize,
        width: usize,
        axes: &[Axis; 2],
        pairs: Option<&Pairs>,
        x: &[f32],
        out: &mut [f32],
    )
}

#[inline(always)]
fn some_rows_body(
    first: usize,
    width: usize,
    axes: &[Axis; 2],
    pairs: Option<&Pairs>,
    x: &[f32],
    out: &mut [f32],
) {
    let [down, across] = axes;
    let mut line = vec![0.0; width];
    for (row, out) in out.chunks_exact_mut(across.outputs()).enumerate() {
        let at = (first + row) * down.window;
        line.fill(0.0);
        for tap in at..at + down.window {
            let (y, weight) = (down.indices[tap], down.weights[tap]);
            if weight != 0.0 {
                let x = &x[y * width..(y + 1) * width];
                line.iter_mut().zip(x).for_each(|(to, x)| *to += weight * x);
            }
        }
        match pairs {
            Some(pairs) => {
                some_columns(across, 0..pairs.outputs.start, &line, out);
                pairs.write(&line, out);
                some_columns(across, pairs.outputs.end..out.len(), &line, out);
            }
            None => some_columns(across, 0..out.len(), &line, out),
        }
    }
}

/// A part of a row from the line that was made of its rows.
#[inline(always)]
fn some_columns(across: &Axis, columns: Range<usize>, line: &[f32], out: &mut [f32]) {
    let out = out[columns.clone()].iter_mut();
    let taps = columns.start * across.window..columns.end * across.window;
    let (indices, weights) = (&across.indices[taps.clone()], &across.weights[taps]);
    match across.window {
        1 => {
            let taps = indices.iter().zip(weights);
            out.zip(taps).for_each(|(out, (&at, w))| *out = line[at] * w);
        }
        2 => {
            let taps = indices.as_chunks::<2>().0.iter().zip(weights.as_chunks::<2>().0);
            out.zip(taps).for_each(|(out, (at, w))| {
                *out = line[at[0]] * w[0] + line[at[1]] * w[1];
            });
        }
        window => {
            let taps = indices.chunks(window).zip(weights.chunks(window));
            out.zip(taps).for_each(|(out, (at, w))| {
                *out = at.iter().zip(w).map(|(&at, w)| line[at] * w).sum();
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_weighted_sums_of_inputs() {
        let halves = Axis {
            window: 2,
            indices: vec![0, 0, 0, 1, 1, 2, 2, 2],
            weights: vec![0.5, 0.5, 0.25, 0.75, 0.75, 0.25, 1.0, 0.0],
        };
        let axes = [halves, Axis::repeated(40, 2)];
        let x: Vec<f32> = (0..2 * 3 * 40).map(|i| (i * 37 % 101) as f32).collect();
        let mut first: Option<Vec<f32>> = None;
        for kernel in Kernel::available() {
            let mut out = vec![f32::NAN; 2 * 4 * 80];
            resample(kernel, &Pool::new(2), [3, 40], &axes, &x, &mut out);
            for (at, got) in out.iter().enumerate() {
                let (plane, y, column) = (at / 320, at / 80 % 4, at % 80);
                let (a, b) = (axes[0].indices[2 * y], axes[0].indices[2 * y + 1]);
                let value = |row: usize| x[(plane * 3 + row) * 40 + column / 2];
                let want =
                    value(a) * axes[0].weights[2 * y] + value(b) * axes[0].weights[2 * y + 1];
                assert!((got - want).abs() < 1e-4, "{at}: {got} for {want}");
            }
            assert_eq!(&out, first.get_or_insert(out.clone()), "{kernel:?}");
        }
    }

    #[test]
    fn pairs_of_outputs_are_what_each_is_alone() {
        let inputs = 61;
        let place = |output: usize| (output as f32 + 0.5) / 2.0 - 0.5;
        let near = |output: usize| {
            let below = place(output).floor();
            let index = |i: f32| i.clamp(0.0, inputs as f32 - 1.0) as usize;
            let weight = place(output) - below;
            ([index(below), index(below + 1.0)], [1.0 - weight, weight])
        };
        let taps: Vec<_> = (0..2 * inputs).map(near).collect();
        let twice = Axis {
            window: 2,
            indices: taps.iter().flat_map(|(indices, _)| *indices).collect(),
            weights: taps.iter().flat_map(|(_, weights)| *weights).collect(),
        };
        let pairs = Pairs::of(&twice).unwrap();
        assert!(pairs.outputs.len() > 2 * inputs - 6, "{pairs:?}");
        assert_eq!(
            Pairs::of(&Axis { weights: vec![0.1; 6], indices: vec![0; 6], window: 2 }),
            None
        );
        let x: Vec<f32> = (0..inputs).map(|i| (i * 37 % 101) as f32 / 7.0).collect();
        let want: Vec<f32> = taps.iter().map(|(at, w)| x[at[0]] * w[0] + x[at[1]] * w[1]).collect();
        for kernel in Kernel::available() {
            let mut out = vec![f32::NAN; 2 * inputs];
            let axes = [Axis::repeated(1, 1), twice.clone()];
            resample(kernel, &Pool::new(1), [1, inputs], &axes, &x, &mut out);
            assert_eq!(out, want, "{kernel:?}");
        }
    }
}
