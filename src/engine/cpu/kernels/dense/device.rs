//! Weights that many rows share in the layout of a device's kernels: the same numbers in another order.

use std::ops::Range;

use endcap_gpu as gpu;

use super::bytes::ByteTiles;
use super::digits::PER_LINE;
use super::floats::FloatTiles;
use super::{Dense, Tiles};
use crate::engine::cpu::kernels::LANES;
use crate::engine::cpu::kernels::pack::Line;

// A tile is the same in both layouts.
const _: () = assert!(LANES == gpu::TILE && gpu::BLOCK.is_multiple_of(PER_LINE));

impl gpu::Weights for Dense {
    fn form(&self) -> gpu::Form {
        let (width, offset) = match &self.tiles {
            Tiles::Floats(_) => (gpu::Width::Single, gpu::Offset::Zero(0)),
            Tiles::Bytes(tiles) => (gpu::Width::Eight, offset(tiles)),
        };
        gpu::Form { width, numbers: gpu::Numbers::Single, offset, parts: 1 }
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn append(&self, tiles: Range<usize>, to: &mut gpu::Tiles) {
        for tile in tiles {
            match &self.tiles {
                Tiles::Floats(floats) => append_floats(floats, tile, to),
                Tiles::Bytes(bytes) => append_bytes(bytes, tile, to),
            }
        }
    }
}

/// One zero point for all outputs, or a minimum for each.
fn offset(tiles: &ByteTiles) -> gpu::Offset {
    let mut zeros = (0..tiles.outputs).map(|output| tiles.number(output).1);
    let first = zeros.next().unwrap_or(0);
    if zeros.all(|zero| zero == first) { gpu::Offset::Zero(first) } else { gpu::Offset::Minimum }
}

/// Inputs of a quad.
const SINGLES: usize = 4;

fn append_floats(floats: &FloatTiles, tile: usize, to: &mut gpu::Tiles) {
    let lines = &floats.lines()[tile * floats.inputs..][..floats.inputs];
    for first in (0..floats.inputs.next_multiple_of(gpu::BLOCK)).step_by(SINGLES) {
        for lane in 0..LANES {
            to.words.extend((first..first + SINGLES).map(|input| word(lines, input, lane)));
        }
    }
}

fn append_bytes(bytes: &ByteTiles, tile: usize, to: &mut gpu::Tiles) {
    let depth = bytes.inputs.div_ceil(PER_LINE);
    let lines = &bytes.lines()[tile * depth..][..depth];
    let offset = offset(bytes);
    for first in (0..bytes.inputs.next_multiple_of(gpu::BLOCK)).step_by(gpu::BLOCK) {
        for quad in (first / PER_LINE..(first + gpu::BLOCK) / PER_LINE).step_by(4) {
            for lane in 0..LANES {
                to.words.extend((quad..quad + 4).map(|line| word(lines, line, lane)));
            }
        }
        let numbers = (tile * LANES..(tile + 1) * LANES).map(|output| match output {
            output if output < bytes.outputs => bytes.number(output),
            _ => (0.0, 0),
        });
        for (scale, zero) in numbers {
            to.scales.push(scale.to_bits());
            if offset == gpu::Offset::Minimum {
                to.minimums.push((-(zero as f32) * scale).to_bits());
            }
        }
    }
}

/// What an output has in a line; zero where there is no line any more.
fn word(lines: &[Line], line: usize, lane: usize) -> u32 {
    let Some(Line(bytes)) = lines.get(line) else { return 0 };
    u32::from_le_bytes([0, 1, 2, 3].map(|at| bytes[lane * 4 + at]))
}

#[cfg(test)]
mod tests {
    use gpu::Weights as _;

    use super::*;

    fn tiles(dense: &Dense) -> gpu::Tiles {
        let mut tiles = gpu::Tiles::default();
        for tile in 0..dense.outputs.div_ceil(gpu::TILE) {
            dense.append(tile..tile + 1, &mut tiles);
        }
        tiles
    }

    const SHAPES: [(usize, usize); 4] = [(32, 16), (40, 21), (97, 5), (64, 48)];

    #[test]
    fn a_device_reads_the_floats_that_products_are_made_of() {
        for (inputs, outputs) in SHAPES {
            let value = |input: usize, output: usize| (input * outputs + output) as f32 * 0.37;
            let dense = Dense::from(FloatTiles::new(inputs, outputs, value));
            let tiles = tiles(&dense);
            for output in 0..outputs {
                for input in 0..inputs.next_multiple_of(32) {
                    let quad = output / 16 * inputs.div_ceil(32) * 8 + input / 4;
                    let word = tiles.words[(quad * 16 + output % 16) * 4 + input % 4];
                    let want = if input < inputs { value(input, output) } else { 0.0 };
                    assert_eq!(f32::from_bits(word), want, "{inputs}×{outputs}: {output}, {input}");
                }
            }
        }
    }

    #[test]
    fn a_device_reads_the_bytes_that_products_are_made_of() {
        for (inputs, outputs) in SHAPES {
            let value =
                |input: usize, output: usize| ((input * 89 + output * 31) % 256) as u8 as i8;
            let scales: Vec<f32> = (0..outputs).map(|at| 0.01 * (1 + at) as f32).collect();
            for (zeros, offset) in [
                (vec![0; outputs], gpu::Offset::Zero(0)),
                (vec![-5; outputs], gpu::Offset::Zero(-5)),
                ((0..outputs as i32).collect(), gpu::Offset::Minimum),
            ] {
                let bytes = ByteTiles::new(inputs, &scales, &zeros, value).unwrap();
                let dense = Dense::from(bytes);
                assert_eq!(dense.form().offset, offset);
                let tiles = tiles(&dense);
                for output in 0..outputs {
                    for input in 0..inputs {
                        let block = output / 16 * inputs.div_ceil(32) + input / 32;
                        let quad = block * 2 + input % 32 / 16;
                        let at = (quad * 16 + output % 16) * 4 + input % 16 / 4;
                        let held = f32::from(tiles.words[at].to_le_bytes()[input % 4] as i8);
                        let number = |of: &[u32]| f32::from_bits(of[block * 16 + output % 16]);
                        let have = match offset {
                            gpu::Offset::Zero(zero) => (held - zero as f32) * number(&tiles.scales),
                            gpu::Offset::Minimum => {
                                held.mul_add(number(&tiles.scales), number(&tiles.minimums))
                            }
                        };
                        let zero = zeros[output] as f32;
                        let want = (f32::from(value(input, output)) - zero) * scales[output];
                        assert!((have - want).abs() <= 1e-5 * want.abs().max(1.0), "{have} {want}");
                    }
                }
            }
        }
    }
}
