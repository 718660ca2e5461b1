//! Takes tensors from the GGUF file to the data file and makes nodes that use them.

use half::f16;
use tract_onnx::pb::tensor_proto::DataType;

use super::ImportError;
use super::blocks::{self, BLOCK, BlockType, Packed};
use super::data::{DataFile, Span};
use super::onnx::{Attribute, Graph, MICROSOFT, STANDARD};
use super::rotary::RowOrder;
use crate::packages::gguf::{Gguf, Tensor, TensorType};

/// Rearranged bytes are written when this many have come together.
const FLUSH_BYTES: usize = 1 << 20;
const SUPPORTED: &str = "F32, F16, Q8_0, Q4_0 and Q4_1";

/// The weights of a GGUF file on their way.
pub(super) struct Weights<'a> {
    gguf: &'a Gguf<'a>,
    data: DataFile,
    progress: &'a dyn Fn(u64, u64),
    done: u64,
    total: u64,
}

/// An embedding that the head may share.
#[derive(Debug)]
pub(super) enum Embedding {
    /// Blocks that both `GatherBlockQuantized` and `MatMulNBits` read.
    Blocks { kind: BlockType, quants: Span, scales: String },
    /// A table of numbers, a row per token.
    Table { name: String, kind: DataType },
    /// A table made of blocks that only `MatMulNBits` can read.
    Unshared,
}

impl<'a> Weights<'a> {
    pub(super) fn new(gguf: &'a Gguf<'a>, data: DataFile, progress: &'a dyn Fn(u64, u64)) -> Self {
        let total = gguf.tensors().iter().map(|tensor| tensor.data().len() as u64).sum();
        Self { gguf, data, progress, done: 0, total }
    }

    /// Whether the file has this tensor.
    pub(super) fn has(&self, tensor: &str) -> bool {
        self.gguf.tensor(tensor).is_some()
    }

    /// Returns when everything is on disk.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        self.data.finish()
    }

    /// All numbers of a small F32 or F16 tensor.
    pub(super) fn numbers(&mut self, tensor: &str) -> Result<Vec<f32>, ImportError> {
        let tensor = self.tensor(tensor)?;
        let bytes = tensor.data();
        let numbers: Vec<f32> = match tensor.kind {
            TensorType::F32 => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            TensorType::F16 => bytes
                .as_chunks()
                .0
                .iter()
                .map(|bytes| f16::from_le_bytes(*bytes).to_f32())
                .collect(),
            _ => return Err(type_error(&tensor, "F32 and F16")),
        };
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(not_finite(&tensor));
        }
        self.advance(bytes.len());
        Ok(numbers)
    }

    /// Writes f32 values as the initialiser `name`.
    pub(super) fn floats(
        &mut self,
        graph: &mut Graph,
        name: &str,
        shape: &[usize],
        values: impl Iterator<Item = f32>,
    ) -> Result<(), ImportError> {
        let span = self.data.begin(shape.iter().product::<usize>() as u64 * 4)?;
        for value in values {
            self.data.append(&value.to_le_bytes())?;
        }
        graph.external(name, DataType::Float, shape, span);
        Ok(())
    }

    /// A product with a weight matrix, `input · weightᵀ`; returns the name of its result.
    pub(super) fn linear(
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
            let (quants, scales) = self.blocks(graph, &name, kind, &tensor, order)?;
            let matrix = Matrix { kind, quants, scales: &scales, n, k };
            let zero_points = kind.has_zero_points().then(|| format!("{name}.zero_points"));
            return Ok(matmul_n_bits(graph, scope, input, &matrix, zero_points.as_deref()));
        }
        let kind = number_type(&tensor)?;
        let weight = format!("{name}.weight");
        let span = self.transposed(&tensor, order)?;
        graph.external(&weight, kind, &[k, n], span);
        let weight = cast(graph, scope, weight, kind);
        Ok(graph.node(scope, STANDARD, "MatMul", &[input, &weight], &[]))
    }

    /// Rows of a table by token; returns the name of the rows and what the head may share.
    pub(super) fn embedding(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        tokens: &str,
        tensor: &str,
    ) -> Result<(String, Embedding), ImportError> {
        let tensor = self.tensor(tensor)?;
        let name = initialiser(scope);
        let (width, rows) = matrix(&tensor);
        let axis = Attribute::Int("gather_axis", 0);
        match BlockType::of(tensor.kind) {
            Some(kind @ (BlockType::Q8_0 | BlockType::Q4_0)) => {
                let (quants, scales) =
                    self.blocks(graph, &name, kind, &tensor, RowOrder::AsStored)?;
                let weight = format!("{name}.weight_q{}", kind.bits());
                graph.external(&weight, DataType::Uint8, &[rows, width * kind.bits() / 8], quants);
                let attributes = [
                    Attribute::Int("bits", kind.bits() as i64),
                    Attribute::Int("block_size", BLOCK as i64),
                    axis,
                    Attribute::Int("quantize_axis", 1),
                ];
                let inputs = [weight.as_str(), tokens, &scales];
                let found =
                    graph.node(scope, MICROSOFT, "GatherBlockQuantized", &inputs, &attributes);
                Ok((found, Embedding::Blocks { kind, quants, scales }))
            }
            // GatherBlockQuantized has no zero points with a fraction, so the table is numbers.
            Some(kind @ BlockType::Q4_1) => {
                let weight = format!("{name}.weight");
                let span = self.dequantised(&tensor, kind)?;
                graph.external(&weight, DataType::Float, &[rows, width], span);
                let found = gather(graph, scope, &weight, tokens);
                Ok((found, Embedding::Unshared))
            }
            None => {
                let kind = number_type(&tensor)?;
                let weight = format!("{name}.weight");
                let span = self.copied(&tensor)?;
                graph.external(&weight, kind, &[rows, width], span);
                let found = gather(graph, scope, &weight, tokens);
                Ok((cast(graph, scope, found, kind), Embedding::Table { name: weight, kind }))
            }
        }
    }

    /// A product with the embedding; blocks and tables lie in the data file once.
    pub(super) fn tied_head(
        &mut self,
        graph: &mut Graph,
        scope: &str,
        input: &str,
        tensor: &str,
        embedding: &Embedding,
    ) -> Result<String, ImportError> {
        let (k, n) = matrix(&self.tensor(tensor)?);
        match embedding {
            Embedding::Unshared => self.linear(graph, scope, input, tensor, RowOrder::AsStored),
            Embedding::Blocks { kind, quants, scales } => {
                let matrix = Matrix { kind: *kind, quants: *quants, scales, n, k };
                Ok(matmul_n_bits(graph, scope, input, &matrix, None))
            }
            Embedding::Table { name, kind } => {
                let turned = Attribute::Ints("perm", &[1, 0]);
                let weight = graph.node(scope, STANDARD, "Transpose", &[name], &[turned]);
                let weight = cast(graph, scope, weight, *kind);
                Ok(graph.node(scope, STANDARD, "MatMul", &[input, &weight], &[]))
            }
        }
    }

    /// Writes a tensor's blocks, with scales and zero points as initialisers; returns where the
    /// blocks lie and the name of the scales.
    fn blocks(
        &mut self,
        graph: &mut Graph,
        name: &str,
        kind: BlockType,
        tensor: &Tensor<'_>,
        order: RowOrder,
    ) -> Result<(Span, String), ImportError> {
        let (k, n) = matrix(tensor);
        let span = self.data.begin((n * k * kind.bits() / 8) as u64)?;
        let mut packed = Packed::default();
        for row in 0..n {
            let bytes = row_bytes(tensor, order.source(row));
            kind.pack(bytes, &mut packed).map_err(|_| not_finite(tensor))?;
            if packed.quants.len() >= FLUSH_BYTES {
                self.data.append(&packed.quants)?;
                packed.quants.clear();
            }
            self.advance(bytes.len());
        }
        self.data.append(&packed.quants)?;
        let shape = [n, k / BLOCK];
        let scales = format!("{name}.scales");
        self.floats(graph, &scales, &shape, packed.scales.into_iter())?;
        if kind.has_zero_points() {
            let points = packed.zero_points.into_iter();
            self.floats(graph, &format!("{name}.zero_points"), &shape, points)?;
        }
        Ok((span, scales))
    }

    fn dequantised(&mut self, tensor: &Tensor<'_>, kind: BlockType) -> Result<Span, ImportError> {
        let (width, rows) = matrix(tensor);
        let span = self.data.begin((rows * width * 4) as u64)?;
        let mut numbers = Vec::with_capacity(width);
        for row in 0..rows {
            numbers.clear();
            blocks::dequantise(kind, row_bytes(tensor, row), &mut numbers)
                .map_err(|_| not_finite(tensor))?;
            for number in &numbers {
                self.data.append(&number.to_le_bytes())?;
            }
        }
        Ok(span)
    }

    fn copied(&mut self, tensor: &Tensor<'_>) -> Result<Span, ImportError> {
        let span = self.data.begin(tensor.data().len() as u64)?;
        for part in tensor.data().chunks(FLUSH_BYTES) {
            check_finite(tensor, part)?;
            self.data.append(part)?;
            self.advance(part.len());
        }
        Ok(span)
    }

    /// Writes columns as rows, a few at a time: MatMul wants the inner dimension first.
    fn transposed(&mut self, tensor: &Tensor<'_>, order: RowOrder) -> Result<Span, ImportError> {
        let (k, n) = matrix(tensor);
        let element = tensor.data().len() / (k * n);
        let span = self.data.begin(tensor.data().len() as u64)?;
        let columns_at_once = (FLUSH_BYTES / (n * element)).max(16);
        let mut turned = Vec::new();
        for from in (0..k).step_by(columns_at_once) {
            let columns = columns_at_once.min(k - from);
            turned.clear();
            turned.resize(columns * n * element, 0);
            for row in 0..n {
                let bytes = row_bytes(tensor, order.source(row));
                let part = bytes.get(from * element..(from + columns) * element);
                let part = part.unwrap_or_default();
                check_finite(tensor, part)?;
                let places = turned.chunks_exact_mut(element).skip(row).step_by(n);
                for (place, value) in places.zip(part.chunks_exact(element)) {
                    place.copy_from_slice(value);
                }
            }
            self.data.append(&turned)?;
            self.advance(turned.len());
        }
        Ok(span)
    }

    fn tensor(&self, name: &str) -> Result<Tensor<'a>, ImportError> {
        let tensor = self.gguf.tensor(name);
        tensor.copied().ok_or_else(|| ImportError::MissingTensor(name.to_owned()))
    }

    fn advance(&mut self, bytes: usize) {
        self.done += bytes as u64;
        (self.progress)(self.done.min(self.total), self.total);
    }
}

/// Refuses a matrix that is stored in a way without an ONNX form.
pub(super) fn check_matrix_type(tensor: &Tensor<'_>) -> Result<(), ImportError> {
    if BlockType::of(tensor.kind).is_some() { Ok(()) } else { number_type(tensor).map(|_| ()) }
}

struct Matrix<'a> {
    kind: BlockType,
    quants: Span,
    scales: &'a str,
    n: usize,
    k: usize,
}

fn matmul_n_bits(
    graph: &mut Graph,
    scope: &str,
    input: &str,
    matrix: &Matrix<'_>,
    zero_points: Option<&str>,
) -> String {
    let Matrix { kind, quants, scales, n, k } = *matrix;
    let weight = format!("{}.weight_q{}", initialiser(scope), kind.bits());
    let shape = [n, k / BLOCK, BLOCK * kind.bits() / 8];
    graph.external(&weight, DataType::Uint8, &shape, quants);
    let mut inputs = vec![input, &weight, scales];
    inputs.extend(zero_points);
    let attributes = [
        Attribute::Int("K", k as i64),
        Attribute::Int("N", n as i64),
        Attribute::Int("bits", kind.bits() as i64),
        Attribute::Int("block_size", BLOCK as i64),
    ];
    graph.node(scope, MICROSOFT, "MatMulNBits", &inputs, &attributes)
}

fn gather(graph: &mut Graph, scope: &str, table: &str, tokens: &str) -> String {
    graph.node(scope, STANDARD, "Gather", &[table, tokens], &[Attribute::Int("axis", 0)])
}

fn cast(graph: &mut Graph, scope: &str, value: String, from: DataType) -> String {
    if from == DataType::Float {
        return value;
    }
    let to = Attribute::Int("to", i64::from(i32::from(DataType::Float)));
    graph.node(scope, STANDARD, "Cast", &[&value], &[to])
}

/// `/model/layers.0/attn/q_proj` holds initialisers `model.layers.0.attn.q_proj.…`.
fn initialiser(scope: &str) -> String {
    scope.trim_start_matches('/').replace('/', ".")
}

/// Inner and outer dimension: neighbours of a row, number of rows.
fn matrix(tensor: &Tensor<'_>) -> (usize, usize) {
    let dimension = |i: usize| tensor.dimensions().get(i).map_or(1, |&d| d as usize);
    (dimension(0), dimension(1))
}

fn row_bytes<'a>(tensor: &Tensor<'a>, row: usize) -> &'a [u8] {
    let (_, rows) = matrix(tensor);
    let width = tensor.data().len() / rows;
    tensor.data().get(row * width..(row + 1) * width).unwrap_or_default()
}

fn number_type(tensor: &Tensor<'_>) -> Result<DataType, ImportError> {
    match tensor.kind {
        TensorType::F32 => Ok(DataType::Float),
        TensorType::F16 => Ok(DataType::Float16),
        _ => Err(type_error(tensor, SUPPORTED)),
    }
}

fn check_finite(tensor: &Tensor<'_>, bytes: &[u8]) -> Result<(), ImportError> {
    // All ones in the exponent is infinite or not a number.
    let fault = match tensor.kind {
        TensorType::F32 => {
            let exponent = 0x7f80_0000;
            bytes.as_chunks().0.iter().any(|b| u32::from_le_bytes(*b) & exponent == exponent)
        }
        _ => bytes.as_chunks().0.iter().any(|b| u16::from_le_bytes(*b) & 0x7c00 == 0x7c00),
    };
    if fault { Err(not_finite(tensor)) } else { Ok(()) }
}

fn type_error(tensor: &Tensor<'_>, supported: &'static str) -> ImportError {
    let (tensor, kind) = (tensor.name.to_owned(), tensor.kind.name());
    ImportError::TensorType { tensor, kind, supported }
}

fn not_finite(tensor: &Tensor<'_>) -> ImportError {
    ImportError::NotFinite { tensor: tensor.name.to_owned() }
}
