//! The product as any processor computes it.

use super::super::pack::{Offset, Packed, UNIT_BLOCKS, UnitNumbers, held};
use super::super::quantize::{BLOCK, RADIX, Record};
use super::super::{LANES, Lanes};

/// See [`super::group_product`].
pub(super) fn product<const DIGITS: usize>(
    weights: &Packed,
    x: &[Record<DIGITS>],
    tile: usize,
    sums: &mut [Lanes],
) {
    let form = &weights.form;
    let mut records = x.chunks_exact(sums.len());
    for lines in weights.tile(tile).chunks_exact(form.unit_lines()) {
        let numbers = UnitNumbers::of(form, lines);
        for (block, records) in records.by_ref().take(UNIT_BLOCKS).enumerate() {
            for lane in 0..LANES {
                let held = held(form.width, lines, block, lane);
                for (record, sums) in records.iter().zip(sums.iter_mut()) {
                    let dots = dots(&held, record);
                    for part in 0..form.parts {
                        let of_part = |halves: &[i32; 2]| match form.parts {
                            1 => halves[0] + halves[1],
                            _ => halves[part],
                        };
                        let sum = of_part(&record.sums);
                        let dot = of_part(&dots) - form.zero() * sum;
                        let number = block * form.parts + part;
                        let scale = numbers.scale(number, lane) * record.scale;
                        sums[lane] = (dot as f32).mul_add(scale, sums[lane]);
                        if form.offset == Offset::Minimum {
                            let factor = record.scale * sum as f32;
                            sums[lane] = numbers.minimum(number, lane).mul_add(factor, sums[lane]);
                        }
                    }
                }
            }
        }
    }
}

/// Exact dot products of the halves of a block.
fn dots<const DIGITS: usize>(held: &[i32; BLOCK], record: &Record<DIGITS>) -> [i32; 2] {
    let mut dots = [0; 2];
    for digits in &record.digits {
        for (half, dot) in dots.iter_mut().enumerate() {
            let at = half * (BLOCK / 2)..(half + 1) * (BLOCK / 2);
            let products = held[at.clone()].iter().zip(&digits[at]);
            *dot = *dot * RADIX + products.map(|(w, q)| w * i32::from(*q)).sum::<i32>();
        }
    }
    dots
}
