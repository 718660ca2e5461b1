//! The kernels: their text, made for the shapes that a model has, and the pipelines of it.
//!
//! A kernel's bindings are what its text declares, in the order of [`Kernel::bindings`]. What every
//! step changes is in the uniform [`STEP`], what one dispatch of a kernel has for itself (which piece
//! of a matrix it is) in [`PLACE`].

mod attend;
mod best;
mod dequantize;
mod embed;
mod layer_norm;
mod linear;
mod mutual;
mod norm;
mod pick;
mod reduction;
mod rotate;
#[cfg(test)]
pub(crate) mod tests;
mod tile;
mod top;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use attend::{Attend, Join, SPLIT_KEYS, partial_floats};
pub(crate) use best::{Best, CHUNK};
pub(crate) use embed::Embed;
pub(crate) use layer_norm::LayerNorm;
pub(crate) use linear::{Linear, Variant};
pub(crate) use mutual::{BLIND, Mutual, OUT_OF_SIGHT, QUERIES, Span};
pub(crate) use norm::Norm;
pub(crate) use pick::Pick;
pub(crate) use reduction::Reduction;
pub(crate) use rotate::{PAGE_TOKENS, Rotate, Turning};
pub(crate) use tile::Tiled;
pub(crate) use top::{CANDIDATES, HEAD_WORDS, LIST_WORDS, NO_PAIR, Top};

use crate::GpuError;
use crate::device::{Buffer, Device};

/// What a step changes: rows, wanted rows, and into how many splits attention cuts a sequence, where it
/// looks at these apart.
const STEP: &str = "struct Step { tokens: u32, wanted: u32, splits: u32, spare: u32 }
@group(0) @binding(0) var<uniform> step: Step;
";

/// What a dispatch has for itself: the first output that it makes, how many it makes, and the tiles
/// that these are.
const PLACE: &str = "struct Place { first: u32, count: u32, tiles: u32, spare: u32 }
@group(0) @binding(1) var<uniform> place: Place;
";

/// Which rows a kernel works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Rows {
    /// All tokens of the step.
    Tokens,
    /// Those whose logits are wanted.
    Wanted,
}

impl Rows {
    /// How many there are, in WGSL.
    fn count(self) -> &'static str {
        match self {
            Self::Tokens => "step.tokens",
            Self::Wanted => "step.wanted",
        }
    }
}

/// The text of a kernel for one shape. Equal texts are one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kernel {
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// Storage of a kernel: binding numbers from 2 on, in the order of its fields.
pub(crate) fn storage(binding: usize, access: &str, name: &str, of: &str) -> String {
    format!("@group(0) @binding({binding}) var<storage, {access}> {name}: array<{of}>;\n")
}

/// Pipelines by their text.
#[derive(Default)]
pub(crate) struct Pipelines {
    made: HashMap<String, Arc<wgpu::ComputePipeline>>,
}

impl Pipelines {
    /// The pipeline of a kernel, made now where it is not there yet.
    pub(crate) fn get(
        &mut self,
        device: &Device,
        kernel: &Kernel,
    ) -> Result<Arc<wgpu::ComputePipeline>, GpuError> {
        if let Some(pipeline) = self.made.get(&kernel.text) {
            return Ok(Arc::clone(pipeline));
        }
        device.alive()?;
        let raw = device.raw();
        let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = raw.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(kernel.text.as_str().into()),
        });
        let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Each kernel writes what it shares before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        if let Some(error) = crate::device::ready(scope.pop()).flatten() {
            let why = format!("kernel {}: {error}\n{}", kernel.name, kernel.text);
            return Err(GpuError::Internal(why));
        }
        let pipeline = Arc::new(pipeline);
        self.made.insert(kernel.text.clone(), Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

/// A buffer at a binding.
pub(crate) struct Bound<'a> {
    pub(crate) binding: u32,
    pub(crate) buffer: &'a Buffer,
    /// First byte, a multiple of 256.
    pub(crate) from: u64,
    /// How many; `None` is to the end.
    pub(crate) bytes: Option<u64>,
}

impl<'a> Bound<'a> {
    /// All of a buffer.
    pub(crate) fn whole(binding: usize, buffer: &'a Buffer) -> Self {
        Self { binding: binding as u32, buffer, from: 0, bytes: None }
    }
}

/// Binds buffers for a pipeline.
pub(crate) fn bind(
    device: &Device,
    pipeline: &wgpu::ComputePipeline,
    bound: &[Bound<'_>],
) -> Result<wgpu::BindGroup, GpuError> {
    let raw = device.raw();
    let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
    let entries: Vec<_> = bound
        .iter()
        .map(|bound| wgpu::BindGroupEntry {
            binding: bound.binding,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: bound.buffer.raw(),
                offset: bound.from,
                size: bound.bytes.and_then(std::num::NonZeroU64::new),
            }),
        })
        .collect();
    let group = raw.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    match crate::device::ready(scope.pop()).flatten() {
        None => Ok(group),
        Some(error) => Err(GpuError::Internal(format!("binding: {error}"))),
    }
}
