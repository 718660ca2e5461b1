//! Takes an encoder's tensors to the data file.

use std::collections::BTreeSet;

use tract_onnx::pb::tensor_proto::DataType;

use super::super::ImportError;
use super::super::data::DataFile;
use super::super::onnx::Graph;
use crate::packages::safetensors::Safetensors;

/// Tensors that the hidden states do not need.
const PASSED_OVER: [&str; 3] =
    ["embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"];
/// How names begin where the encoder is a part of a larger model.
const PREFIX: &str = "bert.";

/// An encoder's tensors on their way.
pub(super) struct Weights<'a> {
    file: &'a Safetensors<'a>,
    data: DataFile,
    prefix: &'static str,
    used: BTreeSet<String>,
    progress: &'a dyn Fn(u64),
    done: u64,
    /// Numbers written so far.
    pub(super) parameters: u64,
}

/// How a matrix is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    AsStored,
    /// Rows become columns.
    Transposed,
}

impl<'a> Weights<'a> {
    pub(super) fn new(
        file: &'a Safetensors<'a>,
        data: DataFile,
        progress: &'a dyn Fn(u64),
    ) -> Self {
        let prefixed = file.names().any(|name| name.starts_with(PREFIX));
        let prefix = if prefixed { PREFIX } else { "" };
        Self { file, data, prefix, used: BTreeSet::new(), progress, done: 0, parameters: 0 }
    }

    /// Writes a vector as an initialiser of its name.
    pub(super) fn vector(
        &mut self,
        graph: &mut Graph,
        name: &str,
        length: usize,
    ) -> Result<String, ImportError> {
        self.write(graph, name, &[length], Layout::AsStored)
    }

    /// Writes a matrix of `[rows, columns]` as an initialiser of its name.
    pub(super) fn matrix(
        &mut self,
        graph: &mut Graph,
        name: &str,
        shape: [usize; 2],
        layout: Layout,
    ) -> Result<String, ImportError> {
        self.write(graph, name, &shape, layout)
    }

    fn write(
        &mut self,
        graph: &mut Graph,
        name: &str,
        shape: &[usize],
        layout: Layout,
    ) -> Result<String, ImportError> {
        let stored = format!("{}{name}", self.prefix);
        let tensor =
            self.file.tensor(&stored).ok_or_else(|| ImportError::MissingTensor(stored.clone()))?;
        if tensor.shape != shape {
            let as_numbers = |shape: &[usize]| shape.iter().map(|&d| d as u64).collect();
            let (found, wanted) = (as_numbers(tensor.shape), as_numbers(shape));
            return Err(ImportError::Shape { tensor: stored, found, wanted });
        }
        let values = tensor.floats().ok_or_else(|| ImportError::TensorType {
            tensor: stored.clone(),
            kind: format!("{:?}", tensor.kind),
            supported: "F32, F16 and BF16",
        })?;
        if values.iter().any(|value| !value.is_finite()) {
            return Err(ImportError::NotFinite { tensor: stored });
        }
        let (values, shape) = match (layout, shape) {
            (Layout::Transposed, &[rows, columns]) => {
                (transposed(&values, rows, columns), vec![columns, rows])
            }
            _ => (values, shape.to_vec()),
        };
        let span = self.data.begin(values.len() as u64 * 4)?;
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.data.append(&bytes)?;
        graph.external(name, DataType::Float, &shape, span);
        self.parameters += values.len() as u64;
        self.done += tensor.data.len() as u64;
        (self.progress)(self.done);
        self.used.insert(stored);
        Ok(name.to_owned())
    }

    /// Refuses tensors that nothing used; returns when everything is on disk.
    pub(super) fn finish(self) -> Result<(), ImportError> {
        let passed_over = |name: &str| {
            name.strip_prefix(self.prefix).is_some_and(|name| PASSED_OVER.contains(&name))
        };
        let mut names = self.file.names();
        if let Some(name) = names.find(|name| !self.used.contains(*name) && !passed_over(name)) {
            let tensor = name.to_owned();
            return Err(ImportError::UnexpectedTensor { tensor, architecture: "bert" });
        }
        self.data.finish()
    }
}

fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(values.len());
    for column in 0..columns {
        turned.extend(values.iter().skip(column).step_by(columns).take(rows));
    }
    turned
}
