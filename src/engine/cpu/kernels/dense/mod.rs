//! Products of many rows with weights, as graphs other than decoders have them.
//!
//! A decoder computes few rows and waits for weights; here many rows share them, and what counts is
//! arithmetic. Weights are floats, or bytes with one scale an output: then an output is one sum of
//! integers over all inputs, and rows are made into bytes whole. Eight rows and three tiles of sixteen
//! outputs are computed together, so that a loaded value is used several times.

mod bytes;
#[cfg(feature = "gpu")]
mod device;
mod digits;
mod finish;
mod floats;
pub(super) mod machine;
#[cfg(test)]
mod tests;

pub(in crate::engine::cpu) use self::bytes::{ByteTiles, MAX_INPUTS};
pub(in crate::engine::cpu) use self::digits::{Digits, Scheme};
pub(in crate::engine::cpu) use self::finish::Function;
pub(in crate::engine::cpu) use self::floats::FloatTiles;
pub(super) use self::floats::{block, packed_floats};
pub(super) use self::machine::{Machine, dispatched};

use std::ops::Range;

use self::finish::Finish;
use super::pool::Pool;
use super::{Kernel, LANES, Lanes};

/// Rows and tiles that are computed together at most.
pub(super) const ROWS: usize = 8;
pub(super) const TILES: usize = 3;

/// Sums of rows and tiles that are computed together.
pub(super) type Block = [[Lanes; TILES]; ROWS];

/// The weights of a product.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Dense {
    pub(in crate::engine::cpu) inputs: usize,
    pub(in crate::engine::cpu) outputs: usize,
    tiles: Tiles,
}

#[derive(Debug)]
enum Tiles {
    Floats(FloatTiles),
    Bytes(ByteTiles),
}

/// One product of an input.
pub(in crate::engine::cpu) struct Product<'a> {
    pub(in crate::engine::cpu) dense: &'a Dense,
    /// One value an output, added; may be empty.
    pub(in crate::engine::cpu) bias: &'a [f32],
    pub(in crate::engine::cpu) function: Function,
    /// As large as the output, added last.
    pub(in crate::engine::cpu) residual: Option<&'a [f32]>,
    /// Rows × outputs.
    pub(in crate::engine::cpu) out: &'a mut [f32],
}

impl From<FloatTiles> for Dense {
    fn from(tiles: FloatTiles) -> Self {
        let (inputs, outputs) = (tiles.inputs, tiles.outputs);
        Self { inputs, outputs, tiles: Tiles::Floats(tiles) }
    }
}

impl From<ByteTiles> for Dense {
    fn from(tiles: ByteTiles) -> Self {
        let (inputs, outputs) = (tiles.inputs, tiles.outputs);
        Self { inputs, outputs, tiles: Tiles::Bytes(tiles) }
    }
}

impl Dense {
    /// Whether rows are made into bytes for it.
    pub(in crate::engine::cpu) fn reads_digits(&self) -> bool {
        matches!(self.tiles, Tiles::Bytes(_))
    }

    /// Bytes held.
    pub(in crate::engine::cpu) fn held_bytes(&self) -> usize {
        let lines = match &self.tiles {
            Tiles::Floats(tiles) => tiles.lines().len(),
            Tiles::Bytes(tiles) => tiles.lines().len(),
        };
        lines * 64
    }

    /// Groups of tiles.
    fn groups(&self) -> usize {
        self.outputs.div_ceil(LANES * TILES)
    }
}

/// A product whose groups of tiles are computed by several threads.
struct Shared<'a> {
    tiles: &'a Tiles,
    inputs: usize,
    groups: usize,
    /// Number of its first group among those of all products.
    first: usize,
    finish: Finish<'a>,
}

/// Computes products of `rows` rows; `digits` are the same rows where a product reads bytes.
pub(in crate::engine::cpu) fn multiply(
    kernel: Kernel,
    pool: &Pool,
    rows: usize,
    x: &[f32],
    digits: &Digits,
    products: &mut [Product<'_>],
) {
    let mut groups = 0;
    let shared: Vec<Shared<'_>> = products
        .iter_mut()
        .map(|product| {
            let dense = product.dense;
            assert_eq!(x.len(), rows * dense.inputs);
            assert!(!dense.reads_digits() || digits.fit(rows, dense.inputs));
            let first = groups;
            groups += dense.groups();
            let (bias, function, residual) = (product.bias, product.function, product.residual);
            let finish = Finish::new(bias, function, residual, product.out, rows, dense.outputs);
            Shared {
                tiles: &dense.tiles,
                inputs: dense.inputs,
                groups: dense.groups(),
                first,
                finish,
            }
        })
        .collect();
    // A few pieces per thread, so that a thread whose core is taken away does not hold up the rest.
    let chunk = groups.div_ceil(pool.threads() * 4).max(1);
    pool.ranges(groups, chunk, |range| {
        for product in &shared {
            let from = range.start.max(product.first);
            let to = range.end.min(product.first + product.groups);
            if from < to {
                product.groups(kernel, rows, x, digits, from - product.first..to - product.first);
            }
        }
    });
}

impl Shared<'_> {
    fn groups(
        &self,
        kernel: Kernel,
        rows: usize,
        x: &[f32],
        digits: &Digits,
        groups: Range<usize>,
    ) {
        match self.tiles {
            Tiles::Floats(tiles) => {
                let x = &x[..rows * self.inputs];
                floats::groups(kernel, tiles, x, rows, groups, &self.finish);
            }
            Tiles::Bytes(tiles) => bytes::groups(kernel, tiles, digits, rows, groups, &self.finish),
        }
    }
}

/// Sizes in which `count` things are taken, at most `most` (a power of two) at once.
pub(super) fn steps(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let left = count - first;
        let size = if left >= most { most } else { 1 << left.checked_ilog2()? };
        first += size;
        Some((first - size, size))
    })
}
