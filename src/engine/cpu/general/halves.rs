//! Graphs of half and brain floats computed in single floats: no kernel here is made for halves, and
//! tract has no brain floats at all.
//!
//! Inputs and outputs keep their type for whoever asks; see [`Narrow`].

use std::path::Path;

use half::{bf16, f16};
use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto, type_proto};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::element_wise::ElementWiseIntoHir;
use tract_onnx::tract_hir::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};

use crate::engine::LoadError;

const SINGLE: i32 = DataType::Float as i32;
/// Name of the node that rounds singles to what a narrower type can hold.
const ROUND: &str = "EndcapRound";

/// Types that are computed in single floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::engine::cpu) enum Narrow {
    Half,
    Brain,
}

impl Narrow {
    pub(in crate::engine::cpu) fn of(data_type: i32) -> Option<Self> {
        match DataType::try_from(data_type) {
            Ok(DataType::Float16) => Some(Self::Half),
            Ok(DataType::Bfloat16) => Some(Self::Brain),
            _ => None,
        }
    }

    pub(in crate::engine::cpu) fn widen(self, bytes: [u8; 2]) -> f32 {
        match self {
            Self::Half => f16::from_le_bytes(bytes).to_f32(),
            Self::Brain => bf16::from_le_bytes(bytes).to_f32(),
        }
    }

    pub(in crate::engine::cpu) fn narrow(self, value: f32) -> [u8; 2] {
        match self {
            Self::Half => f16::from_f32(value).to_le_bytes(),
            Self::Brain => bf16::from_f32(value).to_le_bytes(),
        }
    }
}

/// Widens stored tensors, types and casts of a graph and its bodies.
pub(super) fn widen(graph: &mut GraphProto, folder: &Path) -> Result<(), LoadError> {
    for tensor in &mut graph.initializer {
        widen_tensor(tensor, folder)?;
    }
    for info in graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info) {
        let value = info.r#type.as_mut().and_then(|t| t.value.as_mut());
        if let Some(type_proto::Value::TensorType(tensor)) = value
            && Narrow::of(tensor.elem_type).is_some()
        {
            tensor.elem_type = SINGLE;
        }
    }
    let mut nodes = Vec::with_capacity(graph.node.len());
    for mut node in graph.node.drain(..) {
        let rounds = widen_node(&mut node, folder)?;
        nodes.push(node);
        nodes.extend(rounds);
    }
    graph.node = nodes;
    Ok(())
}

/// A cast to a narrow type becomes one to single floats and a rounding behind it.
fn widen_node(node: &mut NodeProto, folder: &Path) -> Result<Option<NodeProto>, LoadError> {
    let mut rounding = None;
    for attribute in &mut node.attribute {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            widen_tensor(tensor, folder)?;
        }
        for body in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            widen(body, folder)?;
        }
        let narrow = i32::try_from(attribute.i).ok().and_then(Narrow::of);
        let types = ["to", "dtype", "output_datatype"];
        if let Some(narrow) = narrow
            && types.contains(&attribute.name.as_str())
        {
            attribute.i = SINGLE.into();
            rounding = Some(narrow);
        }
    }
    let Some(narrow) = rounding.filter(|_| node.op_type == "Cast") else { return Ok(None) };
    let Some(output) = node.output.first_mut() else { return Ok(None) };
    let wide = format!("{output}/wide");
    let made = std::mem::replace(output, wide.clone());
    let brain = AttributeProto {
        name: "brain".into(),
        r#type: 2,
        i: i64::from(narrow == Narrow::Brain),
        ..Default::default()
    };
    Ok(Some(NodeProto {
        name: format!("{}/round", node.name),
        op_type: ROUND.into(),
        input: vec![wide],
        output: vec![made],
        attribute: vec![brain],
        ..Default::default()
    }))
}

fn widen_tensor(tensor: &mut TensorProto, folder: &Path) -> Result<(), LoadError> {
    let Some(narrow) = Narrow::of(tensor.data_type) else { return Ok(()) };
    let wide = |bytes: &[u8]| -> Vec<u8> {
        let pairs = bytes.as_chunks::<2>().0.iter();
        pairs.flat_map(|pair| narrow.widen(*pair).to_le_bytes()).collect()
    };
    let entries = |tensor: &TensorProto| -> Vec<u8> {
        tensor.int32_data.iter().flat_map(|&bits| (bits as u16).to_le_bytes()).collect()
    };
    tensor.raw_data = if !tensor.external_data.is_empty() {
        wide(&external(tensor, folder)?)
    } else if tensor.raw_data.is_empty() {
        wide(&entries(tensor))
    } else {
        wide(&tensor.raw_data)
    };
    tensor.int32_data.clear();
    tensor.external_data.clear();
    tensor.data_location = None;
    tensor.data_type = SINGLE;
    Ok(())
}

/// The bytes of a tensor in a file beside the graph; that they are there has been checked.
fn external(tensor: &TensorProto, folder: &Path) -> Result<Vec<u8>, LoadError> {
    use std::io::{Read, Seek, SeekFrom};
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key);
    let number = |key: &str| entry(key).and_then(|entry| entry.value.parse::<u64>().ok());
    let path = folder.join(entry("location").map_or("", |entry| &entry.value));
    let elements: u64 = tensor.dims.iter().map(|&dim| dim.unsigned_abs()).product();
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = std::fs::File::open(&path)?;
        file.seek(SeekFrom::Start(number("offset").unwrap_or(0)))?;
        let mut bytes = Vec::new();
        file.take(2 * elements).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|source| LoadError::Read { path: path.clone(), source })
}

/// Makes tract know the rounding.
pub(super) fn register(onnx: &mut Onnx) {
    fn round(
        _: &ParsingContext,
        node: &NodeProto,
    ) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
        let brain = node.get_attr_opt::<i64>("brain")?.unwrap_or(0) != 0;
        let narrow = if brain { Narrow::Brain } else { Narrow::Half };
        Ok((ElementWiseOp(Box::new(Round(narrow)), None).into_hir(), vec![]))
    }
    onnx.op_register.insert(ROUND, round);
}

/// Rounds single floats to what a narrower type can hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Round(Narrow);

impl ElementWiseMiniOp for Round {
    fn name(&self) -> String {
        ROUND.into()
    }

    fn operating_datum_type(&self, _: DatumType) -> DatumType {
        f32::datum_type()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        let mut view = tensor.try_as_plain_ram_mut()?;
        for value in view.as_slice_mut::<f32>()? {
            *value = self.0.widen(self.0.narrow(*value));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_halves_become_singles_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> =
            [1.5, -2.0].iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
        std::fs::write(folder.path().join("w.bin"), [&[9, 9][..], &bytes].concat()).unwrap();
        let entry = |key: &str, value: &str| tract_onnx::pb::StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        let tensor = |tensor| TensorProto { dims: vec![2], data_type: 16, ..tensor };
        let external_data = vec![entry("location", "w.bin"), entry("offset", "2")];
        let int32_data =
            [1.5, -2.0].iter().map(|v| i32::from(bf16::from_f32(*v).to_bits())).collect();
        let stored = [
            TensorProto { external_data, data_location: Some(1), ..Default::default() },
            TensorProto { raw_data: bytes, ..Default::default() },
            TensorProto { int32_data, ..Default::default() },
        ];
        let initializer = stored.into_iter().map(tensor).collect();
        let mut graph = GraphProto { initializer, ..Default::default() };
        widen(&mut graph, folder.path()).unwrap();
        let wide: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        for tensor in graph.initializer {
            assert_eq!((tensor.data_type, &tensor.raw_data), (SINGLE, &wide));
            assert!(tensor.external_data.is_empty() && tensor.data_location.is_none());
        }
    }
}
