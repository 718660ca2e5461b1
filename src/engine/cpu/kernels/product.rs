//! Products of rows with weights, several of one input at once, and what is done to them before
//! they are written: a bias, a gate, a residual.
//!
//! The outputs are cut into tiles of sixteen columns; each thread takes some tiles through all
//! rows, while their weights stay in its cache.

use std::ops::Range;

use super::float::{self, Columns};
use super::pack::{Packed, UNIT_BLOCKS};
use super::pool::Pool;
use super::quantize::{Activations, groups};
use super::{Fused, Kernel, LANES, Lanes, compiled_for_each_kernel, exp, quantized};

/// Rows that a kernel computes together at most: their sums stay in registers.
pub(super) const TOGETHER: usize = 8;

/// Weights that one thread takes at a time, so that they stay in its cache while all rows pass.
const CACHED_BYTES: usize = 192 << 10;

/// The weights of a product.
#[derive(Debug)]
pub(in crate::engine::cpu) enum Matrix {
    /// Integers with scales.
    Quantized(Packed),
    /// Floats.
    Float(Columns),
}

/// The rows that are multiplied.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) struct Input<'a> {
    pub(in crate::engine::cpu) rows: usize,
    /// Rows × columns; read by float weights.
    pub(in crate::engine::cpu) floats: &'a [f32],
    /// The same as integers; read by quantised weights.
    pub(in crate::engine::cpu) integers: &'a Activations,
}

/// One product of an input, with what is done to it before it is written.
pub(in crate::engine::cpu) struct Product<'a> {
    pub(in crate::engine::cpu) weights: &'a Matrix,
    /// One value an output, added.
    pub(in crate::engine::cpu) bias: Option<&'a [f32]>,
    /// Another product; the output is `silu(gate) * product`.
    pub(in crate::engine::cpu) gate: Option<&'a Matrix>,
    /// As large as the output, added last.
    pub(in crate::engine::cpu) residual: Option<&'a [f32]>,
    /// Rows × outputs of the weights.
    pub(in crate::engine::cpu) out: &'a mut [f32],
}

impl Matrix {
    /// Outputs.
    pub(in crate::engine::cpu) fn outputs(&self) -> usize {
        match self {
            Self::Quantized(packed) => packed.form.rows,
            Self::Float(columns) => columns.form.outputs,
        }
    }

    /// Inputs.
    pub(in crate::engine::cpu) fn inputs(&self) -> usize {
        match self {
            Self::Quantized(packed) => packed.form.columns,
            Self::Float(columns) => columns.form.inputs,
        }
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        match self {
            Self::Quantized(packed) => packed.lines().len() * 64,
            Self::Float(columns) => columns.lines().len() * 64,
        }
    }

    /// The weights of one output, as floats; `out` is as long as there are inputs.
    pub(in crate::engine::cpu) fn row(&self, output: usize, out: &mut [f32]) {
        match self {
            Self::Quantized(packed) => packed.row(output, out),
            Self::Float(columns) => columns.row(output, out),
        }
    }

    /// Whether products with it read the input as integers.
    pub(in crate::engine::cpu) fn is_quantized(&self) -> bool {
        matches!(self, Self::Quantized(_))
    }

    fn tiles(&self) -> usize {
        self.outputs().div_ceil(LANES)
    }

    fn check(&self, x: &Input<'_>) {
        match self {
            Self::Quantized(packed) => {
                let a = x.integers;
                assert_eq!((packed.form.units() * UNIT_BLOCKS, x.rows), (a.blocks, a.rows));
                assert_eq!(packed.lines().len(), packed.form.lines());
            }
            Self::Float(columns) => {
                assert_eq!(columns.form.inputs * x.rows, x.floats.len());
                assert_eq!(columns.lines().len(), columns.form.lines());
            }
        }
    }
}

/// A product whose tiles are computed by several threads.
struct Shared<'a> {
    weights: &'a Matrix,
    bias: Option<&'a [f32]>,
    gate: Option<&'a Matrix>,
    residual: Option<&'a [f32]>,
    out: *mut f32,
    outputs: usize,
    /// Number of its first tile among those of all products.
    first_tile: usize,
}

// SAFETY: tiles write disjoint columns of `out`, and each tile is computed by one thread.
unsafe impl Sync for Shared<'_> {}

/// Computes products of one input.
pub(in crate::engine::cpu) fn multiply(
    kernel: Kernel,
    pool: &Pool,
    x: Input<'_>,
    products: &mut [Product<'_>],
) {
    let (mut tiles, mut widest) = (0, 0);
    let shared: Vec<_> = products
        .iter_mut()
        .map(|product| {
            product.check(&x);
            let (own, first_tile) = (product.weights.tiles(), tiles);
            let bytes = product.weights.bytes() + product.gate.map_or(0, Matrix::bytes);
            tiles += own;
            widest = widest.max(bytes / own.max(1));
            Shared {
                weights: product.weights,
                bias: product.bias,
                gate: product.gate,
                residual: product.residual,
                out: product.out.as_mut_ptr(),
                outputs: product.weights.outputs(),
                first_tile,
            }
        })
        .collect();
    // A few pieces per thread, so that a thread whose core is taken away does not hold up the rest.
    let even = tiles.div_ceil(pool.threads() * 4);
    let chunk = even.min(CACHED_BYTES / widest.max(1)).max(1);
    pool.ranges(tiles, chunk, |range| {
        for product in &shared {
            let from = range.start.max(product.first_tile);
            let to = range.end.min(product.first_tile + product.weights.tiles());
            if from < to {
                product.tiles(kernel, &x, from - product.first_tile..to - product.first_tile);
            }
        }
    });
}

impl Product<'_> {
    fn check(&self, x: &Input<'_>) {
        let outputs = self.weights.outputs();
        assert_eq!(self.out.len(), x.rows * outputs);
        for matrix in [Some(self.weights), self.gate].into_iter().flatten() {
            assert_eq!(matrix.outputs(), outputs);
            matrix.check(x);
        }
        assert!(self.bias.is_none_or(|bias| bias.len() == outputs));
        assert!(self.residual.is_none_or(|residual| residual.len() == self.out.len()));
    }
}

impl Shared<'_> {
    fn tiles(&self, kernel: Kernel, x: &Input<'_>, tiles: Range<usize>) {
        for (group, (first, size)) in groups(x.rows).enumerate() {
            let rows = first..first + size;
            for tile in tiles.clone() {
                let mut sums = [[0.0; LANES]; TOGETHER];
                let sums = &mut sums[..rows.len()];
                product(kernel, self.weights, x, tile, (group, first), sums);
                if let Some(gate) = self.gate {
                    let mut gates = [[0.0; LANES]; TOGETHER];
                    let gates = &mut gates[..rows.len()];
                    product(kernel, gate, x, tile, (group, first), gates);
                    gated(kernel, gates, sums);
                }
                // SAFETY: the rows exist, and this call owns the tile.
                unsafe { self.write(rows.clone(), tile, sums) };
            }
        }
    }

    /// Writes the part of `sums` that lies inside the matrix.
    ///
    /// # Safety
    /// `rows` are rows of the output and no other thread writes these columns.
    unsafe fn write(&self, rows: Range<usize>, tile: usize, sums: &[Lanes]) {
        let (from, width) = (tile * LANES, self.outputs);
        let len = LANES.min(width - from);
        for (row, sums) in rows.zip(sums) {
            // SAFETY: `from + len <= width`, and the caller vouches for the rows.
            let out =
                unsafe { std::slice::from_raw_parts_mut(self.out.add(row * width + from), len) };
            out.copy_from_slice(&sums[..len]);
            if let Some(bias) = self.bias {
                out.iter_mut().zip(&bias[from..]).for_each(|(out, bias)| *out += bias);
            }
            if let Some(residual) = self.residual {
                let residual = &residual[row * width + from..];
                out.iter_mut().zip(residual).for_each(|(out, residual)| *out += residual);
            }
        }
    }
}

/// The sums of one tile for a group of rows: its number, and the first of its rows.
#[inline]
fn product(
    kernel: Kernel,
    weights: &Matrix,
    x: &Input<'_>,
    tile: usize,
    (group, first): (usize, usize),
    sums: &mut [Lanes],
) {
    match weights {
        Matrix::Quantized(packed) => {
            quantized::product(kernel, packed, x.integers.group(group), tile, sums);
        }
        Matrix::Float(columns) => {
            float::product(kernel, columns, x.floats, tile, first, sums);
        }
    }
}

compiled_for_each_kernel! {
    /// `sums *= gates / (1 + e^-gates)` (SiLU: Elfwing et al. 2018, arXiv:1702.03118).
    gated => gated_body<Fused>(gates: &[Lanes], sums: &mut [Lanes])
}

#[inline(always)]
fn gated_body<F: Fused>(gates: &[Lanes], sums: &mut [Lanes]) {
    for (gates, sums) in gates.iter().zip(sums) {
        for lane in 0..LANES {
            let small = exp::<F>(-gates[lane].abs());
            // Both sides of zero without an overflow.
            let above = if gates[lane] < 0.0 { small } else { 1.0 };
            sums[lane] *= gates[lane] * above / (1.0 + small);
        }
    }
}
