//! What the processor could do at most: bytes read from memory and integer multiply-adds, a second.
//!
//! Measured with the pool and the instructions that the products use, so that a share of these
//! limits says how much a kernel leaves on the table and not how two programs differ.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::pool::Pool;
use super::{Kernel, compiled_for_each_kernel};

/// Read at once; well beyond the caches of any processor that such a box has.
const BUFFER_BYTES: usize = 256 << 20;

/// What a thread takes at a time: small enough that all threads finish together.
const PIECE_WORDS: usize = (1 << 20) / size_of::<u64>();

/// Passes over the buffer; the fastest counts, as others may have been disturbed.
const PASSES: usize = 8;

/// Accumulators that do not wait for each other: enough to hide an instruction's latency.
const CHAINS: usize = 12;

/// Steps of each chain between two looks at the clock.
const STEPS: usize = 1 << 14;

/// How long multiply-adds are counted.
const COUNTED: Duration = Duration::from_millis(60);

/// Bytes a second that the pool's threads read together from memory, in order.
pub(in crate::engine) fn read_bytes_per_s(kernel: Kernel, pool: &Pool) -> f64 {
    // Not zeroes: those may all be one page.
    let words: Vec<u64> = (0..(BUFFER_BYTES / size_of::<u64>()) as u64).collect();
    let fastest = (0..PASSES).map(|_| one_pass(kernel, pool, &words)).min();
    BUFFER_BYTES as f64 / fastest.unwrap_or(Duration::MAX).as_secs_f64()
}

fn one_pass(kernel: Kernel, pool: &Pool, words: &[u64]) -> Duration {
    let kernel = reader(kernel);
    let start = Instant::now();
    pool.ranges(words.len(), PIECE_WORDS, |range| {
        let mut total = 0;
        add_up(kernel, &words[range], &mut total);
        black_box(total);
    });
    start.elapsed()
}

/// The kernel whose loads are used. With 512 bits the compiler makes gathers of this loop, and
/// memory is no faster for wider loads.
fn reader(kernel: Kernel) -> Kernel {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => Kernel::Avx2,
        other => other,
    }
}

compiled_for_each_kernel! {
    /// The sum of all words.
    add_up => add_up_body(words: &[u64], total: &mut u64)
}

#[inline(always)]
fn add_up_body(words: &[u64], total: &mut u64) {
    const LINE: usize = 32;
    let mut sums = [0u64; LINE];
    let mut lines = words.chunks_exact(LINE);
    for line in &mut lines {
        for lane in 0..LINE {
            sums[lane] = sums[lane].wrapping_add(line[lane]);
        }
    }
    let rest = lines.remainder().iter();
    *total = sums.iter().chain(rest).fold(0, |total, &word| total.wrapping_add(word));
}

/// Multiply-adds of 8-bit integers a second that the pool's threads do together on registers, with
/// the instructions that the kernel's products use.
pub(in crate::engine) fn multiply_adds_per_s(kernel: Kernel, pool: &Pool) -> f64 {
    let threads = vec![(); pool.threads()];
    let start = Instant::now();
    let total = AtomicU64::new(0);
    pool.each(threads, |()| {
        let mut made = 0;
        while start.elapsed() < COUNTED {
            made += (CHAINS * STEPS * turn(kernel)) as u64;
        }
        total.fetch_add(made, Ordering::Relaxed);
    });
    total.into_inner() as f64 / start.elapsed().as_secs_f64()
}

/// `STEPS` steps of all chains; returns the multiply-adds of one step of one chain.
fn turn(kernel: Kernel) -> usize {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::Avx512Vnni => unsafe { x86::avx512_vnni() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::AvxVnni => unsafe { x86::avx_vnni() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::Avx2 => unsafe { x86::avx2() },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::Sse41 => unsafe { x86::sse41() },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::NeonDotprod => unsafe { aarch64::dotprod() },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: a kernel is only handed out where the processor has its features.
        Kernel::NeonI8mm => unsafe { aarch64::i8mm() },
        Kernel::Portable => portable(),
    }
}

/// Where each chain begins: apart, or the compiler would make one of all.
fn chains() -> [i32; CHAINS] {
    std::array::from_fn(|chain| black_box(chain as i32))
}

/// As the portable products: one dot product of four a lane.
fn portable() -> usize {
    const LANES: usize = 16;
    let (a, b) = (black_box([3u8; LANES * 4]), black_box([5i8; LANES * 4]));
    let mut sums = chains().map(|first| [first; LANES]);
    for _ in 0..STEPS {
        let (a, b) = (black_box(&a), black_box(&b));
        for sums in &mut sums {
            for lane in 0..LANES {
                for j in lane * 4..lane * 4 + 4 {
                    sums[lane] = sums[lane].wrapping_add(i32::from(a[j]) * i32::from(b[j]));
                }
            }
        }
    }
    black_box(sums);
    LANES * 4
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{STEPS, black_box, chains};
    use std::arch::x86_64::*;

    /// # Safety
    /// Needs AVX-512 F and VNNI.
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn avx512_vnni() -> usize {
        let a = black_box(_mm512_set1_epi8(3));
        let b = black_box(_mm512_set1_epi8(5));
        let mut sums = chains().map(|first| _mm512_set1_epi32(first));
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm512_dpbusd_epi32(*sum, a, b);
            }
        }
        black_box(sums);
        64
    }

    /// # Safety
    /// Needs AVX2 and AVX-VNNI.
    #[target_feature(enable = "avx2,avxvnni")]
    pub(super) fn avx_vnni() -> usize {
        let a = black_box(_mm256_set1_epi8(3));
        let b = black_box(_mm256_set1_epi8(5));
        let mut sums = chains().map(|first| _mm256_set1_epi32(first));
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = _mm256_dpbusd_avx_epi32(*sum, a, b);
            }
        }
        black_box(sums);
        32
    }

    /// Products of bytes to 16 bits, and those added in 16 bits, as the 4-bit products do it.
    ///
    /// # Safety
    /// Needs AVX2.
    #[target_feature(enable = "avx2")]
    pub(super) fn avx2() -> usize {
        let a = black_box(_mm256_set1_epi8(3));
        let mut b = black_box(_mm256_set1_epi8(5));
        let mut sums = chains().map(|first| _mm256_set1_epi32(first));
        for _ in 0..STEPS {
            // A product that does not change would be taken out of the loop.
            b = black_box(b);
            for sum in &mut sums {
                *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(a, b));
            }
        }
        black_box(sums);
        32
    }

    /// As [`avx2`].
    ///
    /// # Safety
    /// Needs SSSE3.
    #[target_feature(enable = "ssse3")]
    pub(super) fn sse41() -> usize {
        let a = black_box(_mm_set1_epi8(3));
        let mut b = black_box(_mm_set1_epi8(5));
        let mut sums = chains().map(|first| _mm_set1_epi32(first));
        for _ in 0..STEPS {
            b = black_box(b);
            for sum in &mut sums {
                *sum = _mm_add_epi16(*sum, _mm_maddubs_epi16(a, b));
            }
        }
        black_box(sums);
        16
    }
}

#[cfg(target_arch = "aarch64")]
mod aarch64 {
    use super::super::neon::{sdot, smmla};
    use super::{STEPS, black_box, chains};
    use std::arch::aarch64::*;

    /// # Safety
    /// Needs dotprod.
    #[target_feature(enable = "neon,dotprod")]
    pub(super) unsafe fn dotprod() -> usize {
        let (a, b) = (black_box(vdupq_n_s8(3)), black_box(vdupq_n_s8(5)));
        let mut sums = chains().map(|first| vdupq_n_s32(first));
        for _ in 0..STEPS {
            for sum in &mut sums {
                // SAFETY: the caller's promise.
                *sum = unsafe { sdot::<0>(*sum, a, b) };
            }
        }
        black_box(sums);
        16
    }

    /// # Safety
    /// Needs i8mm.
    #[target_feature(enable = "neon,i8mm")]
    pub(super) unsafe fn i8mm() -> usize {
        let (a, b) = (black_box(vdupq_n_s8(3)), black_box(vdupq_n_s8(5)));
        let mut sums = chains().map(|first| vdupq_n_s32(first));
        for _ in 0..STEPS {
            for sum in &mut sums {
                // SAFETY: the caller's promise.
                *sum = unsafe { smmla(*sum, a, b) };
            }
        }
        black_box(sums);
        32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_a_limit() {
        for kernel in Kernel::available() {
            assert!(multiply_adds_per_s(kernel, &Pool::new(1)) > 0.0, "{kernel:?}");
        }
    }

    #[test]
    fn every_word_is_read() {
        let words: Vec<u64> = (1..=1001).collect();
        for kernel in Kernel::available() {
            let mut total = 0;
            add_up(kernel, &words, &mut total);
            assert_eq!(total, 1001 * 1002 / 2, "{kernel:?}");
        }
    }
}
