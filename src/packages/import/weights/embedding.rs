//! The table of tokens, and the head that may share it.

use tract_onnx::pb::tensor_proto::DataType;

use super::linear::matmul_n_bits;
use super::numbers::NumberType;
use super::{Blocks, Weights, cast, initialiser, matrix};
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
    /// A table made of blocks that only `MatMulNBits` can read.
    Unshared,
}

impl Weights<'_> {
    /// Rows of a table by token; returns the name of the rows and what the head may share.
    pub(in super::super) fn embedding(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        tokens: &str,
        tensor: &str,
    ) -> Result<(String, Embedding), ImportError> {
        let tensor = self.tensor(tensor)?;
        let name = initialiser(scope);
        let (width, rows) = matrix(&tensor);
        let weight = format!("{name}.weight");
        let Some(kind) = BlockType::of(tensor.kind) else {
            let kind = NumberType::of_matrix(&tensor)?;
            let span = self.copied(&tensor, kind)?;
            let kind = kind.written();
            graph.external(&weight, kind, &[rows, width], span);
            let found = gather(graph, scope, &weight, tokens);
            let found = cast(graph, scope, found, kind);
            return Ok((found, Embedding(Form::Table { name: weight, kind })));
        };
        // GatherBlockQuantized has no zero points with a fraction, so the table is numbers.
        if kind.zero_points() == ZeroPoints::Fractional {
            let span = self.dequantised(&tensor, kind)?;
            graph.external(&weight, DataType::Float, &[rows, width], span);
            return Ok((gather(graph, scope, &weight, tokens), Embedding(Form::Unshared)));
        }
        let blocks = self.blocks(graph, &name, kind, &tensor, RowOrder::AsStored)?;
        let found = gather_blocks(graph, scope, tokens, &blocks, (width, rows));
        Ok((found, Embedding(Form::Blocks(blocks))))
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
            Form::Unshared => self.linear(graph, scope, input, tensor, RowOrder::AsStored),
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
