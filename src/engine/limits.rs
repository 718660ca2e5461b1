//! What this box could do at most, to compare what a model does with.

use super::cpu::{Kernel, limits};

/// Measured limits of the processor with the kernels that are best on it.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Limits {
    /// Bytes read from memory in order, by all threads together.
    pub read_bytes_per_s: f64,
    /// Multiply-adds of 8-bit integers on registers, by all threads together.
    pub multiply_adds_per_s: f64,
}

impl Limits {
    /// Measures with `threads` threads; 0 takes every core the process may use. Takes about a
    /// second and, for that time, some hundred megabytes.
    pub fn measure(threads: usize) -> Self {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (read_bytes_per_s, multiply_adds_per_s) = limits(Kernel::best(), threads);
        Self { read_bytes_per_s, multiply_adds_per_s }
    }
}
