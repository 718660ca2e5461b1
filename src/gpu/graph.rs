//! What a decoder or an encoder computes, as a list of operations whose rows are tokens.

use crate::weights::Weights;

/// A value that operations make and read: rows of so many numbers. Its number is its place in
/// [`Graph::values`].
pub type ValueId = usize;

/// A matrix, by its place in [`Graph::matrices`].
pub type MatrixId = usize;

/// A decoder, or an encoder.
#[derive(Default)]
pub struct Graph<'a> {
    /// Weights.
    pub matrices: Vec<&'a dyn Weights>,
    /// Numbers in a row of each value.
    pub values: Vec<usize>,
    /// In an order in which they can be computed.
    pub operations: Vec<Operation>,
    /// What can be hidden from an encoder's attention.
    pub masks: Vec<Mask>,
    /// What is read: of a decoder the logits of wanted rows, of an encoder values of all rows.
    pub results: Vec<ValueId>,
}

/// What a mask has numbers for; they are added to scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mask {
    /// For each token of a text, whoever looks at it.
    Keys,
    /// For each token of a text, and each that looks at it: a text's numbers are square.
    Pairs,
}

/// A mask, by its place in [`Graph::masks`].
pub type MaskId = usize;

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
    /// What every run of an encoder brings.
    Feed {
        /// What it is.
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
    /// `(x - mean) / sqrt(variance + epsilon) * gain + bias`.
    LayerNorm {
        /// What is normalised.
        x: ValueId,
        /// As many as `x` has numbers.
        gain: Vec<f32>,
        /// As many, or none.
        bias: Vec<f32>,
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
    /// All tokens of a text attend to all tokens of it that are not hidden.
    Mutual(Mutual),
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
    /// Of what that makes; a residual is added after it.
    pub function: Function,
    /// What it makes.
    pub out: ValueId,
}

/// A function of each number of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Function {
    /// The number itself.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `x * Φ(x)`.
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

/// Attention of an encoder's layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Mutual {
    /// Queries, keys and values.
    pub inputs: [ValueId; 3],
    /// Of each of them.
    pub heads: usize,
    /// A multiple of 4, and at most 256.
    pub head_size: usize,
    /// Of products of queries and keys.
    pub scale: f32,
    /// What is added to them then.
    pub mask: Option<MaskId>,
    /// Whether a token from which everything is hidden, by infinities, gets zeros; else the mean of
    /// all values.
    pub blind_is_zero: bool,
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
