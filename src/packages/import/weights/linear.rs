//! Products with weight matrices.

use tract_onnx::pb::tensor_proto::DataType;

use super::numbers::NumberType;
use super::{Blocks, Weights, cast, initialiser, matrix};
use crate::packages::import::ImportError;
use crate::packages::import::blocks::BlockType;
use crate::packages::import::onnx::{Attribute, Graph, MICROSOFT, STANDARD};
use crate::packages::import::rotary::RowOrder;

impl Weights<'_> {
    /// A product with a weight matrix, `input · weightᵀ`; returns the name of its result.
    pub(in super::super) fn linear(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        input: &str,
        tensor: &str,
        order: RowOrder,
    ) -> Result<String, ImportError> {
        let tensor = self.tensor(tensor)?;
        let name = initialiser(scope);
        let (k, n) = matrix(&tensor);
        if let Some(kind) = BlockType::of(tensor.kind) {
            let (mut blocks, offsets) = self.blocks(graph, &name, kind, &tensor, order)?;
            self.zero_points(graph, &name, &mut blocks, offsets)?;
            return Ok(matmul_n_bits(graph, scope, input, &blocks, (k, n)));
        }
        let kind = NumberType::of_matrix(&tensor)?;
        let weight = format!("{name}.weight");
        let span = self.transposed(&tensor, kind, order)?;
        graph.external(&weight, kind.written(), &[k, n], span);
        let weight = cast(graph, scope, weight, kind.written());
        Ok(graph.node(scope, STANDARD, "MatMul", &[input, &weight], &[]))
    }

    /// `input + bias`, the bias in the order of the product's rows.
    pub(in super::super) fn biased(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        input: &str,
        tensor: &str,
        order: RowOrder,
    ) -> Result<String, ImportError> {
        let stored = self.numbers(tensor)?;
        let rows = (0..stored.len()).map(|row| stored.get(order.source(row)).copied());
        let name = format!("{}.bias", initialiser(scope));
        self.floats(graph, &name, &[stored.len()], rows.map(Option::unwrap_or_default))?;
        Ok(graph.node(scope, STANDARD, "Add", &[input, &name], &[]))
    }
}

/// The node, for a matrix of `k` inputs and `n` outputs.
pub(super) fn matmul_n_bits(
    graph: &mut Graph,
    scope: &str,
    input: &str,
    blocks: &Blocks,
    (k, n): (usize, usize),
) -> String {
    let (bits, group) = (blocks.kind.bits(), blocks.kind.group());
    let weight = format!("{}.weight_q{bits}", initialiser(scope));
    graph.external(&weight, DataType::Uint8, &[n, k / group, group * bits / 8], blocks.quants);
    let mut inputs = vec![input, &weight, &blocks.scales];
    inputs.extend(blocks.zero_points.as_deref());
    let attributes = [
        Attribute::Int("K", k as i64),
        Attribute::Int("N", n as i64),
        Attribute::Int("bits", bits as i64),
        Attribute::Int("block_size", group as i64),
    ];
    graph.node(scope, MICROSOFT, "MatMulNBits", &inputs, &attributes)
}
