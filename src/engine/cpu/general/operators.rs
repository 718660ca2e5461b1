//! What is understood of each operator. A node with anything else is refused by name: an attribute
//! that nobody reads would be an answer that is silently wrong.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

use crate::engine::cpu::surgery::SPELLED;
use crate::engine::{LoadError, NodeFault};

/// Operators of ONNX with the attributes that are honoured. `name=value` is one that is not, and
/// that may only say what is done anyway; `name=*` is one that changes nothing here.
const ONNX: &[(&str, &str)] = &[
    ("Abs", ""),
    ("Acos", ""),
    ("Acosh", ""),
    ("Add", ""),
    ("And", ""),
    ("ArgMax", "axis keepdims select_last_index"),
    ("ArgMin", "axis keepdims select_last_index"),
    ("Asin", ""),
    ("Asinh", ""),
    ("Atan", ""),
    ("Atanh", ""),
    ("AveragePool", "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"),
    ("BatchNormalization", "epsilon momentum=* spatial=1 training_mode=0"),
    ("BitShift", "direction"),
    ("BitwiseAnd", ""),
    ("BitwiseNot", ""),
    ("BitwiseOr", ""),
    ("BitwiseXor", ""),
    ("BlackmanWindow", "output_datatype periodic"),
    ("Cast", "to saturate=* round_mode=*"),
    ("CastLike", "saturate=* round_mode=*"),
    ("Ceil", ""),
    ("Celu", "alpha"),
    ("Clip", "min max"),
    ("Compress", "axis"),
    ("Concat", "axis"),
    ("Constant", "value value_int value_float value_ints value_floats value_string value_strings"),
    ("ConstantOfShape", "value"),
    ("Conv", "auto_pad dilations group kernel_shape pads strides"),
    ("ConvInteger", "auto_pad dilations group kernel_shape pads strides"),
    (
        "ConvTranspose",
        "auto_pad dilations group kernel_shape output_padding output_shape pads strides",
    ),
    ("Cos", ""),
    ("Cosh", ""),
    ("CumSum", "exclusive reverse"),
    ("DFT", "axis inverse onesided"),
    ("DepthToSpace", "blocksize mode"),
    ("DequantizeLinear", "axis block_size output_dtype=0"),
    ("Div", ""),
    ("Dropout", "ratio=* seed=*"),
    ("DynamicQuantizeLinear", ""),
    ("Einsum", "equation"),
    ("Elu", "alpha"),
    ("Equal", ""),
    ("Erf", ""),
    ("Exp", ""),
    ("Expand", ""),
    ("EyeLike", "dtype k"),
    ("Flatten", "axis"),
    ("Floor", ""),
    ("GRU", "activations=Sigmoid,Tanh direction hidden_size=* layout linear_before_reset"),
    ("Gather", "axis"),
    ("GatherElements", "axis"),
    ("GatherND", "batch_dims"),
    ("Gelu", "approximate"),
    ("Gemm", "alpha beta transA transB"),
    ("GlobalAveragePool", ""),
    ("GlobalLpPool", "p"),
    ("GlobalMaxPool", ""),
    ("Greater", ""),
    ("GreaterOrEqual", ""),
    ("GridSample", "align_corners mode padding_mode"),
    ("GroupNormalization", "epsilon num_groups stash_type=1"),
    ("HammingWindow", "output_datatype periodic"),
    ("HannWindow", "output_datatype periodic"),
    ("HardSigmoid", "alpha beta"),
    ("HardSwish", ""),
    ("Hardmax", "axis"),
    ("Identity", ""),
    ("If", "else_branch then_branch"),
    ("InstanceNormalization", "epsilon"),
    ("IsInf", "detect_negative detect_positive"),
    ("IsNaN", ""),
    ("LRN", "alpha beta bias size"),
    ("LSTM", "activations=Sigmoid,Tanh,Tanh direction hidden_size=* input_forget=0 layout"),
    ("LayerNormalization", "axis epsilon stash_type=1"),
    ("LeakyRelu", "alpha"),
    ("Less", ""),
    ("LessOrEqual", ""),
    ("Log", ""),
    ("LogSoftmax", "axis"),
    ("LpNormalization", "axis p"),
    ("MatMul", ""),
    ("MatMulInteger", ""),
    ("Max", ""),
    ("MaxPool", "auto_pad ceil_mode dilations kernel_shape pads storage_order strides"),
    ("Mean", ""),
    ("MeanVarianceNormalization", "axes"),
    ("MelWeightMatrix", "output_datatype"),
    ("Min", ""),
    ("Mish", ""),
    ("Mod", "fmod"),
    ("Mul", ""),
    ("Multinomial", "dtype sample_size seed"),
    ("Neg", ""),
    ("NonMaxSuppression", "center_point_box"),
    ("NonZero", ""),
    ("Not", ""),
    ("OneHot", "axis"),
    ("Or", ""),
    ("PRelu", ""),
    ("Pad", "mode pads value"),
    ("Pow", ""),
    ("QLinearConv", "auto_pad dilations group kernel_shape pads strides"),
    ("QLinearMatMul", ""),
    ("QuantizeLinear", "axis block_size output_dtype precision=0 saturate=*"),
    ("RMSNormalization", "axis epsilon stash_type=1"),
    ("RNN", "activations=Tanh direction hidden_size=* layout"),
    ("RandomNormal", "dtype mean scale seed shape"),
    ("RandomNormalLike", "dtype mean scale seed"),
    ("RandomUniform", "dtype high low seed shape"),
    ("RandomUniformLike", "dtype high low seed"),
    ("Range", ""),
    ("Reciprocal", ""),
    ("ReduceL1", "axes keepdims noop_with_empty_axes"),
    ("ReduceL2", "axes keepdims noop_with_empty_axes"),
    ("ReduceLogSum", "axes keepdims noop_with_empty_axes"),
    ("ReduceLogSumExp", "axes keepdims noop_with_empty_axes"),
    ("ReduceMax", "axes keepdims noop_with_empty_axes"),
    ("ReduceMean", "axes keepdims noop_with_empty_axes"),
    ("ReduceMin", "axes keepdims noop_with_empty_axes"),
    ("ReduceProd", "axes keepdims noop_with_empty_axes"),
    ("ReduceSum", "axes keepdims noop_with_empty_axes"),
    ("ReduceSumSquare", "axes keepdims noop_with_empty_axes"),
    ("Relu", ""),
    ("Reshape", "allowzero"),
    (
        "Resize",
        "antialias axes coordinate_transformation_mode cubic_coeff_a exclude_outside \
         extrapolation_value keep_aspect_ratio_policy mode nearest_mode",
    ),
    ("RotaryEmbedding", "interleaved num_heads rotary_embedding_dim"),
    ("Round", ""),
    ("STFT", "onesided"),
    (
        "Scan",
        "body num_scan_inputs scan_input_axes scan_input_directions scan_output_axes \
         scan_output_directions",
    ),
    ("Scatter", "axis"),
    ("ScatterElements", "axis reduction"),
    ("ScatterND", "reduction"),
    ("Selu", "alpha gamma"),
    ("Shape", "end start"),
    ("Shrink", "bias lambd"),
    ("Sigmoid", ""),
    ("Sign", ""),
    ("SimplifiedLayerNormalization", "axis epsilon stash_type=1"),
    ("Sin", ""),
    ("Sinh", ""),
    ("Size", ""),
    ("Slice", "axes ends starts"),
    ("Softmax", "axis"),
    ("Softplus", ""),
    ("Softsign", ""),
    ("SpaceToDepth", "blocksize mode=DCR"),
    ("Split", "axis num_outputs=* split"),
    ("Sqrt", ""),
    ("Squeeze", "axes"),
    ("Sub", ""),
    ("Sum", ""),
    ("Swish", "alpha"),
    ("Tan", ""),
    ("Tanh", ""),
    ("ThresholdedRelu", "alpha"),
    ("Tile", ""),
    ("TopK", "axis largest sorted=*"),
    ("Transpose", "perm"),
    ("Trilu", "upper"),
    ("Unsqueeze", "axes"),
    ("Upsample", "mode"),
    ("Where", ""),
    ("Xor", ""),
];

/// Those of classical machine learning.
const ONNX_ML: &[(&str, &str)] = &[
    ("ArrayFeatureExtractor", ""),
    ("CategoryMapper", "cats_int64s cats_strings default_int64 default_string"),
    (
        "LinearClassifier",
        "classlabels_ints classlabels_strings coefficients intercepts multi_class post_transform",
    ),
    ("LinearRegressor", "coefficients intercepts post_transform targets"),
    ("Normalizer", "norm"),
    (
        "TreeEnsembleClassifier",
        "class_ids class_nodeids class_treeids class_weights classlabels_int64s \
         classlabels_strings nodes_falsenodeids nodes_featureids nodes_hitrates=* \
         nodes_missing_value_tracks_true nodes_modes nodes_nodeids nodes_treeids \
         nodes_truenodeids nodes_values post_transform",
    ),
];

/// Those of ONNX Runtime.
const MICROSOFT: &[(&str, &str)] = &[
    ("BiasGelu", ""),
    ("FastGelu", ""),
    ("GatherBlockQuantized", "bits block_size gather_axis quantize_axis"),
    ("Gelu", ""),
    ("MatMulNBits", "K N accuracy_level=* bits block_size"),
    ("QuickGelu", "alpha"),
    ("RotaryEmbedding", "interleaved is_packed_batching num_heads rotary_embedding_dim scale"),
    ("SimplifiedLayerNormalization", "axis epsilon stash_type=1"),
    ("SkipLayerNormalization", "epsilon"),
    ("SkipSimplifiedLayerNormalization", "epsilon"),
];

/// Refuses the first node of which something is not understood.
pub(super) fn check(graph: &GraphProto) -> Result<(), LoadError> {
    match faults(graph).into_iter().next() {
        Some(NodeFault { node, operator, why }) => Err(LoadError::Node { node, operator, why }),
        None => Ok(()),
    }
}

/// All nodes of which something is not understood, those of bodies included.
pub(super) fn faults(graph: &GraphProto) -> Vec<NodeFault> {
    let mut faults = Vec::new();
    for node in &graph.node {
        if let Err(why) = check_node(node) {
            let (node, operator) = (node.name.clone(), node.op_type.clone());
            faults.push(NodeFault { node, operator, why });
        }
        let bodies = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        faults.extend(bodies.flat_map(self::faults));
    }
    faults
}

fn check_node(node: &NodeProto) -> Result<(), String> {
    let (operators, domain) = match node.domain.as_str() {
        "" | "ai.onnx" => (ONNX, "ONNX"),
        "ai.onnx.ml" => (ONNX_ML, "ai.onnx.ml"),
        "com.microsoft" => {
            let table = if SPELLED.iter().any(|(name, _)| *name == node.op_type) {
                SPELLED
            } else {
                MICROSOFT
            };
            (table, "com.microsoft")
        }
        other => return Err(format!("operators of {other} are not known")),
    };
    let known = operators.iter().find(|(name, _)| *name == node.op_type);
    let (_, attributes) = known.ok_or_else(|| format!("no such operator of {domain} is known"))?;
    for attribute in &node.attribute {
        let name = attribute.name.as_str();
        let known =
            attributes.split_whitespace().find(|known| known.split('=').next() == Some(name));
        match known.map(|known| known.split_once('=')) {
            None => return Err(format!("attribute {name} is not understood")),
            Some(Some((_, only))) if !says(attribute, only) => {
                return Err(format!("attribute {name} may only be {only}"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Whether an attribute has a value that is done anyway.
fn says(attribute: &AttributeProto, only: &str) -> bool {
    if only == "*" {
        return true;
    }
    if !attribute.strings.is_empty() {
        // Each direction of a recurrent node has the same.
        let wanted = only.split(',').map(str::as_bytes).cycle();
        return attribute.strings.iter().zip(wanted).all(|(s, want)| s.eq_ignore_ascii_case(want));
    }
    match only.parse::<f32>() {
        Ok(number) => attribute.i as f32 == number || attribute.f == number,
        Err(_) => attribute.s == only.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(operator: &str, domain: &str, attribute: Option<AttributeProto>) -> Option<String> {
        let node = NodeProto {
            name: "n".into(),
            op_type: operator.into(),
            domain: domain.into(),
            attribute: attribute.into_iter().collect(),
            ..Default::default()
        };
        check(&GraphProto { node: vec![node], ..Default::default() }).err().map(|e| e.to_string())
    }

    #[test]
    fn what_is_not_understood_is_refused_by_name() {
        let attribute = |name: &str| AttributeProto { name: name.into(), ..Default::default() };
        assert_eq!(refusal("Relu", "", None), None);
        assert!(
            refusal("Relu", "com.example", None).unwrap().contains("com.example are not known")
        );
        assert!(refusal("Inverse", "com.microsoft", None).unwrap().contains("node n (Inverse)"));
        let old = refusal("Add", "", Some(attribute("broadcast"))).unwrap();
        assert!(old.contains("attribute broadcast is not understood"), "{old}");
        let training = |i| AttributeProto { i, ..attribute("training_mode") };
        assert_eq!(refusal("BatchNormalization", "", Some(training(0))), None);
        let refused = refusal("BatchNormalization", "", Some(training(1))).unwrap();
        assert!(refused.contains("training_mode may only be 0"), "{refused}");
        let activations = |names: &[&str]| AttributeProto {
            strings: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
            ..attribute("activations")
        };
        let same = activations(&["Sigmoid", "Tanh", "sigmoid", "tanh"]);
        assert_eq!(refusal("GRU", "", Some(same)), None);
        assert!(refusal("GRU", "", Some(activations(&["Relu", "Tanh"]))).is_some());
    }

    #[test]
    fn all_that_is_not_understood_is_told_at_once() {
        let node = |name: &str, operator: &str| NodeProto {
            name: name.into(),
            op_type: operator.into(),
            ..Default::default()
        };
        let body = GraphProto { node: vec![node("inner", "Cubify")], ..Default::default() };
        let branch = AttributeProto { name: "body".into(), g: Some(body), ..Default::default() };
        let outer = NodeProto { attribute: vec![branch], ..node("loop", "Loop") };
        let nodes = vec![node("a", "Relu"), node("b", "Fold"), outer, node("c", "Fold")];
        let faults = faults(&GraphProto { node: nodes, ..Default::default() });
        let named = |name: &str| faults.iter().any(|fault| fault.node == name);
        assert!(!named("a") && named("b") && named("inner") && named("c"), "{faults:?}");
    }

    #[test]
    fn every_operator_of_the_tables_has_one_who_runs_it() {
        let onnx = tract_onnx::onnx();
        for (name, _) in ONNX.iter().chain(ONNX_ML).chain(MICROSOFT) {
            let rewritten = *name == "Upsample";
            assert!(rewritten || onnx.op_register.0.contains_key(*name), "{name}");
        }
        let sorted = |table: &[(&str, &str)]| table.is_sorted_by(|a, b| a.0 < b.0);
        assert!(sorted(ONNX) && sorted(ONNX_ML) && sorted(MICROSOFT));
    }
}
