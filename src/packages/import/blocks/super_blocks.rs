//! Blocks of 256 weights whose groups have small scales of their own, after `block_q4_K` and its
//! kin in `ggml-common.h`.

use super::{Group, NotFinite, number};

type Each<'a> = dyn FnMut(Group<'_>) + 'a;

/// Each 32 bytes hold two groups: one in the low halves, the next in the high ones.
pub(super) fn q4_k(block: &[u8; 144], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (scales, halves) = rest.split_at(12);
    let groups = Scales::read([*d0, *d1], [*m0, *m1], scales)?;
    for (pair, bytes) in halves.as_chunks::<32>().0.iter().enumerate() {
        each(groups.group(2 * pair, &bytes.map(|byte| byte & 0x0f)));
        each(groups.group(2 * pair + 1, &bytes.map(|byte| byte >> 4)));
    }
    Ok(())
}

/// As Q4_K; bit g of byte i of 32 more is the fifth bit of weight i of group g.
pub(super) fn q5_k(block: &[u8; 176], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let [d0, d1, m0, m1, rest @ ..] = block;
    let (scales, rest) = rest.split_at(12);
    let (fifths, halves) = rest.split_at(32);
    let groups = Scales::read([*d0, *d1], [*m0, *m1], scales)?;
    let with_fifths = |mut quants: [u8; 32], group: usize| {
        for (quant, fifth) in quants.iter_mut().zip(fifths) {
            *quant |= ((fifth >> group) & 1) << 4;
        }
        quants
    };
    for (pair, bytes) in halves.as_chunks::<32>().0.iter().enumerate() {
        let (low, high) = (2 * pair, 2 * pair + 1);
        each(groups.group(low, &with_fifths(bytes.map(|byte| byte & 0x0f), low)));
        each(groups.group(high, &with_fifths(bytes.map(|byte| byte >> 4), high)));
    }
    Ok(())
}

/// Two halves of 128 weights. A half has four runs of 32: the low halves of 32 bytes and of 32
/// more, then the high ones; bits 2r and 2r + 1 of byte i of another 32 are the upper bits of
/// weight i of run r. Each run is two groups of 16.
pub(super) fn q6_k(block: &[u8; 210], each: &mut Each<'_>) -> Result<(), NotFinite> {
    let (lower, rest) = block.split_at(128);
    let (upper, rest) = rest.split_at(64);
    let (scales, rest) = rest.split_at(16);
    let d = number(rest.first_chunk().copied().ok_or(NotFinite)?)?;
    let mut scales = scales.iter().map(|&scale| d * f32::from(scale.cast_signed()));
    for (lower, upper) in lower.as_chunks::<64>().0.iter().zip(upper.as_chunks::<32>().0) {
        let (first, second) = lower.split_at(32);
        for (run, lower) in [first, second, first, second].into_iter().enumerate() {
            let mut quants = [0; 32];
            for ((quant, lower), upper) in quants.iter_mut().zip(lower).zip(upper) {
                let low = if run < 2 { lower & 0x0f } else { lower >> 4 };
                *quant = low | (((upper >> (2 * run)) & 3) << 4);
            }
            for (quants, scale) in quants.as_chunks::<16>().0.iter().zip(&mut scales) {
                each(Group { scale, quants, minimum: None });
            }
        }
    }
    Ok(())
}

/// Scales and minimums of eight groups.
struct Scales([(f32, f32); 8]);

impl Scales {
    /// Both have six bits in twelve bytes. Bytes 0 to 3 and 4 to 7 hold the scales and minimums of
    /// the first four groups; bytes 8 to 11 the lower four bits of the others', whose upper two
    /// stand above the first four's.
    fn read(d: [u8; 2], minimum: [u8; 2], bytes: &[u8]) -> Result<Self, NotFinite> {
        let (d, minimum) = (number(d)?, number(minimum)?);
        let [s0, s1, s2, s3, m0, m1, m2, m3, rest @ ..] =
            bytes.first_chunk::<12>().ok_or(NotFinite)?;
        let first = [(s0, m0), (s1, m1), (s2, m2), (s3, m3)];
        let mut groups = [(0.0, 0.0); 8];
        let (low, high) = groups.split_at_mut(4);
        for (((low, high), (s, m)), rest) in low.iter_mut().zip(high).zip(first).zip(rest) {
            *low = (d * f32::from(s & 63), minimum * f32::from(m & 63));
            let (s, m) = ((rest & 0x0f) | ((s >> 6) << 4), (rest >> 4) | ((m >> 6) << 4));
            *high = (d * f32::from(s), minimum * f32::from(m));
        }
        Ok(Self(groups))
    }

    fn group<'q>(&self, index: usize, quants: &'q [u8; 32]) -> Group<'q> {
        let (scale, minimum) = self.0.get(index).copied().unwrap_or_default();
        Group { scale, quants, minimum: Some(-minimum) }
    }
}
