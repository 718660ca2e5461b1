//! Pictures in another size: each output is a weighted sum of inputs near its place, first down and
//! then across.

use super::pool::Pool;
use super::{Kernel, compiled_for_each_kernel};

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
    pool.each(pieces.collect(), |(first, x, out)| {
        some_rows(kernel, first, input[1], axes, x, out);
    });
}

compiled_for_each_kernel! {
    /// Rows from `first` on of one plane.
    some_rows => some_rows_body(
        first: usize, width: usize, axes: &[Axis; 2], x: &[f32], out: &mut [f32]
    )
}

#[inline(always)]
fn some_rows_body(first: usize, width: usize, axes: &[Axis; 2], x: &[f32], out: &mut [f32]) {
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
        match across.window {
            1 => {
                let taps = across.indices.iter().zip(&across.weights);
                out.iter_mut().zip(taps).for_each(|(out, (&at, w))| *out = line[at] * w);
            }
            2 => {
                let taps = across.indices.as_chunks::<2>().0.iter();
                let taps = taps.zip(across.weights.as_chunks::<2>().0);
                out.iter_mut().zip(taps).for_each(|(out, (at, w))| {
                    *out = line[at[0]] * w[0] + line[at[1]] * w[1];
                });
            }
            window => {
                let taps = across.indices.chunks(window).zip(across.weights.chunks(window));
                out.iter_mut().zip(taps).for_each(|(out, (at, w))| {
                    *out = at.iter().zip(w).map(|(&at, w)| line[at] * w).sum();
                });
            }
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
}
