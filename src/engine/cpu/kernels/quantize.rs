//! Activations to 8 bits, block by block.

use super::Kernel;
use super::compiled_for_each_kernel;
use super::pool::Pool;

/// Values that share a scale.
pub(in crate::engine::cpu) const BLOCK: usize = 32;

/// Rows of 8-bit activations: `x ≈ q * scale` per block, symmetric, q in -127..=127.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Activations {
    /// Rows × blocks × [`BLOCK`] values; columns beyond the row's end are 0.
    pub(in crate::engine::cpu) values: Vec<i8>,
    /// Rows × blocks.
    pub(in crate::engine::cpu) scales: Vec<f32>,
    /// Rows × blocks: the sum of the block's `values`.
    pub(in crate::engine::cpu) sums: Vec<i32>,
    /// Blocks per row.
    pub(in crate::engine::cpu) blocks: usize,
    /// Rows.
    pub(in crate::engine::cpu) rows: usize,
}

impl Activations {
    /// Quantises `rows` rows of `x`, keeping the buffers of the last call.
    pub(in crate::engine::cpu) fn set(
        &mut self,
        kernel: Kernel,
        pool: &Pool,
        x: &[f32],
        rows: usize,
    ) {
        assert!(rows > 0 && x.len() % rows == 0);
        let columns = x.len() / rows;
        self.rows = rows;
        self.blocks = columns.div_ceil(BLOCK);
        let blocks = rows * self.blocks;
        self.values.resize(blocks * BLOCK, 0);
        self.scales.resize(blocks, 0.0);
        self.sums.resize(blocks, 0);
        let per_row = self.blocks;
        let parts: Vec<_> = x
            .chunks_exact(columns)
            .zip(self.values.chunks_exact_mut(per_row * BLOCK))
            .zip(self.scales.chunks_exact_mut(per_row).zip(self.sums.chunks_exact_mut(per_row)))
            .map(|((x, q), (s, z))| (x, q, s, z))
            .collect();
        pool.each(parts, |(x, q, scales, sums)| quantize_row(kernel, x, q, scales, sums));
    }
}

compiled_for_each_kernel! {
    /// One row; `values` is the row rounded up to whole blocks.
    quantize_row => quantize_row_body(x: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [i32])
}

#[inline(always)]
fn quantize_row_body(x: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
    let blocks = scales.len();
    assert!(sums.len() == blocks && values.len() == blocks * BLOCK);
    assert!(x.len() <= values.len() && x.len() + BLOCK > values.len());
    let mut block = [0.0f32; BLOCK];
    for b in 0..blocks {
        let from = b * BLOCK;
        let len = (x.len() - from).min(BLOCK);
        block[..len].copy_from_slice(&x[from..from + len]);
        block[len..].fill(0.0);
        let mut largest = 0.0f32;
        for v in block {
            largest = largest.max(v.abs());
        }
        let inverse = if largest > 0.0 { 127.0 / largest } else { 0.0 };
        let out = &mut values[from..from + BLOCK];
        let mut sum = 0;
        for i in 0..BLOCK {
            let q = (block[i] * inverse).round_ties_even() as i32;
            sum += q;
            out[i] = q as i8;
        }
        scales[b] = largest / 127.0;
        sums[b] = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_agree_and_stay_within_half_a_step() {
        let x: Vec<f32> = (0..100).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.013).collect();
        let mut first: Option<Activations> = None;
        for kernel in Kernel::available() {
            let mut a = Activations::default();
            a.set(kernel, &Pool::new(2), &x, 2);
            for row in 0..2 {
                for i in 0..50 {
                    let block = row * a.blocks + i / BLOCK;
                    let got = f32::from(a.values[row * a.blocks * BLOCK + i]) * a.scales[block];
                    assert!((got - x[row * 50 + i]).abs() <= a.scales[block] * 0.5001);
                }
            }
            if let Some(first) = &first {
                assert_eq!((&a.values, &a.sums), (&first.values, &first.sums));
            }
            first.get_or_insert(a);
        }
    }

    #[test]
    fn a_row_of_zeros_and_huge_values_stay_finite() {
        let mut a = Activations::default();
        a.set(Kernel::best(), &Pool::new(1), &[0.0; 32], 1);
        assert_eq!((a.scales[0], a.sums[0]), (0.0, 0));
        a.set(Kernel::best(), &Pool::new(1), &[f32::MAX; 32], 1);
        assert!(a.scales[0].is_finite());
        assert_eq!(a.values[0], 127);
    }
}
