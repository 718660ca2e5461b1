//! The graph of a decoder.

use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;

use super::ImportError;
use super::architecture::Architecture;
use super::onnx::{Attribute, Dim, Graph, MICROSOFT, STANDARD};
use super::rotary::{self, RowOrder};
use super::tensors::{self, EMBEDDING, FINAL_NORM, HEAD, ROTARY_FACTORS};
use super::weights::{Head, Weights};

const COS_CACHE: &str = "cos_cache";
const SIN_CACHE: &str = "sin_cache";

/// Writes all weights and returns the graph that uses them.
pub(super) fn build(
    a: &Architecture,
    weights: &mut Weights<'_>,
) -> Result<ModelProto, ImportError> {
    let mut builder = Builder { a, weights, graph: Graph::default() };
    builder.inputs();
    builder.rotary_caches()?;
    let lengths = builder.lengths();
    let head = if builder.weights.has(HEAD) { Head::Own } else { Head::Tied };
    let (mut hidden, embedding) = builder.weights.embedding(
        &mut builder.graph,
        "/model/embed_tokens",
        "input_ids",
        EMBEDDING,
        head,
    )?;
    for layer in 0..a.layers {
        hidden = builder.attention(layer, &hidden, &lengths)?;
        hidden = builder.feed_forward(layer, &hidden)?;
    }
    let hidden = builder.norm("/model/norm", &hidden, FINAL_NORM)?;
    let Builder { weights, mut graph, .. } = builder;
    let logits = match head {
        Head::Own => weights.linear(&mut graph, "/lm_head", &hidden, HEAD, RowOrder::AsStored)?,
        Head::Tied => weights.tied_head(&mut graph, "/lm_head", &hidden, EMBEDDING, &embedding)?,
    };
    graph.rename_output(&logits, "logits");
    let name = a.family.name();
    Ok(graph.into_model(name, &[("architecture", name.to_owned())]))
}

/// Names of what attention must know of sequence lengths.
struct Lengths {
    /// Per sequence, its tokens less one.
    each: String,
    /// Of the longest.
    total: String,
}

struct Builder<'a, 'w> {
    a: &'a Architecture,
    weights: &'a mut Weights<'w>,
    graph: Graph,
}

impl Builder<'_, '_> {
    fn inputs(&mut self) {
        let a = self.a;
        let batch = Dim::Named("batch_size");
        let tokens = Dim::Named("sequence_length");
        let past = Dim::Named("past_sequence_length");
        let total = Dim::Named("total_sequence_length");
        let (heads, width) = (Dim::Fixed(a.kv_heads), Dim::Fixed(a.head_width));
        let graph = &mut self.graph;
        graph.input("input_ids", DataType::Int64, &[batch, tokens]);
        graph.input("attention_mask", DataType::Int64, &[batch, total]);
        let logits = [batch, tokens, Dim::Fixed(a.vocabulary)];
        graph.output("logits", DataType::Float, &logits);
        for layer in 0..a.layers {
            for part in ["key", "value"] {
                let name = format!("past_key_values.{layer}.{part}");
                graph.input(&name, DataType::Float, &[batch, heads, past, width]);
                let name = format!("present.{layer}.{part}");
                graph.output(&name, DataType::Float, &[batch, heads, total, width]);
            }
        }
    }

    fn rotary_caches(&mut self) -> Result<(), ImportError> {
        let factors = match self.weights.has(ROTARY_FACTORS) {
            true => Some(self.weights.numbers(ROTARY_FACTORS)?),
            false => None,
        };
        let frequencies = rotary::frequencies(self.a, factors.as_deref())?;
        let shape = [self.a.context_tokens, frequencies.len()];
        for (name, function) in
            [(COS_CACHE, f64::cos as fn(f64) -> f64), (SIN_CACHE, f64::sin as fn(f64) -> f64)]
        {
            let values = (0..self.a.context_tokens).flat_map(|position| {
                frequencies
                    .iter()
                    .map(move |frequency| function(position as f64 * frequency) as f32)
            });
            self.weights.floats(&mut self.graph, name, &shape, values)?;
        }
        Ok(())
    }

    fn lengths(&mut self) -> Lengths {
        let graph = &mut self.graph;
        let to_i32 = [Attribute::Int("to", i64::from(i32::from(DataType::Int32)))];
        graph.integers("one", &[1], &[1]);
        graph.integers("one_scalar", &[], &[1]);
        let each = "/model/attn_mask/seqlens_k";
        let keep = [Attribute::Int("keepdims", 0)];
        let sum = graph.node(each, STANDARD, "ReduceSum", &["attention_mask", "one"], &keep);
        let less_one = graph.node(each, STANDARD, "Sub", &[&sum, "one"], &[]);
        let total = "/model/attn_mask/total_seq_len";
        let shape = graph.node(total, STANDARD, "Shape", &["attention_mask"], &[]);
        let axis = [Attribute::Int("axis", 0)];
        let longest = graph.node(total, STANDARD, "Gather", &[&shape, "one_scalar"], &axis);
        Lengths {
            each: graph.node(each, STANDARD, "Cast", &[&less_one], &to_i32),
            total: graph.node(total, STANDARD, "Cast", &[&longest], &to_i32),
        }
    }

    fn norm(&mut self, scope: &str, input: &str, tensor: &str) -> Result<String, ImportError> {
        let values = self.weights.numbers(tensor)?;
        let name = format!("{}.weight", scope.trim_start_matches('/').replace('/', "."));
        self.weights.floats(&mut self.graph, &name, &[values.len()], values.into_iter())?;
        let attributes = [
            Attribute::Int("axis", -1),
            Attribute::Float("epsilon", self.a.norm_epsilon),
            Attribute::Int("stash_type", 1),
        ];
        Ok(self.graph.node(scope, STANDARD, "RMSNormalization", &[input, &name], &attributes))
    }

    /// A product with the matrix `part` of a layer, with its bias where the file has one.
    fn linear(
        &mut self,
        scope: &str,
        input: &str,
        (layer, part): (usize, &str),
        order: RowOrder,
    ) -> Result<String, ImportError> {
        let tensor = |kind: &str| tensors::name(layer, &format!("{part}.{kind}"));
        let Self { weights, graph, .. } = self;
        let product = weights.linear(graph, scope, input, &tensor("weight"), order)?;
        let bias = tensor("bias");
        if weights.has(&bias) {
            weights.biased(graph, scope, &product, &bias, order)
        } else {
            Ok(product)
        }
    }

    fn attention(
        &mut self,
        layer: usize,
        hidden: &str,
        lengths: &Lengths,
    ) -> Result<String, ImportError> {
        let a = self.a;
        let scope = format!("/model/layers.{layer}");
        let norm = format!("{scope}/input_layernorm");
        let normed = self.norm(&norm, hidden, &tensors::name(layer, "attn_norm.weight"))?;
        let scope = format!("{scope}/attn");
        let (turned, stored) = (a.rotary_order(), RowOrder::AsStored);
        let q = self.linear(&format!("{scope}/q_proj"), &normed, (layer, "attn_q"), turned)?;
        let k = self.linear(&format!("{scope}/k_proj"), &normed, (layer, "attn_k"), turned)?;
        let v = self.linear(&format!("{scope}/v_proj"), &normed, (layer, "attn_v"), stored)?;
        let past = ["key", "value"].map(|part| format!("past_key_values.{layer}.{part}"));
        let present = ["key", "value"].map(|part| format!("present.{layer}.{part}"));
        let [past_key, past_value] = &past;
        let [present_key, present_value] = &present;
        let attended = format!("{scope}/GroupQueryAttention/output_0");
        self.graph.node_into(
            &scope,
            MICROSOFT,
            "GroupQueryAttention",
            &[
                &q,
                &k,
                &v,
                past_key,
                past_value,
                &lengths.each,
                &lengths.total,
                COS_CACHE,
                SIN_CACHE,
            ],
            &[&attended, present_key, present_value],
            &[
                Attribute::Int("num_heads", a.heads as i64),
                Attribute::Int("kv_num_heads", a.kv_heads as i64),
                Attribute::Float("scale", (1.0 / (a.head_width as f64).sqrt()) as f32),
                Attribute::Int("do_rotary", 1),
                Attribute::Int("rotary_interleaved", 0),
            ],
        );
        let o = (layer, "attn_output");
        let out = self.linear(&format!("{scope}/o_proj"), &attended, o, stored)?;
        Ok(self.graph.node(&format!("{scope}/residual"), STANDARD, "Add", &[hidden, &out], &[]))
    }

    fn feed_forward(&mut self, layer: usize, hidden: &str) -> Result<String, ImportError> {
        let scope = format!("/model/layers.{layer}");
        let norm = format!("{scope}/post_attention_layernorm");
        let normed = self.norm(&norm, hidden, &tensors::name(layer, "ffn_norm.weight"))?;
        let scope = format!("{scope}/mlp");
        let stored = RowOrder::AsStored;
        let gate =
            self.linear(&format!("{scope}/gate_proj"), &normed, (layer, "ffn_gate"), stored)?;
        let up = self.linear(&format!("{scope}/up_proj"), &normed, (layer, "ffn_up"), stored)?;
        let graph = &mut self.graph;
        let act = format!("{scope}/act_fn");
        let sigmoid = graph.node(&act, STANDARD, "Sigmoid", &[&gate], &[]);
        let silu = graph.node(&act, STANDARD, "Mul", &[&gate, &sigmoid], &[]);
        let gated = graph.node(&scope, STANDARD, "Mul", &[&silu, &up], &[]);
        let down = (layer, "ffn_down");
        let out = self.linear(&format!("{scope}/down_proj"), &gated, down, stored)?;
        Ok(self.graph.node(&format!("{scope}/residual"), STANDARD, "Add", &[hidden, &out], &[]))
    }
}
