//! How fast a device moves memory, to compare with what a decoder reads.

use std::time::{Duration, Instant};

use crate::{Device, GpuError};

/// Bytes that are copied, unless the device has less for a buffer: more than any cache.
const BYTES: u64 = 256 << 20;
/// Copies of a round.
const COPIES: u32 = 8;
const ROUNDS: usize = 5;

impl Device {
    /// Bytes a second that it reads and writes together while it copies a buffer into another; of
    /// the fastest of some rounds.
    pub fn copy_bandwidth(&self) -> Result<f64, GpuError> {
        let software = self.adapter().kind == crate::Kind::Software;
        // A processor that pretends is only to show that this works.
        let bytes = if software { 1 << 20 } else { BYTES.min(self.raw().limits().max_buffer_size) };
        let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let [from, to] = [(); 2].map(|()| self.buffer("copies", bytes, usage));
        let (from, to) = (from?, to?);
        let mut shortest = Duration::MAX;
        for _ in 0..=ROUNDS {
            let mut encoder = self.raw().create_command_encoder(&Default::default());
            for _ in 0..COPIES {
                encoder.copy_buffer_to_buffer(from.raw(), 0, to.raw(), 0, bytes);
            }
            let start = Instant::now();
            self.run(encoder.finish())?;
            shortest = shortest.min(start.elapsed());
        }
        let moved = 2.0 * bytes as f64 * f64::from(COPIES);
        Ok(moved / shortest.as_secs_f64().max(f64::MIN_POSITIVE))
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::tests::device;

    #[test]
    fn copying_takes_time_and_leaves_nothing_behind() {
        let device = device();
        let bytes_per_s = device.copy_bandwidth().unwrap();
        assert!(bytes_per_s.is_finite() && bytes_per_s > 1e6, "{bytes_per_s}");
    }
}
