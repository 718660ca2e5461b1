//! The largest or the mean of what a window shows, plane by plane.

use super::convolution::{Extent, Window};
use super::pool::Pool;
use super::{Kernel, compiled_for_each_kernel};

/// What is made of the values in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) enum Pooling {
    Largest,
    /// Of the values inside the picture.
    Mean,
}

/// Floats that a thread takes at a time at least.
const TOGETHER: usize = 1 << 14;

/// Pools planes: `x` is planes × input places, `out` planes × output places.
///
/// # Panics
/// Where the lengths do not fit.
pub(in crate::engine::cpu) fn pool(
    kernel: Kernel,
    threads: &Pool,
    pooling: Pooling,
    window: &Window,
    extent: &Extent,
    x: &[f32],
    out: &mut [f32],
) {
    let [input, output]: [usize; 2] = [extent.input, extent.output].map(|e| e.iter().product());
    if out.is_empty() {
        return;
    }
    let planes = out.len() / output;
    assert!(out.len() == planes * output && x.len() == planes * input && input > 0);
    let together = (TOGETHER / input).max(1);
    let pieces = x.chunks(together * input).zip(out.chunks_mut(together * output));
    threads.each(pieces.collect(), |(x, out)| {
        planes_of(kernel, pooling, window, extent, x, out);
    });
}

compiled_for_each_kernel! {
    /// Whole planes.
    planes_of => planes_body(
        pooling: Pooling, window: &Window, extent: &Extent, x: &[f32], out: &mut [f32]
    )
}

#[inline(always)]
fn planes_body(pooling: Pooling, window: &Window, extent: &Extent, x: &[f32], out: &mut [f32]) {
    let [height, width] = extent.input;
    let [_, columns] = extent.output;
    let plane_len: usize = extent.output.iter().product();
    for (x, out) in x.chunks_exact(height * width).zip(out.chunks_exact_mut(plane_len)) {
        for (row, out) in out.chunks_exact_mut(columns).enumerate() {
            out.fill(if pooling == Pooling::Largest { f32::NEG_INFINITY } else { 0.0 });
            let mut rows = 0;
            for tap in 0..window.kernel[0] {
                let y = row * window.stride[0] + tap * window.dilation[0];
                let Some(y) = y.checked_sub(extent.before[0]).filter(|y| *y < height) else {
                    continue;
                };
                rows += 1;
                let x = &x[y * width..(y + 1) * width];
                for tap in 0..window.kernel[1] {
                    match pooling {
                        Pooling::Largest => {
                            each(
                                window,
                                extent,
                                tap,
                                x,
                                out,
                                |out, x| if x > out { x } else { out },
                            );
                        }
                        Pooling::Mean => each(window, extent, tap, x, out, |out, x| out + x),
                    }
                }
            }
            if pooling == Pooling::Mean {
                for (column, out) in out.iter_mut().enumerate() {
                    let inside = (0..window.kernel[1])
                        .map(|tap| column * window.stride[1] + tap * window.dilation[1])
                        .filter(|at| *at >= extent.before[1] && *at < extent.before[1] + width);
                    *out /= (rows * inside.count()) as f32;
                }
            }
        }
    }
}

/// Joins each output with what a tap of its window shows in a row.
#[inline(always)]
fn each(
    window: &Window,
    extent: &Extent,
    tap: usize,
    x: &[f32],
    out: &mut [f32],
    f: impl Fn(f32, f32) -> f32,
) {
    let (stride, before) = (window.stride[1], extent.before[1]);
    let offset = tap * window.dilation[1];
    let ahead = before.saturating_sub(offset).div_ceil(stride).min(out.len());
    let start = (offset + ahead * stride).saturating_sub(before);
    let out = out[ahead..].iter_mut();
    let x = x.get(start..).unwrap_or_default();
    match stride {
        1 => out.zip(x).for_each(|(out, x)| *out = f(*out, *x)),
        2 => out.zip(x.iter().step_by(2)).for_each(|(out, x)| *out = f(*out, *x)),
        _ => out.zip(x.iter().step_by(stride)).for_each(|(out, x)| *out = f(*out, *x)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_is_pooled_from_its_window() {
        let shapes = [
            ([2, 2], [2, 2], [0, 0], [9, 35]),
            ([3, 3], [2, 2], [1, 1], [9, 34]),
            ([3, 2], [3, 2], [0, 0], [6, 40]),
            ([5, 3], [1, 1], [2, 1], [7, 20]),
            ([3, 3], [1, 3], [1, 0], [4, 11]),
        ];
        for (size, stride, before, input) in shapes {
            let window = Window { kernel: size, stride, dilation: [1, 1] };
            let output = [0, 1].map(|a| (input[a] + 2 * before[a] - size[a]) / stride[a] + 1);
            let extent = Extent { input, before, output };
            let (height, width) = (input[0], input[1]);
            let x: Vec<f32> =
                (0..3 * height * width).map(|i| (i * 7919 % 1009) as f32 - 500.0).collect();
            for pooling in [Pooling::Largest, Pooling::Mean] {
                for kernel in Kernel::available() {
                    let mut out = vec![f32::NAN; 3 * output[0] * output[1]];
                    pool(kernel, &Pool::new(2), pooling, &window, &extent, &x, &mut out);
                    for (at, got) in out.iter().enumerate() {
                        let (plane, y, x_) = (
                            at / output[1] / output[0],
                            at / output[1] % output[0],
                            at % output[1],
                        );
                        let values = (0..size[0] * size[1]).filter_map(|tap| {
                            let y = (y * stride[0] + tap / size[1]).checked_sub(before[0])?;
                            let x_ = (x_ * stride[1] + tap % size[1]).checked_sub(before[1])?;
                            (y < height && x_ < width).then(|| x[(plane * height + y) * width + x_])
                        });
                        let values: Vec<f32> = values.collect();
                        let want = match pooling {
                            Pooling::Largest => values.iter().copied().fold(f32::MIN, f32::max),
                            Pooling::Mean => values.iter().sum::<f32>() / values.len() as f32,
                        };
                        assert_eq!(*got, want, "{pooling:?} {window:?} {kernel:?} {at}");
                    }
                }
            }
        }
    }
}
