//! Attention of whole sequences: two products with a softmax between them, of rows that were cut into
//! heads. tract's shapes say that it is so.

use tract_onnx::pb::{NodeProto, TensorProto};
use tract_onnx::prelude::*;

use super::super::build::{self, With};
use super::super::evaluate;
use super::super::graph::{Edits, Graph, Links, input, integer, integers, output};
use super::facts::{Facts, length};
use crate::engine::cpu::ops::{self, attend};

/// Between rows and heads.
const BY_HEAD: [i64; 4] = [0, 2, 1, 3];

/// Puts one node in place of each attention.
pub(super) fn recognise(graph: &mut Graph, facts: &Facts) {
    let links = graph.links();
    let mut edits = Edits::default();
    for softmax in graph.nodes.iter().filter(|node| node.op_type == "Softmax") {
        let see = Sight { links: &links, facts };
        if let Some(found) = see.attention(softmax) {
            edits.nodes.insert(found.at, found.nodes);
            edits.constants.extend(found.constants);
        }
    }
    drop(links);
    graph.apply(edits);
}

/// An attention and where its last node is.
struct Found {
    at: usize,
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

/// Rows that were cut into heads: batch × tokens × (heads × size).
struct Cut<'g> {
    rows: &'g str,
    batch: TDim,
    tokens: TDim,
    heads: usize,
    size: usize,
}

/// What scores are made of.
struct Scores<'g> {
    product: &'g NodeProto,
    scale: f32,
    masks: Vec<Side<'g>>,
}

/// What is added to scores.
enum Side<'g> {
    Values(&'g str),
    /// `least` where the condition is `hidden`.
    Where {
        condition: &'g str,
        least: &'g str,
        hidden: bool,
    },
}

/// A graph and what is known about it.
struct Sight<'a, 'g> {
    links: &'a Links<'g>,
    facts: &'a Facts,
}

impl<'g> Sight<'_, 'g> {
    fn attention(&self, softmax: &'g NodeProto) -> Option<Found> {
        let scores_shape = self.facts.floats(input(softmax, 0)?)?;
        let axis = integer(softmax, "axis").unwrap_or(-1);
        if scores_shape.len() != 4 || ![-1, 3].contains(&axis) {
            return None;
        }
        let scores = self.scores(input(softmax, 0)?)?;
        let (query, query_scale) = self.scaled(input(scores.product, 0)?);
        let query = self.by_head(query)?;
        let (key, key_scale) = self.keys(input(scores.product, 1)?)?;
        let (sum, blind_is_zero) = self.weighted(output(softmax, 0)?)?;
        let value = self.by_head(input(sum, 1)?)?;
        let same = key.batch == query.batch
            && value.batch == query.batch
            && key.tokens == value.tokens
            && key.size == query.size
            && key.heads == query.heads
            && value.heads == query.heads;
        let (at, rows) = self.rows_again(output(sum, 0)?, &query, &value)?;
        let want = [query.batch.clone(), query.heads.to_dim(), query.tokens.clone(), key.tokens];
        let fits = scores.masks.iter().all(|side| self.fits(side, &want));
        if !same || !fits || *scores_shape != want {
            return None;
        }
        let mut found = Found { at, nodes: Vec::new(), constants: Vec::new() };
        let mask = masks(&scores.masks, rows, &mut found);
        let operands = [query.rows, key.rows, value.rows].into_iter().chain(mask.as_deref());
        let scale = query_scale * key_scale * scores.scale;
        let node = build::node(ops::ATTEND, &operands.collect::<Vec<_>>(), rows)
            .with(build::integer_attribute(attend::HEADS, i64::try_from(query.heads).ok()?))
            .with(build::float_attribute(attend::SCALE, scale))
            .with(build::integer_attribute(attend::BLIND_IS_ZERO, i64::from(blind_is_zero)));
        found.nodes.push(node);
        Some(found)
    }

    /// The product behind scores, what it is multiplied by, and then added to.
    fn scores(&self, name: &'g str) -> Option<Scores<'g>> {
        let (mut name, mut masks) = (name, Vec::new());
        loop {
            let (_, node) = self.links.producer(name)?;
            // A name that others read too has to be computed anyway.
            self.links.consumer(name)?;
            match node.op_type.as_str() {
                "Add" => {
                    let (a, b) = (input(node, 0)?, input(node, 1)?);
                    let (scores, mask) = if self.leads_to_product(a) { (a, b) } else { (b, a) };
                    masks.push(Side::Values(mask));
                    name = scores;
                }
                "Where" => {
                    let (condition, yes, no) = (input(node, 0)?, input(node, 1)?, input(node, 2)?);
                    let (least, scores, hidden) =
                        if self.hides(yes) { (yes, no, true) } else { (no, yes, false) };
                    if !self.hides(least) {
                        return None;
                    }
                    masks.push(Side::Where { condition, least, hidden });
                    name = scores;
                }
                _ => break,
            }
        }
        let (name, scale) = self.scaled(name);
        let product = self.links.made_by(name, &["MatMul"])?;
        self.links.consumer(name)?;
        Some(Scores { product, scale, masks })
    }

    /// Whether a value is a product of two that are computed, perhaps scaled or hidden in part.
    fn leads_to_product(&self, name: &'g str) -> bool {
        let (name, _) = self.scaled(name);
        match self.links.producer(name) {
            Some((_, node)) if node.op_type == "MatMul" => {
                !input(node, 1).is_some_and(|name| self.links.is_constant(name))
            }
            Some((_, node)) if ["Add", "Where"].contains(&node.op_type.as_str()) => {
                node.input.iter().any(|name| self.leads_to_product(name))
            }
            _ => false,
        }
    }

    /// Whether it is a number so low that what it is added to does not matter.
    fn hides(&self, name: &str) -> bool {
        self.number(name).is_some_and(|number| number <= -1e30)
    }

    fn number(&self, name: &str) -> Option<f32> {
        evaluate::number(self.links, name).or_else(|| self.facts.number(name))
    }

    /// What is multiplied by numbers, and their product.
    fn scaled(&self, name: &'g str) -> (&'g str, f32) {
        let step = |name: &'g str| {
            let node = self.links.made_by(name, &["Mul", "Div"])?;
            let (a, b) = (input(node, 0)?, input(node, 1)?);
            match (node.op_type.as_str(), self.number(a), self.number(b)) {
                ("Mul", Some(factor), None) => Some((b, factor)),
                ("Mul", None, Some(factor)) => Some((a, factor)),
                ("Div", None, Some(divisor)) => Some((a, 1.0 / divisor)),
                _ => None,
            }
        };
        let (mut name, mut scale) = (name, 1.0);
        while let Some((before, factor)) = step(name) {
            (name, scale) = (before, scale * factor);
        }
        (name, scale)
    }

    /// `Transpose(Reshape(rows))`: batch × heads × tokens × size.
    fn by_head(&self, name: &str) -> Option<Cut<'g>> {
        let transpose = self.transposed(name, &BY_HEAD)?;
        self.cut(input(transpose, 0)?)
    }

    /// `Reshape(rows)`: batch × tokens × heads × size.
    fn cut(&self, name: &str) -> Option<Cut<'g>> {
        let reshape = self.links.made_by(name, &["Reshape"])?;
        let rows = input(reshape, 0)?;
        let (whole, parts) = (self.facts.floats(rows)?, self.facts.floats(name)?);
        let ([batch, tokens, width], [b, t, heads, size]) = (&*whole, &*parts) else { return None };
        let (width, heads, size) = (length(width)?, length(heads)?, length(size)?);
        let fits = batch == b && tokens == t && heads.checked_mul(size) == Some(width) && width > 0;
        let (batch, tokens) = (batch.clone(), tokens.clone());
        fits.then_some(Cut { rows, batch, tokens, heads, size })
    }

    /// Keys as they are multiplied, batch × heads × size × tokens, and what they were scaled by.
    fn keys(&self, name: &'g str) -> Option<(Cut<'g>, f32)> {
        let (name, scale) = self.scaled(name);
        if let Some(transpose) = self.transposed(name, &[0, 2, 3, 1]) {
            return Some((self.cut(input(transpose, 0)?)?, scale));
        }
        let turned = match self.transposed(name, &[0, 1, 3, 2]) {
            Some(transpose) => input(transpose, 0)?,
            None => self.turned_by_shape(name)?,
        };
        let (before, more) = self.scaled(turned);
        Some((self.by_head(before)?, scale * more))
    }

    /// The last two axes exchanged with the others taken together: `Reshape(Transpose(Reshape(x)))`.
    fn turned_by_shape(&self, name: &'g str) -> Option<&'g str> {
        let apart = self.links.made_by(name, &["Reshape"])?;
        let transpose = self.transposed(input(apart, 0)?, &[0, 2, 1])?;
        let together = self.links.made_by(input(transpose, 0)?, &["Reshape"])?;
        let x = input(together, 0)?;
        let (from, to) = (self.facts.shape(x)?, self.facts.shape(name)?);
        let middle = self.facts.shape(output(together, 0)?)?;
        let ([a, b, c, d], [e, f, g, h], [_, i, j]) = (&*from, &*to, &*middle) else { return None };
        let fits = a == e && b == f && (c, d) == (h, g) && (c, d) == (i, j);
        fits.then_some(x)
    }

    fn transposed(&self, name: &str, order: &[i64]) -> Option<&'g NodeProto> {
        let node = self.links.made_by(name, &["Transpose"])?;
        (integers(node, "perm")? == order).then_some(node)
    }

    /// The product of weights and values; and whether weights that are no numbers become 0 before.
    fn weighted(&self, weights: &'g str) -> Option<(&'g NodeProto, bool)> {
        let of = |node: &'g NodeProto, weights: &str| {
            (node.op_type == "MatMul" && input(node, 0) == Some(weights)).then_some(node)
        };
        if let Some((_, node)) = self.links.consumer(weights) {
            return Some((of(node, weights)?, false));
        }
        let guard = self.links.consumers(weights).find(|(_, node)| node.op_type == "Where")?.1;
        let asks = self.links.made_by(input(guard, 0)?, &["IsNaN"])?;
        let zero = self.number(input(guard, 1)?) == Some(0.0);
        let guarded = output(guard, 0)?;
        let (_, node) = self.links.consumer(guarded)?;
        let fits = zero
            && input(asks, 0) == Some(weights)
            && input(guard, 2) == Some(weights)
            && self.links.consumers(weights).count() == 2
            && !self.links.graph.is_output(weights);
        if fits { Some((of(node, guarded)?, true)) } else { None }
    }

    /// Heads put together to rows again: the last node's place, and the name of the rows.
    fn rows_again(&self, name: &str, query: &Cut<'_>, value: &Cut<'_>) -> Option<(usize, &'g str)> {
        let (_, transpose) = self.links.consumer(name)?;
        let order = integers(transpose, "perm");
        let (at, reshape) = self.links.consumer(output(transpose, 0)?)?;
        let rows = output(reshape, 0)?;
        let want = [query.batch.clone(), query.tokens.clone(), (value.heads * value.size).to_dim()];
        let fits = transpose.op_type == "Transpose"
            && order == Some(&BY_HEAD)
            && reshape.op_type == "Reshape"
            && *self.facts.floats(rows)? == want;
        fits.then_some((at, rows))
    }

    /// Whether a mask has, from the last axis on, as many values as scores have, or one for all.
    fn fits(&self, side: &Side<'_>, scores: &[TDim; 4]) -> bool {
        let shape = match side {
            Side::Values(name) => self.facts.floats(name),
            Side::Where { condition, .. } => self.facts.shape(condition),
        };
        shape.is_some_and(|shape| {
            let axes = shape.iter().rev().zip(scores.iter().rev());
            shape.len() <= scores.len()
                && axes.clone().all(|(dim, want)| dim == want || length(dim) == Some(1))
        })
    }
}

/// One mask of all sides; what must be computed for that is put before the attention.
fn masks(sides: &[Side<'_>], rows: &str, found: &mut Found) -> Option<String> {
    let mut mask: Option<String> = None;
    for (number, side) in sides.iter().enumerate() {
        let own = match side {
            Side::Values(name) => (*name).to_owned(),
            Side::Where { condition, least, hidden } => {
                let (zero, name) = (format!("{rows}/zero"), format!("{rows}/hidden/{number}"));
                let (yes, no) = if *hidden { (*least, &*zero) } else { (&*zero, *least) };
                found.nodes.push(build::node("Where", &[condition, yes, no], &name));
                found.constants.push(build::scalar(&zero, 0.0));
                name
            }
        };
        mask = Some(match mask {
            None => own,
            Some(before) => {
                let both = format!("{rows}/mask/{number}");
                found.nodes.push(build::node("Add", &[&before, &own], &both));
                both
            }
        });
    }
    mask
}
