//! Encoders and other graphs with quantised weights, against ONNX Runtime.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use endcap::engine::{Array, Budget, Config, ElementType, Inference, Network, NetworkSource};

fn load(onnx: PathBuf, threads: usize) -> Network {
    let source = NetworkSource { name: "encoder".to_owned(), onnx, derived: None };
    let config = Config { threads, ..Config::default() };
    Network::load_within(&Budget::new(4 << 30), &source, &config).unwrap()
}

/// Token ids and what goes with them, the same for every program that is compared.
fn text(network: &Network, batch: usize, tokens: usize) -> Inference {
    let inputs = network.inputs().iter().map(|port| {
        let value = |at: usize| {
            let (row, column) = (at / tokens, at % tokens);
            match port.name.as_str() {
                name if name.contains("mask") => i64::from(row == 0 || column < tokens - row % 3),
                name if name.contains("type") => 0,
                _ => 1000 + ((row * 31 + column * 17) % 1000) as i64,
            }
        };
        assert_eq!(port.element, ElementType::Int64, "{}", port.name);
        let values: Vec<i64> = (0..batch * tokens).map(value).collect();
        (port.name.clone(), Array::integers(vec![batch, tokens], &values).unwrap())
    });
    Inference { inputs: inputs.collect(), outputs: Vec::new(), deadline: None }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Prints how long a text takes, and writes what comes out: `ENDCAP_ENCODER` names a graph,
/// `ENDCAP_SHAPE` batch, tokens and threads.
#[tokio::test]
#[ignore = "needs a model; run by tests/bench"]
#[allow(clippy::print_stdout, reason = "that is what it is for")]
async fn an_encoders_time() {
    let shape = variable("ENDCAP_SHAPE").unwrap_or_else(|| "1x32x1".to_owned());
    let shape: Vec<usize> = shape.split('x').map(|n| n.parse().unwrap()).collect();
    let network = load(PathBuf::from(variable("ENDCAP_ENCODER").unwrap()), shape[2]);
    println!("{:?}", network.report().operators);
    let inference = text(&network, shape[0], shape[1]);
    let outputs = network.infer(inference.clone()).await.unwrap();
    if let Some(path) = variable("ENDCAP_OUT") {
        std::fs::write(path, outputs[0].1.bytes().unwrap()).unwrap();
    }
    let (start, mut times) = (Instant::now(), Vec::new());
    let seconds = variable("ENDCAP_SECONDS").map_or(1.0, |s| s.parse().unwrap());
    while start.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        network.infer(inference.clone()).await.unwrap();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms, fastest {:.3} ms", times[times.len() / 2], times[0]);
}
