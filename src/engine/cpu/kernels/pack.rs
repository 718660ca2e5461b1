//! Quantised weights in the one layout that all kernels read.
//!
//! Sixteen output rows form a tile; a tile is a sequence of blocks of 32 columns; a block is a
//! sequence of 64-byte lines, each with four neighbouring columns of all sixteen rows:
//!
//! - 8 bits: line g of 8 has, for row r, columns 4g..4g+4 as signed bytes at 4r;
//! - 4 bits: line g of 4 has columns 4g..4g+4 in the low and 16+4g..16+4g+4 in the high nibbles.

use super::LANES;
use super::half::Floats;
use super::quantize::BLOCK;

/// Weights of `y = x · Wᵀ`, quantised by blocks along the columns.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Packed {
    /// Outputs.
    pub(super) rows: usize,
    /// Blocks of 32 columns.
    pub(super) blocks: usize,
    pub(super) bits: Bits,
    pub(super) lines: Vec<Line>,
    /// Tiles × blocks × 16.
    pub(super) scales: Floats,
    pub(super) offset: Offset,
}

/// Width of a stored weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) enum Bits {
    /// 0..=15.
    Four,
    /// Stored as 0..=255, held as -128..=127.
    Eight,
}

/// A cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u8; 64]);

/// What is subtracted from a held weight before it is scaled.
#[derive(Debug)]
pub(super) enum Offset {
    /// The same integer everywhere.
    Zero(i32),
    /// Added after scaling instead: `w = q * scale + minimum`; tiles × blocks × 16.
    Minimums(Floats),
}

/// Weights as ONNX `MatMulNBits` has them.
pub(in crate::engine::cpu) struct Stored<'a> {
    /// Outputs (N).
    pub(in crate::engine::cpu) rows: usize,
    /// Inputs (K).
    pub(in crate::engine::cpu) columns: usize,
    pub(in crate::engine::cpu) bits: Bits,
    /// Columns that share a scale; a multiple of 32.
    pub(in crate::engine::cpu) block: usize,
    /// Rows × blocks × `block * bits / 8` bytes; of 4-bit values the even one is the low nibble.
    pub(in crate::engine::cpu) values: &'a [u8],
    /// Rows × blocks.
    pub(in crate::engine::cpu) scales: &'a [f32],
    /// Rows × blocks; absent means the middle of the range.
    pub(in crate::engine::cpu) zero_points: Option<Vec<f32>>,
}

impl Stored<'_> {
    fn value(&self, row: usize, column: usize) -> u8 {
        let per_row = self.columns.div_ceil(self.block) * self.block;
        match self.bits {
            Bits::Eight => self.values[row * per_row + column],
            Bits::Four => {
                let byte = self.values[(row * per_row + column) / 2];
                if column.is_multiple_of(2) { byte & 15 } else { byte >> 4 }
            }
        }
    }

    /// What the lengths must be, as a sentence where they are not.
    fn check(&self) -> Result<(), String> {
        let blocks = self.columns.div_ceil(self.block.max(1));
        let bytes = match self.bits {
            Bits::Four => self.block / 2,
            Bits::Eight => self.block,
        };
        if self.block == 0 || !self.block.is_multiple_of(BLOCK) {
            return Err(format!("block_size {} is not a multiple of {BLOCK}", self.block));
        }
        if self.rows == 0 || self.columns == 0 {
            return Err(format!("{} × {} weights", self.rows, self.columns));
        }
        let scales = self.rows.checked_mul(blocks);
        let Some((scales, weights)) = scales.and_then(|s| Some((s, s.checked_mul(bytes)?))) else {
            return Err(format!("{} × {} weights are too many", self.rows, self.columns));
        };
        let zeros = self.zero_points.as_ref().map_or(scales, Vec::len);
        for (what, want, have) in [
            ("weights", weights, self.values.len()),
            ("scales", scales, self.scales.len()),
            ("zero points", scales, zeros),
        ] {
            if want != have {
                return Err(format!("{have} {what} where {want} are expected"));
            }
        }
        Ok(())
    }
}

impl Packed {
    /// Rearranges stored weights; the sentence says which length is wrong.
    pub(in crate::engine::cpu) fn new(stored: &Stored<'_>) -> Result<Self, String> {
        stored.check()?;
        let tiles = stored.rows.div_ceil(LANES);
        let per_row = stored.columns.div_ceil(stored.block);
        let blocks = per_row * (stored.block / BLOCK);
        let middle = if stored.bits == Bits::Four { 8.0 } else { 128.0 };
        let mut packed = Self {
            rows: stored.rows,
            blocks,
            bits: stored.bits,
            lines: Vec::with_capacity(tiles * blocks * stored.bits.lines()),
            scales: Floats::Single(Vec::new()),
            offset: Offset::Zero(if stored.bits == Bits::Four { 8 } else { 0 }),
        };
        let mut scales = Vec::with_capacity(tiles * blocks * LANES);
        let mut minimums = Vec::new();
        for tile in 0..tiles {
            for block in 0..blocks {
                packed.push_block(stored, tile, block);
                let at = |lane: usize| {
                    let row = tile * LANES + lane;
                    (row < stored.rows).then(|| row * per_row + block * BLOCK / stored.block)
                };
                for lane in 0..LANES {
                    scales.push(at(lane).map_or(0.0, |i| stored.scales[i]));
                    if let Some(zeros) = &stored.zero_points {
                        // Held 8-bit weights are already less by the middle.
                        let held = if stored.bits == Bits::Eight { middle } else { 0.0 };
                        minimums
                            .push(at(lane).map_or(0.0, |i| (held - zeros[i]) * stored.scales[i]));
                    }
                }
            }
        }
        if let Some(zeros) = &stored.zero_points
            && !zeros.iter().all(|&z| z == middle)
        {
            packed.offset = Offset::Minimums(Floats::narrowest(minimums, 2.0));
        }
        packed.scales = Floats::narrowest(scales, 0.0);
        Ok(packed)
    }

    fn push_block(&mut self, stored: &Stored<'_>, tile: usize, block: usize) {
        let value = |lane: usize, column: usize| {
            let (row, column) = (tile * LANES + lane, block * BLOCK + column);
            if row < stored.rows { stored.value(row, column) } else { 0 }
        };
        for group in 0..stored.bits.lines() {
            let mut line = [0u8; 64];
            for lane in 0..LANES {
                for j in 0..4 {
                    line[lane * 4 + j] = match stored.bits {
                        Bits::Eight => value(lane, group * 4 + j).wrapping_sub(128),
                        Bits::Four => {
                            value(lane, group * 4 + j) | (value(lane, 16 + group * 4 + j) << 4)
                        }
                    };
                }
            }
            self.lines.push(Line(line));
        }
    }

    /// Outputs.
    pub(in crate::engine::cpu) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn bytes(&self) -> usize {
        let offset = match &self.offset {
            Offset::Zero(_) => 0,
            Offset::Minimums(m) => m.bytes(),
        };
        self.lines.len() * 64 + self.scales.bytes() + offset
    }
}

impl Bits {
    /// 64-byte lines in a block of 16 × 32 weights.
    pub(super) fn lines(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }
}
