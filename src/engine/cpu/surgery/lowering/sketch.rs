//! Nodes written one after another.

use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto};

use crate::engine::cpu::surgery::build::{self, With};

/// Nodes and constants of one spelled-out operator, their names begun with its own.
pub(super) struct Sketch {
    prefix: String,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
}

impl Sketch {
    pub(super) fn of(node: &NodeProto) -> Self {
        Self { prefix: node.name.clone(), nodes: Vec::new(), constants: Vec::new() }
    }

    /// Adds a node and tells its output's name.
    pub(super) fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.with(operator, inputs, [])
    }

    /// The same with attributes.
    pub(super) fn with<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: [AttributeProto; N],
    ) -> String {
        let output = format!("{}/endcap_{}", self.prefix, self.nodes.len());
        self.named(operator, inputs, &output, attributes)
    }

    /// The same with an output's name.
    pub(super) fn named<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: [AttributeProto; N],
    ) -> String {
        let node = build::node(operator, inputs, output);
        self.nodes.push(attributes.into_iter().fold(node, With::with));
        output.to_owned()
    }

    /// Splits into two halves along an axis.
    pub(super) fn halves(&mut self, x: &str, axis: i64, half: usize) -> [String; 2] {
        let sizes = [(0, half), (half, 2 * half)];
        sizes.map(|(from, to)| {
            let (from, to) = (self.integers(&[from as i64]), self.integers(&[to as i64]));
            let axis = self.integers(&[axis]);
            self.op("Slice", &[x, &from, &to, &axis])
        })
    }

    /// A constant list of integers.
    pub(super) fn integers(&mut self, values: &[i64]) -> String {
        let name = self.constant_name();
        self.constants.push(build::integers(&name, values));
        name
    }

    /// A constant integer.
    pub(super) fn integer(&mut self, value: i64) -> String {
        let name = self.constant_name();
        let dims = vec![];
        self.constants.push(TensorProto { dims, ..build::integers(&name, &[value]) });
        name
    }

    /// A constant number.
    pub(super) fn number(&mut self, value: f32) -> String {
        let name = self.constant_name();
        self.constants.push(build::scalar(&name, value));
        name
    }

    fn constant_name(&self) -> String {
        format!("{}/endcap_constant_{}", self.prefix, self.constants.len())
    }

    /// Lays rows of `heads` heads out as heads × tokens × head size.
    pub(super) fn heads(&mut self, rows: &str, heads: i64) -> String {
        let shape = self.integers(&[0, 0, heads, -1]);
        let apart = self.op("Reshape", &[rows, &shape]);
        self.with("Transpose", &[&apart], [build::integers_attribute("perm", &[0, 2, 1, 3])])
    }

    /// Lays heads out as rows again, under the name `out`.
    pub(super) fn rows(&mut self, heads: &str, out: &str) {
        let turned =
            self.with("Transpose", &[heads], [build::integers_attribute("perm", &[0, 2, 1, 3])]);
        let shape = self.integers(&[0, 0, -1]);
        self.named("Reshape", &[&turned, &shape], out, []);
    }

    /// Dimension `axis` of `x` as a number.
    pub(super) fn dimension(&mut self, x: &str, axis: i64) -> String {
        let shape = self.op("Shape", &[x]);
        let axis = self.integer(axis);
        self.with("Gather", &[&shape, &axis], [build::integer_attribute("axis", 0)])
    }

    /// Scores of queries and keys, both by heads; a scale of 0 is one over the root of the head size.
    pub(super) fn scores(&mut self, q: &str, k: &str, scale: f32) -> String {
        let turned =
            self.with("Transpose", &[k], [build::integers_attribute("perm", &[0, 1, 3, 2])]);
        let products = self.op("MatMul", &[q, &turned]);
        if scale != 0.0 {
            let scale = self.number(scale);
            return self.op("Mul", &[&products, &scale]);
        }
        let size = self.dimension(q, 3);
        let size = self.with("Cast", &[&size], [build::integer_attribute("to", 1)]);
        let root = self.op("Sqrt", &[&size]);
        self.op("Div", &[&products, &root])
    }

    /// Weights from scores, and the weighted sum of values.
    pub(super) fn weighted(&mut self, scores: &str, v: &str) -> String {
        let weights = self.with("Softmax", &[scores], [build::integer_attribute("axis", -1)]);
        self.op("MatMul", &[&weights, v])
    }
}
