//! What shares a run, and who waits for one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use endcap::engine::{Array, Config, InferError, Inference, Network, Statistics};

use super::{ask, asked, load, load_with};
use crate::support::onnx::{FLOAT, Graph, INT64, axes, floats, integer, node, port, with};

/// `y = x · w` with 64 numbers a row, which takes long enough for requests to meet.
fn product(rows: usize) -> Graph {
    let width = 64_i64;
    let weights: Vec<f32> = (0..width * width).map(|at| (at % 17) as f32 - 8.0).collect();
    let mut nodes = Vec::new();
    let name = |at: usize| match at {
        0 => "x".to_owned(),
        at if at == rows => "y".to_owned(),
        at => format!("t{at}"),
    };
    for at in 0..rows {
        let product = format!("p{at}");
        nodes.push(node("MatMul", &[&name(at), "w"], &[&product]));
        nodes.push(node("Tanh", &[&product], &[&name(at + 1)]));
    }
    Graph {
        inputs: vec![port("x", FLOAT, "batch 64")],
        outputs: vec![port("y", FLOAT, "batch 64")],
        nodes,
        stored: vec![floats("w", &[width, width], &weights)],
    }
}

fn row(seed: usize) -> Array {
    let values: Vec<f32> = (0..64).map(|at| ((at * 7 + seed * 13) % 29) as f32 / 29.0).collect();
    Array::floats(vec![1, 64], &values).unwrap()
}

/// Asks all at once and returns what each was answered.
async fn ask_together(network: &Network, rows: usize) -> Vec<Array> {
    let asks = (0..rows).map(|seed| {
        let network = network.clone();
        tokio::spawn(async move { ask(&network, &[("x", row(seed))]).await.unwrap() })
    });
    let asks: Vec<_> = asks.collect();
    let mut answers = Vec::new();
    for ask in asks {
        answers.push(ask.await.unwrap());
    }
    answers
}

fn far(a: &Array, b: &Array) -> f32 {
    let (a, b) = (a.to_floats().unwrap(), b.to_floats().unwrap());
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_share_a_run_and_get_their_own_answers() {
    let network = load(product(100)).unwrap();
    let mut alone = Vec::new();
    for seed in 0..24 {
        alone.push(ask(&network, &[("x", row(seed))]).await.unwrap());
    }
    let before = network.statistics();
    assert_eq!((before.inference_count, before.execution_count), (24, 24));
    // On a busy machine they may miss each other once, and not again and again.
    let mut asked = 24;
    while network.statistics().execution_count == asked {
        assert!(asked < 2400, "no two of {asked} requests shared a run");
        let together = ask_together(&network, 24).await;
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!(together.shape(), [1, 64]);
            assert!(far(alone, together) < 1e-5, "{}", far(alone, together));
        }
        asked += 24;
    }
    let after = network.statistics();
    assert_eq!((after.inference_count, after.success.count), (asked, asked));
    let rows: u64 =
        after.batches.iter().map(|(rows, b)| *rows as u64 * b.compute_infer.count).sum();
    assert_eq!(rows, asked, "{:?}", after.batches);
    assert!(after.batches.keys().all(|&rows| rows <= 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_depend_on_each_other_are_never_joined() {
    let mixing = || {
        let mean = with(node("ReduceMean", &["x"], &["mean"]), &[integer("keepdims", 1)]);
        let nodes = vec![with(mean, &[axes(&[0])]), node("Sub", &["x", "mean"], &["y"])];
        Graph {
            inputs: vec![port("x", FLOAT, "batch 64")],
            outputs: vec![port("y", FLOAT, "batch 64")],
            nodes,
            ..Graph::default()
        }
    };
    let network = load(mixing()).unwrap();
    for answer in ask_together(&network, 16).await {
        assert!(answer.to_floats().unwrap().iter().all(|&value| value == 0.0));
    }
    assert_eq!(network.statistics().execution_count, 16);
    let config = Config { max_batch_rows: 1, ..Config::default() };
    let network = load_with(product(1), config).unwrap();
    ask_together(&network, 8).await;
    assert_eq!(network.statistics().execution_count, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_wrong_does_not_take_the_others_with_it() {
    // A place outside the table fails a run that is shared; the others run again without it.
    let graph = Graph {
        inputs: vec![port("ids", INT64, "batch 1")],
        outputs: vec![port("y", FLOAT, "batch 1 1")],
        nodes: vec![node("Gather", &["table", "ids"], &["y"])],
        stored: vec![floats("table", &[3, 1], &[0.0, 1.0, 2.0])],
    };
    let network = load(graph).unwrap();
    let asks: Vec<_> = [0, 1, 9, 2, 1, 0]
        .map(|id| {
            let network = network.clone();
            let ids = Array::integers(vec![1, 1], &[id]).unwrap();
            tokio::spawn(async move { (id, ask(&network, &[("ids", ids)]).await) })
        })
        .into_iter()
        .collect();
    for ask in asks {
        match ask.await.unwrap() {
            (9, answer) => assert!(matches!(answer, Err(InferError::Refused { .. }))),
            (id, answer) => assert_eq!(answer.unwrap().to_floats().unwrap(), [id as f32]),
        }
    }
    let statistics = network.statistics();
    assert_eq!((statistics.success.count, statistics.fail.count), (5, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_or_is_late_is_not_computed() {
    let config = Config { max_batch_rows: 1, ..Config::default() };
    let network = load_with(product(400), config).unwrap();
    let busy = |network: &Network| {
        let network = network.clone();
        tokio::spawn(async move { ask(&network, &[("x", row(0))]).await.unwrap() })
    };
    let first = busy(&network);
    loop {
        let late = Inference { deadline: Some(Instant::now()), ..asked(&[("x", row(1))]) };
        assert_eq!(network.infer(late).await, Err(InferError::Deadline));
        if network.statistics() != Statistics::default() || first.is_finished() {
            break;
        }
    }
    first.await.unwrap();
    let leaving: Vec<_> = (0..8).map(|_| busy(&network)).collect();
    leaving.iter().for_each(|ask| ask.abort());
    for ask in leaving {
        let _ = ask.await;
    }
    ask(&network, &[("x", row(2))]).await.unwrap();
    let statistics = network.statistics();
    assert!(statistics.fail.count >= 1, "{statistics:?}");
    assert_eq!(statistics.execution_count, statistics.success.count);
    assert_eq!(statistics.batches.keys().collect::<Vec<_>>(), [&1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_with_the_time_to_come_back() {
    let config = Config { max_queue: 2, max_batch_rows: 1, ..Config::default() };
    let network = Arc::new(load_with(product(400), config).unwrap());
    let asks: Vec<_> = (0..64)
        .map(|seed| {
            let network = Arc::clone(&network);
            tokio::spawn(async move { ask(&network, &[("x", row(seed))]).await })
        })
        .collect();
    let mut refused = 0;
    for ask in asks {
        match ask.await.unwrap() {
            Ok(answer) => assert_eq!(answer.shape(), [1, 64]),
            Err(InferError::QueueFull { retry_after, .. }) => {
                assert!(retry_after >= Duration::from_secs(1));
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0);
}
