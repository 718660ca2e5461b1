//! Weights as ONNX has them, and how they become tiles.

use half::f16;

use super::{Form, Line, Numbers, Offset, UNIT_BLOCKS, Width};
use crate::engine::cpu::kernels::LANES;
use crate::engine::cpu::kernels::quantize::BLOCK;

/// Weights as ONNX `MatMulNBits` (or `GatherBlockQuantized`, or `MatMulInteger`) has them.
pub(in crate::engine::cpu) struct Stored<'a> {
    /// Outputs (N).
    pub(in crate::engine::cpu) rows: usize,
    /// Inputs (K).
    pub(in crate::engine::cpu) columns: usize,
    pub(in crate::engine::cpu) bits: Bits,
    /// Columns that share a scale; a multiple of 16.
    pub(in crate::engine::cpu) block: usize,
    pub(in crate::engine::cpu) layout: Layout,
    pub(in crate::engine::cpu) values: &'a [u8],
    /// Rows × blocks.
    pub(in crate::engine::cpu) scales: &'a [f32],
    /// Rows × blocks; absent means the middle of the range.
    pub(in crate::engine::cpu) zero_points: Option<Vec<f32>>,
}

/// Width of a stored weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) enum Bits {
    /// 0..=3, four to a byte, the first lowest.
    Two,
    /// 0..=15, two to a byte, the first lowest.
    Four,
    /// 0..=255.
    Eight,
}

/// Order of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) enum Layout {
    /// Rows × blocks × `block` values.
    Rows,
    /// Columns × rows of bytes, as `MatMulInteger` has them; `signed` bytes are raised by 128.
    Columns { signed: bool },
}

impl Bits {
    /// From the attribute of an operator.
    pub(in crate::engine::cpu) fn parse(bits: i64) -> Result<Self, String> {
        match bits {
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            other => Err(format!("bits = {other}; 2, 4 and 8 are supported")),
        }
    }

    /// Values in a byte.
    pub(in crate::engine::cpu) const fn per_byte(self) -> usize {
        match self {
            Self::Two => 4,
            Self::Four => 2,
            Self::Eight => 1,
        }
    }

    /// Zero where none is stored.
    const fn middle(self) -> f32 {
        match self {
            Self::Two => 2.0,
            Self::Four => 8.0,
            Self::Eight => 128.0,
        }
    }

    /// Stored integers one by one, `row_len` to a row of whole bytes.
    pub(in crate::engine::cpu) fn unpack(self, bytes: &[u8], row_len: usize) -> Vec<u8> {
        let row_bytes = row_len.div_ceil(self.per_byte()).max(1);
        let each = |row: &[u8]| (0..row_len).map(|i| self.value(row, i)).collect::<Vec<_>>();
        bytes.chunks(row_bytes).flat_map(each).collect()
    }

    fn value(self, bytes: &[u8], at: usize) -> u8 {
        match self {
            Self::Two => bytes[at / 4] >> (at % 4 * 2) & 3,
            Self::Four => bytes[at / 2] >> (at % 2 * 4) & 15,
            Self::Eight => bytes[at],
        }
    }
}

impl Stored<'_> {
    /// Blocks of a row as stored.
    fn per_row(&self) -> usize {
        self.columns.div_ceil(self.block)
    }

    /// What the lengths must be, as a sentence where they are not.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.block == 0 || !self.block.is_multiple_of(BLOCK / 2) {
            return Err(format!("block_size {} is not a multiple of 16", self.block));
        }
        if self.rows == 0 || self.columns == 0 {
            return Err(format!("{} × {} weights", self.rows, self.columns));
        }
        let values = match self.layout {
            Layout::Rows => (self.per_row() * self.block).checked_mul(self.rows),
            Layout::Columns { .. } => self.columns.checked_mul(self.rows),
        };
        let scales = self.rows.checked_mul(self.per_row());
        let Some((scales, values)) = scales.zip(values) else {
            return Err(format!("{} × {} weights are too many", self.rows, self.columns));
        };
        let zeros = self.zero_points.as_ref().map_or(scales, Vec::len);
        for (what, want, have) in [
            ("weights", values / self.bits.per_byte(), self.values.len()),
            ("scales", scales, self.scales.len()),
            ("zero points", scales, zeros),
        ] {
            if want != have {
                return Err(format!("{have} {what} where {want} are expected"));
            }
        }
        Ok(())
    }

    /// The narrowest form that keeps every weight.
    pub(super) fn form(&self) -> Form {
        let top = match self.bits {
            Bits::Two | Bits::Four => 15,
            Bits::Eight => self.values.iter().copied().max().unwrap_or(0),
        };
        let width = match (self.layout, top) {
            (Layout::Columns { .. }, _) => Width::Eight,
            (_, ..=15) => Width::Four,
            (_, ..=31) => Width::Five,
            (_, ..=63) => Width::Six,
            _ => Width::Eight,
        };
        let middle = self.bits.middle();
        let first = self.zero_points.as_ref().and_then(|z| z.first().copied()).unwrap_or(middle);
        let same = self.zero_points.as_ref().is_none_or(|zeros| zeros.iter().all(|&z| z == first));
        let whole = first.fract() == 0.0 && first.abs() < 512.0;
        let offset = if same && whole {
            Offset::Zero(first as i32 - width.shift())
        } else {
            Offset::Minimum
        };
        let parts = if self.block.is_multiple_of(BLOCK) { 1 } else { 2 };
        let mut form = Form {
            rows: self.rows,
            columns: self.columns,
            width,
            parts,
            numbers: Numbers::Half,
            offset,
        };
        // A minimum is a product of two floats, so it may be off by their rounding.
        let minimums = (0..self.scales.len())
            .filter(|_| offset == Offset::Minimum)
            .map(|at| self.minimum(&form, at));
        let halves = self.scales.iter().all(|&s| is_half(s, 0.0)) && { minimums }
            .all(|minimum| is_half(minimum, 2.0));
        if !halves {
            form.numbers = Numbers::Single;
        }
        form
    }

    fn minimum(&self, form: &Form, at: usize) -> f32 {
        let zero = self.zero_points.as_ref().map_or(self.bits.middle(), |zeros| zeros[at]);
        (form.width.shift() as f32 - zero) * self.scales[at]
    }

    /// Writes the lines of a tile.
    pub(super) fn pack_tile(&self, form: &Form, tile: usize, lines: &mut [Line]) {
        let weights = UNIT_BLOCKS * form.width.lines();
        for (unit, lines) in lines.chunks_exact_mut(form.unit_lines()).enumerate() {
            let (values, numbers) = lines.split_at_mut(weights);
            for (block, lines) in values.chunks_exact_mut(form.width.lines()).enumerate() {
                let column = (unit * UNIT_BLOCKS + block) * BLOCK;
                let mut cells = [[0; BLOCK]; LANES];
                for (lane, cells) in cells.iter_mut().enumerate() {
                    self.cells(tile * LANES + lane, column, cells);
                }
                pack_block(form.width, &cells, lines);
            }
            for (at, place) in numbers.iter_mut().enumerate() {
                self.pack_numbers(form, tile, unit, at, place);
            }
        }
    }

    /// Stored values of a row from `column` on; 0 where there are none.
    fn cells(&self, row: usize, column: usize, cells: &mut [u8; BLOCK]) {
        let have = self.columns.saturating_sub(column).min(BLOCK);
        if row >= self.rows {
            return;
        }
        match self.layout {
            Layout::Rows => {
                let per_byte = self.bits.per_byte();
                let row_bytes = self.per_row() * self.block / per_byte;
                let bytes = &self.values[row * row_bytes + column.min(self.columns) / per_byte..];
                for (at, cell) in cells.iter_mut().take(have).enumerate() {
                    *cell = self.bits.value(bytes, at);
                }
            }
            Layout::Columns { signed } => {
                let raise = if signed { 0x80 } else { 0 };
                for (at, cell) in cells.iter_mut().take(have).enumerate() {
                    *cell = self.values[(column + at) * self.rows + row] ^ raise;
                }
            }
        }
    }

    /// Fills one line of scales or minimums.
    fn pack_numbers(&self, form: &Form, tile: usize, unit: usize, line: usize, place: &mut Line) {
        let is_minimum = line >= form.number_lines();
        let line = line % form.number_lines();
        let bytes = if form.numbers == Numbers::Half { 2 } else { 4 };
        let per_line = 64 / bytes;
        for (i, place) in place.0.chunks_exact_mut(bytes).enumerate() {
            let (number, lane) = ((line * per_line + i) / LANES, (line * per_line + i) % LANES);
            let row = tile * LANES + lane;
            let column = unit * UNIT_BLOCKS * BLOCK + number * (BLOCK / form.parts);
            let value = if row < self.rows && column < self.columns {
                let at = row * self.per_row() + column / self.block;
                if is_minimum { self.minimum(form, at) } else { self.scales[at] }
            } else {
                0.0
            };
            match form.numbers {
                Numbers::Half => place.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
                Numbers::Single => place.copy_from_slice(&value.to_le_bytes()),
            }
        }
    }
}

/// Whether a value is a half to within `ulps` units in the last place of f32.
fn is_half(value: f32, ulps: f32) -> bool {
    let near = f16::from_f32(value).to_f32();
    (near - value).abs() <= value.abs() * f32::EPSILON * ulps
}

/// Writes 16 × 32 stored values as lines.
fn pack_block(width: Width, cells: &[[u8; BLOCK]; LANES], lines: &mut [Line]) {
    for (lane, cells) in cells.iter().enumerate() {
        for (column, &cell) in cells.iter().enumerate() {
            let (group, at) = (column / 4, lane * 4 + column % 4);
            if width == Width::Eight {
                lines[group].0[at] = cell.wrapping_sub(128);
                continue;
            }
            lines[group % 4].0[at] |= (cell & 15) << (group / 4 * 4);
            for (bit, plane) in lines[4..].iter_mut().enumerate() {
                let place = group * 64 + at;
                plane.0[place / 8] |= (cell >> (4 + bit) & 1) << (place % 8);
            }
        }
    }
}
