//! Buffers besides weights: what a step writes, values between operations, keys and values.

use std::collections::BTreeMap;

use super::values::{Place, Values};
use super::{Capacity, top};
use crate::GpuError;
use crate::device::{Buffer, Device};
use crate::graph::{Attention, Graph, Mask, Operation};
use crate::kernels::{CHUNK, LIST_WORDS, PAGE_TOKENS, Rows, SPLIT_KEYS, Top, partial_floats};

/// Rows of a step up to which splits of a sequence are looked at apart: more rows are enough work as
/// they are.
pub(crate) const APART_ROWS: usize = 16;

/// Words that a block of an encoder's tokens has.
pub(crate) const BLOCK_WORDS: usize = 8;

/// All buffers but weights.
pub(crate) struct Memory {
    /// The uniform of the step.
    pub(crate) step: Buffer,
    /// Token, position and place of the page table of each row.
    pub(crate) rows: Buffer,
    /// Pages of each sequence, one sequence after the other.
    pub(crate) tables: Buffer,
    /// Rows whose logits are wanted.
    pub(crate) wanted: Buffer,
    pub(super) queries: Buffer,
    pub(super) partials: Buffer,
    pub(super) found: Buffer,
    /// The best token of each wanted row.
    pub(crate) tokens: Buffer,
    /// The largest logits, of one level and the next in turn.
    pub(super) lists: [Buffer; 2],
    /// In which of the two they are at the end.
    list: usize,
    /// What differences of logits are multiplied by, of each wanted row.
    pub(crate) factors: Buffer,
    /// What each block of an encoder's tokens is; see [`crate::kernels::Mutual`].
    pub(crate) blocks: Buffer,
    /// What masks add to scores.
    pub(crate) masks: Vec<Buffer>,
    /// What is read goes through it.
    pub(crate) staging: Buffer,
    values: Vec<Buffer>,
    layers: BTreeMap<usize, Buffer>,
    rotary: BTreeMap<usize, (Buffer, Buffer)>,
}

impl Memory {
    pub(super) fn new(
        device: &Device,
        graph: &Graph<'_>,
        values: &Values,
        capacity: Capacity,
    ) -> Result<Self, GpuError> {
        let storage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_DST
            | wgpu::BufferUsages::COPY_SRC;
        let words = |what: &str, count: usize| device.buffer(what, count as u64 * 4, storage);
        let rows_of = |rows| match rows {
            Rows::Tokens => capacity.rows,
            Rows::Wanted => capacity.wanted,
        };
        let each = values.buffers.iter();
        let own = each
            .map(|&(stride, rows)| words("values", stride * rows_of(rows)))
            .collect::<Result<_, _>>()?;
        let attentions = graph.operations.iter().filter_map(|operation| match operation {
            Operation::Attend(attention) => Some(attention),
            _ => None,
        });
        let splits = capacity.context_tokens.div_ceil(SPLIT_KEYS);
        let (mut queries, mut partials) = (0, 0);
        let (mut layers, mut rotary) = (BTreeMap::new(), BTreeMap::new());
        for attention in attentions {
            let Attention { heads, head_size, layer, .. } = attention;
            queries = queries.max(capacity.rows * heads * head_size);
            let apart = APART_ROWS.min(capacity.rows);
            partials = partials.max(apart * splits * heads * partial_floats(*head_size));
            layers.insert(
                *layer,
                device.buffer(
                    "keys and values",
                    layer_bytes(device, attention, capacity)?,
                    storage,
                )?,
            );
            if let Some(tables) = &attention.rotary
                && !rotary.contains_key(&tables.table)
            {
                let bits = |floats: &[f32]| floats.iter().map(|f| f.to_bits()).collect::<Vec<_>>();
                let cos = device.upload("cosines", &bits(&tables.cos))?;
                let sin = device.upload("sines", &bits(&tables.sin))?;
                rotary.insert(tables.table, (cos, sin));
            }
        }
        let (mut vocabulary, mut results_bytes) = (0, 0);
        for &result in &graph.results {
            let place = values.place(result)?;
            vocabulary = vocabulary.max(values.width(result)?);
            results_bytes += (place.stride * rows_of(place.rows) * 4) as u64;
        }
        let read_bytes = results_bytes.max((LIST_WORDS * capacity.wanted * 4) as u64);
        let chunks = vocabulary.div_ceil(CHUNK);
        let own_masks = graph.masks.iter().map(|mask| match mask {
            Mask::Keys => words("mask", capacity.rows),
            Mask::Pairs => words("mask", capacity.rows * capacity.rows),
        });
        let own_masks = own_masks.collect::<Result<_, _>>()?;
        let has_texts =
            graph.operations.iter().any(|operation| matches!(operation, Operation::Mutual(_)));
        // Every text may have but one token.
        let blocks = if has_texts { capacity.rows } else { 0 };
        let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let read = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let pages = capacity.context_tokens.div_ceil(PAGE_TOKENS) * capacity.sequences;
        Ok(Self {
            step: device.buffer("step", 16, uniform)?,
            rows: words("rows", capacity.rows * 4)?,
            tables: words("page tables", pages)?,
            wanted: words("wanted rows", capacity.wanted)?,
            queries: words("queries", queries)?,
            partials: words("parts of attention", partials)?,
            found: words("best of chunks", capacity.wanted * chunks * 2)?,
            tokens: words("best tokens", capacity.wanted)?,
            lists: top::lists(device, vocabulary, capacity.wanted)?,
            list: (Top { vocabulary, stride: 0 }.levels().len() + 1) % 2,
            factors: words("temperatures", capacity.wanted)?,
            blocks: words("blocks of tokens", blocks * BLOCK_WORDS)?,
            masks: own_masks,
            staging: device.buffer("results", read_bytes, read)?,
            values: own,
            layers,
            rotary,
        })
    }

    /// The buffer that a value is in.
    pub(crate) fn value(&self, place: Place) -> Result<&Buffer, GpuError> {
        let buffer = self.values.get(place.buffer);
        buffer.ok_or_else(|| GpuError::Internal("a value without a buffer".to_owned()))
    }

    /// The largest logits of wanted rows, a list of each.
    pub(crate) fn list(&self) -> &Buffer {
        let [even, odd] = &self.lists;
        if self.list == 0 { even } else { odd }
    }

    pub(super) fn layer(&self, layer: usize) -> Result<&Buffer, GpuError> {
        let buffer = self.layers.get(&layer);
        buffer.ok_or_else(|| GpuError::Internal(format!("layer {layer} has no pages")))
    }

    pub(super) fn rotary(&self, table: usize) -> Result<(&Buffer, &Buffer), GpuError> {
        let tables = self.rotary.get(&table).map(|(cos, sin)| (cos, sin));
        tables.ok_or_else(|| GpuError::Internal("rotary tables are missing".to_owned()))
    }
}

/// Bytes of a layer's pages; a kernel sees them all.
fn layer_bytes(
    device: &Device,
    attention: &Attention,
    capacity: Capacity,
) -> Result<u64, GpuError> {
    let page = page_bytes(attention.kv_heads, attention.head_size);
    let bytes = capacity.pages as u64 * page;
    let most = device.binding_bytes();
    if bytes > most {
        let why = format!("{bytes} bytes of a layer's keys and values, and a kernel sees {most}");
        return Err(GpuError::Unsupported(why));
    }
    Ok(bytes)
}

/// Bytes of one layer's part of a page.
pub(crate) const fn page_bytes(kv_heads: usize, head_size: usize) -> u64 {
    (2 * 2 * PAGE_TOKENS * kv_heads * head_size) as u64
}
