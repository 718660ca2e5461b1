//! The graph of a BERT encoder, in ONNX's own operators.

use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::super::ImportError;
use super::super::onnx::{Attribute, Dim, Graph, STANDARD};
use super::config::Config;
use super::weights::{Layout, Weights};

/// Added to the score of what is padding: the lowest there is, as the models were trained with.
const MASKED: f32 = f32::MIN;

/// Writes all weights and returns the graph that uses them: `input_ids`, `attention_mask` and
/// `token_type_ids` (INT64, `[batch, sequence]`) in, `last_hidden_state` (FP32, `[batch, sequence,
/// hidden]`) out.
pub(super) fn build(config: &Config, weights: &mut Weights<'_>) -> Result<ModelProto, ImportError> {
    let mut builder = Builder { config, weights, graph: Graph::default() };
    builder.ports();
    builder.constants();
    let mask = builder.mask();
    let mut hidden = builder.embeddings()?;
    for layer in 0..config.num_hidden_layers {
        hidden = builder.attention(layer, &hidden, &mask)?;
        hidden = builder.feed_forward(layer, &hidden)?;
    }
    builder.graph.rename_output(&hidden, "last_hidden_state");
    Ok(builder.graph.into_model("bert", &[("architecture", "bert".to_owned())]))
}

struct Builder<'a, 'w> {
    config: &'a Config,
    weights: &'a mut Weights<'w>,
    graph: Graph,
}

impl Builder<'_, '_> {
    fn ports(&mut self) {
        let (batch, tokens) = (Dim::Named("batch"), Dim::Named("sequence"));
        for name in ["input_ids", "attention_mask", "token_type_ids"] {
            self.graph.input(name, DataType::Int64, &[batch, tokens]);
        }
        let shape = [batch, tokens, Dim::Fixed(self.config.hidden_size)];
        self.graph.output("last_hidden_state", DataType::Float, &shape);
    }

    fn constants(&mut self) {
        let c = self.config;
        let (heads, width) = (c.num_attention_heads as i64, c.head_width() as i64);
        let graph = &mut self.graph;
        graph.integers("zero", &[1], &[0]);
        graph.integers("mask_axes", &[2], &[1, 2]);
        graph.integers("apart", &[4], &[0, 0, heads, width]);
        graph.integers("together", &[3], &[0, 0, c.hidden_size as i64]);
        graph.float("one", 1.0);
        graph.float("half", 0.5);
        graph.float("masked", MASKED);
        graph.float("root_of_two", std::f32::consts::SQRT_2);
        graph.float("root_of_width", (c.head_width() as f64).sqrt() as f32);
    }

    /// What is added to the scores: 0, or [`MASKED`] for padding; `[batch, 1, 1, sequence]`.
    fn mask(&mut self) -> String {
        let graph = &mut self.graph;
        let scope = "/mask";
        let to_float = [Attribute::Int("to", i64::from(i32::from(DataType::Float)))];
        let mask = ["attention_mask", "mask_axes"];
        let mask = graph.node(scope, STANDARD, "Unsqueeze", &mask, &[]);
        let mask = graph.node(scope, STANDARD, "Cast", &[&mask], &to_float);
        let padding = graph.node(scope, STANDARD, "Sub", &["one", &mask], &[]);
        graph.node(scope, STANDARD, "Mul", &[&padding, "masked"], &[])
    }

    fn embeddings(&mut self) -> Result<String, ImportError> {
        let c = self.config;
        let mut table = |part: &str, rows: usize| {
            let name = format!("embeddings.{part}_embeddings.weight");
            self.weights.matrix(&mut self.graph, &name, [rows, c.hidden_size], Layout::AsStored)
        };
        let words = table("word", c.vocab_size)?;
        let types = table("token_type", c.type_vocab_size)?;
        let positions = table("position", c.max_position_embeddings)?;
        let graph = &mut self.graph;
        let words = graph.node("/embeddings/word", STANDARD, "Gather", &[&words, "input_ids"], &[]);
        let types = [types.as_str(), "token_type_ids"];
        let types = graph.node("/embeddings/token_type", STANDARD, "Gather", &types, &[]);
        let scope = "/embeddings/position";
        let tokens = [Attribute::Int("start", 1), Attribute::Int("end", 2)];
        let tokens = graph.node(scope, STANDARD, "Shape", &["input_ids"], &tokens);
        let slice = [positions.as_str(), "zero", &tokens, "zero"];
        let positions = graph.node(scope, STANDARD, "Slice", &slice, &[]);
        let sum = graph.node("/embeddings/token_type", STANDARD, "Add", &[&words, &types], &[]);
        let sum = graph.node("/embeddings/position", STANDARD, "Add", &[&sum, &positions], &[]);
        self.norm("embeddings.LayerNorm", &sum)
    }

    fn norm(&mut self, name: &str, input: &str) -> Result<String, ImportError> {
        let c = self.config;
        let weight = format!("{name}.weight");
        let weight = self.weights.vector(&mut self.graph, &weight, c.hidden_size)?;
        let bias = format!("{name}.bias");
        let bias = self.weights.vector(&mut self.graph, &bias, c.hidden_size)?;
        let attributes =
            [Attribute::Int("axis", -1), Attribute::Float("epsilon", c.layer_norm_eps)];
        let inputs = [input, &weight, &bias];
        Ok(self.graph.node(&scope(name), STANDARD, "LayerNormalization", &inputs, &attributes))
    }

    /// A product with a matrix of `outer` rows of `inner` weights each, and its bias.
    fn linear(
        &mut self,
        name: &str,
        input: &str,
        [outer, inner]: [usize; 2],
    ) -> Result<String, ImportError> {
        let matrix = format!("{name}.weight");
        let shape = [outer, inner];
        let matrix = self.weights.matrix(&mut self.graph, &matrix, shape, Layout::Transposed)?;
        let bias = format!("{name}.bias");
        let bias = self.weights.vector(&mut self.graph, &bias, outer)?;
        let scope = scope(name);
        let product = self.graph.node(&scope, STANDARD, "MatMul", &[input, &matrix], &[]);
        Ok(self.graph.node(&scope, STANDARD, "Add", &[&product, &bias], &[]))
    }

    /// Queries, keys or values: `[batch, heads, sequence, width]`, the last two swapped for keys.
    fn heads(&mut self, name: &str, input: &str) -> Result<String, ImportError> {
        let order: &'static [i64] =
            if name.ends_with("key") { &[0, 2, 3, 1] } else { &[0, 2, 1, 3] };
        let hidden = self.config.hidden_size;
        let product = self.linear(name, input, [hidden, hidden])?;
        let scope = scope(name);
        let apart = self.graph.node(&scope, STANDARD, "Reshape", &[&product, "apart"], &[]);
        let order = [Attribute::Ints("perm", order)];
        Ok(self.graph.node(&scope, STANDARD, "Transpose", &[&apart], &order))
    }

    fn attention(&mut self, layer: usize, hidden: &str, mask: &str) -> Result<String, ImportError> {
        let name = format!("encoder.layer.{layer}.attention");
        let query = self.heads(&format!("{name}.self.query"), hidden)?;
        let key = self.heads(&format!("{name}.self.key"), hidden)?;
        let value = self.heads(&format!("{name}.self.value"), hidden)?;
        let graph = &mut self.graph;
        let scores = scope(&format!("{name}.scores"));
        let product = graph.node(&scores, STANDARD, "MatMul", &[&query, &key], &[]);
        let scaled = graph.node(&scores, STANDARD, "Div", &[&product, "root_of_width"], &[]);
        let masked = graph.node(&scores, STANDARD, "Add", &[&scaled, mask], &[]);
        let last = [Attribute::Int("axis", -1)];
        let shares = graph.node(&scores, STANDARD, "Softmax", &[&masked], &last);
        let context = scope(&format!("{name}.context"));
        let attended = graph.node(&context, STANDARD, "MatMul", &[&shares, &value], &[]);
        let order = [Attribute::Ints("perm", &[0, 2, 1, 3])];
        let turned = graph.node(&context, STANDARD, "Transpose", &[&attended], &order);
        let joined = graph.node(&context, STANDARD, "Reshape", &[&turned, "together"], &[]);
        let width = self.config.hidden_size;
        self.output(&format!("{name}.output"), &joined, hidden, width)
    }

    fn feed_forward(&mut self, layer: usize, hidden: &str) -> Result<String, ImportError> {
        let (outer, inner) = (self.config.intermediate_size, self.config.hidden_size);
        let name = format!("encoder.layer.{layer}");
        let wide = self.linear(&format!("{name}.intermediate.dense"), hidden, [outer, inner])?;
        let wide = self.gelu(&scope(&format!("{name}.intermediate.gelu")), &wide);
        self.output(&format!("{name}.output"), &wide, hidden, outer)
    }

    /// x/2 (1 + erf(x/√2)).
    fn gelu(&mut self, scope: &str, input: &str) -> String {
        let graph = &mut self.graph;
        let scaled = graph.node(scope, STANDARD, "Div", &[input, "root_of_two"], &[]);
        let erf = graph.node(scope, STANDARD, "Erf", &[&scaled], &[]);
        let raised = graph.node(scope, STANDARD, "Add", &[&erf, "one"], &[]);
        let product = graph.node(scope, STANDARD, "Mul", &[input, &raised], &[]);
        graph.node(&format!("{scope}/halved"), STANDARD, "Mul", &[&product, "half"], &[])
    }

    /// The end of a half layer: product, residual, normalisation.
    fn output(
        &mut self,
        name: &str,
        input: &str,
        residual: &str,
        inner: usize,
    ) -> Result<String, ImportError> {
        let shape = [self.config.hidden_size, inner];
        let product = self.linear(&format!("{name}.dense"), input, shape)?;
        let scope = scope(&format!("{name}.residual"));
        let sum = self.graph.node(&scope, STANDARD, "Add", &[&product, residual], &[]);
        self.norm(&format!("{name}.LayerNorm"), &sum)
    }
}

/// `a.b.c` is the tensor, `/a/b/c` the scope of its nodes.
fn scope(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}
