//! Attention on the bench: its nodes run with rows of our choice.

use std::cell::RefCell;

use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;

use super::Attention;
use super::pattern::{Cuts, Pattern};
use crate::engine::cpu::surgery::evaluate::{
    Feeds, Setting, as_floats, caches, evaluate, inputs_at, zeros,
};
use crate::engine::cpu::surgery::graph::{Links, Shapes};
use crate::engine::cpu::surgery::rows::Rows;

/// The nodes of one attention, ready to run.
pub(super) struct Bench<'g> {
    pub(super) links: &'g Links<'g>,
    pub(super) rows: &'g Rows,
    pub(super) pattern: &'g Pattern<'g>,
    pub(super) cuts: Cuts<'g>,
    /// Key and value caches, where the graph has such.
    pub(super) caches: [Option<&'g str>; 2],
    output: RefCell<Option<&'g str>>,
}

/// What stands for query, key and value: a value by token and column.
pub(super) type Fill<'f> = dyn Fn(usize, usize) -> f32 + 'f;

impl<'g> Bench<'g> {
    pub(super) fn new(
        links: &'g Links<'g>,
        rows: &'g Rows,
        pattern: &'g Pattern<'g>,
        cuts: Cuts<'g>,
    ) -> Self {
        let all = caches(links.graph);
        let [_, keys, values] = pattern.operands;
        let cache_of = |operand| {
            let sources =
                links.sources(operand, Shapes::Ignored, |name| rows.width(name).is_some());
            sources.into_iter().find(|name| all.contains(name))
        };
        let caches = [cache_of(keys), cache_of(values)];
        Self { links, rows, pattern, cuts, caches, output: RefCell::default() }
    }

    /// Where to look at it: after some tokens where there is a cache.
    pub(super) fn setting(&self) -> Setting {
        Setting { past: if self.caches[0].is_some() { 5 } else { 0 }, tokens: 3 }
    }

    /// The tensor with the attention's rows; known once [`Self::attention`] has been called.
    pub(super) fn output(&self) -> Option<&'g str> {
        *self.output.borrow()
    }

    /// Computes `wanted` with the given rows, and caches filled by name.
    pub(super) fn run(
        &self,
        setting: Setting,
        wanted: &[&str],
        fill: [&Fill<'_>; 3],
        cache: impl FnMut(&str, &[usize]) -> Tensor,
    ) -> TractResult<Vec<Tensor>> {
        let mut feeds = inputs_at(self.links.graph, setting, cache)?;
        self.feed_shapes(setting, wanted, &mut feeds)?;
        for ((name, width), fill) in self.cuts.names().into_iter().zip(self.cuts.widths()).zip(fill)
        {
            let rows = (0..setting.tokens * width).map(|at| fill(at / width, at % width));
            let rows: Vec<f32> = rows.collect();
            feeds.insert(name.to_owned(), Tensor::from_shape(&[1, setting.tokens, width], &rows)?);
        }
        evaluate(self.links, wanted, &feeds)
    }

    /// Other rows give nothing but their shape, as [`Pattern::cuts`] has made sure.
    fn feed_shapes(&self, setting: Setting, wanted: &[&str], feeds: &mut Feeds) -> TractResult<()> {
        for name in wanted {
            let rows = |name: &str| self.rows.width(name).is_some();
            for source in self.links.sources(name, Shapes::Included, rows) {
                if let Some(width) = self.rows.width(source) {
                    let shape = [1, setting.tokens, width];
                    feeds.insert(source.to_owned(), Tensor::zero::<f32>(&shape)?);
                }
            }
        }
        Ok(())
    }

    /// Reads heads and scale off the nodes.
    pub(super) fn attention(&self) -> TractResult<Attention> {
        let setting = self.setting();
        let one: &Fill<'_> = &|_, _| 1.0;
        let mut wanted = vec![self.pattern.scores];
        wanted.extend(&self.pattern.outputs);
        let values = self.run(setting, &wanted, [one; 3], |_, shape| zeros(shape))?;
        let (scores, outputs) = values.split_first().context("nothing was computed")?;
        let [width, keys, values] = self.cuts.widths();
        let total = setting.past + setting.tokens;
        let heads = scores.len() / (setting.tokens * total);
        ensure!(
            heads > 0 && scores.len() == heads * setting.tokens * total && width % heads == 0,
            "{:?} scores of queries {width} wide with {total} keys",
            scores.shape()
        );
        let head_size = width / heads;
        ensure!(
            keys == values && keys % head_size == 0,
            "keys are {keys} and values {values} wide, heads {head_size}"
        );
        let shape = [1, setting.tokens, width];
        let rows = outputs.iter().zip(&self.pattern.outputs).find(|(out, _)| out.shape() == shape);
        *self.output.borrow_mut() = rows.map(|(_, &name)| name);
        ensure!(self.output().is_some(), "none of its outputs has the shape {shape:?}");
        // Query and key of one token are turned alike, which leaves their product as it was.
        let scores = as_floats(scores)?;
        let own = scores.get(setting.past).context("no score")?;
        let scale = own / head_size as f32;
        ensure!(scale.is_finite() && scale > 0.0, "a token's own score is {own}");
        Ok(Attention { heads, kv_heads: keys / head_size, head_size, scale })
    }
}
