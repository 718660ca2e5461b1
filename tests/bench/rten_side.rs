//! How long rten takes for a text or a picture: `rten-side MODEL.onnx SHAPE THREADS SECONDS`, where
//! SHAPE is that of the inputs, such as 8x32 or 1x3x320x320.
//!
//! Not part of this crate. To build it: `cargo new rten-side`, this file as its `src/main.rs`, the
//! dependencies `rten = "0.27"` and `rten-tensor = "0.27"`, `RUSTFLAGS="-C target-cpu=native" cargo
//! build --release`.

use std::sync::Arc;
use std::time::Instant;

use rten::{ModelOptions, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let shape: Vec<usize> = arguments[2].split('x').map(|n| n.parse().unwrap()).collect();
    let threads: usize = arguments[3].parse().unwrap();
    let seconds: f64 = arguments[4].parse().unwrap();
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    let model = options.load_file(&arguments[1]).unwrap();
    let mut run = RunOptions::default();
    run.thread_pool = Some(Arc::new(ThreadPool::with_num_threads(threads)));
    let (count, tokens) = (shape.iter().product(), shape[shape.len() - 1]);
    let whole = |value: &dyn Fn(usize, usize) -> i32| {
        let values = (0..count).map(|at| value(at / tokens, at % tokens)).collect::<Vec<_>>();
        Tensor::from_data(&shape, values)
    };
    let ids = whole(&|row, column| 1000 + ((row * 31 + column * 17) % 1000) as i32);
    let seen = whole(&|row, column| i32::from(row == 0 || column < tokens - row % 3));
    let zeros = whole(&|_, _| 0);
    let picture = (0..count).map(|at| (at * 37 % 255) as f32 / 127.5 - 1.0).collect::<Vec<_>>();
    let picture = Tensor::from_data(&shape, picture);
    let infer = || {
        let input = |&id: &rten::NodeId| {
            let name = model.node_info(id).unwrap().name().unwrap().to_owned();
            if shape.len() > 2 {
                return (id, ValueOrView::from(picture.view()));
            }
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
    while start.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        infer();
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.3} ms", times[times.len() / 2]);
}
