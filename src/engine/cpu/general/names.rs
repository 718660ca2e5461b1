//! Every node has a name, by which a refusal can call it.

use std::collections::BTreeSet;

use tract_onnx::pb::GraphProto;

/// Names nodes that have none after what they make; of two with one name, the later gets another.
pub(super) fn give(graph: &mut GraphProto) {
    let mut taken = BTreeSet::new();
    give_below(graph, &mut taken);
}

fn give_below(graph: &mut GraphProto, taken: &mut BTreeSet<String>) {
    for (at, node) in graph.node.iter_mut().enumerate() {
        if node.name.is_empty() {
            let made = node.output.iter().find(|name| !name.is_empty());
            node.name = made.cloned().unwrap_or_else(|| format!("{}_{at}", node.op_type));
        }
        let wanted = node.name.clone();
        let mut number = 1;
        while !taken.insert(node.name.clone()) {
            number += 1;
            node.name = format!("{wanted}_{number}");
        }
        let bodies = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
        bodies.for_each(|body| give_below(body, taken));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::NodeProto;

    #[test]
    fn every_node_has_a_name_of_its_own() {
        let node = |name: &str, output: &str| NodeProto {
            name: name.into(),
            op_type: "Relu".into(),
            output: vec![output.into()],
            ..Default::default()
        };
        let nodes = vec![node("", "y"), node("same", "a"), node("same", "b"), node("", "")];
        let mut graph = GraphProto { node: nodes, ..Default::default() };
        give(&mut graph);
        let names: Vec<_> = graph.node.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["y", "same", "same_2", "Relu_3"]);
    }
}
