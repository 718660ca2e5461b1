//! Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467).

use super::pool::Pool;
use super::{Fused, Kernel, LANES, compiled_for_each_kernel};

/// Rows with fewer values than this together are not worth another thread.
const ALONE: usize = 64 << 10;

/// Rows that a thread takes at a time.
const PIECE: usize = 16;

/// [`rms_norm`] of each row of `x`, which are as wide as `gain`.
pub(in crate::engine::cpu) fn rms_norm_rows(
    kernel: Kernel,
    pool: &Pool,
    x: &[f32],
    gain: &[f32],
    epsilon: f32,
    out: &mut [f32],
) {
    let width = gain.len();
    assert!(x.len() == out.len() && x.len().is_multiple_of(width));
    let some = |(x, out): (&[f32], &mut [f32])| {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            rms_norm(kernel, x, gain, epsilon, out);
        }
    };
    if x.len() < ALONE {
        some((x, out));
    } else {
        let pieces = x.chunks(PIECE * width).zip(out.chunks_mut(PIECE * width));
        pool.each(pieces.collect(), some);
    }
}

compiled_for_each_kernel! {
    /// `out = x / sqrt(mean(x²) + epsilon) * gain` for one row.
    rms_norm => rms_norm_body<Fused>(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32])
}

#[inline(always)]
fn rms_norm_body<F: Fused>(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(x.len() == gain.len() && x.len() == out.len());
    let mut squares = [0.0f32; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, v) in chunks.remainder().iter().enumerate() {
        squares[lane] = v * v;
    }
    for chunk in chunks {
        for lane in 0..LANES {
            squares[lane] = F::mul_add(chunk[lane], chunk[lane], squares[lane]);
        }
    }
    let sum: f32 = squares.iter().sum();
    let scale = 1.0 / (sum / x.len() as f32 + epsilon).sqrt();
    for i in 0..x.len() {
        out[i] = x[i] * scale * gain[i];
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kernel;
    use super::super::pool::Pool;

    #[test]
    fn a_row_has_unit_mean_square_times_gain() {
        let x: Vec<f32> = (0..37).map(|i| (i as f32 - 11.0) * 0.3).collect();
        let gain: Vec<f32> = (0..37).map(|i| 1.0 + i as f32 * 0.01).collect();
        let mean = x.iter().map(|v| f64::from(v * v)).sum::<f64>() / 37.0;
        for kernel in Kernel::available() {
            let mut out = vec![0.0; 37];
            super::rms_norm(kernel, &x, &gain, 1e-5, &mut out);
            for i in 0..37 {
                let want = f64::from(x[i]) / (mean + 1e-5).sqrt() * f64::from(gain[i]);
                assert!((f64::from(out[i]) - want).abs() < 1e-5, "{kernel:?} {i}");
            }
        }
    }

    #[test]
    fn many_rows_are_each_row_by_itself() {
        let (rows, width) = (2050, 33);
        let x: Vec<f32> = (0..rows * width).map(|i| (i * 31 % 97) as f32 - 48.0).collect();
        let gain = vec![0.5; width];
        let (kernel, mut out) = (Kernel::best(), vec![0.0; x.len()]);
        super::rms_norm_rows(kernel, &Pool::new(2), &x, &gain, 1e-5, &mut out);
        let mut alone = vec![0.0; width];
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
            super::rms_norm(kernel, x, &gain, 1e-5, &mut alone);
            assert_eq!(alone, out);
        }
    }
}
