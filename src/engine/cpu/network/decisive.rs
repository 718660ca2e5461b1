//! Inputs whose values decide the form of a graph, such as the target of a Reshape.

use std::collections::{BTreeMap, BTreeSet};

use tract_onnx::pb::{GraphProto, NodeProto};

/// Places of inputs that tract plans with by their value.
fn places(operator: &str) -> &'static [usize] {
    match operator {
        "ConstantOfShape" | "BlackmanWindow" | "HammingWindow" | "HannWindow" => &[0],
        "Compress" | "CumSum" | "Expand" | "Reshape" | "Split" | "Squeeze" | "Tile" | "TopK"
        | "Trilu" | "Unsqueeze" => &[1],
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax"
        | "ReduceMean" | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => &[1],
        "Clip" | "Conv" | "ConvInteger" | "ConvTranspose" | "DFT" | "DequantizeLinear"
        | "Dropout" | "OneHot" | "QuantizeLinear" => &[1, 2, 3],
        "Pad" | "Resize" | "STFT" | "Slice" => &[1, 2, 3, 4],
        "Range" => &[0, 1, 2],
        "If" => &[0],
        "BatchNormalization" => &[1, 2, 3, 4],
        "MelWeightMatrix" => &[0, 1, 2, 3, 4],
        "GRU" | "LSTM" | "RNN" => &[1, 2, 3, 4, 5, 6, 7],
        "NonMaxSuppression" => &[2, 3, 4],
        "MatMulInteger" => &[2, 3],
        "QLinearConv" | "QLinearMatMul" => &[1, 2, 3, 4, 5, 6, 7, 8],
        _ => &[],
    }
}

/// Which of the graph's inputs have values that must be known before it can be planned.
pub(super) fn inputs(graph: &GraphProto, names: &[String]) -> Vec<bool> {
    let mut makers = BTreeMap::new();
    let mut wanted = Vec::new();
    collect(graph, &mut makers, &mut wanted);
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name) {
            continue;
        }
        // What only asks for a shape does not ask for a value.
        if let Some(node) = makers.get(name).filter(|n| !["Shape", "Size"].contains(&&*n.op_type)) {
            wanted.extend(node.input.iter().map(String::as_str));
        }
    }
    names.iter().map(|name| seen.contains(name.as_str())).collect()
}

fn collect<'a>(
    graph: &'a GraphProto,
    makers: &mut BTreeMap<&'a str, &'a NodeProto>,
    wanted: &mut Vec<&'a str>,
) {
    for node in &graph.node {
        makers.extend(node.output.iter().map(|name| (name.as_str(), node)));
        let places = places(&node.op_type).iter().filter_map(|&at| node.input.get(at));
        wanted.extend(places.map(String::as_str));
        let bodies = node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs));
        bodies.for_each(|body| collect(body, makers, wanted));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_followed_and_shapes_are_not() {
        let node = |operator: &str, inputs: &[&str], output: &str| NodeProto {
            op_type: operator.into(),
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            ..Default::default()
        };
        let graph = GraphProto {
            node: vec![
                node("Cast", &["target"], "to"),
                node("Shape", &["other"], "lengths"),
                node("Concat", &["to", "lengths"], "both"),
                node("BatchNormalization", &["x", "s", "b", "m", "v"], "n"),
                node("Reshape", &["n", "both"], "y"),
            ],
            ..Default::default()
        };
        let names = ["x", "target", "other"].map(str::to_owned);
        assert_eq!(inputs(&graph, &names), [false, true, false]);
    }
}
