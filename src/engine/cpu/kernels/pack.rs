//! Quantised weights in the one layout that all kernels read.
//!
//! Sixteen output rows are a tile, 64 columns of a tile a unit. A tile is its units one after the
//! other, and a unit is whole 64-byte lines in the order in which a product needs them:
//!
//! - for each of its two blocks of 32 columns the weights: with 8 bits, line g of 8 has for row r
//!   the columns 4g..4g+4 as signed bytes at 4r; with fewer, line g of 4 has the low four bits of
//!   columns 4g..4g+4 in its low and of 16+4g..16+4g+4 in its high nibbles, and for each further
//!   bit a line follows in which bit `64h + 4r + j` belongs to row r, column 4h+j;
//! - the scales: per block one for each row, or two where neighbours of 16 columns have their own;
//! - in the same order the minimums, where there are any.

#[cfg(feature = "gpu")]
mod device;
mod store;
mod stored;

pub(in crate::engine::cpu) use self::store::Lines;
pub(in crate::engine::cpu) use self::stored::{Bits, Layout, Stored};

use half::f16;
use serde::{Deserialize, Serialize};

use super::LANES;
use super::quantize::BLOCK;

/// Blocks of a unit.
pub(in crate::engine::cpu) const UNIT_BLOCKS: usize = 2;

/// A cache line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(align(64))]
pub(in crate::engine::cpu) struct Line(pub(in crate::engine::cpu) [u8; 64]);

/// What the bytes of a matrix mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine::cpu) struct Form {
    /// Outputs.
    pub(in crate::engine::cpu) rows: usize,
    /// Inputs.
    pub(in crate::engine::cpu) columns: usize,
    pub(super) width: Width,
    /// Scales that a row has in a block: 1, or 2 for 16 columns each.
    pub(super) parts: usize,
    pub(super) numbers: Numbers,
    pub(super) offset: Offset,
}

/// Bits in which a weight is held: the fewest that keep every value of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Width {
    /// 0..=15.
    Four,
    /// 0..=31.
    Five,
    /// 0..=63.
    Six,
    /// -128..=127: what is stored, less 128.
    Eight,
}

/// How scales and minimums are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Numbers {
    /// All are halves (within the rounding of one f32 product).
    Half,
    /// At least one is not.
    Single,
}

/// What is subtracted from a held weight before it is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Offset {
    /// The same integer everywhere.
    Zero(i32),
    /// Nothing; each scale comes with a minimum: `w = q * scale + minimum`.
    Minimum,
}

/// Weights of `y = x · Wᵀ`, quantised by blocks along the columns.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Packed {
    pub(in crate::engine::cpu) form: Form,
    pub(super) lines: Lines,
}

impl Width {
    /// Lines of a block's weights.
    pub(super) const fn lines(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Five => 5,
            Self::Six => 6,
            Self::Eight => 8,
        }
    }

    /// What is taken from a stored value to hold it.
    const fn shift(self) -> i32 {
        if matches!(self, Self::Eight) { 128 } else { 0 }
    }
}

impl Form {
    /// Tiles of a matrix.
    pub(in crate::engine::cpu) fn tiles(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    /// Units of a tile.
    pub(super) fn units(&self) -> usize {
        self.columns.div_ceil(UNIT_BLOCKS * BLOCK)
    }

    /// Lines of a unit's scales, or of its minimums.
    pub(super) fn number_lines(&self) -> usize {
        let bytes = if self.numbers == Numbers::Half { 2 } else { 4 };
        UNIT_BLOCKS * self.parts * LANES * bytes / 64
    }

    /// Lines of a unit.
    pub(super) fn unit_lines(&self) -> usize {
        let minimums = if self.offset == Offset::Minimum { self.number_lines() } else { 0 };
        UNIT_BLOCKS * self.width.lines() + self.number_lines() + minimums
    }

    /// Lines of a tile.
    pub(super) fn tile_lines(&self) -> usize {
        self.units() * self.unit_lines()
    }

    /// Lines of the matrix.
    pub(in crate::engine::cpu) fn lines(&self) -> usize {
        self.tiles() * self.tile_lines()
    }

    /// The integer zero that is taken from held weights.
    pub(super) fn zero(&self) -> i32 {
        match self.offset {
            Offset::Zero(zero) => zero,
            Offset::Minimum => 0,
        }
    }
}

impl Packed {
    /// Rearranges stored weights; the sentence says which length is wrong.
    pub(in crate::engine::cpu) fn new(stored: &Stored<'_>) -> Result<Self, String> {
        stored.check()?;
        let form = stored.form();
        let mut lines = vec![Line([0; 64]); form.lines()];
        let tile_lines = form.tile_lines();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = form.tiles().div_ceil(threads);
        std::thread::scope(|scope| {
            for (part, lines) in lines.chunks_mut(share * tile_lines).enumerate() {
                scope.spawn(move || {
                    for (tile, lines) in lines.chunks_mut(tile_lines).enumerate() {
                        stored.pack_tile(&form, part * share + tile, lines);
                    }
                });
            }
        });
        Ok(Self { form, lines: Lines::Owned(lines) })
    }

    /// Weights whose lines were packed before; the sentence says what does not fit.
    pub(in crate::engine::cpu) fn from_lines(form: Form, lines: Lines) -> Result<Self, String> {
        let (want, have) = (form.lines(), lines.as_slice().len());
        if want == have && matches!(form.parts, 1 | 2) {
            Ok(Self { form, lines })
        } else {
            Err(format!("{have} lines where {want} are expected"))
        }
    }

    /// The lines, to be written to a file.
    pub(in crate::engine::cpu) fn lines(&self) -> &[Line] {
        self.lines.as_slice()
    }

    /// First line of a tile.
    pub(super) fn tile(&self, tile: usize) -> &[Line] {
        let from = tile * self.form.tile_lines();
        &self.lines.as_slice()[from..from + self.form.tile_lines()]
    }

    /// Row `row` as floats; `out` is as wide as the matrix.
    pub(in crate::engine::cpu) fn row(&self, row: usize, out: &mut [f32]) {
        assert!(row < self.form.rows && out.len() == self.form.columns);
        let lane = row % LANES;
        let units = self.tile(row / LANES).chunks_exact(self.form.unit_lines());
        for (unit, out) in units.zip(out.chunks_mut(UNIT_BLOCKS * BLOCK)) {
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                let numbers = UnitNumbers::of(&self.form, unit);
                let values = held(self.form.width, unit, block, lane);
                for (column, (out, q)) in out.iter_mut().zip(values).enumerate() {
                    let at = block * self.form.parts + column * self.form.parts / BLOCK;
                    let scale = numbers.scale(at, lane);
                    *out = match self.form.offset {
                        Offset::Zero(zero) => (q - zero) as f32 * scale,
                        Offset::Minimum => (q as f32).mul_add(scale, numbers.minimum(at, lane)),
                    };
                }
            }
        }
    }
}

/// The 32 held weights of one row in a block of a unit.
pub(super) fn held(width: Width, unit: &[Line], block: usize, lane: usize) -> [i32; BLOCK] {
    let lines = &unit[block * width.lines()..(block + 1) * width.lines()];
    let mut out = [0; BLOCK];
    for (column, out) in out.iter_mut().enumerate() {
        let (group, j) = (column / 4, column % 4);
        if width == Width::Eight {
            *out = i32::from(lines[group].0[lane * 4 + j].cast_signed());
            continue;
        }
        let byte = lines[group % 4].0[lane * 4 + j];
        *out = i32::from(if group < 4 { byte & 15 } else { byte >> 4 });
        for (bit, plane) in lines[4..].iter().enumerate() {
            let at = group * 64 + lane * 4 + j;
            *out |= i32::from(plane.0[at / 8] >> (at % 8) & 1) << (4 + bit);
        }
    }
    out
}

/// The scales and minimums of a unit.
pub(super) struct UnitNumbers<'a> {
    numbers: Numbers,
    scales: &'a [Line],
    minimums: &'a [Line],
}

impl<'a> UnitNumbers<'a> {
    pub(super) fn of(form: &Form, unit: &'a [Line]) -> Self {
        let numbers = &unit[UNIT_BLOCKS * form.width.lines()..];
        let (scales, minimums) = numbers.split_at(form.number_lines());
        Self { numbers: form.numbers, scales, minimums }
    }

    /// Of the `at`-th scale of each row, row `lane`'s.
    pub(super) fn scale(&self, at: usize, lane: usize) -> f32 {
        number(self.numbers, self.scales, at * LANES + lane)
    }

    /// The minimum that goes with [`Self::scale`].
    pub(super) fn minimum(&self, at: usize, lane: usize) -> f32 {
        number(self.numbers, self.minimums, at * LANES + lane)
    }
}

fn number(numbers: Numbers, lines: &[Line], at: usize) -> f32 {
    let byte = |i: usize| lines[i / 64].0[i % 64];
    match numbers {
        Numbers::Half => f16::from_le_bytes([byte(at * 2), byte(at * 2 + 1)]).to_f32(),
        Numbers::Single => f32::from_le_bytes([0, 1, 2, 3].map(|i| byte(at * 4 + i))),
    }
}
