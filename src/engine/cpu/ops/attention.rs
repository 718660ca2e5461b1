//! Causal attention of rows over the KV pages of their sequences.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::tiles::{self, Tile, blocks_apart};
use super::{RowOp, Step, constant, width};
use crate::engine::cpu::kernels::attention::{
    Heads, MAX_HEAD_SIZE, Rotary, Seen, attend, blocks, finish, partial_len, place,
};
use crate::engine::kv::KvStore;

/// Attributes that `surgery` leaves on a node: those of `GroupQueryAttention` and the layer.
#[derive(Debug, Clone)]
pub(super) struct Attributes {
    layer: usize,
    heads: usize,
    kv_heads: usize,
    scale: f32,
    rotary: bool,
    interleaved: bool,
}

impl Attributes {
    pub(super) fn parse(node: &NodeProto) -> TractResult<Self> {
        let flag = |name| Ok::<_, TractError>(node.get_attr_opt::<i64>(name)?.unwrap_or(0) != 0);
        Ok(Self {
            layer: node.get_attr::<i64>("layer")?.try_into()?,
            heads: node.get_attr::<i64>("num_heads")?.try_into()?,
            kv_heads: node.get_attr::<i64>("kv_num_heads")?.try_into()?,
            scale: node.get_attr_opt("scale")?.unwrap_or(0.0),
            rotary: flag("do_rotary")?,
            interleaved: flag("rotary_interleaved")?,
        })
    }

    pub(super) fn build(&self, model: &TypedModel, inputs: &[OutletId]) -> TractResult<Attention> {
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        ensure!(
            kv_heads > 0 && heads > 0 && heads % kv_heads == 0,
            "num_heads = {heads} is not a multiple of kv_num_heads = {kv_heads}"
        );
        let query = width(model, inputs, 0)?;
        let head_size = query / heads;
        ensure!(query % heads == 0, "{heads} heads do not divide a query of {query}");
        ensure!(
            head_size > 0 && head_size % 16 == 0 && head_size <= MAX_HEAD_SIZE,
            "head size {head_size} is not a multiple of 16 up to {MAX_HEAD_SIZE}"
        );
        for at in [1, 2] {
            let have = width(model, inputs, at)?;
            ensure!(
                have == kv_heads * head_size,
                "input {at} is {have} wide, not {kv_heads} heads of {head_size}"
            );
        }
        let rotary = self.rotary.then(|| self.rotary(model, inputs, head_size)).transpose()?;
        let scale = if self.scale == 0.0 { 1.0 / (head_size as f32).sqrt() } else { self.scale };
        Ok(Attention {
            layer: self.layer,
            heads,
            kv_heads,
            head_size,
            width: [heads * head_size],
            scale,
            rotary,
        })
    }

    fn rotary(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
        head_size: usize,
    ) -> TractResult<Tables> {
        let table = |at| -> TractResult<Arc<Tensor>> {
            let tensor = constant(model, inputs, at)?;
            let columns = tensor.shape().last().copied().unwrap_or(0);
            ensure!(
                tensor.rank() == 2 && columns == head_size / 2,
                "the rotary cache is {columns} wide; half the head size, {}, is supported",
                head_size / 2
            );
            // Layers share their tables; only another type of number makes a copy.
            match tensor.datum_type() {
                DatumType::F32 => Ok(tensor),
                _ => Ok(tensor.cast_to::<f32>()?.into_owned().into_arc_tensor()),
            }
        };
        let (cos, sin) = (table(3)?, table(4)?);
        ensure!(cos.shape() == sin.shape(), "the rotary caches differ in length");
        Ok(Tables { cos, sin, interleaved: self.interleaved })
    }
}

/// Rotary tables, positions × half a head.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Tables {
    pub(in crate::engine::cpu) cos: Arc<Tensor>,
    pub(in crate::engine::cpu) sin: Arc<Tensor>,
    pub(in crate::engine::cpu) interleaved: bool,
}

impl Tables {
    fn with<T>(&self, use_them: impl FnOnce(Rotary<'_>) -> TractResult<T>) -> TractResult<T> {
        let (cos, sin) = (self.cos.try_as_plain_ram()?, self.sin.try_as_plain_ram()?);
        let (cos, sin) = (cos.as_slice::<f32>()?, sin.as_slice::<f32>()?);
        use_them(Rotary { cos, sin, interleaved: self.interleaved })
    }
}

/// Room that attention works in, kept from layer to layer and from step to step.
#[derive(Debug, Default)]
pub(in crate::engine::cpu) struct Work {
    tiles: Vec<Tile>,
    /// Turned queries, tile by tile.
    queries: Vec<f32>,
    /// Partial results, tile by tile, KV head by KV head.
    partials: Vec<f32>,
}

/// Appends each row's key and value to its sequence, then attends to all up to itself.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Attention {
    pub(in crate::engine::cpu) layer: usize,
    pub(in crate::engine::cpu) heads: usize,
    pub(in crate::engine::cpu) kv_heads: usize,
    pub(in crate::engine::cpu) head_size: usize,
    width: [usize; 1],
    pub(in crate::engine::cpu) scale: f32,
    pub(in crate::engine::cpu) rotary: Option<Tables>,
}

/// From so many rows on, placing and finishing them is worth waking other threads.
const SHARED_ROWS: usize = 8;

impl Attention {
    /// Positions that the rotary tables know; `None` where any will do.
    pub(in crate::engine::cpu) fn positions(&self) -> Option<usize> {
        self.rotary.as_ref().and_then(|tables| tables.cos.shape().first().copied())
    }

    /// The tables, which layers share.
    pub(in crate::engine::cpu) fn tables(&self) -> impl Iterator<Item = &Arc<Tensor>> {
        self.rotary.iter().flat_map(|tables| [&tables.cos, &tables.sin])
    }

    /// Calls `work` with the rotary tables where there are any.
    fn turning(&self, work: impl FnOnce(Option<Rotary<'_>>) -> TractResult<()>) -> TractResult<()> {
        match &self.rotary {
            Some(tables) => tables.with(|rotary| work(Some(rotary))),
            None => work(None),
        }
    }

    /// Query heads of a KV head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Floats of a tile's partial results for one KV head and block.
    fn partial(&self, tile: &Tile) -> usize {
        tile.rows * self.group() * partial_len(self.head_size)
    }

    /// Turns queries into `turned`, and appends keys and values to their sequences.
    fn place_rows(
        &self,
        step: &Step,
        rotary: Option<Rotary<'_>>,
        tiles: &[Tile],
        [queries, keys, values]: [&[f32]; 3],
        turned: &mut [f32],
    ) -> TractResult<()> {
        let mut kv = step.sequences()?.kv.try_borrow_mut()?;
        let (layer, group, scale) = (self.layer, self.group(), self.scale);
        let heads = Heads { layer, layout: kv.layout(), group, scale, rotary };
        let (width, query_width) = (self.kv_heads * self.head_size, self.heads * self.head_size);
        let pages = kv
            .writing(tiles.iter().map(|tile| (tile.sequence, tile.position)))
            .context("a row has no page of its own to write to")?;
        let mut items = Vec::with_capacity(tiles.len());
        let mut rest = turned;
        for (tile, page) in tiles.iter().zip(pages) {
            let part;
            (part, rest) =
                rest.split_at_mut_checked(tile.rows * query_width).context("too few queries")?;
            let rows = [
                queries.get(tile.part(query_width)).context("too few queries")?,
                keys.get(tile.part(width)).context("too few keys")?,
                values.get(tile.part(width)).context("too few values")?,
            ];
            items.push((tile.position, rows, part, page));
        }
        let kernel = step.kernel;
        let all_finite = AtomicBool::new(true);
        let worth = step.sequences()?.rows.len() >= SHARED_ROWS;
        step.each(worth, items, |(position, [q, k, v], turned, page)| {
            let mut finite = true;
            place(kernel, &heads, position, q, k, v, turned, page, &mut finite);
            if !finite {
                all_finite.store(false, Ordering::Relaxed);
            }
        });
        ensure!(all_finite.into_inner(), "layer {layer}: keys or values are not numbers");
        Ok(())
    }

    /// Makes the partial results of all tiles. Returns whether each block has its own.
    fn attend_rows(
        &self,
        step: &Step,
        tiles: &[Tile],
        turned: &[f32],
        partials: &mut Vec<f32>,
    ) -> TractResult<bool> {
        let kv = step.sequences()?.kv.try_borrow()?;
        let seen = |tile: &Tile, head| self.seen(&kv, tile, head);
        let blocks = tiles.iter().map(|tile| seen(tile, 0).blocks());
        let piece = blocks_apart(blocks, self.kv_heads, step.pool.threads());
        let results = |seen: &Seen<'_>| piece.map_or(1, |_| seen.blocks());
        let lengths = tiles.iter().map(|t| results(&seen(t, 0)) * self.partial(t) * self.kv_heads);
        partials.resize(partials.len().max(lengths.sum()), 0.0);
        let mut items = Vec::new();
        let (mut queries, mut rest) = (turned, partials.as_mut_slice());
        for tile in tiles {
            for head in 0..self.kv_heads {
                let together;
                (together, queries) = queries
                    .split_at_checked(tile.rows * self.group() * self.head_size)
                    .context("too few queries")?;
                let seen = seen(tile, head);
                let (all, piece_len) = (seen.blocks(), piece.unwrap_or(usize::MAX));
                for first in (0..all).step_by(piece_len) {
                    let blocks = first..first.saturating_add(piece_len).min(all);
                    let results = piece.map_or(1, |_| blocks.len());
                    let part;
                    (part, rest) = rest
                        .split_at_mut_checked(results * self.partial(tile))
                        .context("too little room for results")?;
                    items.push((seen, together, blocks, part));
                }
            }
        }
        let kernel = step.kernel;
        // The last see the most; whoever takes them first is not waited for at the end.
        items.reverse();
        step.each(true, items, |(seen, queries, blocks, partials)| {
            attend(kernel, &seen, queries, blocks, piece.is_some(), partials);
        });
        Ok(piece.is_some())
    }

    fn seen<'a>(&self, kv: &'a KvStore, tile: &Tile, head: usize) -> Seen<'a> {
        let (position, rows) = (tile.position, tile.rows);
        let (pages, layout) = (kv.pages(tile.sequence), kv.layout());
        Seen { pages, layout, layer: self.layer, head, position, rows }
    }

    /// Joins partial results and writes them to `out`.
    fn finish_rows(
        &self,
        step: &Step,
        tiles: &[Tile],
        apart: bool,
        partials: &mut [f32],
        out: &mut [f32],
    ) -> TractResult<()> {
        let width = self.heads * self.head_size;
        let group = self.group() * self.head_size;
        let kernel = step.kernel;
        let mut items = Vec::with_capacity(tiles.len());
        let (mut partials, mut out) = (partials, out);
        for tile in tiles {
            let blocks = if apart { blocks(tile.position + tile.rows) } else { 1 };
            let one = blocks * self.partial(tile);
            let (part, rows);
            (part, partials) = partials
                .split_at_mut_checked(one * self.kv_heads)
                .context("too few partial results")?;
            (rows, out) = out.split_at_mut_checked(tile.rows * width).context("too few rows")?;
            items.push((blocks, one, part, rows));
        }
        let worth = step.sequences()?.rows.len() >= SHARED_ROWS;
        step.each(worth, items, |(blocks, one, part, rows)| {
            for (head, partials) in part.chunks_exact_mut(one).enumerate() {
                let (size, at) = (self.head_size, head * group);
                finish(kernel, size, blocks, self.group(), partials, rows, width, at);
            }
        });
        Ok(())
    }
}

impl RowOp for Attention {
    fn name(&self) -> &'static str {
        "PagedAttention"
    }

    fn widths(&self) -> &[usize] {
        &self.width
    }

    fn eval(
        &self,
        step: &Step,
        rows: usize,
        inputs: &[&[f32]],
        outs: &mut [&mut [f32]],
    ) -> TractResult<()> {
        let ([queries, keys, values], [out]) = (inputs, outs) else {
            bail!("three inputs and one output are expected")
        };
        let sequences = step.sequences()?;
        let positions = sequences.rows.len();
        ensure!(positions == rows, "{rows} rows but {positions} positions");
        let width = self.heads * self.head_size;
        ensure!(queries.len() == rows * width, "queries are not {rows} rows of {width}");
        let mut work = sequences.attention.try_borrow_mut()?;
        let Work { tiles, queries: turned, partials } = &mut *work;
        tiles::cut(&sequences.rows, tiles);
        turned.resize(turned.len().max(queries.len()), 0.0);
        let turned = turned.get_mut(..queries.len()).context("too few queries")?;
        self.turning(|rotary| {
            self.place_rows(step, rotary, tiles, [queries, keys, values], turned)
        })?;
        let apart = self.attend_rows(step, tiles, turned, partials)?;
        self.finish_rows(step, tiles, apart, partials, out)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
