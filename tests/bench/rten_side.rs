//! How long rten takes for a text: `rten-side MODEL.onnx BATCH TOKENS THREADS SECONDS`.
//!
//! Not part of this crate. To build it: `cargo new rten-side`, this file as its `src/main.rs`, the
//! dependencies `rten = "0.27"` and `rten-tensor = "0.27"`, `RUSTFLAGS="-C target-cpu=native" cargo
//! build --release`.

use std::sync::Arc;
use std::time::Instant;

use rten::{ModelOptions, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |at: usize| arguments[at].parse::<f64>().unwrap();
    let (batch, tokens) = (number(2) as usize, number(3) as usize);
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    let model = options.load_file(&arguments[1]).unwrap();
    let mut run = RunOptions::default();
    run.thread_pool = Some(Arc::new(ThreadPool::with_num_threads(number(4) as usize)));
    let ids = NdTensor::from_fn([batch, tokens], |[r, c]| 1000 + ((r * 31 + c * 17) % 1000) as i32);
    let seen =
        NdTensor::from_fn([batch, tokens], |[r, c]| i32::from(r == 0 || c < tokens - r % 3));
    let zeros = NdTensor::full([batch, tokens], 0i32);
    let infer = || {
        let input = |&id: &rten::NodeId| {
            let name = model.node_info(id).unwrap().name().unwrap().to_owned();
            let value = match name {
                name if name.contains("mask") => &seen,
                name if name.contains("type") => &zeros,
                _ => &ids,
            };
            (id, ValueOrView::from(value.view()))
        };
        let inputs = model.input_ids().iter().map(input).collect();
        model.run(inputs, model.output_ids(), Some(run.clone())).unwrap()
    };
    infer();
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed().as_secs_f64() < number(5) {
        let start = Instant::now();
        infer();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms", times[times.len() / 2]);
}
