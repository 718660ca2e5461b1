//! Takes tensors from the GGUF file to the data file and makes nodes that use them.

mod embedding;
mod linear;
mod numbers;

use tract_onnx::pb::tensor_proto::DataType;

use super::ImportError;
use super::blocks::{BlockType, Packed, ZeroPoints};
use super::data::{DataFile, Span};
use super::onnx::{Attribute, Graph, STANDARD};
use super::rotary::RowOrder;
use crate::packages::gguf::{Gguf, Tensor};
pub(super) use embedding::Head;
use numbers::NumberType;

/// Rearranged bytes are written when this many have come together.
const FLUSH_BYTES: usize = 1 << 20;
const SUPPORTED: &str = "F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K";

/// The weights of a GGUF file on their way.
pub(super) struct Weights<'a> {
    gguf: &'a Gguf<'a>,
    data: DataFile,
    progress: &'a dyn Fn(u64, u64),
    done: u64,
    total: u64,
}

/// Blocks in the data file, with their scales and zero points as initialisers.
#[derive(Debug, Clone)]
struct Blocks {
    kind: BlockType,
    quants: Span,
    scales: String,
    /// None where the operator's default is right.
    zero_points: Option<String>,
}

/// Offsets of a tensor's blocks, as [`Packed`] has them; rows of this shape.
#[derive(Debug)]
struct Offsets {
    shape: [usize; 2],
    zero_points: Vec<f32>,
    minimums: Vec<f32>,
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

    /// All numbers of a small tensor that is not quantised.
    pub(super) fn numbers(&mut self, tensor: &str) -> Result<Vec<f32>, ImportError> {
        let tensor = self.tensor(tensor)?;
        let numbers = NumberType::of_vector(&tensor)?.read(tensor.data());
        if numbers.iter().any(|number| !number.is_finite()) {
            return Err(not_finite(&tensor));
        }
        self.advance(tensor.data().len());
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

    /// Writes a tensor's blocks and scales, and returns the offsets that are yet to be written.
    fn blocks(
        &mut self,
        graph: &mut Graph,
        name: &str,
        kind: BlockType,
        tensor: &Tensor<'_>,
        order: RowOrder,
    ) -> Result<(Blocks, Offsets), ImportError> {
        let (k, n) = matrix(tensor);
        let quants = self.data.begin((n * k * kind.bits() / 8) as u64)?;
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
        let shape = [n, k / kind.group()];
        let scales = format!("{name}.scales");
        self.floats(graph, &scales, &shape, packed.scales.into_iter())?;
        let Packed { zero_points, minimums, .. } = packed;
        let offsets = Offsets { shape, zero_points, minimums };
        Ok((Blocks { kind, quants, scales, zero_points: None }, offsets))
    }

    /// Writes zero points where the operator's default is not right.
    fn zero_points(
        &mut self,
        graph: &mut Graph,
        name: &str,
        blocks: &mut Blocks,
        offsets: Offsets,
    ) -> Result<(), ImportError> {
        let name = format!("{name}.zero_points");
        match blocks.kind.zero_points() {
            ZeroPoints::Middle => return Ok(()),
            ZeroPoints::Whole(point) => self.bytes(graph, &name, &offsets.shape, point)?,
            ZeroPoints::Fractional => {
                self.floats(graph, &name, &offsets.shape, offsets.zero_points.into_iter())?;
            }
        }
        blocks.zero_points = Some(name);
        Ok(())
    }

    /// Writes one byte again and again as the initialiser `name`.
    fn bytes(
        &mut self,
        graph: &mut Graph,
        name: &str,
        shape: &[usize; 2],
        value: u8,
    ) -> Result<(), ImportError> {
        let [rows, columns] = *shape;
        let span = self.data.begin((rows * columns) as u64)?;
        let row = vec![value; columns];
        for _ in 0..rows {
            self.data.append(&row)?;
        }
        graph.external(name, DataType::Uint8, shape, span);
        Ok(())
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
    match BlockType::of(tensor.kind) {
        Some(_) => Ok(()),
        None => NumberType::of_matrix(tensor).map(|_| ()),
    }
}

/// Refuses a vector that is stored in blocks.
pub(super) fn check_vector_type(tensor: &Tensor<'_>) -> Result<(), ImportError> {
    NumberType::of_vector(tensor).map(|_| ())
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

fn type_error(tensor: &Tensor<'_>, supported: &'static str) -> ImportError {
    let (tensor, kind) = (tensor.name.to_owned(), tensor.kind.name());
    ImportError::TensorType { tensor, kind, supported }
}

fn not_finite(tensor: &Tensor<'_>) -> ImportError {
    ImportError::NotFinite { tensor: tensor.name.to_owned() }
}
