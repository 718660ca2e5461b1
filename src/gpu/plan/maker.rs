//! Makes the dispatches of a graph, operation by operation.

use std::sync::Arc;

use super::memory::{APART_ROWS, Memory};
use super::pieces::{Matrices, Piece};
use super::values::{Place, Values};
use super::{Dispatch, Groups, Sizes};
use crate::device::{Buffer, Device};
use crate::graph::{Attention, Graph, MatrixId, Operation, Product, ValueId};
use crate::kernels::{
    Attend, Best, Bound, Embed, Join, Kernel, Linear, Norm, Pick, Pipelines, Rotate, Rows, Tiled,
    Turning, bind,
};
use crate::tuning::Attending;
use crate::{GpuError, Tuning};

/// What a plan is made with.
pub(super) struct Maker<'a> {
    pub(super) device: &'a Device,
    pub(super) graph: &'a Graph<'a>,
    pub(super) tuning: Tuning,
    pub(super) values: &'a Values,
    pub(super) memory: &'a Memory,
    pub(super) matrices: Matrices,
    pub(super) pipelines: Pipelines,
    pub(super) dispatches: Vec<Dispatch>,
    /// Small buffers that dispatches read.
    pub(super) kept: Vec<Arc<Buffer>>,
}

impl Maker<'_> {
    pub(super) fn operation(&mut self, operation: &Operation) -> Result<(), GpuError> {
        match operation {
            Operation::Embed { table, out } => self.embed(*table, *out),
            Operation::Norm { x, gain, epsilon, out } => self.norm(*x, gain, *epsilon, *out),
            Operation::LayerNorm { x, gain, bias, epsilon, out } => {
                self.layer_norm(*x, [gain, bias], *epsilon, *out)
            }
            // What a run brings is there when it begins.
            Operation::Feed { .. } => Ok(()),
            Operation::Linear { x, products, residual } => self.linear(*x, products, *residual),
            Operation::Attend(attention) => self.attend(attention),
            Operation::Mutual(attention) => self.mutual(attention),
            Operation::Pick { x, out } => self.pick(*x, *out),
        }
    }

    /// Adds a dispatch; `bound` are the kernel's buffers besides the step's, which not all kernels read.
    pub(super) fn dispatch(
        &mut self,
        kernel: &Kernel,
        bound: Vec<Bound<'_>>,
        groups: Groups,
    ) -> Result<(), GpuError> {
        let reads_step = kernel.text.contains("step.");
        let step = reads_step.then(|| Bound::whole(0, &self.memory.step));
        let bound: Vec<_> = bound.into_iter().chain(step).collect();
        let pipeline = self.pipelines.get(self.device, kernel)?;
        let bound = bind(self.device, &pipeline, &bound)?;
        self.dispatches.push(Dispatch { pipeline, bound, groups });
        Ok(())
    }

    /// A buffer of floats that lives as long as the plan.
    pub(super) fn floats(&mut self, what: &str, floats: &[f32]) -> Result<Arc<Buffer>, GpuError> {
        let words: Vec<u32> = floats.iter().map(|f| f.to_bits()).collect();
        let buffer = Arc::new(self.device.upload(what, &words)?);
        self.kept.push(Arc::clone(&buffer));
        Ok(buffer)
    }

    /// The uniform that tells a dispatch which piece it works on. The piece's outputs begin at the number `from` of a row.
    fn place(&mut self, piece: &Piece, from: usize) -> Result<Arc<Buffer>, GpuError> {
        let words = [(from + piece.first) as u32, piece.count as u32, piece.tiles as u32, 0];
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let buffer = Arc::new(self.device.buffer("place", 16, usage)?);
        self.device.write(&buffer, 0, &words);
        self.kept.push(Arc::clone(&buffer));
        Ok(buffer)
    }

    fn embed(&mut self, table: MatrixId, out: ValueId) -> Result<(), GpuError> {
        let memory = self.memory;
        let out = self.values.place(out)?;
        let pieces = self.matrices.pieces(self.device, self.graph, &[table], false)?;
        for piece in pieces.iter() {
            let embed = Embed { form: piece.form, width: piece.inputs, out_stride: out.stride };
            let place = self.place(piece, 0)?;
            let mut bound = vec![
                Bound::whole(1, &place),
                Bound::whole(Embed::WORDS, &piece.words),
                Bound::whole(Embed::ROWS, &memory.rows),
                Bound::whole(Embed::OUT, memory.value(out)?),
            ];
            bound.extend(piece.numbers(Embed::SCALES, Embed::MINIMUMS));
            let groups: Groups = Box::new(move |sizes| embed.groups(sizes.tokens));
            self.dispatch(&embed.kernel(), bound, groups)?;
        }
        Ok(())
    }

    fn norm(
        &mut self,
        x: ValueId,
        gain: &[f32],
        epsilon: f32,
        out: ValueId,
    ) -> Result<(), GpuError> {
        let memory = self.memory;
        let gain = self.floats("gain", gain)?;
        let width = self.values.width(x)?;
        let (x, out) = (self.values.place(x)?, self.values.place(out)?);
        let Place { rows, from, stride, .. } = x;
        let reduction = self.tuning.norms;
        let norm = Norm { rows, width, from, stride, out_stride: out.stride, epsilon, reduction };
        let bound = vec![
            Bound::whole(Norm::X, memory.value(x)?),
            Bound::whole(Norm::GAIN, &gain),
            Bound::whole(Norm::OUT, memory.value(out)?),
        ];
        let groups: Groups = Box::new(move |sizes| Norm::groups(count(rows, sizes)));
        self.dispatch(&norm.kernel(), bound, groups)
    }

    fn pick(&mut self, x: ValueId, out: ValueId) -> Result<(), GpuError> {
        let memory = self.memory;
        let width = self.values.width(x)?;
        let (x, out) = (self.values.place(x)?, self.values.place(out)?);
        let pick = Pick { width, from: x.from, stride: x.stride, out_stride: out.stride };
        let bound = vec![
            Bound::whole(Pick::X, memory.value(x)?),
            Bound::whole(Pick::WANTED, &memory.wanted),
            Bound::whole(Pick::OUT, memory.value(out)?),
        ];
        let groups: Groups = Box::new(move |sizes| pick.groups(sizes.wanted));
        self.dispatch(&pick.kernel(), bound, groups)
    }

    /// Products of one input: those with weights of one form are one matrix.
    fn linear(
        &mut self,
        x: ValueId,
        products: &[Product],
        residual: Option<ValueId>,
    ) -> Result<(), GpuError> {
        let mut rest = products;
        while let Some(first) = rest.first() {
            let together = self.together(first, rest);
            let (now, later) = rest.split_at(together);
            self.joint(x, now, residual)?;
            rest = later;
        }
        Ok(())
    }

    /// How many of the products can be one: of the same form, with outputs that fill their tiles.
    fn together(&self, first: &Product, products: &[Product]) -> usize {
        let matrix = |product: &Product| self.graph.matrices.get(product.matrix);
        let form = matrix(first).map(|m| m.form());
        if first.gate.is_some() {
            return 1;
        }
        let fits = |product: &&Product| {
            product.gate.is_none()
                && product.function == first.function
                && matrix(product).map(|m| m.form()) == form
        };
        let same = products.iter().take_while(fits).count();
        let whole = |product: &&Product| {
            matrix(product).is_some_and(|m| m.outputs().is_multiple_of(crate::TILE))
        };
        let full = products.iter().take(same).take_while(whole).count();
        same.min(full + 1)
    }

    fn joint(
        &mut self,
        x: ValueId,
        products: &[Product],
        residual: Option<ValueId>,
    ) -> Result<(), GpuError> {
        let Some(first) = products.first() else { return Ok(()) };
        let memory = self.memory;
        let gated = first.gate.is_some();
        let ids: Vec<MatrixId> = match first.gate {
            Some(gate) => vec![first.matrix, gate],
            None => products.iter().map(|product| product.matrix).collect(),
        };
        let (x, out) = (self.values.place(x)?, self.values.place(first.out)?);
        let bias = self.bias(products, out)?;
        let residual = residual.map(|value| self.values.place(value)).transpose()?;
        if residual.is_some_and(|place| place.from != 0) {
            return Err(GpuError::Unsupported("a residual that is a part of a row".into()));
        }
        let pieces = self.matrices.pieces(self.device, self.graph, &ids, gated)?;
        for piece in pieces.iter() {
            let linear = Linear {
                form: piece.form,
                rows: x.rows,
                inputs: piece.inputs,
                from: x.from,
                stride: x.stride,
                out_stride: out.stride,
                gated,
                bias: bias.is_some(),
                function: first.function,
                residual: residual.map(|place| place.stride),
            };
            let place = self.place(piece, out.from)?;
            let mut least = 0;
            for (most, variant) in self.tuning.variants() {
                let variant = variant.spread(piece.tiles, gated);
                let mut bound = vec![
                    Bound::whole(1, &place),
                    Bound::whole(Linear::WORDS, &piece.words),
                    Bound::whole(Linear::X, memory.value(x)?),
                    Bound::whole(Linear::OUT, memory.value(out)?),
                ];
                bound.extend(piece.numbers(Linear::SCALES, Linear::MINIMUMS));
                bound.extend(bias.iter().map(|bias| Bound::whole(Linear::BIAS, bias)));
                if let Some(place) = residual {
                    bound.push(Bound::whole(Linear::RESIDUAL, memory.value(place)?));
                }
                let (tiles, range) = (piece.tiles, least + 1..=most);
                let groups: Groups = Box::new(move |sizes| {
                    let rows = count(x.rows, sizes);
                    if range.contains(&rows) { variant.groups(tiles, rows) } else { [0; 3] }
                });
                self.dispatch(&linear.kernel(variant), bound, groups)?;
                least = most;
            }
        }
        Ok(())
    }

    /// What products add, along a whole row of their buffer; `None` where none does.
    fn bias(&mut self, products: &[Product], out: Place) -> Result<Option<Arc<Buffer>>, GpuError> {
        if products.iter().all(|product| product.bias.is_none()) {
            return Ok(None);
        }
        let mut all = vec![0.0; out.stride];
        for product in products {
            let from = self.values.place(product.out)?.from;
            for (to, bias) in { all.iter_mut().skip(from) }.zip(product.bias.iter().flatten()) {
                *to = *bias;
            }
        }
        self.floats("bias", &all).map(Some)
    }

    fn attend(&mut self, attention: &Attention) -> Result<(), GpuError> {
        let memory = self.memory;
        let &Attention { inputs, layer, heads, kv_heads, head_size, scale, out, .. } = attention;
        let [q, k, v] = [0, 1, 2].map(|at| self.values.place(*inputs.get(at).unwrap_or(&0)));
        let (q, k, v, out) = (q?, k?, v?, self.values.place(out)?);
        if q.block != k.block || q.block != v.block {
            let why = "queries, keys and values that are made apart";
            return Err(GpuError::Unsupported(why.to_owned()));
        }
        let turning = match &attention.rotary {
            None => Turning::Not,
            Some(rotary) if rotary.neighbours => Turning::Neighbours,
            Some(_) => Turning::Halves,
        };
        let (from, stride) = ([q.from, k.from, v.from], q.stride);
        let rotate = Rotate { heads, kv_heads, head_size, from, stride, scale, turning };
        let pages = memory.layer(layer)?;
        let mut bound = vec![
            Bound::whole(Rotate::X, memory.value(q)?),
            Bound::whole(Rotate::ROWS, &memory.rows),
            Bound::whole(Rotate::TABLES, &memory.tables),
            Bound::whole(Rotate::QUERIES, &memory.queries),
            Bound::whole(Rotate::PAGES, pages),
        ];
        if let Some(rotary) = &attention.rotary {
            let (cos, sin) = memory.rotary(rotary.table)?;
            bound.push(Bound::whole(Rotate::COS, cos));
            bound.push(Bound::whole(Rotate::SIN, sin));
        }
        let groups: Groups = Box::new(move |sizes| rotate.groups(sizes.tokens));
        self.dispatch(&rotate.kernel(), bound, groups)?;
        let out_stride = out.stride;
        let keys = || -> Result<Vec<Bound<'_>>, GpuError> {
            Ok(vec![
                Bound::whole(Attend::QUERIES, &memory.queries),
                Bound::whole(Attend::ROWS, &memory.rows),
                Bound::whole(Attend::TABLES, &memory.tables),
                Bound::whole(Attend::PAGES, pages),
                Bound::whole(Attend::OUT, memory.value(out)?),
            ])
        };
        let attending = self.tuning.attention;
        let mut most_alone = usize::MAX;
        if let Attending::Tiles(pairs) = attending {
            most_alone = APART_ROWS;
            let tiled = Tiled { heads, kv_heads, head_size, out_stride, pairs };
            let groups: Groups = Box::new(move |sizes| match sizes.tokens {
                ..=APART_ROWS => [0; 3],
                rows => tiled.groups(rows),
            });
            self.dispatch(&tiled.kernel(), keys()?, groups)?;
        }
        let reduction = attending.of_few();
        let attend = Attend { heads, kv_heads, head_size, out_stride, reduction };
        let mut bound = keys()?;
        bound.push(Bound::whole(Attend::PARTIALS, &memory.partials));
        let groups: Groups = Box::new(move |sizes| match sizes.tokens <= most_alone {
            true => attend.groups(sizes.tokens, sizes.splits),
            false => [0; 3],
        });
        self.dispatch(&attend.kernel(), bound, groups)?;
        let join = Join { heads, head_size, out_stride: out.stride };
        let bound = vec![
            Bound::whole(Join::PARTIALS, &memory.partials),
            Bound::whole(Join::ROWS, &memory.rows),
            Bound::whole(Join::OUT, memory.value(out)?),
        ];
        let groups: Groups = Box::new(move |sizes| match sizes.splits {
            ..2 => [0; 3],
            _ => join.groups(sizes.tokens),
        });
        self.dispatch(&join.kernel(), bound, groups)
    }

    pub(super) fn best(&mut self, logits: Place, vocabulary: usize) -> Result<(), GpuError> {
        let memory = self.memory;
        let best = Best { vocabulary, stride: logits.stride };
        let bound = vec![
            Bound::whole(Best::FROM, memory.value(logits)?),
            Bound::whole(Best::OUT, &memory.found),
        ];
        let groups: Groups = Box::new(move |sizes| best.chunk_groups(sizes.wanted));
        self.dispatch(&best.chunk_kernel(), bound, groups)?;
        let bound =
            vec![Bound::whole(Best::FROM, &memory.found), Bound::whole(Best::OUT, &memory.tokens)];
        let groups: Groups = Box::new(move |sizes| Best::row_groups(sizes.wanted));
        self.dispatch(&best.row_kernel(), bound, groups)
    }
}

pub(super) fn count(rows: Rows, sizes: Sizes) -> usize {
    match rows {
        Rows::Tokens => sizes.tokens,
        Rows::Wanted => sizes.wanted,
    }
}
