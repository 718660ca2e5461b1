//! Sums of products for eight outputs at many neighbouring places.
//!
//! A tile's weights are its inputs one after the other, each with eight weights. Lanes are places:
//! a vector of input is multiplied with one weight of each output.

use super::super::LANES;
use super::super::vector::{Vector, vectorised};

/// Outputs of a tile.
pub(super) const OUTPUTS: usize = 8;

/// What lies behind the input of a block, as vectors reach over its end.
pub(super) const SLACK: usize = LANES;

/// Outputs of a tile, and where they find what.
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) struct Tile<'a> {
    /// Inputs × [`OUTPUTS`].
    pub(super) weights: &'a [f32],
    /// Where the sums begin, one an output; at most [`OUTPUTS`].
    pub(super) bias: &'a [f32],
    pub(super) input: &'a [f32],
    /// Where each of the inputs begins in `input`.
    pub(super) offsets: &'a [usize],
    /// The largest of them.
    pub(super) furthest: usize,
}

vectorised! {
    /// The sums of all outputs at `places` neighbouring places; `out` has `pitch` floats an output,
    /// of which whole vectors are written.
    sums => sums_body(tile: Tile<'_>, places: usize, out: &mut [f32], pitch: usize)
}

#[inline(always)]
fn sums_body<V: Vector>(tile: Tile<'_>, places: usize, out: &mut [f32], pitch: usize) {
    let vectors = places.div_ceil(LANES);
    debug_assert_eq!(tile.offsets.iter().max().copied().unwrap_or(0), tile.furthest);
    assert!(tile.furthest + vectors * LANES <= tile.input.len());
    assert!(tile.weights.len() == tile.offsets.len() * OUTPUTS && tile.bias.len() <= OUTPUTS);
    assert!(vectors * LANES <= pitch && tile.bias.len() * pitch <= out.len());
    let out = out.as_mut_ptr();
    // SAFETY: lengths were just checked.
    unsafe {
        if V::WIDE {
            match tile.bias.len() {
                5.. => columns::<V, 8, 3>(tile, 0, vectors, out, pitch),
                3.. => columns::<V, 4, 6>(tile, 0, vectors, out, pitch),
                2 => columns::<V, 2, 8>(tile, 0, vectors, out, pitch),
                _ => columns::<V, 1, 8>(tile, 0, vectors, out, pitch),
            }
        } else {
            for first in (0..tile.bias.len()).step_by(4) {
                match tile.bias.len() - first {
                    3.. => columns::<V, 4, 1>(tile, first, vectors, out, pitch),
                    2 => columns::<V, 2, 2>(tile, first, vectors, out, pitch),
                    _ => columns::<V, 1, 4>(tile, first, vectors, out, pitch),
                }
            }
        }
    }
}

/// Outputs `first..first + M` of a tile, at most `N` vectors of places at a time.
///
/// # Safety
/// As asserted in [`sums_body`]; outputs beyond those with a bias are not written.
#[inline(always)]
unsafe fn columns<V: Vector, const M: usize, const N: usize>(
    tile: Tile<'_>,
    first: usize,
    vectors: usize,
    out: *mut f32,
    pitch: usize,
) {
    // As even as can be: a group of one vector would wait for its own sums.
    let groups = vectors.div_ceil(N);
    let mut done = 0;
    for group in 0..groups {
        let size = (vectors - done).div_ceil(groups - group);
        // SAFETY: the caller's promise.
        unsafe {
            match size {
                8 if N >= 8 => some::<V, M, 8>(tile, first, done, out, pitch),
                7 if N >= 7 => some::<V, M, 7>(tile, first, done, out, pitch),
                6 if N >= 6 => some::<V, M, 6>(tile, first, done, out, pitch),
                5 if N >= 5 => some::<V, M, 5>(tile, first, done, out, pitch),
                4 if N >= 4 => some::<V, M, 4>(tile, first, done, out, pitch),
                3 if N >= 3 => some::<V, M, 3>(tile, first, done, out, pitch),
                2 if N >= 2 => some::<V, M, 2>(tile, first, done, out, pitch),
                _ => some::<V, M, 1>(tile, first, done, out, pitch),
            }
        }
        done += size;
    }
}

/// `N` vectors of places from vector `at` on.
///
/// # Safety
/// See [`columns`].
#[inline(always)]
unsafe fn some<V: Vector, const M: usize, const N: usize>(
    tile: Tile<'_>,
    first: usize,
    at: usize,
    out: *mut f32,
    pitch: usize,
) {
    let outputs = M.min(tile.bias.len() - first);
    // SAFETY: the caller's promise.
    unsafe {
        let input = tile.input.as_ptr().add(at * LANES);
        let mut weights = tile.weights.as_ptr().add(first);
        let mut sums = [[V::splat(0.0); N]; M];
        for m in 0..outputs {
            sums[m] = [V::splat(tile.bias[first + m]); N];
        }
        for &offset in tile.offsets {
            let input = input.add(offset);
            let mut x = [V::splat(0.0); N];
            for n in 0..N {
                x[n] = V::load(input.add(n * LANES));
            }
            for m in 0..M {
                let weight = V::splat(*weights.add(m));
                for n in 0..N {
                    sums[m][n] = weight.mul_add(x[n], sums[m][n]);
                }
            }
            weights = weights.add(OUTPUTS);
        }
        for m in 0..outputs {
            for n in 0..N {
                sums[m][n].store(out.add((first + m) * pitch + (at + n) * LANES));
            }
        }
    }
}
