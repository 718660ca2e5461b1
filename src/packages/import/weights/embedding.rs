//! The table of tokens, and the head that may share it.

use tract_onnx::pb::tensor_proto::DataType;

use super::linear::matmul_n_bits;
use super::numbers::NumberType;
use super::{Blocks, Weights, cast, initialiser, matrix};
use crate::packages::gguf::Tensor;
use crate::packages::import::ImportError;
use crate::packages::import::blocks::{BlockType, ZeroPoints};
use crate::packages::import::onnx::{Attribute, Graph, MICROSOFT, STANDARD};
use crate::packages::import::rotary::RowOrder;

/// An embedding that the head may share.
#[derive(Debug)]
pub(in super::super) struct Embedding(Form);

#[derive(Debug)]
enum Form {
    /// Blocks that both `GatherBlockQuantized` and `MatMulNBits` read.
    Blocks(Blocks),
    /// A table of numbers, a row per token.
    Table { name: String, kind: DataType },
}

/// What makes logits of the last state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Head {
    /// A matrix of its own.
    Own,
    /// The embedding.
    Tied,
}

impl Weights<'_> {
    /// Rows of a table by token; returns the name of the rows and what a tied head shares.
    pub(in super::super) fn embedding(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        tokens: &str,
        tensor: &str,
        head: Head,
    ) -> Result<(String, Embedding), ImportError> {
        let tensor = self.tensor(tensor)?;
        let name = initialiser(scope);
        let shape = matrix(&tensor);
        let Some(kind) = BlockType::of(tensor.kind) else {
            return self.number_table(graph, scope, tokens, &tensor);
        };
        let (mut blocks, mut offsets) =
            self.blocks(graph, &name, kind, &tensor, RowOrder::AsStored)?;
        if kind.zero_points() != ZeroPoints::Fractional {
            self.zero_points(graph, &name, &mut blocks, offsets)?;
            let found = gather_blocks(graph, scope, tokens, &blocks, shape);
            return Ok((found, Embedding(Form::Blocks(blocks))));
        }
        let minimums = std::mem::take(&mut offsets.minimums);
        let minimums = Minimums { values: minimums, shape: offsets.shape };
        let found = self.with_minimums(graph, scope, tokens, &blocks, minimums)?;
        if head == Head::Tied {
            self.zero_points(graph, &name, &mut blocks, offsets)?;
        }
        Ok((found, Embedding(Form::Blocks(blocks))))
    }

    fn number_table(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        tokens: &str,
        tensor: &Tensor<'_>,
    ) -> Result<(String, Embedding), ImportError> {
        let (width, rows) = matrix(tensor);
        let name = format!("{}.weight", initialiser(scope));
        let kind = NumberType::of_matrix(tensor)?;
        let span = self.copied(tensor, kind)?;
        let kind = kind.written();
        graph.external(&name, kind, &[rows, width], span);
        let found = gather(graph, scope, &name, tokens);
        let found = cast(graph, scope, found, kind);
        Ok((found, Embedding(Form::Table { name, kind })))
    }

    /// `GatherBlockQuantized` has no zero points with a fraction, so it is told that they are 0,
    /// and the minimums are gathered and added to their blocks.
    fn with_minimums(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        tokens: &str,
        blocks: &Blocks,
        minimums: Minimums,
    ) -> Result<String, ImportError> {
        let name = initialiser(scope);
        let [rows, groups] = minimums.shape;
        let group = blocks.kind.group();
        let zeros = format!("{name}.zeros");
        self.bytes(graph, &zeros, &[rows, (groups * blocks.kind.bits()).div_ceil(8)], 0)?;
        let scaled = Blocks { zero_points: Some(zeros), ..blocks.clone() };
        let scaled = gather_blocks(graph, scope, tokens, &scaled, (groups * group, rows));
        let table = format!("{name}.minimums");
        self.floats(graph, &table, &minimums.shape, minimums.values.into_iter())?;

        let scope = format!("{scope}/minimums");
        let (split, joined) = (format!("{name}.split"), format!("{name}.joined"));
        graph.integers(&split, &[4], &[0, 0, groups as i64, group as i64]);
        graph.integers(&joined, &[3], &[0, 0, (groups * group) as i64]);
        graph.integers("last_axis", &[1], &[-1]);
        let minimums = gather(graph, &scope, &table, tokens);
        let minimums = graph.node(&scope, STANDARD, "Unsqueeze", &[&minimums, "last_axis"], &[]);
        let parts = format!("{scope}/blocks");
        let parts = graph.node(&parts, STANDARD, "Reshape", &[&scaled, &split], &[]);
        let sum = graph.node(&scope, STANDARD, "Add", &[&parts, &minimums], &[]);
        Ok(graph.node(&scope, STANDARD, "Reshape", &[&sum, &joined], &[]))
    }

    /// A product with the embedding; blocks and tables lie in the data file once.
    pub(in super::super) fn tied_head(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        input: &str,
        tensor: &str,
        embedding: &Embedding,
    ) -> Result<String, ImportError> {
        match &embedding.0 {
            Form::Blocks(blocks) => {
                let shape = matrix(&self.tensor(tensor)?);
                Ok(matmul_n_bits(graph, scope, input, blocks, shape))
            }
            Form::Table { name, kind } => {
                let turned = Attribute::Ints("perm", &[1, 0]);
                let weight = graph.node(scope, STANDARD, "Transpose", &[name], &[turned]);
                let weight = cast(graph, scope, weight, *kind);
                Ok(graph.node(scope, STANDARD, "MatMul", &[input, &weight], &[]))
            }
        }
    }
}

/// What is added to the blocks of each row.
struct Minimums {
    values: Vec<f32>,
    /// Rows and blocks of a row.
    shape: [usize; 2],
}

fn gather_blocks(
    graph: &mut Graph,
    scope: &str,
    tokens: &str,
    blocks: &Blocks,
    (width, rows): (usize, usize),
) -> String {
    let bits = blocks.kind.bits();
    let weight = format!("{}.weight_q{bits}", initialiser(scope));
    graph.external(&weight, DataType::Uint8, &[rows, width * bits / 8], blocks.quants);
    let mut inputs = vec![weight.as_str(), tokens, &blocks.scales];
    inputs.extend(blocks.zero_points.as_deref());
    let attributes = [
        Attribute::Int("bits", bits as i64),
        Attribute::Int("block_size", blocks.kind.group() as i64),
        Attribute::Int("gather_axis", 0),
        Attribute::Int("quantize_axis", 1),
    ];
    graph.node(scope, MICROSOFT, "GatherBlockQuantized", &inputs, &attributes)
}

fn gather(graph: &mut Graph, scope: &str, table: &str, tokens: &str) -> String {
    graph.node(scope, STANDARD, "Gather", &[table, tokens], &[Attribute::Int("axis", 0)])
}
