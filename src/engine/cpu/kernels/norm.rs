//! Root-mean-square normalisation (Zhang and Sennrich 2019, arXiv:1910.07467).

use super::{LANES, compiled_for_each_kernel};

compiled_for_each_kernel! {
    /// `out = x / sqrt(mean(x²) + epsilon) * gain` for one row.
    rms_norm => rms_norm_body(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32])
}

#[inline(always)]
fn rms_norm_body(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(x.len() == gain.len() && x.len() == out.len());
    let mut squares = [0.0f32; LANES];
    let chunks = x.chunks_exact(LANES);
    for (lane, v) in chunks.remainder().iter().enumerate() {
        squares[lane] = v * v;
    }
    for chunk in chunks {
        for lane in 0..LANES {
            squares[lane] = chunk[lane].mul_add(chunk[lane], squares[lane]);
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
}
