//! Graphs hang together: every tensor is made once, before it is used, and nothing is endless.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use tract_onnx::pb::{GraphProto, NodeProto};

use crate::engine::LoadError;

/// Nodes of a graph with those of its bodies. Planning takes time with the square of it.
pub(super) const MAX_NODES: usize = 20_000;
/// Bodies within bodies.
pub(super) const MAX_DEPTH: usize = 16;

/// Checks a graph and its bodies, and brings nodes into the order in which they can run.
pub(super) fn check(graph: &mut GraphProto) -> Result<(), LoadError> {
    let nodes = count(graph, 0)?;
    if nodes > MAX_NODES {
        return Err(unsound(format!("it has {nodes} nodes; {MAX_NODES} is the limit")));
    }
    check_below(graph, &BTreeSet::new())
}

fn unsound(why: String) -> LoadError {
    LoadError::Unsound { why }
}

fn count(graph: &GraphProto, depth: usize) -> Result<usize, LoadError> {
    if depth > MAX_DEPTH {
        return Err(unsound(format!("bodies are nested more than {MAX_DEPTH} deep")));
    }
    let mut nodes = graph.node.len();
    for body in graph.node.iter().flat_map(bodies) {
        nodes += count(body, depth + 1)?;
    }
    Ok(nodes)
}

fn bodies(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs))
}

/// `outer` are names that the graph may use besides its own.
fn check_below(graph: &mut GraphProto, outer: &BTreeSet<String>) -> Result<(), LoadError> {
    let mut known = outer.clone();
    let mut inputs = BTreeSet::new();
    for input in &graph.input {
        if !inputs.insert(input.name.clone()) {
            return Err(unsound(format!("two inputs are called {}", input.name)));
        }
    }
    let mut stored = BTreeSet::new();
    for tensor in &graph.initializer {
        if !stored.insert(tensor.name.clone()) {
            return Err(unsound(format!("two stored tensors are called {}", tensor.name)));
        }
    }
    known.extend(inputs);
    known.extend(stored);
    let made = makers(graph, &known, outer)?;
    sort(graph, &made)?;
    known.extend(made.into_keys());
    if let Some(output) = graph.output.iter().find(|output| !known.contains(&output.name)) {
        return Err(unsound(format!("nothing makes its output {}", output.name)));
    }
    let bodies = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    for body in bodies.flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)) {
        check_below(body, &known)?;
    }
    Ok(())
}

/// Which node makes each tensor.
fn makers(
    graph: &GraphProto,
    known: &BTreeSet<String>,
    outer: &BTreeSet<String>,
) -> Result<BTreeMap<String, usize>, LoadError> {
    let mut made = BTreeMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            // A body may give a name of its surroundings another meaning.
            let taken = known.contains(output) && !outer.contains(output);
            if taken || made.insert(output.clone(), at).is_some() {
                return Err(refusal(node, format!("tensor {output} is made twice")));
            }
        }
    }
    for node in &graph.node {
        let missing = |name: &&String| !made.contains_key(*name) && !known.contains(*name);
        let mut used = node.input.iter().filter(|name| !name.is_empty());
        if let Some(name) = used.find(missing) {
            return Err(refusal(node, format!("nothing makes its input {name}")));
        }
    }
    Ok(made)
}

fn refusal(node: &NodeProto, why: String) -> LoadError {
    LoadError::Node { node: node.name.clone(), operator: node.op_type.clone(), why }
}

/// Names that a node reads, those that its bodies take from outside among them.
fn read(node: &NodeProto, names: &mut BTreeSet<String>) {
    names.extend(node.input.iter().filter(|name| !name.is_empty()).cloned());
    for body in bodies(node) {
        body.node.iter().for_each(|inner| read(inner, names));
        names.extend(body.output.iter().map(|output| output.name.clone()));
    }
}

/// Brings nodes into order, those that are in order where they are; a circle is refused.
fn sort(graph: &mut GraphProto, made: &BTreeMap<String, usize>) -> Result<(), LoadError> {
    let mut waits = vec![0_usize; graph.node.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); graph.node.len()];
    let mut in_order = true;
    for (at, (node, waits)) in graph.node.iter().zip(&mut waits).enumerate() {
        let mut names = BTreeSet::new();
        read(node, &mut names);
        let before: BTreeSet<usize> = names.iter().filter_map(|n| made.get(n)).copied().collect();
        for maker in before {
            in_order &= maker < at;
            *waits += 1;
            followers.get_mut(maker).into_iter().for_each(|list| list.push(at));
        }
    }
    if in_order {
        return Ok(());
    }
    let mut ready: VecDeque<usize> =
        waits.iter().enumerate().filter(|(_, n)| **n == 0).map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(graph.node.len());
    while let Some(at) = ready.pop_front() {
        order.push(at);
        for &follower in followers.get(at).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(follower) {
                *waits -= 1;
                if *waits == 0 {
                    ready.push_back(follower);
                }
            }
        }
    }
    if let Some((node, _)) = graph.node.iter().zip(&waits).find(|(_, waits)| **waits > 0) {
        return Err(refusal(node, "it depends on what it makes itself".to_owned()));
    }
    let mut nodes: Vec<Option<NodeProto>> = graph.node.drain(..).map(Some).collect();
    graph.node = order.iter().filter_map(|&at| nodes.get_mut(at)?.take()).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::{AttributeProto, TensorProto, ValueInfoProto};

    fn node(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let (input, output) = (owned(inputs), owned(outputs));
        NodeProto { name: name.into(), op_type: "Op".into(), input, output, ..Default::default() }
    }

    fn port(name: &str) -> ValueInfoProto {
        ValueInfoProto { name: name.into(), ..Default::default() }
    }

    fn graph(nodes: Vec<NodeProto>) -> GraphProto {
        let (input, output) = (vec![port("x")], vec![port("y")]);
        GraphProto { node: nodes, input, output, ..Default::default() }
    }

    fn refusal_of(mut graph: GraphProto) -> String {
        check(&mut graph).unwrap_err().to_string()
    }

    #[test]
    fn nodes_are_brought_into_order() {
        let nodes = vec![node("last", &["a"], &["y"]), node("first", &["x"], &["a"])];
        let mut graph = graph(nodes);
        check(&mut graph).unwrap();
        assert_eq!(graph.node[0].name, "first");
    }

    #[test]
    fn circles_gaps_and_doubles_are_refused_by_name() {
        let circle = vec![node("n1", &["b"], &["a"]), node("n2", &["a"], &["b", "y"])];
        assert!(refusal_of(graph(circle)).contains("node n1 (Op) cannot run here: it depends on"));
        let own = vec![node("n1", &["y"], &["y"])];
        assert!(refusal_of(graph(own)).contains("depends on"));
        let gap = vec![node("n1", &["nowhere"], &["y"])];
        assert!(refusal_of(graph(gap)).contains("nothing makes its input nowhere"));
        let twice = vec![node("n1", &["x"], &["y"]), node("n2", &["x"], &["y"])];
        assert!(
            refusal_of(graph(twice)).contains("node n2 (Op) cannot run here: tensor y is made")
        );
        let input = vec![node("n1", &["x"], &["x"]), node("n2", &["x"], &["y"])];
        assert!(refusal_of(graph(input)).contains("tensor x is made twice"));
        assert!(refusal_of(graph(Vec::new())).contains("nothing makes its output y"));
        let mut doubled = graph(vec![node("n1", &["x"], &["y"])]);
        let stored = TensorProto { name: "w".into(), ..Default::default() };
        doubled.initializer = vec![stored.clone(), stored];
        assert!(refusal_of(doubled).contains("two stored tensors are called w"));
        let mut doubled = graph(vec![node("n1", &["x"], &["y"])]);
        doubled.input.push(port("x"));
        assert!(refusal_of(doubled).contains("two inputs are called x"));
    }

    #[test]
    fn long_chains_and_deep_nests_are_refused_with_their_limit() {
        let name = |at: usize| if at == 0 { "x".to_owned() } else { format!("t{at}") };
        let chain = (0..100_000).map(|at| node("", &[&name(at)], &[&name(at + 1)])).collect();
        assert!(refusal_of(graph(chain)).contains("100000 nodes; 20000 is the limit"));
        let mut inner = graph(vec![node("n", &["x"], &["y"])]);
        for _ in 0..20 {
            let mut outer = node("n", &["x"], &["y"]);
            outer.attribute.push(AttributeProto { g: Some(inner), ..Default::default() });
            inner = graph(vec![outer]);
        }
        assert!(refusal_of(inner).contains("nested more than 16 deep"));
    }

    #[test]
    fn bodies_see_what_is_outside_and_are_checked_too() {
        let with_body = |body: GraphProto| {
            let mut outer = node("outer", &["x"], &["y"]);
            outer.attribute.push(AttributeProto { g: Some(body), ..Default::default() });
            graph(vec![outer])
        };
        let body = GraphProto {
            node: vec![node("inner", &["x"], &["z"])],
            output: vec![port("z")],
            ..Default::default()
        };
        check(&mut with_body(body.clone())).unwrap();
        let mut broken = body;
        broken.node[0].input[0] = "nowhere".into();
        assert!(refusal_of(with_body(broken)).contains("node inner"));
    }
}
