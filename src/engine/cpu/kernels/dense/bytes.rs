//! Weights of one byte with one scale an output, and their products with rows of bytes.
//!
//! Sixteen outputs are a tile, four inputs a line: output `r` has the inputs `4i..4i+4` as signed
//! bytes at `4r` of line `i`.

use std::ops::Range;

use super::super::pack::{Line, Lines};
use super::super::{Kernel, LANES, Lanes};
use super::digits::{Digits, PER_LINE};
use super::finish::Finish;
use super::{Block, Machine, ROWS, TILES, dispatched, steps};

/// The most inputs for which sums of products stay below 2³¹.
pub(in crate::engine::cpu) const MAX_INPUTS: usize = 32 << 10;

/// Weights `(w - zero) * scale` of `y = x · W`.
#[derive(Debug)]
pub(in crate::engine::cpu) struct ByteTiles {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    lines: Lines,
    numbers: Vec<Numbers>,
    /// Whether any zero point is not 0.
    has_zeros: bool,
}

/// What a tile has for each output.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    scales: Lanes,
    zeros: [i32; LANES],
    /// The sum of `w - zero`.
    sums: [i32; LANES],
}

impl ByteTiles {
    /// From the signed weight of each (input, output), and a scale and a zero point each output.
    pub(in crate::engine::cpu) fn new(
        inputs: usize,
        scales: &[f32],
        zeros: &[i32],
        weight: impl Fn(usize, usize) -> i8,
    ) -> Result<Self, String> {
        let outputs = scales.len();
        if inputs == 0 || outputs == 0 || inputs > MAX_INPUTS {
            return Err(format!("{inputs} × {outputs} weights; at most {MAX_INPUTS} inputs"));
        }
        if zeros.len() != outputs {
            return Err(format!("{} zero points for {outputs} outputs", zeros.len()));
        }
        let depth = inputs.div_ceil(PER_LINE);
        let tiles = outputs.div_ceil(LANES);
        let mut lines = vec![Line([0; 64]); tiles * depth];
        let none = Numbers { scales: [0.0; LANES], zeros: [0; LANES], sums: [0; LANES] };
        let mut numbers = vec![none; tiles];
        for output in 0..outputs {
            let (numbers, lane) = (&mut numbers[output / LANES], output % LANES);
            let tile = &mut lines[output / LANES * depth..][..depth];
            numbers.scales[lane] = scales[output];
            numbers.zeros[lane] = zeros[output];
            for input in 0..inputs {
                let value = weight(input, output);
                numbers.sums[lane] += i32::from(value) - zeros[output];
                tile[input / PER_LINE].0[lane * PER_LINE + input % PER_LINE] =
                    value.cast_unsigned();
            }
        }
        let has_zeros = zeros.iter().any(|&zero| zero != 0);
        Ok(Self { inputs, outputs, lines: Lines::Owned(lines), numbers, has_zeros })
    }

    pub(in crate::engine::cpu) fn lines(&self) -> &[Line] {
        self.lines.as_slice()
    }

    /// An output's scale and zero point.
    #[cfg(feature = "gpu")]
    pub(super) fn number(&self, output: usize) -> (f32, i32) {
        let (tile, lane) = (&self.numbers[output / LANES], output % LANES);
        (tile.scales[lane], tile.zeros[lane])
    }
}

/// Computes groups of tiles for all rows.
pub(super) fn groups(
    kernel: Kernel,
    tiles: &ByteTiles,
    x: &Digits,
    rows: usize,
    groups: Range<usize>,
    finish: &Finish<'_>,
) {
    let (all, depth) = (tiles.outputs.div_ceil(LANES), tiles.inputs.div_ceil(PER_LINE));
    assert!(x.fit(rows, tiles.inputs) && tiles.lines().len() == all * depth);
    assert!(finish.fits(rows, tiles.outputs) && groups.end <= all.div_ceil(TILES));
    computed(kernel, tiles, x, rows, groups, finish);
}

dispatched! {
    /// See [`groups`].
    computed => computed_body(
        tiles: &ByteTiles, x: &Digits, rows: usize, groups: Range<usize>, finish: &Finish<'_>
    )
}

#[inline(always)]
fn computed_body<A: Machine>(
    tiles: &ByteTiles,
    x: &Digits,
    rows: usize,
    groups: Range<usize>,
    finish: &Finish<'_>,
) {
    let (depth, all) = (tiles.inputs.div_ceil(PER_LINE), tiles.outputs.div_ceil(LANES));
    let mut sums: Block = [[[0.0; LANES]; TILES]; ROWS];
    for group in groups {
        let group = group * TILES..((group + 1) * TILES).min(all);
        for (row, m) in steps(rows, A::ROWS) {
            for tile in group.clone().step_by(A::TILES) {
                let t = A::TILES.min(group.end - tile);
                // SAFETY: the rows and tiles exist, as the caller checked.
                unsafe { block::<A>(m, t, tiles, x, row, tile, depth, &mut sums) };
                finish.write::<A>(row, m, tile, t, &mut sums);
            }
        }
    }
}

/// # Safety
/// `m` and `t` are at most the machine's, and a size of [`steps`]; rows and tiles exist.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
unsafe fn block<A: Machine>(
    m: usize,
    t: usize,
    tiles: &ByteTiles,
    x: &Digits,
    row: usize,
    tile: usize,
    depth: usize,
    out: &mut Block,
) {
    macro_rules! sized {
        ($($m:literal $t:literal),*) => {
            match (m, t) {
                $(($m, $t) if $m <= A::ROWS && $t <= A::TILES => {
                    // SAFETY: the caller's promise.
                    unsafe { scaled::<A, $m, $t>(tiles, x, row, tile, depth, out) }
                })*
                _ => unreachable!("sizes are checked where kernels are entered"),
            }
        };
    }
    sized!(8 3, 8 2, 8 1, 4 3, 4 2, 4 1, 2 3, 2 2, 2 1, 1 3, 1 2, 1 1);
}

/// # Safety
/// See [`block`].
#[inline(always)]
unsafe fn scaled<A: Machine, const M: usize, const T: usize>(
    tiles: &ByteTiles,
    x: &Digits,
    row: usize,
    tile: usize,
    depth: usize,
    out: &mut Block,
) {
    let numbers = &tiles.numbers[tile..tile + T];
    for digit in 0..x.count() {
        // SAFETY: the caller's promise.
        let dots = unsafe {
            let lines = tiles.lines().as_ptr().add(tile * depth);
            A::dots::<M, T>(x.row(digit, row), x.stride(), lines, depth, depth)
        };
        let last = digit + 1 == x.count();
        for m in 0..M {
            let about = x.about(row + m);
            let (zero, sum) = (about.zeros[digit], about.sums[digit]);
            for t in 0..T {
                let (numbers, dots) = (&numbers[t], &dots[m][t]);
                let mut whole = [0i32; LANES];
                for lane in 0..LANES {
                    // In whole numbers this is exact, whatever wraps on the way.
                    whole[lane] = dots[lane].wrapping_sub(zero.wrapping_mul(numbers.sums[lane]));
                }
                if tiles.has_zeros {
                    for lane in 0..LANES {
                        let zeros = sum.wrapping_mul(numbers.zeros[lane]);
                        whole[lane] = whole[lane].wrapping_sub(zeros);
                    }
                }
                let mut values = whole.map(|whole| whole as f32);
                if digit > 0 {
                    let before = &out[m][t];
                    values = std::array::from_fn(|i| before[i].mul_add(256.0, values[i]));
                }
                if last {
                    let scales = &numbers.scales;
                    values = std::array::from_fn(|i| values[i] * (about.scale * scales[i]));
                }
                out[m][t] = values;
            }
        }
    }
}
