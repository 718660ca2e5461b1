//! Float weights in the layout of a device's kernels.

use std::ops::Range;

use endcap_gpu as gpu;

use super::{Columns, Numbers, lanes};
use crate::engine::cpu::kernels::{LANES, Lanes};

impl gpu::Weights for Columns {
    fn form(&self) -> gpu::Form {
        gpu::Form {
            width: match self.form.numbers {
                Numbers::Half => gpu::Width::Half,
                // A device has no such type; a float has room for it.
                Numbers::Brain | Numbers::Single => gpu::Width::Single,
            },
            numbers: gpu::Numbers::Single,
            offset: gpu::Offset::Zero(0),
            parts: 1,
        }
    }

    fn outputs(&self) -> usize {
        self.form.outputs
    }

    fn inputs(&self) -> usize {
        self.form.inputs
    }

    fn append(&self, tiles: Range<usize>, to: &mut gpu::Tiles) {
        let per_quad = gpu::BLOCK / gpu::Weights::form(self).width.quads();
        for tile in tiles {
            for first in (0..self.form.inputs.next_multiple_of(gpu::BLOCK)).step_by(per_quad) {
                self.append_quad(tile, first, per_quad, to);
            }
        }
    }
}

impl Columns {
    /// Of each output of a tile the inputs from `first` on.
    fn append_quad(&self, tile: usize, first: usize, count: usize, to: &mut gpu::Tiles) {
        let lines = self.tile(tile);
        let inputs = first..first + count;
        let all: Vec<Lanes> = inputs
            .map(|input| match input < self.form.inputs {
                true => lanes(lines, self.form.numbers, input),
                false => [0.0; LANES],
            })
            .collect();
        for lane in 0..LANES {
            match all.as_chunks::<2>().0 {
                pairs if count == 8 => to.words.extend(pairs.iter().map(|[low, high]| {
                    let half = |of: &Lanes| u32::from(half::f16::from_f32(of[lane]).to_bits());
                    half(low) | half(high) << 16
                })),
                _ => to.words.extend(all.iter().map(|of| of[lane].to_bits())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gpu::Weights as _;

    use super::*;

    #[test]
    fn a_device_reads_the_weights_that_rows_are_made_of() {
        let (inputs, outputs) = (40, 21);
        for step in [0.25, 1.0 + f32::EPSILON] {
            let values: Vec<f32> =
                (0..inputs * outputs).map(|at| (at % 61) as f32 * step).collect();
            let columns = Columns::new(inputs, outputs, &values, |i, o| values[i * outputs + o]);
            let mut tiles = gpu::Tiles::default();
            columns.append(0..2, &mut tiles);
            let halves = columns.form().width == gpu::Width::Half;
            assert_eq!(halves, step == 0.25);
            let mut row = vec![0.0; inputs];
            for output in 0..outputs {
                columns.row(output, &mut row);
                for (input, want) in row.iter().enumerate() {
                    let per_quad = if halves { 8 } else { 4 };
                    let quads = 64 / per_quad;
                    let quad = output / 16 * quads + input / per_quad;
                    let words = &tiles.words[(quad * 16 + output % 16) * 4..][..4];
                    let at = input % per_quad;
                    let have = match halves {
                        true => {
                            half::f16::from_bits((words[at / 2] >> (at % 2 * 16)) as u16).to_f32()
                        }
                        false => f32::from_bits(words[at]),
                    };
                    assert_eq!(have, *want, "output {output}, input {input}");
                }
            }
        }
    }
}
