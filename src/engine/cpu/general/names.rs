//! Every node has a name, by which a refusal can call it.

use std::collections::{BTreeMap, BTreeSet};

use tract_onnx::pb::GraphProto;

/// Names nodes that have none after what they make; of two with one name, the later gets another.
pub(super) fn give(graph: &mut GraphProto) {
    give_below(graph, &mut Names::default());
}

#[derive(Default)]
struct Names {
    taken: BTreeSet<String>,
    /// Of names that were wanted again, the last number: so many of one name take no longer than as
    /// many of different ones.
    numbers: BTreeMap<String, usize>,
}

impl Names {
    /// The name that is wanted, or another like it.
    fn take(&mut self, wanted: &str) -> String {
        if self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let number = self.numbers.entry(wanted.to_owned()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{wanted}_{number}");
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

fn give_below(graph: &mut GraphProto, names: &mut Names) {
    for (at, node) in graph.node.iter_mut().enumerate() {
        if node.name.is_empty() {
            let made = node.output.iter().find(|name| !name.is_empty());
            node.name = made.cloned().unwrap_or_else(|| format!("{}_{at}", node.op_type));
        }
        node.name = names.take(&node.name);
        let bodies = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
        bodies.for_each(|body| give_below(body, names));
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
        let nodes = ["y", "a", "b", "c", ""];
        let named = ["", "same", "same", "same_2", ""];
        let nodes = named.iter().zip(nodes).map(|(name, output)| node(name, output)).collect();
        let mut graph = GraphProto { node: nodes, ..Default::default() };
        give(&mut graph);
        let names: Vec<_> = graph.node.iter().map(|node| node.name.as_str()).collect();
        assert_eq!(names, ["y", "same", "same_2", "same_2_2", "Relu_4"]);
    }
}
