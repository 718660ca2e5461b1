//! A product to be tried.

use std::time::Duration;

use super::Tuning;
use super::time::{floats, shortest, uniform};
use crate::graph::{Function, Graph, MatrixId, Operation, Product};
use crate::kernels::{Bound, Linear, Pipelines, Rows, Variant, bind};
use crate::plan::{Matrices, Piece, TILES_IN_TURN};
use crate::weights::{BLOCK, TILE};
use crate::{Device, GpuError};

/// Rows of a piece of a prompt.
pub(super) const MANY: usize = 64;
/// Runs with one row for each with many.
pub(super) const SINGLE: usize = 32;

/// The product with the most weights, besides the one that makes the logits.
fn largest<'a>(graph: &'a Graph<'_>) -> Option<&'a Product> {
    let products = graph.operations.iter().filter_map(|operation| match operation {
        Operation::Linear { products, .. } => Some(products),
        _ => None,
    });
    let size = |product: &&Product| {
        let matrix = graph.matrices.get(product.matrix);
        matrix.map_or(0, |matrix| matrix.inputs() * matrix.outputs())
    };
    products.flatten().filter(|product| !graph.results.contains(&product.out)).max_by_key(size)
}

/// The largest product of a graph.
pub(super) struct Bench<'a> {
    device: &'a Device,
    linear: Linear,
    piece: Piece,
}

impl<'a> Bench<'a> {
    /// None where the graph has no product.
    pub(super) fn new(device: &'a Device, graph: &Graph<'_>) -> Result<Option<Self>, GpuError> {
        let Some(product) = largest(graph) else { return Ok(None) };
        let gated = product.gate.is_some();
        let ids: Vec<MatrixId> =
            [Some(product.matrix), product.gate].into_iter().flatten().collect();
        let mut matrices = Matrices::default();
        let pieces = matrices.pieces(device, graph, &ids, gated)?;
        let none = || GpuError::Internal("a matrix without tiles".to_owned());
        let piece = pieces.first().ok_or_else(none)?.clone();
        let linear = Linear {
            form: piece.form,
            rows: Rows::Tokens,
            inputs: piece.inputs,
            from: 0,
            stride: piece.inputs.next_multiple_of(BLOCK),
            out_stride: piece.tiles / if gated { TILES_IN_TURN } else { 1 } * TILE,
            gated,
            bias: false,
            function: Function::None,
            residual: None,
        };
        Ok(Some(Self { device, linear, piece }))
    }

    /// Time of a mix of single tokens and a piece of a prompt.
    pub(super) fn time(&self, tuning: &Tuning) -> Result<Duration, GpuError> {
        let mut pipelines = Pipelines::default();
        let mut all = Duration::ZERO;
        let device = self.device;
        for (rows, times) in [(1, SINGLE), (MANY, 1)] {
            let fits = |(most, _): &(usize, Variant)| rows <= *most;
            let Some((_, variant)) = tuning.variants().into_iter().find(fits) else { continue };
            let pipeline = pipelines.get(device, &self.linear.kernel(variant))?;
            let x = floats(device, rows * self.linear.stride)?;
            let out = floats(device, rows * self.linear.out_stride)?;
            let step = uniform(device, [rows as u32, 0, 1, 0])?;
            let place = uniform(device, [0, self.piece.count as u32, self.piece.tiles as u32, 0])?;
            let mut bound = vec![
                Bound::whole(0, &step),
                Bound::whole(1, &place),
                Bound::whole(Linear::WORDS, &self.piece.words),
                Bound::whole(Linear::X, &x),
                Bound::whole(Linear::OUT, &out),
            ];
            bound.extend(self.piece.numbers(Linear::SCALES, Linear::MINIMUMS));
            let group = bind(device, &pipeline, &bound)?;
            let groups = variant.groups(self.piece.tiles, rows);
            all += shortest(device, &[(pipeline, group, groups)], times)?;
        }
        Ok(all)
    }
}
