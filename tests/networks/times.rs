//! How long real graphs take.

use std::time::Instant;

use endcap::engine::{Array, Budget, Config, Inference, Network};

use crate::support::onnx::source;

/// `ENDCAP_NETWORKS` names graphs with their inputs' shapes, as `path=1x3x224x224,1x8 path=…`: how
/// long each takes to load, alone, and eight at once, and in how much memory.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; wants a quiet machine and graphs"]
async fn times_of_real_graphs() {
    let Some(named) = std::env::var_os("ENDCAP_NETWORKS") else { return };
    let named = named.into_string().unwrap();
    for graph in named.split_whitespace() {
        let (path, shapes) = graph.split_once('=').unwrap();
        let budget = Budget::new(8 << 30);
        let started = Instant::now();
        let network =
            Network::load_within(&budget, &source(path.into()), &Config::default()).unwrap();
        let loaded = started.elapsed();
        let shapes = shapes.split(',').map(|shape| {
            shape.split('x').map(|length| length.parse().unwrap()).collect::<Vec<usize>>()
        });
        let inputs: Vec<(String, Array)> = network
            .inputs()
            .iter()
            .zip(shapes)
            .map(|(port, shape)| {
                let count = shape.iter().product::<usize>();
                let array = match port.element {
                    endcap::engine::ElementType::Float32 => {
                        let values: Vec<f32> =
                            (0..count).map(|at| (at % 97) as f32 / 97.0).collect();
                        Array::floats(shape, &values).unwrap()
                    }
                    _ => Array::integers(shape, &vec![1; count]).unwrap(),
                };
                (port.name.clone(), array)
            })
            .collect();
        let run = || {
            let inference =
                Inference { inputs: inputs.clone(), outputs: Vec::new(), deadline: None };
            let network = network.clone();
            async move { network.infer(inference).await.unwrap() }
        };
        let mut alone = Vec::new();
        for _ in 0..7 {
            let started = Instant::now();
            run().await;
            alone.push(started.elapsed());
        }
        alone.sort();
        let before = network.statistics();
        let started = Instant::now();
        let asks: Vec<_> = (0..32).map(|_| tokio::spawn(run())).collect();
        for ask in asks {
            ask.await.unwrap();
        }
        let together = started.elapsed() / 32;
        let runs = network.statistics().execution_count - before.execution_count;
        eprintln!(
            "{path}: load {loaded:.2?}, alone {:.2?}, 32 at once {together:.2?} each in {runs} runs, \
             weights {} MB, held {} MB",
            alone[3],
            network.report().weight_bytes >> 20,
            (budget.total_bytes() - budget.free_bytes()) >> 20,
        );
    }
}
