//! Joins the partial results of blocks.

use super::super::LANES;
use super::super::vector::{Vector, vectorised};
use super::partial_len;

/// Joins a later block to what is there. `factors` are for the two: what was computed relative to
/// each one's own largest score becomes relative to the larger of both.
#[inline(always)]
pub(super) unsafe fn factors<V: Vector>(largest: V, of_block: V) -> (V, V, V) {
    // SAFETY: the caller's processor has what `V` needs.
    unsafe {
        let both = largest.max(of_block);
        (both, largest.sub(both).exp(), of_block.sub(both).exp())
    }
}

vectorised! {
    /// `partials` are blocks × rows × group × [`partial_len`]; `out` is rows of `width`, in which
    /// the heads of the group stand from `at` on.
    finish => finish_body(
        head_size: usize, blocks: usize, group: usize, partials: &mut [f32], out: &mut [f32],
        width: usize, at: usize
    )
}

#[inline(always)]
fn finish_body<V: Vector>(
    head_size: usize,
    blocks: usize,
    group: usize,
    partials: &mut [f32],
    out: &mut [f32],
    width: usize,
    at: usize,
) {
    let rows = out.len() / width;
    let each = partial_len(head_size);
    let block = rows * group * each;
    assert!(partials.len() == blocks * block && head_size.is_multiple_of(LANES) && blocks > 0);
    let (first, later) = partials.split_at_mut(block);
    for (query, whole) in first.chunks_exact_mut(each).enumerate() {
        for block in later.chunks_exact(block) {
            // SAFETY: each partial result is `each` floats.
            unsafe { join::<V>(whole, &block[query * each..(query + 1) * each]) }
        }
        let out = &mut out[query / group * width..][..width];
        let out = &mut out[at + query % group * head_size..][..head_size];
        // SAFETY: the sums are lanes, and values and `out` are `head_size` long.
        unsafe {
            let inverse = V::splat(1.0 / V::load(whole[LANES..2 * LANES].as_ptr()).sum());
            let values = &whole[2 * LANES..];
            for from in (0..head_size).step_by(LANES) {
                V::load(values.as_ptr().add(from)).mul(inverse).store(out.as_mut_ptr().add(from));
            }
        }
    }
}

/// # Safety
/// Both are the same number of lanes, at least two, and the processor has what `V` needs.
#[inline(always)]
unsafe fn join<V: Vector>(whole: &mut [f32], block: &[f32]) {
    // SAFETY: the caller's.
    unsafe {
        let (largest, a, b) = factors(V::load(whole.as_ptr()), V::load(block.as_ptr()));
        largest.store(whole.as_mut_ptr());
        for from in (LANES..whole.len()).step_by(LANES) {
            let added = V::load(block.as_ptr().add(from)).mul(b);
            let place = whole.as_mut_ptr().add(from);
            V::load(place).mul_add(a, added).store(place);
        }
    }
}
