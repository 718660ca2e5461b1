//! Tiles of `y = x · W` with float weights.
//!
//! Sixteen outputs are a tile; a tile has the inputs one after the other, each with its sixteen
//! weights, rounded up to whole 64-byte lines.

#[cfg(feature = "gpu")]
mod device;

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::half::widen;
use super::pack::{Line, Lines};
use super::product::TOGETHER;
use super::{Fused, Kernel, LANES, Lanes, compiled_for_each_kernel, fused};

/// What the bytes of a matrix mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine::cpu) struct FloatForm {
    pub(in crate::engine::cpu) inputs: usize,
    pub(in crate::engine::cpu) outputs: usize,
    numbers: Numbers,
}

/// The narrowest form that keeps every weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine::cpu) enum Numbers {
    /// IEEE halves.
    Half,
    /// The upper halves of floats.
    Brain,
    Single,
}

/// Weights in tiles of sixteen outputs.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Columns {
    pub(in crate::engine::cpu) form: FloatForm,
    lines: Lines,
}

impl FloatForm {
    /// Bytes of sixteen weights.
    fn lanes_bytes(&self) -> usize {
        if self.numbers == Numbers::Single { 64 } else { 32 }
    }

    /// Lines of a tile.
    fn tile_lines(&self) -> usize {
        (self.inputs * self.lanes_bytes()).div_ceil(64)
    }

    /// Lines of the matrix.
    pub(in crate::engine::cpu) fn lines(&self) -> usize {
        self.outputs.div_ceil(LANES) * self.tile_lines()
    }
}

impl Columns {
    /// From the weight of each (input, output), as often as it is asked for.
    pub(in crate::engine::cpu) fn new(
        inputs: usize,
        outputs: usize,
        values: &[f32],
        weight: impl Fn(usize, usize) -> f32,
    ) -> Self {
        let numbers = if values.iter().all(|&v| f16::from_f32(v).to_f32() == v) {
            Numbers::Half
        } else if values.iter().all(|&v| bf16::from_f32(v).to_f32() == v) {
            Numbers::Brain
        } else {
            Numbers::Single
        };
        let form = FloatForm { inputs, outputs, numbers };
        let mut lines = vec![Line([0; 64]); form.lines()];
        let width = form.lanes_bytes() / LANES;
        for (tile, lines) in lines.chunks_exact_mut(form.tile_lines()).enumerate() {
            for at in 0..inputs * LANES {
                let (input, output) = (at / LANES, tile * LANES + at % LANES);
                let value = if output < outputs { weight(input, output) } else { 0.0 };
                let place = &mut lines[at * width / 64].0[at * width % 64..][..width];
                match numbers {
                    Numbers::Half => place.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
                    Numbers::Brain => place.copy_from_slice(&bf16::from_f32(value).to_le_bytes()),
                    Numbers::Single => place.copy_from_slice(&value.to_le_bytes()),
                }
            }
        }
        Self { form, lines: Lines::Owned(lines) }
    }

    /// Weights that were packed before; the sentence says what does not fit.
    pub(in crate::engine::cpu) fn from_lines(
        form: FloatForm,
        lines: Lines,
    ) -> Result<Self, String> {
        let (want, have) = (form.lines(), lines.as_slice().len());
        if want == have && form.inputs > 0 {
            Ok(Self { form, lines })
        } else {
            Err(format!("{have} lines where {want} are expected"))
        }
    }

    /// The lines, to be written to a file.
    pub(in crate::engine::cpu) fn lines(&self) -> &[Line] {
        self.lines.as_slice()
    }

    /// The weights of one output.
    pub(in crate::engine::cpu) fn row(&self, output: usize, out: &mut [f32]) {
        assert!(output < self.form.outputs && out.len() == self.form.inputs);
        let tile = self.tile(output / LANES);
        for (input, out) in out.iter_mut().enumerate() {
            *out = lanes(tile, self.form.numbers, input)[output % LANES];
        }
    }

    fn tile(&self, tile: usize) -> &[Line] {
        let lines = self.form.tile_lines();
        &self.lines.as_slice()[tile * lines..(tile + 1) * lines]
    }
}

/// The sixteen weights of an input.
#[inline(always)]
fn lanes(tile: &[Line], numbers: Numbers, input: usize) -> Lanes {
    let mut out = [0.0; LANES];
    let halves = |i: usize| {
        let bytes = &tile[input / 2].0[input % 2 * 32..][..32];
        u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]])
    };
    match numbers {
        Numbers::Half => (0..LANES).for_each(|i| out[i] = widen(halves(i))),
        Numbers::Brain => {
            (0..LANES).for_each(|i| out[i] = f32::from_bits(u32::from(halves(i)) << 16));
        }
        Numbers::Single => {
            let line = &tile[input].0;
            for (out, bytes) in out.iter_mut().zip(line.as_chunks::<4>().0) {
                *out = f32::from_le_bytes(*bytes);
            }
        }
    }
    out
}

/// The sums of one tile for `sums.len()` rows of `x` from `first` on, at most [`TOGETHER`].
#[inline]
pub(super) fn product(
    kernel: Kernel,
    weights: &Columns,
    x: &[f32],
    tile: usize,
    first: usize,
    sums: &mut [Lanes],
) {
    let inputs = weights.form.inputs;
    assert!(sums.len() <= TOGETHER);
    let x = &x[first * inputs..(first + sums.len()) * inputs];
    tile_product(kernel, weights.tile(tile), weights.form.numbers, x, sums);
}

compiled_for_each_kernel! {
    /// One tile; `x` is rows × inputs.
    tile_product => tile_product_body<Fused>(
        tile: &[Line], numbers: Numbers, x: &[f32], sums: &mut [Lanes]
    )
}

#[inline(always)]
fn tile_product_body<F: Fused>(tile: &[Line], numbers: Numbers, x: &[f32], sums: &mut [Lanes]) {
    // Each form and number of rows is compiled by itself, so that sums stay in registers.
    match numbers {
        Numbers::Half => some_rows::<F>(tile, Numbers::Half, x, sums),
        Numbers::Brain => some_rows::<F>(tile, Numbers::Brain, x, sums),
        Numbers::Single => some_rows::<F>(tile, Numbers::Single, x, sums),
    }
}

#[inline(always)]
fn some_rows<F: Fused>(tile: &[Line], numbers: Numbers, x: &[f32], sums: &mut [Lanes]) {
    let inputs = x.len() / sums.len();
    let mut done = 0;
    while done < sums.len() {
        let (x, sums) = (&x[done * inputs..], &mut sums[done..]);
        done += match sums.len() {
            8.. => rows::<F, 8>(tile, numbers, inputs, x, sums),
            4.. => rows::<F, 4>(tile, numbers, inputs, x, sums),
            2.. => rows::<F, 2>(tile, numbers, inputs, x, sums),
            _ => rows::<F, 1>(tile, numbers, inputs, x, sums),
        };
    }
}

/// The first `M` rows; returns `M`.
#[inline(always)]
fn rows<F: Fused, const M: usize>(
    tile: &[Line],
    numbers: Numbers,
    inputs: usize,
    x: &[f32],
    out: &mut [Lanes],
) -> usize {
    let x = &x[..M * inputs];
    let mut sums = [[0.0; LANES]; M];
    for input in 0..inputs {
        let weights = lanes(tile, numbers, input);
        for m in 0..M {
            fused::<F>(&weights, x[m * inputs + input], &mut sums[m]);
        }
    }
    out[..M].copy_from_slice(&sums);
    M
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_the_definition_and_each_other() {
        let (inputs, outputs, rows) = (37, 21, 7);
        let x: Vec<f32> = (0..rows * inputs).map(|i| (i * 17 % 89) as f32 * 0.02 - 0.8).collect();
        for (step, want) in
            [(0.015_625, Numbers::Half), (65_536.0, Numbers::Brain), (0.01, Numbers::Single)]
        {
            let w: Vec<f32> =
                (0..inputs * outputs).map(|i| ((i * 31 % 97) as f32 - 40.0) * step).collect();
            let weights = Columns::new(inputs, outputs, &w, |i, o| w[i * outputs + o]);
            assert_eq!(weights.form.numbers, want);
            let mut first: Option<Vec<Lanes>> = None;
            for kernel in Kernel::available() {
                let mut sums = vec![[f32::NAN; LANES]; rows];
                for tile in 0..2 {
                    product(kernel, &weights, &x, tile, 0, &mut sums);
                    let mut alone = [[f32::NAN; LANES]];
                    product(kernel, &weights, &x, tile, 5, &mut alone);
                    assert_eq!(alone[0], sums[5]);
                    for r in 0..rows {
                        for o in tile * LANES..outputs.min((tile + 1) * LANES) {
                            let terms = (0..inputs).map(|i| {
                                f64::from(x[r * inputs + i]) * f64::from(w[i * outputs + o])
                            });
                            let want: f64 = terms.clone().sum();
                            let size: f64 = terms.map(f64::abs).sum();
                            let got = f64::from(sums[r][o % LANES]);
                            assert!((got - want).abs() < 1e-6 * size, "{got} for {want}");
                        }
                    }
                }
                if let Some(first) = &first {
                    assert_eq!(&sums, first, "{kernel:?}");
                }
                first.get_or_insert(sums);
            }
            let mut row = vec![0.0; inputs];
            weights.row(17, &mut row);
            assert!(row.iter().enumerate().all(|(i, got)| *got == w[i * outputs + 17]));
        }
    }
}
