//! Rows of floats as rows of bytes.

use super::super::pool::Pool;
use super::super::{Fused, Kernel, compiled_for_each_kernel};

/// Inputs in a line of weights.
pub(super) const PER_LINE: usize = 4;

/// Rows begin at multiples of this many bytes.
const ALIGNED: usize = 64;

/// Rows with fewer values than this together are not worth another thread.
const ALONE: usize = 32 << 10;

/// How floats become integers: `x ≈ (q - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::engine::cpu) enum Scheme {
    /// 0..=255 from a row's smallest to its largest value (0 among them): ONNX's
    /// `DynamicQuantizeLinear`, each row by itself.
    Bits8,
    /// The same with 0..=65535: two digits of one byte.
    Bits16,
    /// A scale and a zero point that the model has: ONNX's `QuantizeLinear` to bytes without sign.
    Fixed {
        /// What one step is worth.
        scale: f32,
        /// 0..=255.
        zero: u8,
    },
}

/// Rows as bytes, the higher digits of all rows first.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Digits {
    bytes: Vec<u8>,
    about: Vec<About>,
    rows: usize,
    columns: usize,
    count: usize,
}

/// What belongs to a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    pub(super) scale: f32,
    /// The zero point's digits, highest first.
    pub(super) zeros: [i32; 2],
    /// The sum of each digit.
    pub(super) sums: [i32; 2],
}

impl Scheme {
    fn digits(self) -> usize {
        if self == Self::Bits16 { 2 } else { 1 }
    }
}

impl Digits {
    /// Takes `rows` rows of `x`, keeping the buffers of the last call.
    pub(in crate::engine::cpu) fn set(
        &mut self,
        kernel: Kernel,
        pool: &Pool,
        scheme: Scheme,
        x: &[f32],
        rows: usize,
    ) {
        assert!(rows > 0 && x.len().is_multiple_of(rows) && x.len() >= rows);
        (self.rows, self.columns, self.count) = (rows, x.len() / rows, scheme.digits());
        let (columns, stride) = (self.columns, self.stride());
        let bytes = rows * stride * self.count;
        if self.bytes.len() < bytes {
            self.bytes.resize(bytes, 0);
        }
        self.about.resize(rows, About::default());
        let (high, low) = self.bytes[..bytes].split_at_mut(rows * stride);
        let mut low = low.chunks_exact_mut(stride);
        let each = x.chunks_exact(columns).zip(high.chunks_exact_mut(stride)).zip(&mut self.about);
        let each = each.map(|((x, high), about)| (x, high, low.next().unwrap_or_default(), about));
        if x.len() < ALONE {
            each.for_each(|(x, high, low, about)| row(kernel, scheme, x, high, low, about));
            return;
        }
        let mut left: Vec<_> = each.collect();
        let per_part = rows.div_ceil(pool.threads() * 4).max(1);
        let mut parts = Vec::new();
        while !left.is_empty() {
            parts.push(left.split_off(left.len().saturating_sub(per_part)));
        }
        pool.each(parts, |part| {
            for (x, high, low, about) in part {
                row(kernel, scheme, x, high, low, about);
            }
        });
    }

    /// Whether these are rows of so many columns.
    pub(super) fn fit(&self, rows: usize, columns: usize) -> bool {
        (self.rows, self.columns) == (rows, columns)
            && self.about.len() == rows
            && self.bytes.len() >= rows * self.stride() * self.count
    }

    /// Bytes from one row to the next.
    pub(super) fn stride(&self) -> usize {
        self.columns.next_multiple_of(ALIGNED)
    }

    /// Digits of a value.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn row(&self, digit: usize, row: usize) -> *const u8 {
        self.bytes[(digit * self.rows + row) * self.stride()..].as_ptr()
    }

    pub(super) fn about(&self, row: usize) -> About {
        self.about[row]
    }
}

compiled_for_each_kernel! {
    /// One row; `low` is empty where there is one digit.
    row => row_body<Fused>(
        scheme: Scheme, x: &[f32], high: &mut [u8], low: &mut [u8], about: &mut About
    )
}

#[inline(always)]
fn row_body<F: Fused>(
    scheme: Scheme,
    x: &[f32],
    high: &mut [u8],
    low: &mut [u8],
    about: &mut About,
) {
    let most = if scheme == Scheme::Bits16 { 65_535.0 } else { 255.0 };
    let (scale, zero) = match scheme {
        Scheme::Fixed { scale, zero } => (scale, f32::from(zero)),
        Scheme::Bits8 | Scheme::Bits16 => range::<F>(x, most),
    };
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    let zero_digits = zero as i32;
    // A model's own steps are taken as ONNX takes them; ours may be multiplied, which is faster.
    let steps = |x: f32| match scheme {
        Scheme::Fixed { .. } => x / scale,
        Scheme::Bits8 | Scheme::Bits16 => x * inverse,
    };
    let sum = if scheme == Scheme::Bits16 {
        about.zeros = [zero_digits >> 8, zero_digits & 255];
        let (mut above, mut below) = (0i32, 0i32);
        for ((x, high), low) in x.iter().zip(high).zip(low) {
            let q = quantized(steps(*x), zero, most);
            (*high, *low) = ((q >> 8) as u8, q as u8);
            above += q >> 8;
            below += q & 255;
        }
        [above, below]
    } else {
        about.zeros = [zero_digits, 0];
        let mut sum = 0i32;
        for (x, high) in x.iter().zip(high) {
            let q = quantized(steps(*x), zero, most);
            *high = q as u8;
            sum += q;
        }
        [sum, 0]
    };
    about.sums = sum;
    about.scale = scale;
}

/// Scale and zero point of a row that is to fill `0..=most`.
#[inline(always)]
fn range<F: Fused>(x: &[f32], most: f32) -> (f32, f32) {
    const LANES: usize = super::super::LANES;
    let (mut least, mut greatest) = ([0.0f32; LANES], [0.0f32; LANES]);
    let mut odd = [0.0f32; LANES];
    let mut see = |lane: usize, value: f32| {
        least[lane] = if value < least[lane] { value } else { least[lane] };
        greatest[lane] = if value > greatest[lane] { value } else { greatest[lane] };
        // What is no finite number makes this none.
        odd[lane] = F::mul_add(value, 0.0, odd[lane]);
    };
    let chunks = x.as_chunks::<LANES>();
    for chunk in chunks.0 {
        for lane in 0..LANES {
            see(lane, chunk[lane]);
        }
    }
    for (lane, value) in chunks.1.iter().enumerate() {
        see(lane, *value);
    }
    let least = least.iter().fold(0.0f32, |a, b| a.min(*b));
    let greatest = greatest.iter().fold(0.0f32, |a, b| a.max(*b));
    let odd: f32 = odd.iter().sum();
    let scale = (greatest - least) / most;
    if odd.is_nan() {
        return (f32::NAN, 0.0);
    }
    // Below the smallest normal number a row is as good as zero.
    if scale < f32::MIN_POSITIVE {
        return (0.0, 0.0);
    }
    (scale, (-least / scale).round_ties_even().clamp(0.0, most))
}

/// Added to a small float it leaves the nearest integer (ties to even) in the low bits.
const ROUNDING: f32 = 12_582_912.0;

#[inline(always)]
fn quantized(steps: f32, zero: f32, most: f32) -> i32 {
    // Within what rounding can take; what is no number becomes the least.
    let steps = if steps > -most { steps } else { -most };
    let steps = if steps < most { steps } else { most };
    let rounded = (steps + ROUNDING).to_bits().wrapping_sub(ROUNDING.to_bits()).cast_signed();
    (rounded + zero as i32).clamp(0, most as i32)
}
