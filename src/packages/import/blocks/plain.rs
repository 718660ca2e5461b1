//! Blocks of 32 weights with one scale, after `block_q4_0` and its kin in `ggml-common.h`.
//!
//! Weights 0 to 15 have the low halves of the bytes, 16 to 31 the high ones. A fifth bit of weight
//! i is bit i of a word of its own.

use super::{Group, NotFinite, number};

type Each<'a> = dyn FnMut(Group<'_>) + 'a;

pub(super) fn q4_0(block: &[u8; 18], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, halves @ ..] = block;
    let scale = number([*d0, *d1])?;
    each(Group { scale, quants: &nibbles(halves), minimum: None });
    Ok(())
}

pub(super) fn q4_1(block: &[u8; 20], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, m0, m1, halves @ ..] = block;
    let (scale, minimum) = (number([*d0, *d1])?, number([*m0, *m1])?);
    each(Group { scale, quants: &nibbles(halves), minimum: Some(minimum) });
    Ok(())
}

pub(super) fn q5_0(block: &[u8; 22], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, h0, h1, h2, h3, halves @ ..] = block;
    let scale = number([*d0, *d1])?;
    let quants = with_fifth_bits(nibbles(halves), [*h0, *h1, *h2, *h3]);
    each(Group { scale, quants: &quants, minimum: None });
    Ok(())
}

pub(super) fn q5_1(block: &[u8; 24], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, m0, m1, h0, h1, h2, h3, halves @ ..] = block;
    let (scale, minimum) = (number([*d0, *d1])?, number([*m0, *m1])?);
    let quants = with_fifth_bits(nibbles(halves), [*h0, *h1, *h2, *h3]);
    each(Group { scale, quants: &quants, minimum: Some(minimum) });
    Ok(())
}

/// Signed bytes become unsigned ones around 128.
pub(super) fn q8_0(block: &[u8; 34], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, quants @ ..] = block;
    let scale = number([*d0, *d1])?;
    let quants = quants.map(|q| q ^ 0x80);
    each(Group { scale, quants: &quants, minimum: None });
    Ok(())
}

fn nibbles(halves: &[u8; 16]) -> [u8; 32] {
    let mut quants = [0; 32];
    let (low, high) = quants.split_at_mut(16);
    for ((low, high), byte) in low.iter_mut().zip(high).zip(halves) {
        *low = byte & 0x0f;
        *high = byte >> 4;
    }
    quants
}

fn with_fifth_bits(mut quants: [u8; 32], bits: [u8; 4]) -> [u8; 32] {
    let bits = u32::from_le_bytes(bits);
    for (i, quant) in quants.iter_mut().enumerate() {
        *quant |= ((bits >> i) as u8 & 1) << 4;
    }
    quants
}
