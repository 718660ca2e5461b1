//! `y = x · W` with float weights.

use super::half::Floats;
use super::pool::Pool;
use super::{Kernel, LANES, Lanes, compiled_for_each_kernel, fused};

/// Weights in tiles of sixteen outputs: tile, input, output.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Columns {
    inputs: usize,
    outputs: usize,
    tiles: Floats,
}

impl Columns {
    /// From `inputs × outputs` values, row by row.
    pub(in crate::engine::cpu) fn new(values: &[f32], inputs: usize, outputs: usize) -> Self {
        assert_eq!(values.len(), inputs * outputs);
        let mut tiles = Vec::with_capacity(outputs.div_ceil(LANES) * LANES * inputs);
        for tile in 0..outputs.div_ceil(LANES) {
            for input in 0..inputs {
                for lane in 0..LANES {
                    let output = tile * LANES + lane;
                    let inside = output < outputs;
                    tiles.push(if inside { values[input * outputs + output] } else { 0.0 });
                }
            }
        }
        Self { inputs, outputs, tiles: Floats::narrowest(tiles, 0.0) }
    }

    /// Outputs.
    pub(in crate::engine::cpu) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        self.tiles.bytes()
    }
}

/// Computes `y` (rows × outputs) for `x` (rows × inputs).
pub(in crate::engine::cpu) fn multiply(
    kernel: Kernel,
    pool: &Pool,
    weights: &Columns,
    x: &[f32],
    y: &mut [f32],
) {
    let (inputs, outputs) = (weights.inputs, weights.outputs);
    assert!(inputs > 0 && outputs > 0);
    assert_eq!(x.len() / inputs, y.len() / outputs);
    let tiles = outputs.div_ceil(LANES);
    // One row's tile at a time into a strip of its own, so that threads share nothing.
    let mut strips = vec![0.0f32; tiles * LANES * (x.len() / inputs)];
    let per_tile = LANES * (x.len() / inputs);
    pool.each(strips.chunks_exact_mut(per_tile).enumerate().collect(), |(tile, strip)| {
        tile_product(kernel, weights, x, tile, strip);
    });
    for (tile, strip) in strips.chunks_exact(per_tile).enumerate() {
        let from = tile * LANES;
        let len = LANES.min(outputs - from);
        for (row, lanes) in strip.chunks_exact(LANES).enumerate() {
            y[row * outputs + from..][..len].copy_from_slice(&lanes[..len]);
        }
    }
}

compiled_for_each_kernel! {
    /// All rows of one tile; `strip` is rows × 16.
    tile_product => tile_product_body(weights: &Columns, x: &[f32], tile: usize, strip: &mut [f32])
}

#[inline(always)]
fn tile_product_body(weights: &Columns, x: &[f32], tile: usize, strip: &mut [f32]) {
    let inputs = weights.inputs;
    for (row, out) in x.chunks_exact(inputs).zip(strip.chunks_exact_mut(LANES)) {
        let mut sums: Lanes = [0.0; LANES];
        for (input, value) in row.iter().enumerate() {
            fused(&weights.tiles.lanes((tile * inputs + input) * LANES), *value, &mut sums);
        }
        out.copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_the_definition_and_each_other() {
        let (inputs, outputs, rows) = (37, 21, 3);
        let w: Vec<f32> =
            (0..inputs * outputs).map(|i| (i * 31 % 97) as f32 * 0.01 - 0.4).collect();
        let x: Vec<f32> = (0..rows * inputs).map(|i| (i * 17 % 89) as f32 * 0.02 - 0.8).collect();
        let weights = Columns::new(&w, inputs, outputs);
        let mut first: Option<Vec<f32>> = None;
        for kernel in Kernel::available() {
            let mut y = vec![f32::NAN; rows * outputs];
            multiply(kernel, &Pool::new(2), &weights, &x, &mut y);
            for r in 0..rows {
                for o in 0..outputs {
                    let want: f64 = (0..inputs)
                        .map(|i| f64::from(x[r * inputs + i]) * f64::from(w[i * outputs + o]))
                        .sum();
                    assert!((f64::from(y[r * outputs + o]) - want).abs() < 1e-5);
                }
            }
            if let Some(first) = &first {
                assert_eq!(&y, first);
            }
            first.get_or_insert(y);
        }
    }
}
