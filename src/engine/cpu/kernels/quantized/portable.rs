//! The product as any processor computes it.

use super::super::pack::{Offset, Packed, UNIT_BLOCKS, UnitNumbers, held};
use super::super::quantize::{Activations, BLOCK, RADIX};
use super::super::{LANES, Lanes};

/// See [`super::product`].
pub(super) fn product(
    weights: &Packed,
    x: &Activations,
    tile: usize,
    first: usize,
    sums: &mut [Lanes],
) {
    let form = &weights.form;
    for (unit, lines) in weights.tile(tile).chunks_exact(form.unit_lines()).enumerate() {
        let numbers = UnitNumbers::of(form, lines);
        for block in 0..UNIT_BLOCKS {
            for lane in 0..LANES {
                let held = held(form.width, lines, block, lane);
                for (m, sums) in sums.iter_mut().enumerate() {
                    let at = (first + m) * x.blocks + unit * UNIT_BLOCKS + block;
                    let dots = dots(&held, x, first + m, unit * UNIT_BLOCKS + block);
                    for part in 0..form.parts {
                        let of_part = |halves: &[i32]| match form.parts {
                            1 => halves[0] + halves[1],
                            _ => halves[part],
                        };
                        let sum = of_part(&x.sums[at * 2..at * 2 + 2]);
                        let dot = of_part(&dots) - form.zero() * sum;
                        let number = block * form.parts + part;
                        let scale = numbers.scale(number, lane) * x.scales[at];
                        sums[lane] = (dot as f32).mul_add(scale, sums[lane]);
                        if form.offset == Offset::Minimum {
                            let factor = x.scales[at] * sum as f32;
                            sums[lane] = numbers.minimum(number, lane).mul_add(factor, sums[lane]);
                        }
                    }
                }
            }
        }
    }
}

/// Exact dot products of the halves of a block.
fn dots(held: &[i32; BLOCK], x: &Activations, row: usize, block: usize) -> [i32; 2] {
    let mut dots = [0; 2];
    for digit in 0..x.digits {
        let digits = x.block(row, digit, block);
        for (half, dot) in dots.iter_mut().enumerate() {
            let at = half * (BLOCK / 2)..(half + 1) * (BLOCK / 2);
            let products = held[at.clone()].iter().zip(&digits[at]);
            *dot = *dot * RADIX + products.map(|(w, q)| w * i32::from(*q)).sum::<i32>();
        }
    }
    dots
}
