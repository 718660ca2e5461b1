//! Turned queries, and keys and values into their page.

use super::super::LANES;
use super::super::vector::{Vector, vectorised};
use super::MAX_HEAD_SIZE;
use super::rotary::Rotary;
use crate::engine::kv::{KvType, Layout, PAGE_TOKENS};

/// The heads of a layer.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine::cpu) struct Heads<'a> {
    pub(in crate::engine::cpu) layer: usize,
    pub(in crate::engine::cpu) layout: Layout,
    /// Query heads of one KV head.
    pub(in crate::engine::cpu) group: usize,
    /// By which queries are multiplied.
    pub(in crate::engine::cpu) scale: f32,
    pub(in crate::engine::cpu) rotary: Option<Rotary<'a>>,
}

vectorised! {
    /// Takes rows whose tokens stand in one page from `position` on: turns and scales their
    /// `queries` and writes their `keys` and `values` into `page`.
    ///
    /// `turned` gets, for each KV head, `head_size` × (rows × group): the queries that go together,
    /// transposed. Keys and values must be numbers; false in `finite` where one is not.
    place => place_body(
        heads: &Heads<'_>,
        position: usize,
        queries: &[f32],
        keys: &[f32],
        values: &[f32],
        turned: &mut [f32],
        page: &mut [u8],
        finite: &mut bool,
    )
}

#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "a kernel takes its operands one by one")]
fn place_body<V: Vector>(
    heads: &Heads<'_>,
    position: usize,
    queries: &[f32],
    keys: &[f32],
    values: &[f32],
    turned: &mut [f32],
    page: &mut [u8],
    finite: &mut bool,
) {
    let layout = heads.layout;
    let size = layout.head_size;
    let width = layout.heads * size;
    let rows = keys.len() / width;
    assert!(size > 0 && size.is_multiple_of(LANES) && size <= MAX_HEAD_SIZE);
    assert!(keys.len() == rows * width && values.len() == keys.len());
    assert!(queries.len() == keys.len() * heads.group && turned.len() == queries.len());
    assert!(position % PAGE_TOKENS + rows <= PAGE_TOKENS && page.len() == layout.page_len());
    *finite = keys.iter().chain(values).all(|x| x.is_finite());
    let mut head = [0.0; MAX_HEAD_SIZE];
    let head = &mut head[..size];
    for row in 0..rows {
        let at = position + row;
        for (h, query) in queries[row * width * heads.group..].chunks_exact(size).enumerate() {
            if h == layout.heads * heads.group {
                break;
            }
            head.copy_from_slice(query);
            if let Some(rotary) = heads.rotary {
                rotary.turn(head, size, at);
            }
            let together = rows * heads.group;
            let kv_head = h / heads.group;
            let into = &mut turned[kv_head * size * together..][..size * together];
            let column = row * heads.group + h % heads.group;
            for (to, q) in into.iter_mut().skip(column).step_by(together).zip(head.iter()) {
                *to = q * heads.scale;
            }
        }
        for h in 0..layout.heads {
            let from = row * width + h * size;
            head.copy_from_slice(&keys[from..from + size]);
            if let Some(rotary) = heads.rotary {
                rotary.turn(head, size, at);
            }
            let strips = &mut page[layout.strips_at(heads.layer, h)..];
            let (into_keys, rest) = strips.split_at_mut(layout.strip_bytes());
            let into_values = &mut rest[..layout.strip_bytes()];
            let slot = at % PAGE_TOKENS;
            let value = &values[from..from + size];
            match layout.kind {
                KvType::F16 => {
                    put_halves::<V>(head, into_keys, |d| 2 * (d * PAGE_TOKENS + slot), false);
                    put_halves::<V>(value, into_values, |d| 2 * (slot * size + d), true);
                }
                KvType::Int8 => {
                    put_bytes(head, into_keys, slot, |d| d * PAGE_TOKENS + slot);
                    put_bytes(value, into_values, slot, |d| slot * size + d);
                }
            }
        }
    }
}

/// Writes numbers as halves; `at` says where each begins. Those that come in a row are written
/// sixteen at a time.
#[inline(always)]
fn put_halves<V: Vector>(x: &[f32], strip: &mut [u8], at: impl Fn(usize) -> usize, in_row: bool) {
    for from in (0..x.len()).step_by(LANES) {
        let mut halves = [[0u8; 2]; LANES];
        // SAFETY: `x` has whole lanes, and `halves` is 32 bytes.
        unsafe { V::load(x[from..from + LANES].as_ptr()).store_halves(halves.as_mut_ptr().cast()) }
        if in_row {
            strip[at(from)..at(from) + 2 * LANES].copy_from_slice(halves.as_flattened());
        } else {
            for (lane, half) in halves.iter().enumerate() {
                strip[at(from + lane)..at(from + lane) + 2].copy_from_slice(half);
            }
        }
    }
}

/// Writes numbers as bytes, whose scale goes to the end of the strip.
#[inline(always)]
fn put_bytes(x: &[f32], strip: &mut [u8], slot: usize, at: impl Fn(usize) -> usize) {
    let largest = x.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    // The largest that can be is not infinite when it is read again.
    let scale = largest / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (d, x) in x.iter().enumerate() {
        let number = (x * inverse).round_ties_even().clamp(-127.0, 127.0);
        strip[at(d)] = (number as i8) as u8;
    }
    let scales = x.len() * PAGE_TOKENS + slot * size_of::<f32>();
    strip[scales..scales + size_of::<f32>()].copy_from_slice(&scale.to_ne_bytes());
}
