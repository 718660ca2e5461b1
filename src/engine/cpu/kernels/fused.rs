//! `a * b + c`, rounded once: by an instruction, or where there is none, to the same bits without.
#![cfg_attr(target_arch = "aarch64", allow(dead_code, reason = "there the instruction is always"))]

/// How a product is fused with a sum.
pub(super) trait Fused {
    /// `a * b + c`, rounded once.
    fn mul_add(a: f32, b: f32, c: f32) -> f32;
}

/// By an instruction.
pub(super) struct Whole;

/// By a product and a sum of doubles.
pub(super) struct Split;

/// As the baseline of the target has it: elsewhere than on aarch64, [`Whole`] would call a function of
/// the C library for each number.
#[cfg(target_arch = "aarch64")]
pub(super) type Baseline = Whole;
#[cfg(not(target_arch = "aarch64"))]
pub(super) type Baseline = Split;

impl Fused for Whole {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
}

impl Fused for Split {
    #[inline(always)]
    fn mul_add(a: f32, b: f32, c: f32) -> f32 {
        // The product is exact. The sum is rounded to 53 bits and then to 24, and these give the
        // same as 24 at once, but where the 53 lie half way between two floats.
        let sum = f64::from(a) * f64::from(b) + f64::from(c);
        let half_way = sum.to_bits() & BELOW_FLOATS == HALF_WAY;
        // Floats below the smallest normal have fewer bits.
        let small = sum.abs() < f64::from(f32::MIN_POSITIVE) && sum != 0.0;
        if half_way || small { carefully(a, b, c) } else { sum as f32 }
    }
}

/// Bits of a double that no normal float has.
pub(super) const BELOW_FLOATS: u64 = (1 << 29) - 1;
/// Those of a double half way between two normal floats.
pub(super) const HALF_WAY: u64 = 1 << 28;

/// [`Fused::mul_add`] for every number: a sum that is not exact is made odd, which tells the second
/// rounding on which side of half way it is (Boldo and Melquiond 2008, doi:10.1109/TC.2007.70819).
#[cold]
pub(super) fn carefully(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // What the sum lost (Knuth, The Art of Computer Programming 2, 4.2.2).
    let added = sum - product;
    let lost = (product - (sum - added)) + (c - added);
    let mut bits = sum.to_bits();
    if lost != 0.0 && lost.is_finite() && bits & 1 == 0 {
        bits = if (lost > 0.0) == (sum > 0.0) { bits + 1 } else { bits - 1 };
    }
    f64::from_bits(bits) as f32
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::super::vector::{Vector, vectorised};
    use super::super::{Kernel, LANES};
    use super::*;

    vectorised! {
        fuse => fuse_body(numbers: &[[f32; LANES]; 3], out: &mut [f32; LANES])
    }

    #[inline(always)]
    fn fuse_body<V: Vector>(numbers: &[[f32; LANES]; 3], out: &mut [f32; LANES]) {
        // SAFETY: all have as many numbers as a vector.
        unsafe {
            let [a, b, c] = numbers.each_ref().map(|numbers| V::load(numbers.as_ptr()));
            a.mul_add(b, c).store(out.as_mut_ptr());
        }
    }

    /// Numbers of any size, and such whose sum lies at or just beside half way between two floats.
    fn cases(random: &mut ChaCha8Rng) -> [f32; 3] {
        let any = |random: &mut ChaCha8Rng| loop {
            let x = f32::from_bits(random.next_u32());
            if x.is_finite() {
                return x;
            }
        };
        let near = |random: &mut ChaCha8Rng, e: i32| {
            let e = e + (random.next_u32() % 50) as i32 - 25;
            let x = f32::from_bits(random.next_u32() & 0x807f_ffff | 0x3f80_0000);
            // Few bits make ties.
            let x = if random.next_u32().is_multiple_of(2) {
                f32::from_bits(x.to_bits() & 0xfff8_0000)
            } else {
                x
            };
            x * 2f32.powi(e)
        };
        match random.next_u32() % 4 {
            0 => [any(random), any(random), any(random)],
            1 => [near(random, 0), near(random, 0), near(random, 0)],
            // Around the smallest floats.
            2 => [near(random, -60), near(random, -70), near(random, -140)],
            // Half a step of c, and so little less or more that a double does not tell.
            _ => {
                let c = near(random, 0);
                let half = f32::from_bits(c.to_bits() & 0x7f80_0000) * 2f32.powi(-24);
                let little = f32::EPSILON * (random.next_u32() % 3) as f32;
                [half * (1.0 + little), 1.0 - little, c]
            }
        }
    }

    fn check(got: f32, [a, b, c]: [f32; 3], by: &str) {
        let want = Whole::mul_add(a, b, c);
        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
        assert!(same, "{a:e} * {b:e} + {c:e}: {got:e} by {by}, not {want:e}");
    }

    #[test]
    fn without_the_instruction_bits_are_the_same() {
        let mut random = ChaCha8Rng::seed_from_u64(16);
        let mut hard = 0;
        for _ in 0..2_000_000 {
            let [a, b, c] = cases(&mut random);
            check(Split::mul_add(a, b, c), [a, b, c], "one double");
            check(carefully(a, b, c), [a, b, c], "odd doubles");
            let double = f64::from(a) * f64::from(b) + f64::from(c);
            hard += usize::from((double as f32).to_bits() != Whole::mul_add(a, b, c).to_bits());
        }
        assert!(hard > 1000, "{hard} cases that two roundings get wrong");
    }

    #[test]
    fn every_lane_of_every_kernel_has_the_same_bits() {
        let mut random = ChaCha8Rng::seed_from_u64(17);
        for _ in 0..100_000 {
            let each: [[f32; 3]; LANES] = std::array::from_fn(|_| cases(&mut random));
            let numbers: [[f32; LANES]; 3] = std::array::from_fn(|of| each.map(|case| case[of]));
            for kernel in Kernel::available() {
                let mut out = [0.0; LANES];
                fuse(kernel, &numbers, &mut out);
                each.iter().zip(out).for_each(|(case, got)| check(got, *case, kernel.name()));
            }
        }
    }
}
