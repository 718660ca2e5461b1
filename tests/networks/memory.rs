//! What is refused before it takes more memory than there is, and what waits for it.

use std::time::{Duration, Instant};

use endcap::engine::{Array, Budget, Config, InferError, LoadError, Network};

use super::{BUDGET, ask, load, ones, refusal};
use crate::support::onnx::{FLOAT, Graph, INT64, floats, integer, integers, node, port, with};

#[test]
fn arrays_made_of_nothing_are_refused_by_node_before_they_are_made() {
    const HUGE: i64 = 1 << 40;
    let x = port("x", FLOAT, "1 1");
    let y = port("y", FLOAT, "*");
    let one = floats("one", &[1, 1], &[1.0]);
    let scales = floats("scales", &[2], &[1e6, 1e6]);
    let zero = integers("zero", &[], &[0]);
    let step = integers("step", &[], &[1]);
    let end = integers("end", &[], &[HUGE]);
    let huge = integers("huge", &[2], &[HUGE, HUGE]);
    // Its number of elements is 0 in 64 bits.
    let wraps = integers("wraps", &[2], &[1 << 32, 1 << 32]);
    let pads = integers("pads", &[4], &[0, 0, HUGE, 0]);
    let stored = vec![one, scales, zero, step, end, huge, wraps, pads];
    for (made, from) in [
        (node("ConstantOfShape", &["huge"], &["big"]), "big"),
        (node("ConstantOfShape", &["wraps"], &["big"]), "big"),
        (node("Expand", &["one", "huge"], &["big"]), "big"),
        (node("Expand", &["x", "huge"], &["big"]), "big"),
        (node("Tile", &["one", "huge"], &["big"]), "big"),
        (node("Tile", &["x", "wraps"], &["big"]), "big"),
        (node("Pad", &["one", "pads"], &["big"]), "big"),
        (node("Resize", &["x", "", "scales"], &["big"]), "big"),
        (node("Range", &["zero", "end", "step"], &["big"]), "big"),
        (node("HannWindow", &["end"], &["big"]), "big"),
    ] {
        let operator = made.op_type.clone();
        let whole = with(node("ReduceSum", &[from], &["sum"]), &[integer("keepdims", 0)]);
        let cast = with(node("Cast", &["sum"], &["float"]), &[integer("to", 1)]);
        let graph = Graph {
            inputs: vec![x.clone()],
            outputs: vec![y.clone()],
            nodes: vec![made, whole, cast, node("Add", &["x", "float"], &["y"])],
            stored: stored.clone(),
        };
        let started = Instant::now();
        let refusal = refusal(graph);
        assert!(refusal.contains("make big") && refusal.contains(&operator), "{refusal}");
        let told = refusal.contains("bytes") || refusal.contains("the most that can be planned");
        assert!(told, "{refusal}");
        assert!(started.elapsed() < Duration::from_secs(5), "{operator}");
    }
}

#[tokio::test]
async fn arrays_that_a_request_makes_large_are_refused_too() {
    let end = |end: i64| [("end", Array::integers(vec![], &[end]).unwrap())];
    let graph = Graph {
        inputs: vec![port("end", INT64, "")],
        outputs: vec![port("y", INT64, "n")],
        nodes: vec![node("Range", &["zero", "end", "step"], &["y"])],
        stored: vec![integers("zero", &[], &[0]), integers("step", &[], &[1])],
    };
    let network = load(graph).unwrap();
    assert_eq!(ask(&network, &end(3)).await.unwrap().shape(), [3]);
    for huge in [1 << 40, i64::MAX] {
        let error = ask(&network, &end(huge)).await.unwrap_err().to_string();
        let told = error.contains("bytes") || error.contains("the most that can be planned");
        assert!(told, "{error}");
    }
    assert_eq!(ask(&network, &end(2)).await.unwrap().shape(), [2]);

    let graph = Graph {
        inputs: vec![port("shape", INT64, "k")],
        outputs: vec![port("y", FLOAT, "*")],
        nodes: vec![node("ConstantOfShape", &["shape"], &["y"])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let shape = |dims: &[i64]| [("shape", Array::integers(vec![dims.len()], dims).unwrap())];
    assert_eq!(ask(&network, &shape(&[2, 2])).await.unwrap().shape(), [2, 2]);
    for huge in [[1 << 40, 1], [1 << 32, 1 << 32], [1 << 20, 1 << 20]] {
        let error = ask(&network, &shape(&huge)).await.unwrap_err().to_string();
        let told = error.contains("bytes") || error.contains("the most that can be planned");
        assert!(told, "{error}");
    }
}

#[tokio::test]
async fn a_request_that_takes_more_than_is_free_is_refused_and_the_next_is_served() {
    // From n numbers it makes n times n.
    let graph = Graph {
        inputs: vec![port("a", FLOAT, "n 1"), port("b", FLOAT, "1 n")],
        outputs: vec![port("y", FLOAT, "n n")],
        nodes: vec![node("MatMul", &["a", "b"], &["y"])],
        ..Graph::default()
    };
    let network = load(graph).unwrap();
    let both = |n: usize| [("a", ones(&[n, 1])), ("b", ones(&[1, n]))];
    assert_eq!(ask(&network, &both(8)).await.unwrap().shape(), [8, 8]);
    let error = ask(&network, &both(50_000)).await.unwrap_err();
    assert!(
        matches!(error, InferError::TooLarge { bytes, most_bytes }
            if bytes >= 10_000_000_000 && most_bytes <= BUDGET),
        "{error}"
    );
    assert_eq!(ask(&network, &both(16)).await.unwrap().shape(), [16, 16]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_memory_that_others_have() {
    let graph = || Graph {
        inputs: vec![port("a", FLOAT, "n 1"), port("b", FLOAT, "1 n")],
        outputs: vec![port("y", FLOAT, "n n")],
        nodes: vec![node("MatMul", &["a", "b"], &["y"])],
        ..Graph::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let source = graph().write(folder.path());
    let budget = Budget::new(BUDGET);
    let config = Config { threads: 1, ..Config::default() };
    let networks = [(); 3].map(|()| Network::load_within(&budget, &source, &config).unwrap());
    // Each answer takes more than a third of the budget.
    let n = 2500;
    let asks = networks.clone().map(|network| {
        tokio::spawn(async move {
            let both = [("a", ones(&[n, 1])), ("b", ones(&[1, n]))];
            for _ in 0..4 {
                assert_eq!(ask(&network, &both).await.unwrap().shape(), [n, n]);
            }
        })
    });
    for ask in asks {
        ask.await.unwrap();
    }
    assert_eq!(budget.lacking_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_run_can_tell_takes_its_memory_too() {
    // How many places are not zero is not known before.
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n")],
        outputs: vec![port("y", INT64, "1 m")],
        nodes: vec![node("NonZero", &["x"], &["y"])],
        ..Graph::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget::new(1 << 20);
    let config = Config { threads: 1, ..Config::default() };
    let network = Network::load_within(&budget, &graph.write(folder.path()), &config).unwrap();
    assert_eq!(ask(&network, &[("x", ones(&[50_000]))]).await.unwrap().shape(), [1, 50_000]);
    let error = ask(&network, &[("x", ones(&[200_000]))]).await.unwrap_err();
    assert!(matches!(error, InferError::TooLarge { .. }), "{error}");
    assert_eq!(budget.lacking_bytes(), 0);
}

#[test]
fn weights_larger_than_what_is_free_are_refused_with_the_figures() {
    let numbers = vec![1.0; 5 << 20];
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 5120")],
        outputs: vec![port("y", FLOAT, "n 1024")],
        nodes: vec![node("MatMul", &["x", "w"], &["y"])],
        stored: vec![floats("w", &[5120, 1024], &numbers)],
    };
    let folder = tempfile::tempdir().unwrap();
    let source = graph.write(folder.path());
    let error = Network::load_within(&Budget::new(16 << 20), &source, &Config::default()).err();
    let Some(LoadError::Memory { weight_bytes, free_bytes, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(weight_bytes >= 20 << 20 && free_bytes <= 16 << 20);
}
