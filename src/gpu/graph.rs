//! What a decoder computes, as a list of operations whose rows are tokens.

use crate::weights::Weights;

/// A value that operations make and read: rows of so many numbers. Its number is its place in
/// [`Graph::values`].
pub type ValueId = usize;

/// A matrix, by its place in [`Graph::matrices`].
pub type MatrixId = usize;

/// A decoder.
#[derive(Default)]
pub struct Graph<'a> {
    /// Weights.
    pub matrices: Vec<&'a dyn Weights>,
    /// Numbers in a row of each value.
    pub values: Vec<usize>,
    /// In an order in which they can be computed.
    pub operations: Vec<Operation>,
    /// The value that has the logits of wanted rows.
    pub logits: ValueId,
}

/// A step of the computation.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// The row of a matrix that a token names.
    Embed {
        /// Its rows are the vocabulary.
        table: MatrixId,
        /// What it makes.
        out: ValueId,
    },
    /// `x / sqrt(mean(x²) + epsilon) * gain`.
    Norm {
        /// What is normalised.
        x: ValueId,
        /// As many as `x` has numbers.
        gain: Vec<f32>,
        /// Keeps it from dividing by zero.
        epsilon: f32,
        /// What it makes.
        out: ValueId,
    },
    /// Products of a value with weights.
    Linear {
        /// What is multiplied.
        x: ValueId,
        /// What is made of it.
        products: Vec<Product>,
        /// What is added to the only product.
        residual: Option<ValueId>,
    },
    /// Turns queries and keys by their positions, keeps keys and values in their sequences' pages,
    /// and attends to all of them up to the row's own.
    Attend(Attention),
    /// The rows whose logits are wanted.
    Pick {
        /// All rows.
        x: ValueId,
        /// What it makes.
        out: ValueId,
    },
}

/// A product.
#[derive(Debug, Clone, PartialEq)]
pub struct Product {
    /// What with.
    pub matrix: MatrixId,
    /// Where there is one, the result is multiplied by `silu` of the product with this.
    pub gate: Option<MatrixId>,
    /// What is added; as many as the matrix has outputs.
    pub bias: Option<Vec<f32>>,
    /// What it makes.
    pub out: ValueId,
}

/// Attention of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// Queries, keys and values: products of the same operation.
    pub inputs: [ValueId; 3],
    /// From 0 on; one for each.
    pub layer: usize,
    /// Of queries.
    pub heads: usize,
    /// Of keys and values; divides `heads`.
    pub kv_heads: usize,
    /// A multiple of 16.
    pub head_size: usize,
    /// Of products of queries and keys.
    pub scale: f32,
    /// How positions turn heads.
    pub rotary: Option<Rotary>,
    /// What it makes.
    pub out: ValueId,
}

/// Rotary tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Positions × half a head; layers that have the same number share their tables.
    pub table: usize,
    /// Cosines.
    pub cos: std::sync::Arc<Vec<f32>>,
    /// Sines.
    pub sin: std::sync::Arc<Vec<f32>>,
    /// Neighbours are a pair, instead of the halves' equal places.
    pub neighbours: bool,
}
