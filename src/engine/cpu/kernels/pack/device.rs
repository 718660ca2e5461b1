//! Packed weights in the layout of a device's kernels: the same words in another order. Weights of
//! five and six bits become bytes.

use std::ops::Range;

use endcap_gpu as gpu;

use super::{Line, Numbers, Offset, Packed, UNIT_BLOCKS, UnitNumbers, Width, held};
use crate::engine::cpu::kernels::LANES;
use crate::engine::cpu::kernels::quantize::BLOCK;

// A tile and a block are the same in both layouts.
const _: () = assert!(LANES == gpu::TILE && BLOCK == gpu::BLOCK);

impl gpu::Weights for Packed {
    fn form(&self) -> gpu::Form {
        gpu::Form {
            width: match self.form.width {
                Width::Four => gpu::Width::Four,
                Width::Five | Width::Six | Width::Eight => gpu::Width::Eight,
            },
            numbers: match self.form.numbers {
                Numbers::Half => gpu::Numbers::Half,
                Numbers::Single => gpu::Numbers::Single,
            },
            offset: match self.form.offset {
                Offset::Zero(zero) => gpu::Offset::Zero(zero),
                Offset::Minimum => gpu::Offset::Minimum,
            },
            parts: self.form.parts,
        }
    }

    fn outputs(&self) -> usize {
        self.form.rows
    }

    fn inputs(&self) -> usize {
        self.form.columns
    }

    fn append(&self, tiles: Range<usize>, to: &mut gpu::Tiles) {
        let blocks = self.form.columns.div_ceil(BLOCK);
        for tile in tiles {
            let units = self.tile(tile).chunks_exact(self.form.unit_lines());
            for (unit, lines) in units.enumerate() {
                for block in 0..UNIT_BLOCKS.min(blocks - unit * UNIT_BLOCKS) {
                    self.append_block(lines, block, to);
                }
            }
        }
    }
}

impl Packed {
    fn append_block(&self, unit: &[Line], block: usize, to: &mut gpu::Tiles) {
        let width = self.form.width;
        let lines = &unit[block * width.lines()..(block + 1) * width.lines()];
        match width {
            Width::Four => to.words.extend((0..LANES).flat_map(|lane| words(lines, lane))),
            Width::Eight => {
                for quad in lines.chunks_exact(4) {
                    to.words.extend((0..LANES).flat_map(|lane| words(quad, lane)));
                }
            }
            Width::Five | Width::Six => {
                let lanes: [_; LANES] = std::array::from_fn(|lane| held(width, unit, block, lane));
                for half in [0, BLOCK / 2] {
                    to.words.extend(lanes.iter().flat_map(|lane| bytes(&lane[half..])));
                }
            }
        }
        let numbers = UnitNumbers::of(&self.form, unit);
        for part in block * self.form.parts..(block + 1) * self.form.parts {
            append_numbers(self.form.numbers, |lane| numbers.scale(part, lane), &mut to.scales);
            if self.form.offset == Offset::Minimum {
                let minimum = |lane| numbers.minimum(part, lane);
                append_numbers(self.form.numbers, minimum, &mut to.minimums);
            }
        }
    }
}

/// A row's words of four lines.
fn words(lines: &[Line], lane: usize) -> [u32; 4] {
    std::array::from_fn(|line| {
        let Line(bytes) = &lines[line];
        u32::from_le_bytes([0, 1, 2, 3].map(|j| bytes[lane * 4 + j]))
    })
}

/// Sixteen weights as bytes.
fn bytes(held: &[i32]) -> [u32; 4] {
    std::array::from_fn(|g| u32::from_le_bytes([0, 1, 2, 3].map(|j| held[4 * g + j] as u8)))
}

fn append_numbers(numbers: Numbers, of: impl Fn(usize) -> f32, to: &mut Vec<u32>) {
    let half = |lane| u32::from(half::f16::from_f32(of(lane)).to_bits());
    match numbers {
        Numbers::Half => {
            to.extend((0..LANES / 2).map(|pair| half(2 * pair) | half(2 * pair + 1) << 16));
        }
        Numbers::Single => to.extend((0..LANES).map(|lane| of(lane).to_bits())),
    }
}

#[cfg(test)]
mod tests {
    use gpu::Weights as _;

    use super::*;
    use crate::engine::cpu::kernels::pack::{Bits, Layout, Stored};

    /// The weight of an output and an input as the device's layout says it.
    fn weight(
        form: gpu::Form,
        inputs: usize,
        tiles: &gpu::Tiles,
        output: usize,
        input: usize,
    ) -> f32 {
        let (tile, lane, block, at) = (output / 16, output % 16, input / 32, input % 32);
        let block = tile * inputs.div_ceil(32) + block;
        let (quad, word, byte) = match form.width {
            gpu::Width::Four => (0, at % 16 / 4, at % 4),
            _ => (at / 16, at % 16 / 4, at % 4),
        };
        let word = tiles.words[((block * form.width.quads() + quad) * 16 + lane) * 4 + word];
        let byte = word.to_le_bytes()[byte];
        let held = match form.width {
            gpu::Width::Four if at < 16 => i32::from(byte & 15),
            gpu::Width::Four => i32::from(byte >> 4),
            _ => i32::from(byte.cast_signed()),
        };
        let number = |of: &[u32]| {
            let at = (block * form.parts + at * form.parts / 32) * 16 + lane;
            match form.numbers {
                gpu::Numbers::Half => {
                    half::f16::from_bits((of[at / 2] >> (at % 2 * 16)) as u16).to_f32()
                }
                gpu::Numbers::Single => f32::from_bits(of[at]),
            }
        };
        match form.offset {
            gpu::Offset::Zero(zero) => (held - zero) as f32 * number(&tiles.scales),
            gpu::Offset::Minimum => {
                (held as f32).mul_add(number(&tiles.scales), number(&tiles.minimums))
            }
        }
    }

    #[test]
    fn a_device_reads_the_weights_that_rows_are_made_of() {
        let (rows, columns) = (37, 160);
        let zeros = || Some((0..rows * 5).map(|at| (at % 7) as f32 + 0.5).collect::<Vec<_>>());
        for (bits, block, top, zero_points, scale) in [
            (Bits::Four, 32, 256, None, 0.25),
            (Bits::Four, 32, 256, zeros(), 0.3),
            (Bits::Eight, 32, 256, None, 0.25),
            (Bits::Eight, 32, 64, zeros(), 0.3),
            (Bits::Eight, 32, 32, None, 0.125),
            (Bits::Eight, 16, 64, None, 0.3),
        ] {
            let blocks = columns / block;
            let bytes = rows * columns / bits.per_byte();
            let values: Vec<u8> = (0..bytes).map(|at| (at * 89 % top) as u8).collect();
            let scales: Vec<f32> =
                (0..rows * blocks).map(|at| scale * (1 + at % 5) as f32).collect();
            let layout = Layout::Rows;
            let (values, scales) = (&values[..], &scales[..]);
            let stored = Stored { rows, columns, bits, block, layout, values, scales, zero_points };
            let packed = Packed::new(&stored).unwrap();
            let mut tiles = gpu::Tiles::default();
            for tile in 0..rows.div_ceil(16) {
                packed.append(tile..tile + 1, &mut tiles);
            }
            let mut row = vec![0.0; columns];
            for output in 0..rows {
                packed.row(output, &mut row);
                let have = (0..columns).map(|i| weight(packed.form(), columns, &tiles, output, i));
                assert_eq!(have.collect::<Vec<_>>(), row, "{bits:?} {block}, row {output}");
            }
        }
    }
}
