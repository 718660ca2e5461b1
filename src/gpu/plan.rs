//! A graph as buffers and a list of dispatches, made once.

mod maker;
mod memory;
mod pieces;
mod texts;
mod top;
mod values;

use std::sync::Arc;

use self::maker::Maker;
use self::memory::Memory;
pub(crate) use self::memory::{APART_ROWS, BLOCK_WORDS, page_bytes};
pub(crate) use self::pieces::{Matrices, Piece, TILES_IN_TURN};
pub(crate) use self::values::Place;
use self::values::Values;
use crate::device::{Buffer, Device};
use crate::graph::{Graph, Operation, ValueId};
use crate::kernels::{Pipelines, Rows};
use crate::weights::Offset;
use crate::{GpuError, Tuning};

/// What a decoder or an encoder has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Rows that are computed together; more are computed one such part after the other.
    pub rows: usize,
    /// Rows of these whose logits can be wanted.
    pub wanted: usize,
    /// Positions of a sequence at most.
    pub context_tokens: usize,
    /// Sequences that a step may have rows of.
    pub sequences: usize,
    /// Pages of sixteen tokens, for all sequences together.
    pub pages: usize,
}

/// What decides how many workgroups a kernel gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) tokens: usize,
    pub(crate) wanted: usize,
    pub(crate) splits: usize,
    /// Of an encoder's tokens.
    pub(crate) blocks: usize,
}

/// Says how many workgroups; none is that the kernel is left out.
type Groups = Box<dyn Fn(Sizes) -> [u32; 3] + Send>;

/// A kernel with what it works on.
pub(crate) struct Dispatch {
    pub(crate) pipeline: Arc<wgpu::ComputePipeline>,
    pub(crate) bound: wgpu::BindGroup,
    pub(crate) groups: Groups,
}

impl Dispatch {
    /// How many workgroups it has; none where it is left out.
    fn wanted(&self, sizes: Sizes) -> Option<[u32; 3]> {
        Some((self.groups)(sizes)).filter(|groups| !groups.contains(&0))
    }
}

/// How many of these run.
pub(crate) fn count<'a>(all: impl Iterator<Item = &'a Dispatch>, sizes: Sizes) -> usize {
    all.filter(|dispatch| dispatch.wanted(sizes).is_some()).count()
}

/// Begins a list of commands with these, one after another.
pub(crate) fn encode<'a>(
    device: &Device,
    all: impl Iterator<Item = &'a Dispatch>,
    sizes: Sizes,
) -> wgpu::CommandEncoder {
    let mut encoder = device.raw().create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for dispatch in all {
        if let Some([x, y, z]) = dispatch.wanted(sizes) {
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.bound, &[]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
    drop(pass);
    encoder
}

/// Everything that is on the device.
pub(crate) struct Plan {
    /// What it has on the device.
    pub(crate) bytes: u64,
    pub(crate) dispatches: Vec<Dispatch>,
    /// What finds the best of a decoder's logits, and what lists the largest: left out where nobody wants it.
    pub(crate) best: Vec<Dispatch>,
    pub(crate) top: Vec<Dispatch>,
    pub(crate) memory: Memory,
    /// Where a decoder's only result is, and the numbers of a row of it.
    pub(crate) logits: Place,
    pub(crate) vocabulary: usize,
    /// Where results are, and the numbers of a row of each.
    pub(crate) results: Vec<(Place, usize)>,
    /// Where what every run brings goes, likewise.
    pub(crate) fed: Vec<(Place, usize)>,
    /// Kept for the kernels that are bound to them.
    _buffers: Vec<Arc<Buffer>>,
    _matrices: Matrices,
}

impl Plan {
    pub(crate) fn new(
        device: &Device,
        graph: &Graph<'_>,
        capacity: Capacity,
        tuning: Tuning,
    ) -> Result<Self, GpuError> {
        let before = device.used_bytes();
        let values = Values::of(graph)?;
        let memory = Memory::new(device, graph, &values, capacity)?;
        let mut maker = Maker {
            device,
            graph,
            tuning,
            values: &values,
            memory: &memory,
            matrices: Matrices::default(),
            pipelines: Pipelines::default(),
            dispatches: Vec::new(),
            kept: Vec::new(),
        };
        for operation in &graph.operations {
            maker.operation(operation)?;
        }
        let dispatches = std::mem::take(&mut maker.dispatches);
        let known = |value: ValueId| Ok((values.place(value)?, values.width(value)?));
        let results: Vec<_> =
            graph.results.iter().map(|&value| known(value)).collect::<Result<_, GpuError>>()?;
        let fed = graph.operations.iter().filter_map(|operation| match operation {
            Operation::Feed { out } => Some(known(*out)),
            _ => None,
        });
        let fed = fed.collect::<Result<_, GpuError>>()?;
        let nothing = || GpuError::Internal("a graph without a result".to_owned());
        let &(logits, vocabulary) = results.first().ok_or_else(nothing)?;
        let is_decoder = logits.rows == Rows::Wanted;
        if is_decoder {
            maker.best(logits, vocabulary)?;
        }
        let best = std::mem::take(&mut maker.dispatches);
        if is_decoder {
            maker.top(logits, vocabulary)?;
        }
        let Maker { dispatches: top, matrices, kept, .. } = maker;
        device.settle()?;
        let (_buffers, _matrices) = (kept, matrices);
        Ok(Self {
            bytes: device.used_bytes().saturating_sub(before),
            dispatches,
            best,
            top,
            memory,
            logits,
            vocabulary,
            results,
            fed,
            _buffers,
            _matrices,
        })
    }
}

/// Whether a form has minimums.
fn has_minimums(form: &crate::Form) -> bool {
    form.width.quantised() && form.offset == Offset::Minimum
}
