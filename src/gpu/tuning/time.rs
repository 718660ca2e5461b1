//! How long kernels take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::device::Buffer;
use crate::{Device, GpuError};

const ROUNDS: usize = 3;

/// A kernel with what it works on, and its workgroups.
pub(super) type Run = (Arc<wgpu::ComputePipeline>, wgpu::BindGroup, [u32; 3]);

/// So many floats that a kernel reads or writes; zeros.
pub(super) fn floats(device: &Device, count: usize) -> Result<Buffer, GpuError> {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
    device.buffer("trial", count as u64 * 4, usage)
}

/// A uniform.
pub(super) fn uniform(device: &Device, words: [u32; 4]) -> Result<Buffer, GpuError> {
    let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
    let buffer = device.buffer("trial", 16, usage)?;
    device.write(&buffer, 0, &words);
    Ok(buffer)
}

/// How long it takes to run these so many times; the shortest of some rounds.
pub(super) fn shortest(device: &Device, runs: &[Run], times: usize) -> Result<Duration, GpuError> {
    let mut shortest = Duration::MAX;
    // The first round also pays for what drivers do once.
    for round in 0..=ROUNDS {
        let mut encoder = device.raw().create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for (pipeline, group, [x, y, z]) in (0..times).flat_map(|_| runs) {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, &[]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
        drop(pass);
        let start = Instant::now();
        device.run(encoder.finish())?;
        if round > 0 {
            shortest = shortest.min(start.elapsed());
        }
    }
    Ok(shortest)
}
