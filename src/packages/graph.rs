//! What an ONNX graph says of itself, read without running it.

use std::io::Read as _;
use std::path::Path;

use prost::Message as _;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{ModelProto, ValueInfoProto, type_proto};

use super::disk::open_file;
use super::error::{At, PackageError};

/// Bytes of a graph at most: protobuf has no larger messages.
const MAX_GRAPH_BYTES: u64 = 1 << 31;

/// An input or output, as the file declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeclaredPort {
    pub(super) name: String,
    /// Element type, as the Open Inference Protocol calls it.
    pub(super) element: String,
    /// Axes, each a number or a name; `None` where the file does not say how many there are.
    pub(super) dims: Option<Vec<String>>,
}

impl std::fmt::Display for DeclaredPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dims = self.dims.as_ref().map_or("...".to_owned(), |dims| dims.join(", "));
        write!(f, "{} {} [{dims}]", self.name, self.element)
    }
}

/// What a graph says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GraphFacts {
    /// What a request gives.
    pub(super) inputs: Vec<DeclaredPort>,
    /// What it is answered.
    pub(super) outputs: Vec<DeclaredPort>,
    /// Operator sets, by their domain; ONNX's own has none.
    pub(super) opsets: Vec<(String, i64)>,
    /// The program that wrote the file.
    pub(super) producer: String,
    pub(super) nodes: usize,
    /// Numbers in stored tensors.
    pub(super) parameters: u64,
    /// Stored tensors by how often each type of number occurs, the most numbers first.
    pub(super) stored: Vec<(String, u64)>,
}

impl GraphFacts {
    /// Reads the graph in a file.
    pub(super) fn read(path: &Path) -> Result<Self, PackageError> {
        let refuse =
            |why: &str| PackageError::Import { path: path.to_owned(), why: why.to_owned() };
        let mut bytes = Vec::new();
        let file = open_file(path)?;
        file.take(MAX_GRAPH_BYTES + 1).read_to_end(&mut bytes).at("reading", path)?;
        if bytes.len() as u64 > MAX_GRAPH_BYTES {
            return Err(refuse("it is larger than an ONNX graph can be"));
        }
        let proto = ModelProto::decode(bytes.as_slice())
            .map_err(|error| refuse(&format!("it is not a readable ONNX model: {error}")))?;
        Self::of(&proto).ok_or_else(|| refuse("it is not a readable ONNX model: it has no graph"))
    }

    fn of(proto: &ModelProto) -> Option<Self> {
        let graph = proto.graph.as_ref()?;
        let stored = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
        let inputs = graph.input.iter().filter(|input| !stored(&input.name));
        let (mut parameters, mut kinds) = (0_u64, Vec::<(String, u64)>::new());
        // Some exporters keep weights in nodes.
        let constants = graph.node.iter().filter(|node| node.op_type == "Constant");
        let constants = constants.flat_map(|node| &node.attribute).filter_map(|a| a.t.as_ref());
        for tensor in graph.initializer.iter().chain(constants) {
            let elements = tensor.dims.iter().map(|d| u64::try_from(*d).unwrap_or(0));
            let elements = elements.fold(1, u64::saturating_mul);
            parameters = parameters.saturating_add(elements);
            let kind = element(tensor.data_type);
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, count)) => *count = count.saturating_add(elements),
                None => kinds.push((kind, elements)),
            }
        }
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Some(Self {
            inputs: inputs.map(port).collect(),
            outputs: graph.output.iter().map(port).collect(),
            opsets: proto.opset_import.iter().map(|o| (o.domain.clone(), o.version)).collect(),
            producer: format!("{} {}", proto.producer_name, proto.producer_version)
                .trim()
                .to_owned(),
            nodes: graph.node.len(),
            parameters,
            stored: kinds,
        })
    }

    /// Whether this is a decoder with keys and values of earlier tokens among its inputs.
    pub(super) fn is_cached_decoder(&self) -> bool {
        self.may_be_decoder() && self.inputs.iter().any(|input| input.name.starts_with("past"))
    }

    /// Whether this may be a decoder: token numbers in, scores for each of them out.
    pub(super) fn may_be_decoder(&self) -> bool {
        let logits = self.outputs.iter().find(|output| output.name == "logits");
        let each = logits.is_some_and(|l| l.dims.as_ref().is_none_or(|dims| dims.len() == 3));
        each && self.inputs.iter().any(|input| input.name == "input_ids")
    }
}

fn port(info: &ValueInfoProto) -> DeclaredPort {
    let value = info.r#type.as_ref().and_then(|kind| kind.value.as_ref());
    let Some(type_proto::Value::TensorType(tensor)) = value else {
        return DeclaredPort { name: info.name.clone(), element: "?".into(), dims: None };
    };
    let dims = tensor.shape.as_ref().map(|shape| {
        let dims = shape.dim.iter().map(|dim| match &dim.value {
            Some(dimension::Value::DimValue(length)) => length.to_string(),
            Some(dimension::Value::DimParam(name)) if !name.is_empty() => name.clone(),
            _ => "?".to_owned(),
        });
        dims.collect()
    });
    DeclaredPort { name: info.name.clone(), element: element(tensor.elem_type), dims }
}

/// `TensorProto.DataType` as the Open Inference Protocol calls it.
fn element(data_type: i32) -> String {
    let name = match data_type {
        1 => "FP32",
        2 => "UINT8",
        3 => "INT8",
        4 => "UINT16",
        5 => "INT16",
        6 => "INT32",
        7 => "INT64",
        8 => "BYTES",
        9 => "BOOL",
        10 => "FP16",
        11 => "FP64",
        12 => "UINT32",
        13 => "UINT64",
        16 => "BF16",
        other => return format!("type {other}"),
    };
    name.to_owned()
}
