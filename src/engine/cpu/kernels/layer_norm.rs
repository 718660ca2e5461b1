//! Normalisation of rows to mean 0 and variance 1 (Ba, Kiros and Hinton 2016, arXiv:1607.06450).

use super::{Fused, LANES, compiled_for_each_kernel};

compiled_for_each_kernel! {
    /// `out = (x - mean) / sqrt(variance + epsilon) * gain + bias` for one row; `bias` may be empty.
    layer_norm => layer_norm_body<Fused>(
        x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]
    )
}

#[inline(always)]
fn layer_norm_body<F: Fused>(x: &[f32], gain: &[f32], bias: &[f32], epsilon: f32, out: &mut [f32]) {
    assert!(x.len() == gain.len() && x.len() == out.len());
    assert!(bias.is_empty() || bias.len() == x.len());
    let count = x.len() as f32;
    let mean = sum(x, |v| v) / count;
    let variance = sum(x, |v| (v - mean) * (v - mean)) / count;
    let scale = 1.0 / (variance + epsilon).sqrt();
    if bias.is_empty() {
        for i in 0..x.len() {
            out[i] = (x[i] - mean) * scale * gain[i];
        }
    } else {
        for i in 0..x.len() {
            out[i] = F::mul_add((x[i] - mean) * scale, gain[i], bias[i]);
        }
    }
}

/// The sum of `f` of each value, in an order that all kernels share.
#[inline(always)]
fn sum(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0f32; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += f(chunk[lane]);
        }
    }
    for (lane, v) in rest.iter().enumerate() {
        sums[lane] += f(*v);
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::Kernel;

    #[test]
    fn a_row_has_mean_0_and_variance_1_before_gain_and_bias() {
        let x: Vec<f32> = (0..37).map(|i| (i * i % 29) as f32 * 0.3 + 5.0).collect();
        let gain: Vec<f32> = (0..37).map(|i| 1.0 + i as f32 * 0.01).collect();
        let bias: Vec<f32> = (0..37).map(|i| i as f32 * 0.02).collect();
        let mean = x.iter().map(|&v| f64::from(v)).sum::<f64>() / 37.0;
        let variance = x.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / 37.0;
        let mut first: Option<Vec<f32>> = None;
        for kernel in Kernel::available() {
            let (mut out, mut plain) = (vec![0.0; 37], vec![0.0; 37]);
            super::layer_norm(kernel, &x, &gain, &bias, 1e-5, &mut out);
            super::layer_norm(kernel, &x, &gain, &[], 1e-5, &mut plain);
            for i in 0..37 {
                let normed = (f64::from(x[i]) - mean) / (variance + 1e-5).sqrt();
                let want = normed * f64::from(gain[i]);
                assert!((f64::from(plain[i]) - want).abs() < 1e-5, "{kernel:?} {i}");
                let want = want + f64::from(bias[i]);
                assert!((f64::from(out[i]) - want).abs() < 1e-5, "{kernel:?} {i}");
            }
            assert_eq!(&out, first.get_or_insert(out.clone()), "{kernel:?}");
        }
    }
}
