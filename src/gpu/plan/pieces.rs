//! Weights on the device, in pieces that a kernel can see whole.

use std::collections::HashMap;
use std::sync::Arc;

use super::has_minimums;
use crate::GpuError;
use crate::device::{Buffer, Device};
use crate::graph::{Graph, MatrixId};
use crate::kernels::Bound;
use crate::weights::{Form, TILE, Tiles, Weights};

/// Bytes that are on their way to the device at most.
const UNDER_WAY: usize = 64 << 20;

/// Matrices whose tiles take turns: a product and its gate.
pub(crate) const TILES_IN_TURN: usize = 2;

/// Some tiles of a matrix, or of several that were made one.
#[derive(Clone)]
pub(crate) struct Piece {
    pub(crate) form: Form,
    pub(crate) inputs: usize,
    pub(crate) tiles: usize,
    /// The first output it makes, and how many.
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) words: Arc<Buffer>,
    scales: Option<Arc<Buffer>>,
    minimums: Option<Arc<Buffer>>,
}

impl Piece {
    /// Its scales and minimums at their bindings.
    pub(crate) fn numbers(&self, scales: usize, minimums: usize) -> Vec<Bound<'_>> {
        let both = [(scales, self.scales.as_deref()), (minimums, self.minimums.as_deref())];
        both.into_iter().filter_map(|(at, buffer)| Some(Bound::whole(at, buffer?))).collect()
    }
}

/// All pieces, by what they are made of.
#[derive(Default)]
pub(crate) struct Matrices {
    made: HashMap<(Vec<MatrixId>, bool), Arc<Vec<Piece>>>,
    under_way: usize,
}

impl Matrices {
    /// The pieces of these matrices one below the other, or of two whose tiles take turns.
    pub(crate) fn pieces(
        &mut self,
        device: &Device,
        graph: &Graph<'_>,
        ids: &[MatrixId],
        in_turn: bool,
    ) -> Result<Arc<Vec<Piece>>, GpuError> {
        let key = (ids.to_vec(), in_turn);
        if let Some(pieces) = self.made.get(&key) {
            return Ok(Arc::clone(pieces));
        }
        let of = |id: &MatrixId| {
            let matrix = graph.matrices.get(*id).copied();
            matrix.ok_or_else(|| GpuError::Internal(format!("there is no matrix {id}")))
        };
        let stack = Stack { of: ids.iter().map(of).collect::<Result<_, _>>()?, in_turn };
        let pieces = Arc::new(self.upload(device, &stack)?);
        self.made.insert(key, Arc::clone(&pieces));
        Ok(pieces)
    }

    fn upload(&mut self, device: &Device, stack: &Stack<'_>) -> Result<Vec<Piece>, GpuError> {
        let (form, inputs) = stack.shape()?;
        let tile_bytes = form.tile_words(inputs) as u64 * 4;
        // Tiles that take turns stay together.
        let at_once = if stack.in_turn { TILES_IN_TURN } else { 1 };
        let most = (device.binding_bytes() / tile_bytes) as usize / at_once * at_once;
        if most == 0 {
            let why = format!("{inputs} inputs are more than the device sees of a buffer");
            return Err(GpuError::Unsupported(why));
        }
        let (all, outputs) = (stack.tiles(), stack.outputs());
        let mut pieces = Vec::new();
        for first_tile in (0..all).step_by(most) {
            let tiles = most.min(all - first_tile);
            let mut content = Tiles::default();
            stack.append(first_tile, tiles, &mut content);
            let first = first_tile / at_once * TILE;
            let count = (tiles / at_once * TILE).min(outputs - first);
            let own = |words: &[u32], there: bool| match there {
                true => device.upload("weights", words).map(|buffer| Some(Arc::new(buffer))),
                false => Ok(None),
            };
            let words = Arc::new(device.upload("weights", &content.words)?);
            let scales = own(&content.scales, form.width.quantised())?;
            let minimums = own(&content.minimums, has_minimums(&form))?;
            self.under_way += tiles * tile_bytes as usize;
            pieces.push(Piece { form, inputs, tiles, first, count, words, scales, minimums });
            if self.under_way > UNDER_WAY {
                device.settle()?;
                self.under_way = 0;
            }
        }
        Ok(pieces)
    }
}

/// Matrices that are one on the device.
struct Stack<'a> {
    of: Vec<&'a dyn Weights>,
    in_turn: bool,
}

impl Stack<'_> {
    fn shape(&self) -> Result<(Form, usize), GpuError> {
        let shape = |matrix: &&dyn Weights| (matrix.form(), matrix.inputs());
        let mut shapes = self.of.iter().map(shape);
        let first = shapes.next();
        match first.filter(|first| shapes.all(|shape| shape == *first)) {
            Some(first) => Ok(first),
            None => Err(GpuError::Unsupported("a gate of another form than its product".into())),
        }
    }

    fn tiles(&self) -> usize {
        self.of.iter().map(|matrix| matrix.outputs().div_ceil(TILE)).sum()
    }

    /// Outputs that its tiles make.
    fn outputs(&self) -> usize {
        let mut all = self.of.iter().map(|matrix| matrix.outputs());
        if self.in_turn { all.next().unwrap_or(0) } else { all.sum() }
    }

    fn append(&self, first: usize, count: usize, to: &mut Tiles) {
        for tile in first..first + count {
            let matrices = self.of.len();
            if self.in_turn {
                if let Some(matrix) = self.of.get(tile % matrices) {
                    matrix.append(tile / matrices..tile / matrices + 1, to);
                }
                continue;
            }
            let mut own = tile;
            for matrix in &self.of {
                let tiles = matrix.outputs().div_ceil(TILE);
                if own < tiles {
                    matrix.append(own..own + 1, to);
                    break;
                }
                own -= tiles;
            }
        }
    }
}
