//! Values of a graph's constants, stored in the graph or in files beside it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use half::{bf16, f16};
use tract_onnx::pb::{GraphProto, NodeProto, TensorProto};

/// `TensorProto.DataType` of what weights are stored in.
mod data_type {
    pub(super) const FLOAT: i32 = 1;
    pub(super) const UINT8: i32 = 2;
    pub(super) const INT8: i32 = 3;
    pub(super) const INT32: i32 = 6;
    pub(super) const FLOAT16: i32 = 10;
    pub(super) const BFLOAT16: i32 = 16;
}

/// The constants of a graph by name. Their lengths were checked before.
pub(super) struct Tensors<'a> {
    stored: HashMap<&'a str, &'a TensorProto>,
    /// Nodes that give a constant another form, by their output.
    views: HashMap<&'a str, View<'a>>,
    folder: &'a Path,
}

struct View<'a> {
    input: &'a str,
    turns: bool,
}

impl<'a> Tensors<'a> {
    pub(super) fn of(graph: &'a GraphProto, folder: &'a Path) -> Self {
        let mut stored: HashMap<_, _> =
            graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut views = HashMap::new();
        for node in &graph.node {
            let Some(output) = node.output.first() else { continue };
            if let Some(value) = constant(node) {
                stored.insert(output, value);
            } else if let Some(view) = view(node) {
                views.insert(output.as_str(), view);
            }
        }
        Self { stored, views, folder }
    }

    /// The stored tensor behind a name, whatever nodes only give it another form.
    pub(super) fn source(&self, name: &str) -> String {
        self.follow(name).0.to_owned()
    }

    /// Whether its axes are exchanged on the way from the stored tensor.
    pub(super) fn is_turned(&self, name: &str) -> Result<bool, String> {
        let (source, turned) = self.follow(name);
        self.stored(source)?;
        Ok(turned)
    }

    fn follow(&self, name: &str) -> (&str, bool) {
        let (mut at, mut turned) = (name, false);
        // A graph has no cycles, but this one was not checked for them yet.
        for _ in 0..self.views.len() {
            let Some(view) = self.views.get(at) else { break };
            turned ^= view.turns;
            at = view.input;
        }
        (self.stored.get_key_value(at).map_or("", |(name, _)| name), turned)
    }

    /// Whether there is such a stored tensor.
    pub(super) fn has(&self, name: &str) -> bool {
        self.stored.contains_key(name)
    }

    fn stored(&self, name: &str) -> Result<&'a TensorProto, String> {
        let (name, _) = self.follow(name);
        self.stored.get(name).copied().ok_or_else(|| "its weights are not constants".to_owned())
    }

    /// Axes of the stored tensor.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>, String> {
        let dims = &self.stored(name)?.dims;
        Ok(dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect())
    }

    /// Whether it holds bytes without sign.
    pub(super) fn is_bytes(&self, name: &str) -> Result<bool, String> {
        Ok(self.stored(name)?.data_type == data_type::UINT8)
    }

    /// Whether it holds floats of any kind.
    pub(super) fn is_float(&self, name: &str) -> Result<bool, String> {
        use data_type::{BFLOAT16, FLOAT, FLOAT16};
        Ok([FLOAT, FLOAT16, BFLOAT16].contains(&self.stored(name)?.data_type))
    }

    /// Values of a tensor of bytes, with or without sign.
    pub(super) fn bytes(&self, name: &str) -> Result<Cow<'a, [u8]>, String> {
        let tensor = self.stored(name)?;
        match tensor.data_type {
            data_type::UINT8 | data_type::INT8 if tensor.int32_data.is_empty() => self.raw(tensor),
            data_type::UINT8 | data_type::INT8 => {
                Ok(tensor.int32_data.iter().map(|&value| value as u8).collect())
            }
            other => Err(format!("{} has data type {other}; bytes are expected", tensor.name)),
        }
    }

    /// Values of a tensor of numbers.
    pub(super) fn floats(&self, name: &str) -> Result<Vec<f32>, String> {
        let tensor = self.stored(name)?;
        let half = |bits: &[u8; 2]| f16::from_le_bytes(*bits).to_f32();
        let brain = |bits: &[u8; 2]| bf16::from_le_bytes(*bits).to_f32();
        if !tensor.float_data.is_empty() {
            return Ok(tensor.float_data.clone());
        }
        let small = tensor.int32_data.iter();
        let typed = !tensor.int32_data.is_empty();
        let raw = if typed { Cow::default() } else { self.raw(tensor)? };
        Ok(match (tensor.data_type, typed) {
            (data_type::FLOAT, _) => {
                raw.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            (data_type::FLOAT16, false) => raw.as_chunks().0.iter().map(half).collect(),
            (data_type::FLOAT16, true) => small.map(|v| half(&(*v as u16).to_le_bytes())).collect(),
            (data_type::BFLOAT16, false) => raw.as_chunks().0.iter().map(brain).collect(),
            (data_type::BFLOAT16, true) => {
                small.map(|v| brain(&(*v as u16).to_le_bytes())).collect()
            }
            (data_type::UINT8, false) => raw.iter().map(|&v| f32::from(v)).collect(),
            (data_type::INT8, false) => raw.iter().map(|&v| f32::from(v.cast_signed())).collect(),
            (data_type::INT32, false) => {
                raw.as_chunks().0.iter().map(|bytes| i32::from_le_bytes(*bytes) as f32).collect()
            }
            (data_type::UINT8 | data_type::INT8 | data_type::INT32, true) => {
                small.map(|&v| v as f32).collect()
            }
            (other, _) => {
                return Err(format!("{} has data type {other}; numbers are expected", tensor.name));
            }
        })
    }

    fn raw(&self, tensor: &'a TensorProto) -> Result<Cow<'a, [u8]>, String> {
        let entry =
            |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| &*e.value);
        let Some(location) = entry("location") else { return Ok(Cow::from(&tensor.raw_data)) };
        let number = |key| entry(key).and_then(|value| value.parse::<u64>().ok());
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.folder.join(location))?;
            file.seek(SeekFrom::Start(number("offset").unwrap_or(0)))?;
            let mut bytes = Vec::new();
            match number("length") {
                Some(length) => file.take(length).read_to_end(&mut bytes)?,
                None => file.read_to_end(&mut bytes)?,
            };
            Ok(bytes)
        };
        read().map(Cow::from).map_err(|error| format!("reading {location}: {error}"))
    }
}

fn constant(node: &NodeProto) -> Option<&TensorProto> {
    let value = |node: &'_ NodeProto| node.attribute.iter().position(|a| a.name == "value");
    (node.op_type == "Constant").then(|| node.attribute.get(value(node)?)?.t.as_ref())?
}

/// What a node that only gives its input another form does.
fn view(node: &NodeProto) -> Option<View<'_>> {
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name == name);
    let turns = match node.op_type.as_str() {
        "Identity" => false,
        "Cast" if attribute("to").is_some_and(|to| to.i == i64::from(data_type::FLOAT)) => false,
        "Transpose" => match attribute("perm").map(|perm| perm.ints.as_slice()) {
            None | Some([1, 0]) => true,
            Some([0, 1]) => false,
            Some(_) => return None,
        },
        _ => return None,
    };
    Some(View { input: node.input.first()?, turns })
}
