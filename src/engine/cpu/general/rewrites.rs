//! Operators that tract has not, or computes otherwise than ONNX says, spelled out in those it has.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// Rewrites nodes of a graph and its bodies.
pub(super) fn rewrite(graph: &mut GraphProto) {
    let mut spelled = Spelled::default();
    for mut node in graph.node.drain(..) {
        let bodies = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
        bodies.for_each(rewrite);
        match node.op_type.as_str() {
            "Celu" => spelled.celu(node),
            "Compress" => spelled.compress(node),
            "Pad" if node.input.get(2).is_some_and(|name| !name.is_empty()) => spelled.pad(node),
            "Swish" => spelled.swish(node),
            "Upsample" if node.input.len() == 2 => spelled.upsample(node),
            _ => spelled.nodes.push(node),
        }
    }
    graph.node = spelled.nodes;
    graph.initializer.append(&mut spelled.stored);
}

#[derive(Default)]
struct Spelled {
    nodes: Vec<NodeProto>,
    stored: Vec<TensorProto>,
}

impl Spelled {
    /// `alpha · Elu(x / alpha)`: above zero that is x, below it is as defined.
    fn celu(&mut self, node: NodeProto) {
        let alpha = self.number(&node, attribute(&node, "alpha").map_or(1.0, |a| a.f));
        let small = self.add(&node, "Div", &[&input(&node, 0), &alpha], None);
        let bent = self.add(&node, "Elu", &[&small], None);
        self.add(&node, "Mul", &[&bent, &alpha], Some(&output(&node)));
    }

    /// `x · Sigmoid(alpha · x)`.
    fn swish(&mut self, node: NodeProto) {
        let alpha = self.number(&node, attribute(&node, "alpha").map_or(1.0, |a| a.f));
        let x = input(&node, 0);
        let steep = self.add(&node, "Mul", &[&x, &alpha], None);
        let gate = self.add(&node, "Sigmoid", &[&steep], None);
        self.add(&node, "Mul", &[&x, &gate], Some(&output(&node)));
    }

    /// Gathers the places where the condition holds.
    fn compress(&mut self, node: NodeProto) {
        let axis = attribute(&node, "axis").map(|a| a.i);
        let places = self.add(&node, "NonZero", &[&input(&node, 1)], None);
        let first = self.integers(&node, &[0]);
        let places = self.add(&node, "Squeeze", &[&places, &first], None);
        let mut x = input(&node, 0);
        if axis.is_none() {
            let flat = self.integers(&node, &[-1]);
            x = self.add(&node, "Reshape", &[&x, &flat], None);
        }
        self.add(&node, "Gather", &[&x, &places], Some(&output(&node)));
        let number = AttributeProto { r#type: 2, i: axis.unwrap_or(0), ..named("axis") };
        self.nodes.last_mut().into_iter().for_each(|made| made.attribute = vec![number.clone()]);
    }

    /// The value to pad with may be an array of one element; tract takes only a number.
    fn pad(&mut self, mut node: NodeProto) {
        let value = self.add(&node, "Squeeze", &[&input(&node, 2)], None);
        node.input.get_mut(2).into_iter().for_each(|name| *name = value.clone());
        self.nodes.push(node);
    }

    /// What Resize was called before.
    fn upsample(&mut self, mut node: NodeProto) {
        node.op_type = "Resize".to_owned();
        node.input.insert(1, String::new());
        let text = |name: &str, value: &str| AttributeProto {
            r#type: 3,
            s: value.as_bytes().to_vec(),
            ..named(name)
        };
        node.attribute.push(text("coordinate_transformation_mode", "asymmetric"));
        node.attribute.push(text("nearest_mode", "floor"));
        self.nodes.push(node);
    }

    /// Adds a node; what it makes is called `made`, or else after the node that is spelled out.
    fn add(&mut self, of: &NodeProto, op: &str, inputs: &[&str], made: Option<&str>) -> String {
        let fresh = format!("{}/{}{}", of.name, op, self.nodes.len());
        let made = made.map_or_else(|| fresh.clone(), str::to_owned);
        self.nodes.push(NodeProto {
            name: fresh,
            op_type: op.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![made.clone()],
            ..Default::default()
        });
        made
    }

    fn number(&mut self, of: &NodeProto, value: f32) -> String {
        self.store(of, Vec::new(), 1, value.to_le_bytes().to_vec())
    }

    fn integers(&mut self, of: &NodeProto, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.store(of, vec![values.len() as i64], 7, bytes)
    }

    fn store(&mut self, of: &NodeProto, dims: Vec<i64>, data_type: i32, raw: Vec<u8>) -> String {
        let name = format!("{}/stored{}", of.name, self.stored.len());
        let tensor = TensorProto {
            name: name.clone(),
            dims,
            data_type,
            raw_data: raw,
            ..Default::default()
        };
        self.stored.push(tensor);
        name
    }
}

fn named(name: &str) -> AttributeProto {
    AttributeProto { name: name.to_owned(), ..Default::default() }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

fn input(node: &NodeProto, at: usize) -> String {
    node.input.get(at).cloned().unwrap_or_default()
}

fn output(node: &NodeProto) -> String {
    node.output.first().cloned().unwrap_or_default()
}
