//! Operators of ONNX Runtime that optimised exports contain, in terms of others.

use tract_onnx::pb::{NodeProto, TensorProto};

use super::super::build::{self, With};
use super::super::graph::{Edits, Graph, Links, float, input, integer, output};
use super::super::refuse_node;
use super::heads;
use crate::engine::LoadError;

/// Their domain.
pub(super) const DOMAIN: &str = "com.microsoft";

/// Operators that are spelled out here, with the attributes that are honoured, in the form of
/// [`general`](crate::engine::cpu::general)'s tables.
pub(in crate::engine::cpu) const SPELLED: &[(&str, &str)] = &[
    (
        "Attention",
        "num_heads unidirectional=0 qkv_hidden_sizes scale mask_filter_value do_rotary=0",
    ),
    ("DynamicQuantizeMatMul", ""),
    ("EmbedLayerNormalization", "epsilon mask_index_type=*"),
    ("FusedMatMul", "alpha transA=0 transB=0 transBatchA=0 transBatchB=0"),
    ("MatMulIntegerToFloat", ""),
    ("MultiHeadAttention", "num_heads unidirectional=0 scale mask_filter_value"),
    ("QAttention", "num_heads unidirectional=0 scale mask_filter_value do_rotary=0"),
];

/// Spells them out.
pub(super) fn spell_out(graph: &mut Graph) -> Result<(), LoadError> {
    let links = graph.links();
    let mut edits = Edits::default();
    for (at, node) in graph.nodes.iter().enumerate() {
        if node.domain != DOMAIN {
            continue;
        }
        let mut spelling = Spelling::new(&links, node);
        match node.op_type.as_str() {
            "BiasGelu" | "FastGelu" if input(node, 1).is_some() => spelling.biased()?,
            "SkipLayerNormalization" => spelling.skip_norm()?,
            "EmbedLayerNormalization" => spelling.embedding()?,
            "FusedMatMul" => spelling.scaled_product()?,
            "Attention" => heads::packed(&mut spelling)?,
            "QAttention" => heads::quantized(&mut spelling)?,
            "MultiHeadAttention" => heads::separate(&mut spelling)?,
            _ => continue,
        }
        edits.nodes.insert(at, spelling.nodes);
        edits.constants.extend(spelling.constants);
    }
    drop(links);
    graph.apply(edits);
    Ok(())
}

/// Nodes and constants that stand for one node.
pub(super) struct Spelling<'a, 'g> {
    pub(super) links: &'a Links<'g>,
    pub(super) node: &'g NodeProto,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<TensorProto>,
}

impl<'a, 'g> Spelling<'a, 'g> {
    fn new(links: &'a Links<'g>, node: &'g NodeProto) -> Self {
        Self { links, node, nodes: Vec::new(), constants: Vec::new() }
    }

    /// A name of its own for something inside.
    pub(super) fn name(&self, what: &str) -> String {
        format!("{}/{what}", self.node.name)
    }

    /// Adds a node whose output gets the name `what`.
    pub(super) fn add(&mut self, operator: &str, inputs: &[&str], what: &str) -> String {
        let out = self.name(what);
        self.nodes.push(build::node(operator, inputs, &out));
        out
    }

    /// The same with an attribute.
    pub(super) fn add_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        what: &str,
        attribute: tract_onnx::pb::AttributeProto,
    ) -> String {
        let out = self.name(what);
        self.nodes.push(build::node(operator, inputs, &out).with(attribute));
        out
    }

    /// Adds a node that makes what the node made.
    pub(super) fn finish(&mut self, operator: &str, inputs: &[&str]) -> Result<(), LoadError> {
        let out = self.output(0)?;
        self.nodes.push(build::node(operator, inputs, &out));
        Ok(())
    }

    pub(super) fn scalar(&mut self, what: &str, value: f32) -> String {
        let name = self.name(what);
        self.constants.push(build::scalar(&name, value));
        name
    }

    pub(super) fn integers(&mut self, what: &str, values: &[i64]) -> String {
        let name = self.name(what);
        self.constants.push(build::integers(&name, values));
        name
    }

    /// An axis of length 1 at each of these places.
    pub(super) fn unsqueeze(&mut self, x: &str, axes: &[i64], what: &str) -> String {
        if self.links.graph.opset() < 13 {
            let axes = build::integers_attribute("axes", axes);
            return self.add_with("Unsqueeze", &[x], what, axes);
        }
        let axes = self.integers(&format!("{what}/axes"), axes);
        self.add("Unsqueeze", &[x, &axes], what)
    }

    /// Input `at`, which has to be there.
    pub(super) fn input(&self, at: usize) -> Result<&'g str, LoadError> {
        match input(self.node, at) {
            Some(name) => Ok(name),
            None => self.refuse(format!("input {at} is missing")),
        }
    }

    fn output(&self, at: usize) -> Result<String, LoadError> {
        match output(self.node, at) {
            Some(name) => Ok(name.to_owned()),
            None => self.refuse(format!("output {at} is missing")),
        }
    }

    pub(super) fn refuse<T>(&self, why: String) -> Result<T, LoadError> {
        refuse_node(self.node, why)
    }

    /// Refuses outputs from `from` on.
    pub(super) fn only_outputs(&self, from: usize) -> Result<(), LoadError> {
        match (from..self.node.output.len()).find(|&at| output(self.node, at).is_some()) {
            Some(at) => self.refuse(format!("output {at} is not supported")),
            None => Ok(()),
        }
    }

    /// Refuses inputs from `from` on.
    pub(super) fn only_inputs(&self, from: usize) -> Result<(), LoadError> {
        match (from..self.node.input.len()).find(|&at| input(self.node, at).is_some()) {
            Some(at) => self.refuse(format!("input {at} is not supported")),
            None => Ok(()),
        }
    }

    /// `BiasGelu(x, bias)` and `FastGelu(x, bias)`.
    fn biased(&mut self) -> Result<(), LoadError> {
        let (x, bias) = (self.input(0)?, self.input(1)?);
        let sum = self.add("Add", &[x, bias], "biased");
        let operator = if self.node.op_type == "FastGelu" { "FastGelu" } else { "Gelu" };
        self.finish(operator, &[&sum])?;
        if let Some(last) = self.nodes.last_mut() {
            DOMAIN.clone_into(&mut last.domain);
        }
        Ok(())
    }

    /// `x`, normalised.
    fn normalise(&mut self, x: &str, gain: &str, bias: Option<&str>) -> Result<(), LoadError> {
        let inputs: Vec<&str> = [x, gain].into_iter().chain(bias).collect();
        self.finish("LayerNormalization", &inputs)?;
        let epsilon = float(self.node, "epsilon").unwrap_or(1e-12);
        if let Some(last) = self.nodes.last_mut() {
            last.attribute.push(build::float_attribute("epsilon", epsilon));
            last.attribute.push(build::integer_attribute("axis", -1));
        }
        Ok(())
    }

    /// `SkipLayerNormalization(x, skip, gain, beta, bias)`.
    fn skip_norm(&mut self) -> Result<(), LoadError> {
        for at in [1, 2] {
            if output(self.node, at).is_some() {
                return self.refuse(format!("output {at} is not supported"));
            }
        }
        let (x, skip, gain) = (self.input(0)?, self.input(1)?, self.input(2)?);
        let x = match input(self.node, 4) {
            Some(bias) => self.add("Add", &[x, bias], "biased"),
            None => x.to_owned(),
        };
        let sum = output(self.node, 3).map_or_else(|| self.name("sum"), str::to_owned);
        self.nodes.push(build::node("Add", &[&x, skip], &sum));
        self.normalise(&sum, gain, input(self.node, 3))
    }

    /// `EmbedLayerNormalization(ids, segments, words, positions, segment table, gain, bias, mask,
    /// position ids)`.
    fn embedding(&mut self) -> Result<(), LoadError> {
        let (ids, words, table) = (self.input(0)?, self.input(2)?, self.input(3)?);
        let word = self.add("Gather", &[words, ids], "words");
        let place = match input(self.node, 8) {
            Some(places) => self.add("Gather", &[table, places], "places"),
            None => {
                let (zero, one) = (self.integers("first", &[0]), self.integers("second", &[1]));
                let shape = self.add("Shape", &[ids], "shape");
                let tokens = self.add("Gather", &[&shape, &one], "tokens");
                self.add("Slice", &[table, &zero, &tokens, &zero], "places")
            }
        };
        let mut sum = self.add("Add", &[&word, &place], "placed");
        if let (Some(segments), Some(table)) = (input(self.node, 1), input(self.node, 4)) {
            let segment = self.add("Gather", &[table, segments], "segments");
            sum = self.add("Add", &[&sum, &segment], "summed");
        }
        if let Some(out) = output(self.node, 2) {
            self.nodes.push(build::node("Identity", &[&sum], out));
        }
        if let Some(out) = output(self.node, 1) {
            let Some(mask) = input(self.node, 7) else {
                return self.refuse("output 1 without a mask is not supported".to_owned());
            };
            let keep = build::integer_attribute("keepdims", 0);
            let count = if self.links.graph.opset() < 13 {
                let axes = build::integers_attribute("axes", &[1]);
                build::node("ReduceSum", &[mask], out).with(axes)
            } else {
                let axes = self.integers("axes", &[1]);
                build::node("ReduceSum", &[mask, &axes], out)
            };
            self.nodes.push(count.with(keep));
        }
        let (gain, bias) = (self.input(5)?, self.input(6)?);
        self.normalise(&sum, gain, Some(bias))
    }

    /// `FusedMatMul(a, b)` times `alpha`.
    fn scaled_product(&mut self) -> Result<(), LoadError> {
        let (a, b) = (self.input(0)?, self.input(1)?);
        for name in ["transA", "transB", "transBatchA", "transBatchB"] {
            if integer(self.node, name).unwrap_or(0) != 0 {
                return self.refuse(format!("attribute {name} is not supported"));
            }
        }
        let alpha = float(self.node, "alpha").unwrap_or(1.0);
        if alpha == 1.0 {
            return self.finish("MatMul", &[a, b]);
        }
        let product = self.add("MatMul", &[a, b], "product");
        let alpha = self.scalar("alpha", alpha);
        self.finish("Mul", &[&product, &alpha])
    }
}
