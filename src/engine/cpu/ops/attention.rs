//! Causal attention of rows over the KV pages of their sequences.

use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::*;

use super::{RowOp, Step, constant, width};
use crate::engine::cpu::kernels::attention::{Rotary, append, attend};
use crate::engine::kv::PAGE_TOKENS;

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
            head_size > 0 && head_size % 16 == 0,
            "head size {head_size} is not a multiple of 16"
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
struct Tables {
    cos: Arc<Tensor>,
    sin: Arc<Tensor>,
    interleaved: bool,
}

impl Tables {
    fn with<T>(&self, use_them: impl FnOnce(Rotary<'_>) -> TractResult<T>) -> TractResult<T> {
        let (cos, sin) = (self.cos.try_as_plain_ram()?, self.sin.try_as_plain_ram()?);
        let (cos, sin) = (cos.as_slice::<f32>()?, sin.as_slice::<f32>()?);
        use_them(Rotary { cos, sin, interleaved: self.interleaved })
    }
}

/// Appends each row's key and value to its sequence, then attends to all up to itself.
#[derive(Debug)]
pub(in crate::engine::cpu) struct Attention {
    pub(in crate::engine::cpu) layer: usize,
    heads: usize,
    pub(in crate::engine::cpu) kv_heads: usize,
    pub(in crate::engine::cpu) head_size: usize,
    width: [usize; 1],
    scale: f32,
    rotary: Option<Tables>,
}

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

    fn append_rows(
        &self,
        step: &Step,
        rotary: Option<Rotary<'_>>,
        keys: &[f32],
        values: &[f32],
    ) -> TractResult<()> {
        let mut kv = step.kv.try_borrow_mut()?;
        let width = self.kv_heads * self.head_size;
        let mut turned = vec![0.0; width];
        for (&(sequence, position), (key, value)) in
            step.rows.iter().zip(keys.chunks_exact(width).zip(values.chunks_exact(width)))
        {
            ensure!(
                key.iter().chain(value).all(|x| x.is_finite()),
                "layer {}: keys or values are not numbers",
                self.layer
            );
            turned.copy_from_slice(key);
            if let Some(rotary) = rotary {
                rotary.turn(&mut turned, self.head_size, position);
            }
            let heads = turned.chunks_exact(self.head_size).zip(value.chunks_exact(self.head_size));
            for (head, (key, value)) in heads.enumerate() {
                let (keys, values) = kv
                    .write(sequence, self.layer, head, position)
                    .with_context(|| format!("no page for position {position}"))?;
                append(key, value, position % PAGE_TOKENS, keys, values);
            }
        }
        Ok(())
    }

    fn attend_rows(
        &self,
        step: &Step,
        rotary: Option<Rotary<'_>>,
        queries: &[f32],
        out: &mut [f32],
    ) -> TractResult<()> {
        let kv = step.kv.try_borrow()?;
        let kv = &*kv;
        let group = self.heads / self.kv_heads * self.head_size;
        let items: Vec<_> =
            queries.chunks_exact(group).zip(out.chunks_exact_mut(group)).enumerate().collect();
        let (kernel, positions) = (step.kernel, &step.rows);
        step.pool.each(items, |(item, (queries, out))| {
            let head = item % self.kv_heads;
            let Some(&(sequence, position)) = positions.get(item / self.kv_heads) else { return };
            let mut turned = queries.to_vec();
            if let Some(rotary) = rotary {
                rotary.turn(&mut turned, self.head_size, position);
            }
            turned.iter_mut().for_each(|q| *q *= self.scale);
            let pages = kv.read(sequence, self.layer, head, position + 1);
            attend(kernel, &turned, self.head_size, position + 1, &pages, out);
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
        ensure!(step.rows.len() == rows, "{rows} rows but {} positions", step.rows.len());
        self.turning(|rotary| {
            self.append_rows(step, rotary, keys, values)?;
            self.attend_rows(step, rotary, queries, out)
        })
    }

    fn as_attention(&self) -> Option<&Attention> {
        Some(self)
    }
}
