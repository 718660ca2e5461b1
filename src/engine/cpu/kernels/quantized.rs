//! `y = x · Wᵀ` with integer activations and packed 4- or 8-bit weights.
//!
//! Per block of 32: the exact integer dot product, scaled once and added to the row's float
//! accumulator, then the block's minimum times the sum of its activations.

#[cfg(target_arch = "x86_64")]
use super::half::Floats;
use super::pack::{Bits, Offset, Packed};
use super::pool::Pool;
use super::quantize::{Activations, BLOCK, RADIX};
use super::{Kernel, LANES, Lanes};

/// Output columns written by several threads, each its own.
struct Output {
    start: *mut f32,
    columns: usize,
}

// SAFETY: tiles write disjoint columns, and each tile is computed by one thread.
unsafe impl Sync for Output {}

impl Output {
    /// Writes the part of `lanes` that lies inside row `row`.
    ///
    /// # Safety
    /// `row` is a row of the output and no other thread writes these columns.
    unsafe fn write(&self, row: usize, tile: usize, lanes: &Lanes) {
        let from = tile * LANES;
        let len = LANES.min(self.columns - from);
        // SAFETY: `from + len <= columns` and the caller vouches for `row`.
        unsafe {
            let to = self.start.add(row * self.columns + from);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, len);
        }
    }
}

/// Computes `y` (rows × `weights.rows()`) from quantised activations.
pub(in crate::engine::cpu) fn multiply(
    kernel: Kernel,
    pool: &Pool,
    weights: &Packed,
    x: &Activations,
    y: &mut [f32],
) {
    assert_eq!(y.len(), x.rows * weights.rows);
    assert_eq!(x.blocks, weights.blocks);
    assert!(matches!(x.digits, 1 | 2));
    assert!(x.values.len() >= x.rows * x.digits * x.blocks * BLOCK);
    assert!(x.scales.len() >= x.rows * x.blocks && x.sums.len() >= x.rows * x.blocks);
    let tiles = weights.rows.div_ceil(LANES);
    assert_eq!(weights.lines.len(), tiles * weights.blocks * weights.bits.lines());
    assert_eq!(weights.scales.len(), tiles * weights.blocks * LANES);
    if let Offset::Minimums(minimums) = &weights.offset {
        assert_eq!(minimums.len(), weights.scales.len());
    }
    let output = Output { start: y.as_mut_ptr(), columns: weights.rows };
    // A few pieces per thread, so that a thread whose core is taken away does not hold up the rest.
    let chunk = tiles.div_ceil(pool.threads() * 4).max(1);
    pool.ranges(tiles, chunk, |range| {
        for tile in range {
            match kernel {
                Kernel::Portable => portable(weights, x, tile, &output),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: a kernel is only handed out where the processor has its features; lengths
                // were checked above.
                Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni => unsafe {
                    avx2::tile(weights, x, tile, &output)
                },
            }
        }
    });
}

fn portable(weights: &Packed, x: &Activations, tile: usize, output: &Output) {
    let (offset_zero, minimums) = match &weights.offset {
        Offset::Zero(zero) => (*zero, None),
        Offset::Minimums(m) => (0, Some(m)),
    };
    for row in 0..x.rows {
        let mut sums: Lanes = [0.0; LANES];
        for block in 0..weights.blocks {
            let at = row * x.blocks + block;
            let mut dots = self::dots(weights, tile, block, x.block(row, 0, block));
            if x.digits == 2 {
                let low = self::dots(weights, tile, block, x.block(row, 1, block));
                for lane in 0..LANES {
                    dots[lane] = dots[lane] * RADIX + low[lane];
                }
            }
            for dot in &mut dots {
                *dot -= offset_zero * x.sums[at];
            }
            let place = (tile * weights.blocks + block) * LANES;
            let scales = weights.scales.lanes(place);
            for lane in 0..LANES {
                sums[lane] = (dots[lane] as f32).mul_add(scales[lane] * x.scales[at], sums[lane]);
            }
            if let Some(minimums) = minimums {
                let factor = x.scales[at] * x.sums[at] as f32;
                super::fused(&minimums.lanes(place), factor, &mut sums);
            }
        }
        // SAFETY: `row` is below `x.rows`, and this call owns the tile.
        unsafe { output.write(row, tile, &sums) };
    }
}

/// The sixteen integer dot products of a block.
fn dots(weights: &Packed, tile: usize, block: usize, q: &[i8]) -> [i32; LANES] {
    let lines = weights.bits.lines();
    let from = (tile * weights.blocks + block) * lines;
    let mut dots = [0i32; LANES];
    for (group, line) in weights.lines[from..from + lines].iter().enumerate() {
        for (lane, dot) in dots.iter_mut().enumerate() {
            for j in 0..4 {
                let w = line.0[lane * 4 + j];
                let x = |column: usize| i32::from(q[column + j]);
                *dot += match weights.bits {
                    Bits::Eight => i32::from(w.cast_signed()) * x(group * 4),
                    Bits::Four => {
                        i32::from(w & 15) * x(group * 4) + i32::from(w >> 4) * x(16 + group * 4)
                    }
                };
            }
        }
    }
    dots
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Activations, BLOCK, Bits, Floats, LANES, Lanes, Offset, Output, Packed, RADIX};
    use std::arch::x86_64::*;

    /// All rows of one tile, up to four at a time.
    ///
    /// # Safety
    /// Needs AVX2, FMA and F16C, and lengths as `multiply` checks them.
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) unsafe fn tile(weights: &Packed, x: &Activations, tile: usize, output: &Output) {
        let mut row = 0;
        while row < x.rows {
            let rows = match x.rows - row {
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            // SAFETY: `row + rows <= x.rows`; the rest is the caller's promise.
            unsafe {
                match (rows, weights.bits, x.digits) {
                    (4, Bits::Four, 1) => some::<4, true, false>(weights, x, tile, row, output),
                    (4, Bits::Four, _) => some::<4, true, true>(weights, x, tile, row, output),
                    (4, Bits::Eight, 1) => some::<4, false, false>(weights, x, tile, row, output),
                    (4, Bits::Eight, _) => some::<4, false, true>(weights, x, tile, row, output),
                    (2, Bits::Four, 1) => some::<2, true, false>(weights, x, tile, row, output),
                    (2, Bits::Four, _) => some::<2, true, true>(weights, x, tile, row, output),
                    (2, Bits::Eight, 1) => some::<2, false, false>(weights, x, tile, row, output),
                    (2, Bits::Eight, _) => some::<2, false, true>(weights, x, tile, row, output),
                    (_, Bits::Four, 1) => some::<1, true, false>(weights, x, tile, row, output),
                    (_, Bits::Four, _) => some::<1, true, true>(weights, x, tile, row, output),
                    (_, Bits::Eight, 1) => some::<1, false, false>(weights, x, tile, row, output),
                    (_, Bits::Eight, _) => some::<1, false, true>(weights, x, tile, row, output),
                }
            }
            row += rows;
        }
    }

    /// `M` rows from `first` on.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn some<const M: usize, const FOUR: bool, const TWO: bool>(
        weights: &Packed,
        x: &Activations,
        tile: usize,
        first: usize,
        output: &Output,
    ) {
        let lines = weights.bits.lines();
        let (zero, minimums) = match &weights.offset {
            Offset::Zero(zero) => (*zero, None),
            Offset::Minimums(m) => (0, Some(m)),
        };
        let mut sums = [[_mm256_setzero_ps(); 2]; M];
        for block in 0..weights.blocks {
            let place = tile * weights.blocks + block;
            // SAFETY: the caller's lengths put all that is read inside its vector; what is prefetched may
            // lie anywhere.
            unsafe {
                let w = weights.lines.as_ptr().add(place * lines).cast::<u8>();
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(4096).cast());
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(4096 + 64).cast());
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(4096 + 128).cast());
                _mm_prefetch::<_MM_HINT_T0>(w.wrapping_add(4096 + 192).cast());
                for part in 0..2 {
                    let w = w.add(part * 32);
                    let digit = |digit| {
                        if FOUR {
                            four::<M>(w, x, first, block, digit)
                        } else {
                            eight::<M>(w, x, first, block, digit)
                        }
                    };
                    let mut dots = digit(0);
                    if TWO {
                        let low = digit(1);
                        for m in 0..M {
                            let high = _mm256_mullo_epi32(dots[m], _mm256_set1_epi32(RADIX));
                            dots[m] = _mm256_add_epi32(high, low[m]);
                        }
                    }
                    let scales = eight_lanes(&weights.scales, place * LANES + part * 8);
                    let minimums = minimums.map(|m| eight_lanes(m, place * LANES + part * 8));
                    for m in 0..M {
                        let at = (first + m) * x.blocks + block;
                        let sum = *x.sums.get_unchecked(at);
                        let scale = *x.scales.get_unchecked(at);
                        if zero != 0 {
                            dots[m] = _mm256_sub_epi32(dots[m], _mm256_set1_epi32(zero * sum));
                        }
                        let factor = _mm256_mul_ps(scales, _mm256_set1_ps(scale));
                        sums[m][part] =
                            _mm256_fmadd_ps(_mm256_cvtepi32_ps(dots[m]), factor, sums[m][part]);
                        if let Some(minimums) = minimums {
                            let factor = _mm256_set1_ps(scale * sum as f32);
                            sums[m][part] = _mm256_fmadd_ps(minimums, factor, sums[m][part]);
                        }
                    }
                }
            }
        }
        for (m, sums) in sums.iter().enumerate() {
            let mut lanes: Lanes = [0.0; LANES];
            // SAFETY: sixteen lanes are two vectors; the row exists and the tile is this call's.
            unsafe {
                _mm256_storeu_ps(lanes.as_mut_ptr(), sums[0]);
                _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[1]);
                output.write(first + m, tile, &lanes);
            }
        }
    }

    /// Dot products of eight rows of 4-bit weights; sixteen products of at most 15 · 127 stay
    /// inside 16 bits, so one widening a block is enough.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn four<const M: usize>(
        w: *const u8,
        x: &Activations,
        first: usize,
        block: usize,
        digit: usize,
    ) -> [__m256i; M] {
        let low = _mm256_set1_epi8(15);
        let mut pairs = [_mm256_setzero_si256(); M];
        for group in 0..4 {
            // SAFETY: a 4-bit block has four lines; a block of activations has 32 bytes.
            unsafe {
                let line = _mm256_load_si256(w.add(group * 64).cast());
                let lo = _mm256_and_si256(line, low);
                let hi = _mm256_and_si256(_mm256_srli_epi16::<4>(line), low);
                for (m, pairs) in pairs.iter_mut().enumerate() {
                    let q = block_of(x, first + m, block, digit);
                    let a = _mm256_maddubs_epi16(lo, broadcast(q.add(group * 4)));
                    let b = _mm256_maddubs_epi16(hi, broadcast(q.add(16 + group * 4)));
                    *pairs = _mm256_add_epi16(*pairs, _mm256_add_epi16(a, b));
                }
            }
        }
        pairs.map(|p| _mm256_madd_epi16(p, _mm256_set1_epi16(1)))
    }

    /// Dot products of eight rows of 8-bit weights: |w| times x with w's sign; a pair is at most
    /// 2 · 128 · 127, which 16 bits hold.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn eight<const M: usize>(
        w: *const u8,
        x: &Activations,
        first: usize,
        block: usize,
        digit: usize,
    ) -> [__m256i; M] {
        let ones = _mm256_set1_epi16(1);
        let mut dots = [_mm256_setzero_si256(); M];
        for group in 0..8 {
            // SAFETY: an 8-bit block has eight lines; a block of activations has 32 bytes.
            unsafe {
                let line = _mm256_load_si256(w.add(group * 64).cast());
                let size = _mm256_abs_epi8(line);
                for (m, dots) in dots.iter_mut().enumerate() {
                    let q = broadcast(block_of(x, first + m, block, digit).add(group * 4));
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(q, line));
                    *dots = _mm256_add_epi32(*dots, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
        dots
    }

    #[inline]
    unsafe fn block_of(x: &Activations, row: usize, block: usize, digit: usize) -> *const i8 {
        // SAFETY: the caller names a row, block and digit that exist.
        unsafe { x.values.as_ptr().add(((row * x.digits + digit) * x.blocks + block) * BLOCK) }
    }

    /// Four bytes, eight times.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn broadcast(q: *const i8) -> __m256i {
        // SAFETY: the caller vouches for four bytes.
        _mm256_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
    }

    #[inline]
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn eight_lanes(floats: &Floats, at: usize) -> __m256 {
        // SAFETY: the caller names eight values that exist.
        unsafe {
            match floats {
                Floats::Single(v) => _mm256_loadu_ps(v.as_ptr().add(at)),
                Floats::Half(v) => _mm256_cvtph_ps(_mm_loadu_si128(v.as_ptr().add(at).cast())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack::Stored;
    use super::*;
    use crate::engine::Activation;

    struct Case {
        rows: usize,
        columns: usize,
        bits: Bits,
        block: usize,
        zeros: bool,
        batch: usize,
    }

    fn noise(seed: &mut u32) -> u32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *seed >> 8
    }

    fn check(case: &Case) {
        let mut seed = 7;
        let per_row = case.columns.div_ceil(case.block);
        let bytes = if case.bits == Bits::Four { case.block / 2 } else { case.block };
        let values: Vec<u8> =
            (0..case.rows * per_row * bytes).map(|_| noise(&mut seed) as u8).collect();
        let scales: Vec<f32> = (0..case.rows * per_row)
            .map(|_| half::f16::from_f32((noise(&mut seed) % 1000) as f32 * 1e-4).to_f32())
            .collect();
        let zero_points = case.zeros.then(|| {
            (0..case.rows * per_row).map(|_| (noise(&mut seed) % 160) as f32 * 0.1).collect()
        });
        let middle = if case.bits == Bits::Four { 8.0 } else { 128.0 };
        let stored = Stored {
            rows: case.rows,
            columns: case.columns,
            bits: case.bits,
            block: case.block,
            values: &values,
            scales: &scales,
            zero_points,
        };
        let weight = |row: usize, column: usize| {
            let at = row * per_row + column / case.block;
            let byte = |i: usize| values[row * per_row * bytes + i];
            let q = match case.bits {
                Bits::Eight => byte(column),
                Bits::Four if column.is_multiple_of(2) => byte(column / 2) & 15,
                Bits::Four => byte(column / 2) >> 4,
            };
            let zero = stored.zero_points.as_ref().map_or(middle, |z: &Vec<f32>| z[at]);
            f64::from(f32::from(q) - zero) * f64::from(scales[at])
        };
        let x: Vec<f32> = (0..case.batch * case.columns)
            .map(|_| (noise(&mut seed) % 2001) as f32 * 1e-3 - 1.0)
            .collect();
        let packed = Packed::new(&stored).unwrap();
        for activation in [Activation::Bits8, Activation::Bits16] {
            check_for(case, activation, &packed, &x, weight);
        }
    }

    fn check_for(
        case: &Case,
        activation: Activation,
        packed: &Packed,
        x: &[f32],
        weight: impl Fn(usize, usize) -> f64,
    ) {
        let mut first: Option<Vec<f32>> = None;
        for kernel in Kernel::available() {
            let pool = Pool::new(2);
            let mut a = Activations::default();
            a.set(kernel, &pool, activation, x, case.batch);
            let mut y = vec![f32::NAN; case.batch * case.rows];
            multiply(kernel, &pool, packed, &a, &mut y);
            for m in 0..case.batch {
                for row in 0..case.rows {
                    let (mut want, mut size) = (0.0, 0.0);
                    for c in 0..case.columns {
                        let digit = |d| i32::from(a.block(m, d, c / BLOCK)[c % BLOCK]);
                        let q = (0..a.digits).fold(0, |q, d| q * RADIX + digit(d));
                        let scale = f64::from(a.scales[m * a.blocks + c / BLOCK]);
                        let term = f64::from(q) * scale * weight(row, c);
                        want += term;
                        size += term.abs();
                    }
                    let got = f64::from(y[m * case.rows + row]);
                    assert!((got - want).abs() <= 1e-6 * size + 1e-6, "{got} for {want}");
                }
            }
            // Alone or in company, on any kernel: the same bits.
            for m in 0..case.batch {
                let own = &x[m * case.columns..(m + 1) * case.columns];
                a.set(kernel, &pool, activation, own, 1);
                let mut alone = vec![0.0; case.rows];
                multiply(kernel, &pool, packed, &a, &mut alone);
                assert_eq!(alone, y[m * case.rows..(m + 1) * case.rows]);
            }
            if let Some(first) = &first {
                assert_eq!(&y, first, "{kernel:?}");
            }
            first.get_or_insert(y);
        }
    }

    #[test]
    fn products_equal_the_definition_and_each_other() {
        for bits in [Bits::Four, Bits::Eight] {
            for zeros in [false, true] {
                for (rows, columns, block) in
                    [(16, 32, 32), (40, 96, 32), (7, 50, 32), (33, 256, 128)]
                {
                    for batch in [1, 2, 7] {
                        check(&Case { rows, columns, bits, block, zeros, batch });
                    }
                }
            }
        }
    }

    #[test]
    fn wrong_lengths_are_refused_in_words() {
        let mut stored = Stored {
            rows: 2,
            columns: 32,
            bits: Bits::Four,
            block: 32,
            values: &[0; 31],
            scales: &[0.0; 2],
            zero_points: None,
        };
        let why = Packed::new(&stored).unwrap_err();
        assert_eq!(why, "31 weights where 32 are expected");
        stored.block = 16;
        assert!(Packed::new(&stored).unwrap_err().contains("block_size 16"));
    }
}
