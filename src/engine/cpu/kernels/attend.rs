//! Attention of whole sequences to each other, as encoders have it: no past, any mask.
//!
//! Keys and values of a head are laid into tiles once; eight queries at a time then get their scores,
//! a softmax and their sums. Threads take heads, or parts of a head's queries.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

use super::dense::{Block, Machine, ROWS, TILES, block, dispatched, packed_floats, steps};
use super::pool::Pool;
use super::vector::Vector;
use super::{Kernel, LANES, Lanes};

/// Sizes of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine::cpu) struct Sizes {
    pub(in crate::engine::cpu) batch: usize,
    pub(in crate::engine::cpu) queries: usize,
    pub(in crate::engine::cpu) keys: usize,
    pub(in crate::engine::cpu) heads: usize,
    /// Of a query and a key.
    pub(in crate::engine::cpu) size: usize,
    pub(in crate::engine::cpu) value_size: usize,
}

/// What is attended to, each batch × tokens × (heads × size).
#[derive(Clone, Copy)]
pub(in crate::engine::cpu) struct Operands<'a> {
    pub(in crate::engine::cpu) query: &'a [f32],
    pub(in crate::engine::cpu) key: &'a [f32],
    pub(in crate::engine::cpu) value: &'a [f32],
    pub(in crate::engine::cpu) mask: Option<Mask<'a>>,
    /// Scores are multiplied by this before the mask is added.
    pub(in crate::engine::cpu) scale: f32,
    /// Whether a query that may see nothing gives zeros, where a softmax would give no numbers.
    pub(in crate::engine::cpu) blind_is_zero: bool,
}

/// Values that are added to scores: batch × heads × queries × keys, where each axis may be 1.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Mask<'a> {
    values: &'a [f32],
    /// Distance between neighbours of each axis; 0 where there is one for all.
    strides: [usize; 4],
}

impl<'a> Mask<'a> {
    /// `None` where the shape does not fit.
    pub(in crate::engine::cpu) fn new(
        values: &'a [f32],
        shape: &[usize],
        sizes: &Sizes,
    ) -> Option<Self> {
        let want = [sizes.batch, sizes.heads, sizes.queries, sizes.keys];
        let missing = want.len().checked_sub(shape.len())?;
        let mut strides = [0; 4];
        let mut stride = 1;
        for axis in (missing..want.len()).rev() {
            let length = shape[axis - missing];
            if length != 1 && length != want[axis] {
                return None;
            }
            strides[axis] = if length == 1 { 0 } else { stride };
            stride *= length;
        }
        (values.len() == stride).then_some(Self { values, strides })
    }

    /// Adds what belongs to a query's scores.
    #[inline(always)]
    fn add(&self, batch: usize, head: usize, query: usize, scores: &mut [f32]) {
        let [a, b, c, d] = self.strides;
        let from = batch * a + head * b + query * c;
        if d == 0 {
            scores.iter_mut().for_each(|score| *score += self.values[from]);
        } else {
            let values = &self.values[from..from + scores.len()];
            scores.iter_mut().zip(values).for_each(|(score, value)| *score += value);
        }
    }
}

/// What a thread works in.
#[derive(Default)]
struct Scratch {
    keys: Vec<Lanes>,
    values: Vec<Lanes>,
    scores: Vec<Lanes>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Where results go: batch × queries × (heads × value size). Threads write different places.
struct Out<'a>(*mut f32, PhantomData<&'a mut [f32]>);

// SAFETY: each head of each query is written by the one thread that computes it.
unsafe impl Sync for Out<'_> {}

/// A head of a sequence, and some of its queries.
#[derive(Debug, Clone)]
struct Part {
    batch: usize,
    head: usize,
    queries: Range<usize>,
}

/// `out = softmax(query · key * scale + mask) · value`, head by head.
pub(in crate::engine::cpu) fn attend(
    kernel: Kernel,
    pool: &Pool,
    sizes: &Sizes,
    operands: &Operands<'_>,
    out: &mut [f32],
) {
    let Sizes { batch, queries, keys, heads, size, value_size } = *sizes;
    assert_eq!(operands.query.len(), batch * queries * heads * size);
    assert_eq!(operands.key.len(), batch * keys * heads * size);
    assert_eq!(operands.value.len(), batch * keys * heads * value_size);
    assert_eq!(out.len(), batch * queries * heads * value_size);
    assert!(size > 0 && keys > 0);
    let apart = if batch * heads >= 2 * pool.threads() { 1 } else { 2 * pool.threads() };
    let length = queries.div_ceil(apart).next_multiple_of(ROWS);
    let per_head = queries.div_ceil(length.max(1));
    let out = Out(out.as_mut_ptr(), PhantomData);
    let chunk = (batch * heads * per_head).div_ceil(pool.threads() * 4).max(1);
    pool.ranges(batch * heads * per_head, chunk, |range| {
        SCRATCH.with_borrow_mut(|scratch| {
            for at in range {
                let (sequence, part) = (at / per_head, at % per_head);
                let queries = part * length..queries.min((part + 1) * length);
                let part = Part { batch: sequence / heads, head: sequence % heads, queries };
                computed(kernel, sizes, operands, &part, scratch, &out);
            }
        });
    });
}

dispatched! {
    /// One part.
    computed => computed_body(
        sizes: &Sizes, operands: &Operands<'_>, part: &Part, scratch: &mut Scratch, out: &Out<'_>
    )
}

#[inline(always)]
fn computed_body<A: Machine>(
    sizes: &Sizes,
    operands: &Operands<'_>,
    part: &Part,
    scratch: &mut Scratch,
    out: &Out<'_>,
) {
    let Sizes { queries, keys, heads, size, value_size, .. } = *sizes;
    let (width, value_width) = (heads * size, heads * value_size);
    let key = &operands.key[part.batch * keys * width + part.head * size..];
    packed_floats(key, width, keys, size, true, &mut scratch.keys);
    let value = &operands.value[part.batch * keys * value_width + part.head * value_size..];
    packed_floats(value, value_width, keys, value_size, false, &mut scratch.values);
    let tiles = keys.div_ceil(LANES);
    scratch.scores.clear();
    scratch.scores.resize(ROWS * tiles, [0.0; LANES]);
    for (first, m) in steps(part.queries.len(), A::ROWS) {
        let first = part.queries.start + first;
        let row = part.batch * queries + first;
        let query = &operands.query[row * width + part.head * size..];
        assert!(query.len() >= (m - 1) * width + size);
        // SAFETY: rows of queries exist, as just checked; tiles were just made.
        unsafe { scores::<A>(query.as_ptr(), width, m, keys, size, scratch) };
        let rows = scratch.scores.chunks_exact_mut(tiles).take(m).enumerate();
        let mut shares = [0.0; ROWS];
        for (at, scores) in rows {
            let scores = &mut scores.as_flattened_mut()[..];
            let (seen, _) = scores.split_at_mut(keys);
            seen.iter_mut().for_each(|score| *score *= operands.scale);
            if let Some(mask) = &operands.mask {
                mask.add(part.batch, part.head, first + at, seen);
            }
            // SAFETY: the processor has the instructions; scores are whole vectors.
            let sum = unsafe { weigh::<A::Vector>(scores, keys) };
            shares[at] = if sum.is_nan() && operands.blind_is_zero {
                scores.fill(0.0);
                0.0
            } else {
                1.0 / sum
            };
        }
        let to = row * value_width + part.head * value_size;
        // SAFETY: rows and tiles exist; nobody else writes this head of these queries.
        unsafe { sums::<A>(m, keys, value_size, scratch, &shares, out.0.add(to), value_width) };
    }
}

/// Dot products of `m` queries with all keys.
///
/// # Safety
/// There are `m` rows of queries `stride` apart, and tiles of all keys.
#[inline(always)]
unsafe fn scores<A: Machine>(
    query: *const f32,
    stride: usize,
    m: usize,
    keys: usize,
    size: usize,
    scratch: &mut Scratch,
) {
    let tiles = keys.div_ceil(LANES);
    let mut found: Block = [[[0.0; LANES]; TILES]; ROWS];
    for tile in (0..tiles).step_by(A::TILES) {
        let t = A::TILES.min(tiles - tile);
        // SAFETY: the caller's promise.
        unsafe {
            let keys = scratch.keys.as_ptr().add(tile * size).cast();
            block::<A>(m, t, query, stride, keys, size, size, &mut found);
        }
        for row in 0..m {
            let to = &mut scratch.scores[row * tiles + tile..][..t];
            to.copy_from_slice(&found[row][..t]);
        }
    }
}

/// Makes weights of scores, e^(score - largest), and returns their sum.
///
/// # Safety
/// The processor has the instruction set; `scores` are whole vectors, of which `keys` count.
#[inline(always)]
unsafe fn weigh<V: Vector>(scores: &mut [f32], keys: usize) -> f32 {
    let whole = keys / LANES * LANES;
    // SAFETY: the caller's promise.
    unsafe {
        let mut most = V::splat(f32::NEG_INFINITY);
        for at in (0..whole).step_by(LANES) {
            most = most.max(V::load(scores.as_ptr().add(at)));
        }
        if whole < keys {
            let last = V::load(scores.as_ptr().add(whole));
            most = most.max(last.keep(keys - whole, f32::NEG_INFINITY));
        }
        let most = V::splat(most.largest());
        let mut sum = V::splat(0.0);
        for at in (0..keys).step_by(LANES) {
            let place = scores.as_mut_ptr().add(at);
            let mut weights = V::load(place).sub(most).exp();
            if at + LANES > keys {
                weights = weights.keep(keys - at, 0.0);
            }
            weights.store(place);
            sum = sum.add(weights);
        }
        sum.sum()
    }
}

/// Sums of values by their weights, each row times its share.
///
/// # Safety
/// There are `m` rows of scores and tiles of all values; `m` rows `stride` apart can be written.
#[inline(always)]
unsafe fn sums<A: Machine>(
    m: usize,
    keys: usize,
    size: usize,
    scratch: &Scratch,
    shares: &[f32; ROWS],
    out: *mut f32,
    stride: usize,
) {
    let tiles = size.div_ceil(LANES);
    let weights_stride = keys.div_ceil(LANES) * LANES;
    let mut found: Block = [[[0.0; LANES]; TILES]; ROWS];
    for tile in (0..tiles).step_by(A::TILES) {
        let t = A::TILES.min(tiles - tile);
        // SAFETY: the caller's promise.
        unsafe {
            let weights = scratch.scores.as_ptr().cast();
            let values = scratch.values.as_ptr().add(tile * keys).cast();
            block::<A>(m, t, weights, weights_stride, values, keys, keys, &mut found);
        }
        let len = size.min((tile + t) * LANES) - tile * LANES;
        for row in 0..m {
            // SAFETY: the caller's promise; `len` ends with the head.
            let out = unsafe {
                std::slice::from_raw_parts_mut(out.add(row * stride + tile * LANES), len)
            };
            for (out, found) in out.iter_mut().zip(found[row].as_flattened()) {
                *out = found * shares[row];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 211) as f32 * 0.02 - 2.0).collect()
    }

    /// By definition, in double precision.
    fn defined(
        sizes: &Sizes,
        operands: &Operands<'_>,
        mask: impl Fn([usize; 4]) -> f64,
    ) -> Vec<f64> {
        let Sizes { batch, queries, keys, heads, size, value_size } = *sizes;
        let mut out = vec![0.0; batch * queries * heads * value_size];
        for b in 0..batch {
            for (h, q) in (0..heads).flat_map(|h| (0..queries).map(move |q| (h, q))) {
                let score = |k: usize| {
                    let dot = (0..size).map(|d| {
                        let q = operands.query[((b * queries + q) * heads + h) * size + d];
                        f64::from(q)
                            * f64::from(operands.key[((b * keys + k) * heads + h) * size + d])
                    });
                    dot.sum::<f64>() * f64::from(operands.scale) + mask([b, h, q, k])
                };
                let scores: Vec<f64> = (0..keys).map(score).collect();
                let most = scores.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
                let weights: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
                let all: f64 = weights.iter().sum();
                for d in 0..value_size {
                    let sum = (0..keys).map(|k| {
                        let at = ((b * keys + k) * heads + h) * value_size + d;
                        weights[k] / all * f64::from(operands.value[at])
                    });
                    out[((b * queries + q) * heads + h) * value_size + d] = sum.sum();
                }
            }
        }
        out
    }

    #[test]
    fn attention_is_that_of_the_definition_with_masks_of_any_axes() {
        for sizes in [
            Sizes { batch: 2, queries: 9, keys: 9, heads: 3, size: 16, value_size: 16 },
            Sizes { batch: 1, queries: 5, keys: 33, heads: 2, size: 20, value_size: 50 },
            Sizes { batch: 3, queries: 1, keys: 1, heads: 1, size: 3, value_size: 2 },
        ] {
            let Sizes { batch, queries, keys, heads, size, value_size } = sizes;
            let query = values(batch * queries * heads * size, 1);
            let key = values(batch * keys * heads * size, 2);
            let value = values(batch * keys * heads * value_size, 3);
            for shape in [
                vec![batch, 1, 1, keys],
                vec![batch, heads, queries, keys],
                vec![queries, keys],
                vec![batch, 1, queries, 1],
            ] {
                let masks = values(shape.iter().product(), 4);
                let mask = Mask::new(&masks, &shape, &sizes).unwrap();
                let at = |index: [usize; 4]| {
                    let steps = index.iter().zip(mask.strides).map(|(i, stride)| i * stride);
                    f64::from(masks[steps.sum::<usize>()])
                };
                let (scale, blind_is_zero) = (0.3, false);
                let mask = Some(mask);
                let (query, key, value) = (&query, &key, &value);
                let operands = Operands { query, key, value, mask, scale, blind_is_zero };
                let want = defined(&sizes, &operands, at);
                let mut first: Option<Vec<f32>> = None;
                for kernel in Kernel::available() {
                    let mut out = vec![f32::NAN; want.len()];
                    attend(kernel, &Pool::new(2), &sizes, &operands, &mut out);
                    for (got, want) in out.iter().zip(&want) {
                        assert!((f64::from(*got) - want).abs() < 1e-5, "{got} for {want}");
                    }
                    assert_eq!(&out, first.get_or_insert(out.clone()), "{kernel:?}");
                }
            }
        }
        let sizes = Sizes { batch: 2, queries: 3, keys: 4, heads: 1, size: 1, value_size: 1 };
        assert!(Mask::new(&[0.0; 8], &[2, 1, 1, 3], &sizes).is_none());
    }

    #[test]
    fn a_query_that_sees_nothing_gives_zeros_only_where_that_is_asked_for() {
        let sizes = Sizes { batch: 1, queries: 2, keys: 5, heads: 1, size: 4, value_size: 4 };
        let (query, value) = (values(8, 1), values(20, 2));
        let mut masks = vec![0.0; 10];
        masks[5..].fill(f32::NEG_INFINITY);
        let mask = Mask::new(&masks, &[1, 1, 2, 5], &sizes);
        for blind_is_zero in [false, true] {
            let (query, key, value, scale) = (&query[..], &value[..], &value[..], 1.0);
            let operands = Operands { query, key, value, mask, scale, blind_is_zero };
            for kernel in Kernel::available() {
                let mut out = vec![f32::NAN; 8];
                attend(kernel, &Pool::new(1), &sizes, &operands, &mut out);
                assert!(out[..4].iter().all(|v| v.is_finite()));
                let blind = |v: &f32| if blind_is_zero { *v == 0.0 } else { v.is_nan() };
                assert!(out[4..].iter().all(blind), "{kernel:?}: {out:?}");
            }
        }
    }
}
