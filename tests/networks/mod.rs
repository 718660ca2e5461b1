//! Graphs of any kind: what loads, what is refused before it does harm, and what shares a run.

mod computed;
mod files;
mod memory;
mod runs;
mod times;

use endcap::engine::{Array, Budget, Config, InferError, Inference, LoadError, Network};

use crate::support::onnx::{FLOAT, Graph, node, port};

const BUDGET: u64 = 64 << 20;

fn load(graph: Graph) -> Result<Network, LoadError> {
    load_with(graph, Config::default())
}

fn load_with(graph: Graph, config: Config) -> Result<Network, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { threads: 1, ..config };
    Network::load_within(&Budget::new(BUDGET), &graph.write(folder.path()), &config)
}

fn refusal(graph: Graph) -> String {
    match load(graph) {
        Ok(_) => panic!("it was loaded"),
        Err(error) => error.to_string(),
    }
}

fn asked(inputs: &[(&str, Array)]) -> Inference {
    let inputs = inputs.iter().map(|(name, array)| ((*name).to_owned(), array.clone())).collect();
    Inference { inputs, outputs: Vec::new(), deadline: None }
}

async fn ask(network: &Network, inputs: &[(&str, Array)]) -> Result<Array, InferError> {
    Ok(network.infer(asked(inputs)).await?.remove(0).1)
}

fn ones(shape: &[usize]) -> Array {
    Array::floats(shape.to_vec(), &vec![1.0; shape.iter().product()]).unwrap()
}

/// `y = relu(x)` with these axes.
fn relu(x: &str, y: &str) -> Graph {
    Graph {
        inputs: vec![port("x", FLOAT, x)],
        outputs: vec![port("y", FLOAT, y)],
        nodes: vec![node("Relu", &["x"], &["y"])],
        ..Graph::default()
    }
}
