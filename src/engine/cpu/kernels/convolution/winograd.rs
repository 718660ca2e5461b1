//! Windows of 3 × 3 that move by one, with a quarter of the multiplications.
//!
//! Sixteen outputs (4 × 4) are made of 36 inputs (6 × 6). Both and the weights are transformed so
//! that each of 36 numbers is one product over the channels (Winograd's F(4 × 4, 3 × 3) as in Lavin
//! and Gray 2016, arXiv:1509.09308). Rounding errors are a few times those of plain sums.

use super::super::LANES;
use super::super::vector::{Vector, vectorised};
use super::tile::OUTPUTS;
use super::window::{Extent, Window};

/// Outputs of a patch along an axis.
pub(super) const STEP: usize = 4;
/// Inputs of a patch along an axis, and numbers it is transformed to.
pub(super) const REACH: usize = 6;
/// Numbers of a patch.
pub(super) const NUMBERS: usize = REACH * REACH;

/// What a patch reads, as a window that moves from patch to patch.
pub(super) const PATCH: Window =
    Window { kernel: [REACH, REACH], stride: [STEP, STEP], dilation: [1, 1] };

/// The transform of three weights.
const WEIGHTS: [[f64; 3]; REACH] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Channels in and out for which transforms cost less than the multiplications they save.
const WORTH: usize = 16;

/// Patches for which weights, four times as many, are worth reading.
const FEWEST: usize = 40;

/// Whether a convolution of one group gains by it, for outputs of this size where it is known.
pub(super) fn gains(window: &Window, channels: [usize; 2], output: Option<[usize; 2]>) -> bool {
    let [inputs, outputs] = channels;
    let plain = Window { kernel: [3, 3], stride: [1, 1], dilation: [1, 1] };
    let patches = output.map(|output| output.iter().map(|n| n.div_ceil(STEP)).product());
    *window == plain
        && inputs * outputs >= WORTH * (inputs + outputs)
        && patches.is_none_or(|patches: usize| patches >= FEWEST)
}

/// The same pictures, with patches as outputs.
pub(super) fn patches(extent: &Extent) -> Extent {
    Extent { output: extent.output.map(|n| n.div_ceil(STEP)), ..*extent }
}

/// Transforms weights (outputs × inputs × 9) to numbers × tiles × inputs × [`OUTPUTS`].
pub(super) fn weights(inputs: usize, outputs: usize, weights: &[f32]) -> Vec<f32> {
    let tiles = outputs.div_ceil(OUTPUTS);
    let mut out = vec![0.0; NUMBERS * tiles * inputs * OUTPUTS];
    for (at, window) in weights.as_chunks::<9>().0.iter().enumerate() {
        let (output, input) = (at / inputs, at % inputs);
        for number in 0..NUMBERS {
            let (down, across) = (&WEIGHTS[number / REACH], &WEIGHTS[number % REACH]);
            let value: f64 =
                (0..9).map(|tap| down[tap / 3] * across[tap % 3] * f64::from(window[tap])).sum();
            let row = (number * tiles + output / OUTPUTS) * inputs + input;
            out[row * OUTPUTS + output % OUTPUTS] = value as f32;
        }
    }
    out
}

vectorised! {
    /// Transforms the patches of one channel. `taps` are the places of the 36 inputs of the first;
    /// of each number `places` neighbouring patches are written, in whole vectors, `pitch` floats
    /// from one number to the next.
    enter => enter_body(input: &[f32], taps: &[usize], places: usize, out: &mut [f32], pitch: usize)
}

#[inline(always)]
fn enter_body<V: Vector>(
    input: &[f32],
    taps: &[usize],
    places: usize,
    out: &mut [f32],
    pitch: usize,
) {
    let padded = places.next_multiple_of(LANES);
    let furthest = taps.iter().max().copied().unwrap_or(0);
    assert!(taps.len() == NUMBERS && furthest + padded <= input.len());
    assert!((NUMBERS - 1) * pitch + padded <= out.len());
    for place in (0..padded).step_by(LANES) {
        // SAFETY: lengths were just checked.
        unsafe {
            let input = input.as_ptr().add(place);
            let out = out.as_mut_ptr().add(place);
            let mut rows = [[V::splat(0.0); REACH]; REACH];
            for x in 0..REACH {
                let mut column = [V::splat(0.0); REACH];
                for y in 0..REACH {
                    column[y] = V::load(input.add(taps[y * REACH + x]));
                }
                let column = of_inputs(column);
                for y in 0..REACH {
                    rows[y][x] = column[y];
                }
            }
            for y in 0..REACH {
                let row = of_inputs(rows[y]);
                for x in 0..REACH {
                    row[x].store(out.add((y * REACH + x) * pitch));
                }
            }
        }
    }
}

/// The transform of six inputs.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn of_inputs<V: Vector>([a, b, c, d, e, f]: [V; REACH]) -> [V; REACH] {
    // SAFETY: the caller's promise.
    unsafe {
        let (two, four) = (V::splat(2.0), V::splat(4.0));
        let (minus_four, minus_five) = (V::splat(-4.0), V::splat(-5.0));
        let even = minus_four.mul_add(c, e);
        let odd = minus_four.mul_add(b, d);
        let (near, far) = (e.sub(c), two.mul(d.sub(b)));
        [
            four.mul_add(a, minus_five.mul_add(c, e)),
            even.add(odd),
            even.sub(odd),
            near.add(far),
            near.sub(far),
            four.mul_add(b, minus_five.mul_add(d, f)),
        ]
    }
}

vectorised! {
    /// The outputs of `places` neighbouring patches from the sums of their numbers, which are `apart`
    /// floats from each other: 16 times `pitch` floats, of which whole vectors are written.
    leave => leave_body(
        sums: &[f32], apart: usize, bias: f32, places: usize, out: &mut [f32], pitch: usize
    )
}

#[inline(always)]
fn leave_body<V: Vector>(
    sums: &[f32],
    apart: usize,
    bias: f32,
    places: usize,
    out: &mut [f32],
    pitch: usize,
) {
    let padded = places.next_multiple_of(LANES);
    assert!((NUMBERS - 1) * apart + padded <= sums.len());
    assert!((STEP * STEP - 1) * pitch + padded <= out.len());
    for place in (0..padded).step_by(LANES) {
        // SAFETY: lengths were just checked.
        unsafe {
            let sums = sums.as_ptr().add(place);
            let out = out.as_mut_ptr().add(place);
            let mut rows = [[V::splat(0.0); REACH]; STEP];
            for x in 0..REACH {
                let mut column = [V::splat(0.0); REACH];
                for y in 0..REACH {
                    column[y] = V::load(sums.add((y * REACH + x) * apart));
                }
                let column = of_sums(column);
                for y in 0..STEP {
                    rows[y][x] = column[y];
                }
            }
            let bias = V::splat(bias);
            for y in 0..STEP {
                let row = of_sums(rows[y]);
                for x in 0..STEP {
                    row[x].add(bias).store(out.add((y * STEP + x) * pitch));
                }
            }
        }
    }
}

/// Four outputs from the sums of six numbers.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
unsafe fn of_sums<V: Vector>([a, b, c, d, e, f]: [V; REACH]) -> [V; STEP] {
    // SAFETY: the caller's promise.
    unsafe {
        let (near, far) = (b.add(c), d.add(e));
        let (near_odd, far_odd) = (b.sub(c), d.sub(e));
        [
            a.add(near).add(far),
            V::splat(2.0).mul_add(far_odd, near_odd),
            V::splat(4.0).mul_add(far, near),
            V::splat(8.0).mul_add(far_odd, near_odd).add(f),
        ]
    }
}
