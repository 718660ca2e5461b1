//! The product as any processor computes it.

use super::super::pack::{Form, Offset, Packed, UNIT_BLOCKS, UnitNumbers, held};
use super::super::product::TOGETHER;
use super::super::quantize::{BLOCK, Group, Record};
use super::super::{Baseline, Fused, LANES, Lanes};

/// See [`super::product`].
pub(super) fn product(weights: &Packed, x: &Group, tile: usize, sums: &mut [Lanes]) {
    let form = &weights.form;
    let mut fine_sums = [[0.0; LANES]; TOGETHER];
    let mut records = x.coarse.chunks_exact(x.size);
    let mut fine = x.fine.iter();
    for lines in weights.tile(tile).chunks_exact(form.unit_lines()) {
        let numbers = UnitNumbers::of(form, lines);
        let blocks = records.by_ref().zip(fine.by_ref()).take(UNIT_BLOCKS);
        for (block, (records, fine)) in blocks.enumerate() {
            for lane in 0..LANES {
                let held = held(form.width, lines, block, lane);
                let place = Place { form, numbers: &numbers, block, lane };
                for (record, sums) in records.iter().zip(sums.iter_mut()) {
                    place.add(&held, record, &mut sums[lane]);
                }
                for (row, at) in fine.rows() {
                    place.add(&held, &x.fine_records[at], &mut fine_sums[row][lane]);
                }
            }
        }
    }
    for (sums, fine) in sums.iter_mut().zip(&fine_sums) {
        sums.iter_mut().zip(fine).for_each(|(sum, fine)| *sum += fine);
    }
}

/// A row of weights in a block of a unit.
struct Place<'a> {
    form: &'a Form,
    numbers: &'a UnitNumbers<'a>,
    block: usize,
    lane: usize,
}

impl Place<'_> {
    /// Adds the block's part of the product with one digit.
    fn add(&self, held: &[i32; BLOCK], record: &Record, total: &mut f32) {
        let form = self.form;
        let dots = dots(held, record);
        for part in 0..form.parts {
            let of_part = |halves: &[i32; 2]| match form.parts {
                1 => halves[0] + halves[1],
                _ => halves[part],
            };
            let sum = of_part(&record.sums);
            let dot = of_part(&dots) - form.zero() * sum;
            let number = self.block * form.parts + part;
            let scale = self.numbers.scale(number, self.lane) * record.scale;
            *total = Baseline::mul_add(dot as f32, scale, *total);
            if form.offset == Offset::Minimum {
                let factor = record.scale * sum as f32;
                let minimum = self.numbers.minimum(number, self.lane);
                *total = Baseline::mul_add(minimum, factor, *total);
            }
        }
    }
}

/// Exact dot products of the halves of a block.
fn dots(held: &[i32; BLOCK], record: &Record) -> [i32; 2] {
    [0, 1].map(|half| {
        let at = half * (BLOCK / 2)..(half + 1) * (BLOCK / 2);
        let products = held[at.clone()].iter().zip(&record.digits[at]);
        products.map(|(w, q)| w * i32::from(*q)).sum()
    })
}
