//! Float weights in tiles of sixteen outputs, and their products.
//!
//! A tile is its inputs one after the other, each with sixteen weights: a line.

use std::ops::Range;

use super::super::pack::{Line, Lines};
use super::super::vector::Vector;
use super::super::{Kernel, LANES, Lanes};
use super::finish::Finish;
use super::{Block, Machine, ROWS, TILES, dispatched, steps};

/// Weights of `y = x · W`.
#[derive(Debug)]
pub(in crate::engine::cpu) struct FloatTiles {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    lines: Lines,
}

impl FloatTiles {
    /// From the weight of each (input, output).
    pub(in crate::engine::cpu) fn new(
        inputs: usize,
        outputs: usize,
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let mut lines = vec![Line([0; 64]); inputs * outputs.div_ceil(LANES)];
        for (at, Line(line)) in lines.iter_mut().enumerate() {
            let (tile, input) = (at / inputs, at % inputs);
            for (lane, place) in line.as_chunks_mut::<4>().0.iter_mut().enumerate() {
                let output = tile * LANES + lane;
                if output < outputs {
                    *place = weight(input, output).to_le_bytes();
                }
            }
        }
        Self { inputs, outputs, lines: Lines::Owned(lines) }
    }

    pub(in crate::engine::cpu) fn lines(&self) -> &[Line] {
        self.lines.as_slice()
    }
}

/// Computes groups of tiles for all rows of `x`.
pub(super) fn groups(
    kernel: Kernel,
    tiles: &FloatTiles,
    x: &[f32],
    rows: usize,
    groups: Range<usize>,
    finish: &Finish<'_>,
) {
    let all = tiles.outputs.div_ceil(LANES);
    assert!(x.len() == rows * tiles.inputs && tiles.lines().len() == all * tiles.inputs);
    assert!(finish.fits(rows, tiles.outputs) && groups.end <= all.div_ceil(TILES));
    computed(kernel, tiles, x, rows, groups, finish);
}

dispatched! {
    /// See [`groups`].
    computed => computed_body(
        tiles: &FloatTiles, x: &[f32], rows: usize, groups: Range<usize>, finish: &Finish<'_>
    )
}

#[inline(always)]
fn computed_body<A: Machine>(
    tiles: &FloatTiles,
    x: &[f32],
    rows: usize,
    groups: Range<usize>,
    finish: &Finish<'_>,
) {
    let (inputs, all) = (tiles.inputs, tiles.outputs.div_ceil(LANES));
    let mut sums: Block = [[[0.0; LANES]; TILES]; ROWS];
    for group in groups {
        let group = group * TILES..((group + 1) * TILES).min(all);
        for (row, m) in steps(rows, A::ROWS) {
            for tile in group.clone().step_by(A::TILES) {
                let t = A::TILES.min(group.end - tile);
                // SAFETY: the rows and tiles exist, as the caller checked.
                unsafe {
                    let x = x.as_ptr().add(row * inputs);
                    let tile = tiles.lines().as_ptr().add(tile * inputs).cast();
                    block::<A>(m, t, x, inputs, tile, inputs, inputs, &mut sums);
                }
                finish.write::<A>(row, m, tile, t, &mut sums);
            }
        }
    }
}

/// Sums of `m` rows and `t` tiles: rows begin `stride` floats apart, tiles `tile_lines` lines.
///
/// # Safety
/// `m` and `t` are at most the machine's, and a size of [`steps`]; each row has `depth` floats, each
/// tile as many lines.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
pub(in crate::engine::cpu::kernels) unsafe fn block<A: Machine>(
    m: usize,
    t: usize,
    x: *const f32,
    stride: usize,
    tiles: *const f32,
    tile_lines: usize,
    depth: usize,
    out: &mut Block,
) {
    macro_rules! sized {
        ($($m:literal $t:literal),*) => {
            match (m, t) {
                $(($m, $t) if $m <= A::ROWS && $t <= A::TILES => {
                    // SAFETY: the caller's promise.
                    unsafe { sums::<A::Vector, $m, $t>(x, stride, tiles, tile_lines, depth, out) }
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
unsafe fn sums<V: Vector, const M: usize, const T: usize>(
    x: *const f32,
    stride: usize,
    tiles: *const f32,
    tile_lines: usize,
    depth: usize,
    out: &mut Block,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [[V::splat(0.0); T]; M];
        for at in 0..depth {
            let mut w = [V::splat(0.0); T];
            for t in 0..T {
                w[t] = V::load(tiles.add((t * tile_lines + at) * LANES));
            }
            for m in 0..M {
                let x = V::splat(*x.add(m * stride + at));
                for t in 0..T {
                    sums[m][t] = x.mul_add(w[t], sums[m][t]);
                }
            }
        }
        for m in 0..M {
            for t in 0..T {
                sums[m][t].store(out[m][t].as_mut_ptr());
            }
        }
    }
}

/// Puts rows of floats into tiles: line `at` of tile `t` has the values `at` of rows `16t..16t+16`
/// (`turned`), or the values `16t..16t+16` of row `at`. Values beyond the end are 0.
pub(in crate::engine::cpu::kernels) fn packed_floats(
    x: &[f32],
    stride: usize,
    rows: usize,
    width: usize,
    turned: bool,
    tiles: &mut Vec<Lanes>,
) {
    let (depth, outputs) = if turned { (width, rows) } else { (rows, width) };
    let count = outputs.div_ceil(LANES);
    tiles.clear();
    tiles.resize(count * depth, [0.0; LANES]);
    if turned {
        for row in 0..rows {
            let (values, lane) = (&x[row * stride..][..width], row % LANES);
            let tile = &mut tiles[row / LANES * depth..][..depth];
            for (line, value) in tile.iter_mut().zip(values) {
                line[lane] = *value;
            }
        }
        return;
    }
    for row in 0..rows {
        for (tile, values) in x[row * stride..][..width].chunks(LANES).enumerate() {
            tiles[tile * depth + row][..values.len()].copy_from_slice(values);
        }
    }
}
