//! A graph as the passes see it: nodes in order, constants and ports by name.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{
    ModelProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto, type_proto,
};

/// A graph under surgery. Nodes are in an order in which each stands after what it needs.
pub(super) struct Graph {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) inputs: Vec<ValueInfoProto>,
    /// Names that leave the graph.
    pub(super) outputs: Vec<String>,
    pub(super) opsets: Vec<OperatorSetIdProto>,
    /// Where external data lies.
    pub(super) folder: PathBuf,
    initializers: Vec<TensorProto>,
    by_name: HashMap<String, usize>,
}

impl Graph {
    /// Takes nodes, constants and inputs out of a model, of which `outputs` are wanted.
    pub(super) fn take(model: &mut ModelProto, folder: &Path, outputs: Vec<String>) -> Self {
        let graph = model.graph.get_or_insert_default();
        let mut taken = Self {
            nodes: std::mem::take(&mut graph.node),
            inputs: std::mem::take(&mut graph.input),
            outputs,
            opsets: model.opset_import.clone(),
            folder: folder.to_owned(),
            initializers: Vec::new(),
            by_name: HashMap::new(),
        };
        for tensor in std::mem::take(&mut graph.initializer) {
            taken.define(tensor);
        }
        // Old files list constants as inputs too; as such they would look like something to feed.
        taken.inputs.retain(|input| !taken.by_name.contains_key(&input.name));
        taken
    }

    /// Puts everything back.
    pub(super) fn put_back(self, model: &mut ModelProto) {
        let graph = model.graph.get_or_insert_default();
        graph.node = self.nodes;
        graph.initializer = self.initializers;
        graph.input = self.inputs;
    }

    /// Version of ONNX's own operators.
    pub(super) fn opset(&self) -> i64 {
        let own = |set: &&OperatorSetIdProto| set.domain.is_empty() || set.domain == "ai.onnx";
        self.opsets.iter().find(own).map_or(1, |set| set.version)
    }

    /// Adds a constant, or replaces the one of that name.
    pub(super) fn define(&mut self, tensor: TensorProto) {
        match self.by_name.get(&tensor.name).and_then(|&at| self.initializers.get_mut(at)) {
            Some(old) => *old = tensor,
            None => {
                self.by_name.insert(tensor.name.clone(), self.initializers.len());
                self.initializers.push(tensor);
            }
        }
    }

    /// Takes `name` from the outputs of the node that makes it, for a constant to have it.
    pub(super) fn withdraw(&mut self, name: &str) {
        for output in self.nodes.iter_mut().flat_map(|node| &mut node.output) {
            if output == name {
                output.clear();
            }
        }
    }

    /// Makes a stored constant unknown under its name; it goes when nothing needs it.
    pub(super) fn forget(&mut self, name: &str) {
        self.by_name.remove(name);
        self.initializers.retain(|tensor| tensor.name != name);
        self.index();
    }

    fn index(&mut self) {
        let tensors = self.initializers.iter().enumerate();
        self.by_name = tensors.map(|(at, tensor)| (tensor.name.clone(), at)).collect();
    }

    /// The stored constant of that name.
    pub(super) fn initializer(&self, name: &str) -> Option<&TensorProto> {
        self.by_name.get(name).and_then(|&at| self.initializers.get(at))
    }

    /// All stored constants.
    pub(super) fn initializers(&self) -> impl Iterator<Item = &TensorProto> {
        self.initializers.iter()
    }

    /// All stored constants, to be changed in place but for their names.
    pub(super) fn initializers_mut(&mut self) -> &mut [TensorProto] {
        &mut self.initializers
    }

    /// Whether `name` leaves the graph.
    pub(super) fn is_output(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output == name)
    }

    /// Whether the graph asks for `name` from outside.
    pub(super) fn is_input(&self, name: &str) -> bool {
        self.inputs.iter().any(|input| input.name == name)
    }

    /// Who makes what, and who needs it, as the nodes are now.
    pub(super) fn links(&self) -> Links<'_> {
        Links::of(self)
    }

    /// Replaces nodes by their place in [`Self::nodes`].
    pub(super) fn apply(&mut self, edits: Edits) {
        for tensor in edits.constants {
            self.define(tensor);
        }
        let mut replaced = edits.nodes;
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes.reserve(nodes.len());
        for (at, node) in nodes.into_iter().enumerate() {
            match replaced.remove(&at) {
                Some(nodes) => self.nodes.extend(nodes),
                None => self.nodes.push(node),
            }
        }
    }

    /// Drops nodes and constants from which no path leads to an output.
    pub(super) fn keep_what_is_needed(&mut self) {
        keep_what_is_needed(&mut self.nodes, &mut self.initializers, &self.outputs);
        self.index();
    }
}

/// Drops nodes and constants from which no path leads to an output.
pub(super) fn keep_what_is_needed(
    nodes: &mut Vec<NodeProto>,
    constants: &mut Vec<TensorProto>,
    wanted: &[String],
) {
    let outputs = nodes.iter().enumerate().flat_map(|(at, node)| {
        node.output.iter().filter(|name| !name.is_empty()).map(move |name| (name.as_str(), at))
    });
    let producers: HashMap<&str, usize> = outputs.collect();
    let mut needed = HashSet::new();
    let mut live = HashSet::new();
    let mut open: Vec<&str> = wanted.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if !needed.insert(name.to_owned()) {
            continue;
        }
        if let Some(&at) = producers.get(name) {
            live.insert(at);
            open.extend(nodes.get(at).into_iter().flat_map(inputs));
        }
    }
    let mut at = 0;
    nodes.retain(|_| {
        at += 1;
        live.contains(&(at - 1))
    });
    constants.retain(|tensor| needed.contains(&tensor.name));
}

/// What a pass wants changed.
#[derive(Default)]
pub(super) struct Edits {
    /// By place, what stands there instead.
    pub(super) nodes: HashMap<usize, Vec<NodeProto>>,
    pub(super) constants: Vec<TensorProto>,
}

/// Whether what a tensor is computed from includes what only gave it a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shapes {
    Included,
    Ignored,
}

/// Producers, consumers and constants of a graph.
pub(super) struct Links<'g> {
    pub(super) graph: &'g Graph,
    producers: HashMap<&'g str, usize>,
    consumers: HashMap<&'g str, Vec<usize>>,
    constants: HashSet<&'g str>,
}

impl<'g> Links<'g> {
    fn of(graph: &'g Graph) -> Self {
        let mut producers = HashMap::new();
        let mut consumers: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut constants: HashSet<&str> =
            graph.initializers.iter().map(|t| t.name.as_str()).collect();
        for (at, node) in graph.nodes.iter().enumerate() {
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                producers.insert(output.as_str(), at);
            }
            for input in inputs(node) {
                consumers.entry(input).or_default().push(at);
            }
            if inputs(node).all(|input| constants.contains(input)) {
                constants.extend(node.output.iter().map(String::as_str));
            }
        }
        Self { graph, producers, consumers, constants }
    }

    /// The node that makes `name`, and its place.
    pub(super) fn producer(&self, name: &str) -> Option<(usize, &'g NodeProto)> {
        let &at = self.producers.get(name)?;
        Some((at, self.graph.nodes.get(at)?))
    }

    /// The node that makes `name`, where it is one of `operators`.
    pub(super) fn made_by(&self, name: &str, operators: &[&str]) -> Option<&'g NodeProto> {
        let (_, node) = self.producer(name)?;
        operators.contains(&node.op_type.as_str()).then_some(node)
    }

    /// The nodes that need `name`, with their places.
    pub(super) fn consumers(&self, name: &str) -> impl Iterator<Item = (usize, &'g NodeProto)> {
        let places = self.consumers.get(name).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|&at| Some((at, self.graph.nodes.get(at)?)))
    }

    /// The one node that needs `name`, those that only ask for its shape left aside; `None` where
    /// it also leaves the graph.
    pub(super) fn consumer(&self, name: &str) -> Option<(usize, &'g NodeProto)> {
        if self.graph.is_output(name) {
            return None;
        }
        let mut all = self.consumers(name).filter(|(_, node)| node.op_type != "Shape");
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// Whether `name` depends on no input of the graph.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains(name)
    }

    /// Shape of a constant, looked up through what keeps or turns it.
    pub(super) fn constant_shape(&self, name: &str) -> Option<Vec<usize>> {
        if let Some(tensor) = self.graph.initializer(name) {
            return tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        }
        let keeping = ["Transpose", "Reshape", "Cast", "Identity", "DequantizeLinear"];
        let node = self.made_by(name, &keeping)?;
        let shape = self.constant_shape(input(node, 0)?)?;
        match node.op_type.as_str() {
            "Transpose" => match integers(node, "perm") {
                Some(order) => {
                    order.iter().map(|&axis| shape.get(axis as usize).copied()).collect()
                }
                None => Some(shape.into_iter().rev().collect()),
            },
            "Reshape" => {
                let wanted = super::evaluate::list(self, input(node, 1)?)?;
                reshaped(&shape, &wanted)
            }
            _ => Some(shape),
        }
    }

    /// Everything that `name` is computed from: inputs of the graph, and names at which to `stop`.
    /// Constants are left out.
    pub(super) fn sources<'n>(
        &self,
        name: &'n str,
        shapes: Shapes,
        stop: impl Fn(&str) -> bool,
    ) -> Vec<&'n str>
    where
        'g: 'n,
    {
        let (mut seen, mut open, mut found) = (HashSet::new(), vec![name], Vec::new());
        while let Some(name) = open.pop() {
            if !seen.insert(name) || self.is_constant(name) {
                continue;
            }
            match self.producer(name) {
                _ if stop(name) => found.push(name),
                None => found.push(name),
                Some((_, node)) if node.op_type == "Shape" && shapes == Shapes::Ignored => {}
                Some((_, node)) => open.extend(inputs(node)),
            }
        }
        found
    }
}

/// What `Reshape` makes of a shape: 0 keeps a dimension, -1 takes what is left.
fn reshaped(shape: &[usize], wanted: &[i64]) -> Option<Vec<usize>> {
    let all: usize = shape.iter().product();
    let given = wanted.iter().enumerate().filter(|(_, dim)| **dim != -1);
    let kept = |at: usize, dim: i64| match dim {
        0 => shape.get(at).copied(),
        dim => usize::try_from(dim).ok(),
    };
    let product = given.map(|(at, &dim)| kept(at, dim)).product::<Option<usize>>()?;
    let rest = all.checked_div(product)?;
    let dims = wanted.iter().enumerate();
    dims.map(|(at, &dim)| if dim == -1 { Some(rest) } else { kept(at, dim) }).collect()
}

/// The inputs of a node that are there.
pub(super) fn inputs(node: &NodeProto) -> impl Iterator<Item = &str> {
    node.input.iter().map(String::as_str).filter(|name| !name.is_empty())
}

/// Input `at` of a node, where it has one.
pub(super) fn input(node: &NodeProto, at: usize) -> Option<&str> {
    node.input.get(at).map(String::as_str).filter(|name| !name.is_empty())
}

/// Output `at` of a node, where it has one.
pub(super) fn output(node: &NodeProto, at: usize) -> Option<&str> {
    node.output.get(at).map(String::as_str).filter(|name| !name.is_empty())
}

/// An attribute that is one integer.
pub(super) fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.i)
}

/// An attribute that is a list of integers.
pub(super) fn integers<'n>(node: &'n NodeProto, name: &str) -> Option<&'n [i64]> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.ints.as_slice())
}

/// An attribute that is one float.
pub(super) fn float(node: &NodeProto, name: &str) -> Option<f32> {
    node.attribute.iter().find(|a| a.name == name).map(|a| a.f)
}

/// Type and dimensions of a port; a dimension is `None` where it is not a number.
pub(super) fn port(port: &ValueInfoProto) -> Option<(i32, Vec<Option<usize>>)> {
    let type_proto::Value::TensorType(tensor) = port.r#type.as_ref()?.value.as_ref()?;
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| match dim.value {
        Some(dimension::Value::DimValue(value)) => usize::try_from(value).ok(),
        _ => None,
    });
    Some((tensor.elem_type, dims.collect()))
}

/// Gives a port's last dimension a number.
pub(super) fn set_last_dimension(port: &mut ValueInfoProto, size: usize) {
    let Some(type_proto::Value::TensorType(tensor)) =
        port.r#type.as_mut().and_then(|kind| kind.value.as_mut())
    else {
        return;
    };
    if let Some(last) = tensor.shape.as_mut().and_then(|shape| shape.dim.last_mut()) {
        last.value = Some(dimension::Value::DimValue(size as i64));
    }
}
