//! Weights as kernels read them.
//!
//! Sixteen outputs are a tile and 32 inputs a block. A block of a tile is its words, output beside
//! output, so that neighbouring invocations read neighbouring memory:
//!
//! `words[tile][block][quad][output]`, each four `u32`, with as many quads as the form has:
//!
//! - [`Width::Four`], one quad: word `g` has the inputs `4g..4g+4` in the low and `16+4g..16+4g+4` in
//!   the high halves of its bytes, without sign;
//! - [`Width::Eight`], two: word `g` of quad `q` has the inputs `16q+4g..16q+4g+4` as signed bytes;
//! - [`Width::Half`], four: word `c` of quad `q` has the inputs `8q+2c` (low) and `8q+2c+1`;
//! - [`Width::Single`], eight: word `c` of quad `q` is the input `4q+c`.
//!
//! Scales, and minimums where there are any, are streams of their own:
//! `numbers[tile][block][part][output]`, floats, or halves of which one word has two outputs' (the
//! even one low). Outputs and inputs beyond the matrix are zeros everywhere.

use std::ops::Range;

/// Outputs of a tile.
pub const TILE: usize = 16;
/// Inputs of a block.
pub const BLOCK: usize = 32;

/// How a weight is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// 0..=15, scaled.
    Four,
    /// -128..=127, scaled.
    Eight,
    /// An IEEE half.
    Half,
    /// A float.
    Single,
}

/// How scales and minimums are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// IEEE halves.
    Half,
    /// Floats.
    Single,
}

/// What makes a held integer the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Offset {
    /// `(q - zero) * scale`.
    Zero(i32),
    /// `q * scale + minimum`.
    Minimum,
}

/// What the words of a matrix mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Form {
    /// How a weight is held.
    pub width: Width,
    /// Of quantised weights: how their scales are held.
    pub numbers: Numbers,
    /// Of quantised weights: what is taken from them.
    pub offset: Offset,
    /// Scales that an output has in a block: 1, or 2 for 16 inputs each.
    pub parts: usize,
}

/// Weights of `y = x · Wᵀ`, which come tile by tile from wherever they are.
pub trait Weights: Sync {
    /// What the words mean.
    fn form(&self) -> Form;
    /// Numbers of a result.
    fn outputs(&self) -> usize;
    /// Numbers of a row.
    fn inputs(&self) -> usize;
    /// Appends these tiles, all blocks of each.
    fn append(&self, tiles: Range<usize>, to: &mut Tiles);
}

/// Tiles of a matrix, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tiles {
    /// Weights.
    pub words: Vec<u32>,
    /// Scales; none where weights are floats.
    pub scales: Vec<u32>,
    /// Minimums; none where the form has one zero.
    pub minimums: Vec<u32>,
}

impl Width {
    /// Quads of a block.
    pub const fn quads(self) -> usize {
        match self {
            Self::Four => 1,
            Self::Eight => 2,
            Self::Half => 4,
            Self::Single => 8,
        }
    }

    /// Whether weights have scales.
    pub const fn quantised(self) -> bool {
        matches!(self, Self::Four | Self::Eight)
    }
}

impl Form {
    /// Words of a block of a tile.
    pub const fn block_words(&self) -> usize {
        self.width.quads() * TILE * 4
    }

    /// Words that the scales of a block of a tile take, or its minimums.
    pub const fn number_words(&self) -> usize {
        if !self.width.quantised() {
            return 0;
        }
        match self.numbers {
            Numbers::Half => self.parts * TILE / 2,
            Numbers::Single => self.parts * TILE,
        }
    }

    /// Words of the largest of a tile's streams.
    pub(crate) fn tile_words(&self, inputs: usize) -> usize {
        inputs.div_ceil(BLOCK) * self.block_words().max(self.number_words())
    }
}
