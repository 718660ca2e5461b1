//! How products are divided among a device's workgroups: a few ways, of which a short trial on the
//! device takes the fastest.

use std::time::{Duration, Instant};

use crate::graph::{Function, Graph, MatrixId, Operation, Product};
use crate::kernels::{Bound, Linear, Pipelines, Rows, Variant, bind};
use crate::plan::{Matrices, Piece, TILES_IN_TURN};
use crate::weights::{BLOCK, TILE};
use crate::{Device, GpuError};

/// A way to divide products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuning(usize);

/// Rows up to which a variant is taken, the last for all others. Those of one way have the same
/// slices, so that a row's result does not depend on how many rows there are.
type Way = (&'static str, [(usize, Variant); 3]);

const fn variant(rows: usize, tiles: usize, slices: usize) -> Variant {
    Variant { rows, tiles, slices }
}

const WAYS: [Way; 4] = [
    ("8", [(1, variant(1, 2, 8)), (4, variant(4, 2, 8)), (usize::MAX, variant(8, 4, 8))]),
    ("4 wide", [(1, variant(1, 4, 4)), (4, variant(4, 4, 4)), (usize::MAX, variant(8, 4, 4))]),
    ("16", [(1, variant(1, 2, 16)), (4, variant(4, 2, 16)), (usize::MAX, variant(8, 2, 16))]),
    ("8 wide", [(1, variant(1, 4, 8)), (4, variant(4, 4, 8)), (usize::MAX, variant(8, 4, 8))]),
];

impl Default for Tuning {
    /// The one that no device is known to be bad at.
    fn default() -> Self {
        Self(0)
    }
}

impl Tuning {
    /// All ways.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..WAYS.len()).map(Self)
    }

    /// Its name, to be remembered by.
    pub fn name(self) -> &'static str {
        WAYS.get(self.0).map_or("", |(name, _)| name)
    }

    /// The way of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|tuning| tuning.name() == name)
    }

    /// Its variants, and up to how many rows each is taken.
    pub(crate) fn variants(self) -> [(usize, Variant); 3] {
        WAYS.get(self.0).or(WAYS.first()).map_or([(usize::MAX, variant(1, 2, 8)); 3], |way| way.1)
    }

    /// The fastest way for a graph's products on a device. Takes some hundred runs of one product.
    pub fn of(device: &Device, graph: &Graph<'_>) -> Result<Self, GpuError> {
        let Some(product) = largest(graph) else { return Ok(Self::default()) };
        let bench = Bench::new(device, graph, product)?;
        let mut best = (Self::default(), Duration::MAX);
        for tuning in Self::all() {
            let took = bench.time(tuning)?;
            tracing::debug!(tuning = tuning.name(), ?took, "tried");
            if took < best.1 {
                best = (tuning, took);
            }
        }
        Ok(best.0)
    }
}

/// Rows of a piece of a prompt.
const MANY: usize = 64;
/// Runs with one row for each with many.
const SINGLE: usize = 32;
const ROUNDS: usize = 3;

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

/// A product to be tried.
struct Bench<'a> {
    device: &'a Device,
    linear: Linear,
    piece: Piece,
}

impl<'a> Bench<'a> {
    fn new(device: &'a Device, graph: &Graph<'_>, product: &Product) -> Result<Self, GpuError> {
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
        Ok(Self { device, linear, piece })
    }

    /// Time of a mix of single tokens and a piece of a prompt; the shortest of some rounds.
    fn time(&self, tuning: Tuning) -> Result<Duration, GpuError> {
        let mut pipelines = Pipelines::default();
        let mut all = Duration::ZERO;
        for (rows, times) in [(1, SINGLE), (MANY, 1)] {
            let fits = |(most, _): &(usize, Variant)| rows <= *most;
            let Some((_, variant)) = tuning.variants().into_iter().find(fits) else { continue };
            let pipeline = pipelines.get(self.device, &self.linear.kernel(variant))?;
            let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
            let uniform = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let floats = |count: usize| self.device.buffer("trial", count as u64 * 4, storage);
            let words = |words: [u32; 4]| -> Result<_, GpuError> {
                let buffer = self.device.buffer("trial", 16, uniform)?;
                self.device.write(&buffer, 0, &words);
                Ok(buffer)
            };
            let (x, out) =
                (floats(rows * self.linear.stride)?, floats(rows * self.linear.out_stride)?);
            let step = words([rows as u32, 0, 1, 0])?;
            let place = words([0, self.piece.count as u32, self.piece.tiles as u32, 0])?;
            let mut bound = vec![
                Bound::whole(0, &step),
                Bound::whole(1, &place),
                Bound::whole(Linear::WORDS, &self.piece.words),
                Bound::whole(Linear::X, &x),
                Bound::whole(Linear::OUT, &out),
            ];
            bound.extend(self.piece.numbers(Linear::SCALES, Linear::MINIMUMS));
            let group = bind(self.device, &pipeline, &bound)?;
            let [gx, gy, gz] = variant.groups(self.piece.tiles, rows);
            let mut shortest = Duration::MAX;
            // The first round also pays for what drivers do once.
            for round in 0..=ROUNDS {
                let mut encoder = self.device.raw().create_command_encoder(&Default::default());
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &group, &[]);
                (0..times).for_each(|_| pass.dispatch_workgroups(gx, gy, gz));
                drop(pass);
                let start = Instant::now();
                self.device.run(encoder.finish())?;
                if round > 0 {
                    shortest = shortest.min(start.elapsed());
                }
            }
            all += shortest;
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_fits_into_what_each_device_has() {
        for tuning in Tuning::all() {
            assert_eq!(Tuning::named(tuning.name()), Some(tuning));
            let variants = tuning.variants();
            for (_, Variant { rows, tiles, slices }) in variants {
                assert!(rows * tiles * slices * TILE * 4 <= 16 << 10, "{tuning:?}");
                assert!(slices * TILE <= 256 && tiles.is_multiple_of(TILES_IN_TURN), "{tuning:?}");
                assert_eq!(slices, variants[0].1.slices, "{tuning:?}: rows would not be the same");
            }
            assert!(variants.is_sorted_by_key(|(most, _)| *most) && variants[2].0 == usize::MAX);
        }
    }
}
