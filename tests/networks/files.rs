//! Files that are no graph, or that reach for others.

use std::time::{Duration, Instant};

use endcap::engine::{Budget, Network};

use super::{BUDGET, refusal, relu};
use crate::support::onnx::{FLOAT, Graph, floats, node, port, source, text, with};

#[test]
fn endless_and_broken_graphs_are_refused_in_time() {
    let chain = |length: usize| {
        let name = |at: usize| match at {
            0 => "x".to_owned(),
            at if at == length => "y".to_owned(),
            at => format!("t{at}"),
        };
        let nodes = (0..length).map(|at| node("Relu", &[&name(at)], &[&name(at + 1)]));
        Graph { nodes: nodes.collect(), ..relu("n", "n") }
    };
    let started = Instant::now();
    assert!(refusal(chain(100_000)).contains("100000 nodes; 20000 is the limit"));
    assert!(started.elapsed() < Duration::from_secs(20));

    let mut nested = relu("n", "n");
    for _ in 0..40 {
        let body = Graph { inputs: Vec::new(), ..nested.clone() }.proto();
        let branch = |name: &str| tract_onnx::pb::AttributeProto {
            g: Some(body.clone()),
            r#type: 5,
            name: name.to_owned(),
            ..Default::default()
        };
        let choice = with(node("If", &["c"], &["y"]), &[branch("then_branch")]);
        nested = Graph { nodes: vec![choice], ..relu("n", "n") };
    }
    let refused = refusal(nested);
    assert!(refused.contains("nested") || refused.contains("recursion limit"), "{refused}");

    let circle = vec![node("Relu", &["b"], &["a"]), node("Relu", &["a"], &["b", "y"])];
    assert!(
        refusal(Graph { nodes: circle, ..relu("n", "n") }).contains("depends on what it makes")
    );
    let unknown = node("Teleport", &["x"], &["y"]);
    let refused = refusal(Graph { nodes: vec![unknown], ..relu("n", "n") });
    assert!(refused.contains("node make y (Teleport) cannot run here"), "{refused}");
    let wrong = with(node("DepthToSpace", &["x"], &["y"]), &[text("blocksize", "two")]);
    let refused = refusal(Graph { nodes: vec![wrong], ..relu("1 4 1 1", "?") });
    assert!(refused.contains("make y (DepthToSpace)"), "{refused}");
}

#[test]
fn cut_files_are_refused_wherever_they_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 2")],
        outputs: vec![port("y", FLOAT, "n 2")],
        nodes: vec![node("MatMul", &["x", "w"], &["y"])],
        stored: vec![floats("w", &[2, 2], &[1.0, 2.0, 3.0, 4.0])],
    };
    let whole = graph.bytes();
    let onnx = folder.path().join("cut.onnx");
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&onnx, &whole[..length]).unwrap();
        let source = source(onnx.clone());
        let budget = Budget::new(BUDGET);
        assert!(Network::check(&budget, &source).is_err(), "{length} of {} bytes", whole.len());
    }
}

#[test]
fn external_data_stays_in_the_models_folder() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(folder.path().join("secret"), [0; 16]).unwrap();
    std::os::unix::fs::symlink("../secret", model.join("link")).unwrap();
    for location in ["../secret", "/etc/passwd", "link"] {
        let mut weights = floats("w", &[2, 2], &[]);
        let entry = tract_onnx::pb::StringStringEntryProto {
            key: "location".to_owned(),
            value: location.to_owned(),
        };
        weights.external_data.push(entry);
        weights.data_location = Some(1);
        let graph = Graph {
            inputs: vec![port("x", FLOAT, "n 2")],
            outputs: vec![port("y", FLOAT, "n 2")],
            nodes: vec![node("MatMul", &["x", "w"], &["y"])],
            stored: vec![weights],
        };
        let error = Network::check(&Budget::new(BUDGET), &graph.write(&model)).unwrap_err();
        assert!(error.to_string().contains("outside"), "{location}: {error}");
    }
}
