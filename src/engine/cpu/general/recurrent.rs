//! Recurrent nodes that run from the end: tract knows those that run from the beginning, and both.

use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, TensorProto};

/// A reverse node becomes a forward one between two turnings of the sequence.
pub(super) fn turn(graph: &mut GraphProto) {
    let mut nodes = Vec::with_capacity(graph.node.len());
    let mut stored = Vec::new();
    for mut node in graph.node.drain(..) {
        let bodies = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
        bodies.for_each(turn);
        let recurrent = ["GRU", "LSTM", "RNN"].contains(&node.op_type.as_str());
        let reverse = node
            .attribute
            .iter()
            .any(|a| a.name == "direction" && a.s.eq_ignore_ascii_case(b"reverse"));
        if !(recurrent && reverse) {
            nodes.push(node);
            continue;
        }
        node.attribute.retain(|a| a.name != "direction");
        let batch_first = node.attribute.iter().any(|a| a.name == "layout" && a.i == 1);
        let turner = Turner::new(&node.name, batch_first, &mut stored);
        if let Some(x) = node.input.first_mut() {
            let turned = format!("{}/turned", turner.name);
            nodes.push(turner.turn(x, &turned));
            *x = turned;
        }
        let y = node.output.first_mut().filter(|name| !name.is_empty());
        let back = y.map(|name| {
            let turned = format!("{}/backwards", turner.name);
            let made = std::mem::replace(name, turned.clone());
            turner.turn(&turned, &made)
        });
        nodes.push(node);
        nodes.extend(back);
    }
    graph.node = nodes;
    graph.initializer.append(&mut stored);
}

/// Turns the axis of time round.
struct Turner {
    name: String,
    places: [String; 4],
}

impl Turner {
    fn new(name: &str, batch_first: bool, stored: &mut Vec<TensorProto>) -> Self {
        let values = [-1, i64::MIN, i64::from(batch_first), -1];
        let places = ["start", "end", "axis", "step"].map(|what| format!("{name}/turn/{what}"));
        stored.extend(places.iter().zip(values).map(|(place, value)| TensorProto {
            name: place.clone(),
            dims: vec![1],
            data_type: 7,
            raw_data: value.to_le_bytes().to_vec(),
            ..Default::default()
        }));
        Self { name: name.to_owned(), places }
    }

    fn turn(&self, from: &str, to: &str) -> NodeProto {
        let inputs = std::iter::once(from.to_owned()).chain(self.places.iter().cloned());
        NodeProto {
            name: format!("{to}/turn"),
            op_type: "Slice".into(),
            input: inputs.collect(),
            output: vec![to.to_owned()],
            attribute: Vec::<AttributeProto>::new(),
            ..Default::default()
        }
    }
}
