use std::time::{Duration, Instant};

use tract_onnx::prelude::*;

use super::super::super::kernels::Kernel;
use super::super::replace;
use super::threads;

/// Compares a model with tract's own operators, and tells what each operator takes.
///
/// `ENDCAP_TEST_MODEL` is an ONNX file with one input, `ENDCAP_TEST_SHAPE` that input's shape,
/// `ENDCAP_TEST_ROUNDS` how often it runs, `ENDCAP_TEST_STOCK` set runs tract alone as well. The
/// first output is written beside the model as floats.
#[test]
#[ignore = "needs a model"]
#[allow(clippy::disallowed_methods, reason = "told by the person who measures")]
#[allow(clippy::print_stdout, clippy::print_stderr, reason = "told to the person who measures")]
fn measure() {
    let told = |name: &str| std::env::var(name).ok();
    let path = told("ENDCAP_TEST_MODEL").expect("a model");
    let shape: Vec<usize> = told("ENDCAP_TEST_SHAPE")
        .expect("a shape")
        .split(',')
        .map(|dim| dim.parse().expect("a number"))
        .collect();
    let rounds = told("ENDCAP_TEST_ROUNDS").map_or(5, |n| n.parse().expect("a number"));
    let scale = told("ENDCAP_TEST_SCALE").map_or(1.0, |n| n.parse().expect("a number"));
    let read = || {
        let mut model = tract_onnx::onnx()
            .with_ignore_output_shapes(true)
            .with_ignore_value_info(true)
            .model_for_path(&path)
            .expect("reads");
        model.set_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), &shape)).expect("sets");
        model.into_typed().expect("types")
    };
    let values = (0..shape.iter().product::<usize>()).map(|i| {
        (((i as u64).wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 32768.0 - 1.0) * scale
    });
    let input = Tensor::from_shape(&shape, &values.collect::<Vec<f32>>()).expect("a tensor");
    let mut ours = read();
    replace(&mut ours).expect("replaces");
    let ours = ours.into_optimized().expect("optimises").into_runnable().expect("plans");
    if told("ENDCAP_TEST_DUMP").is_some() {
        for node in &ours.model().nodes {
            let facts: Vec<_> =
                node.outputs.iter().map(|o| format!("{:?}", o.fact.shape)).collect();
            eprintln!(
                "{} {} {:?} {:?} {}",
                node.id,
                node.op().name(),
                node.inputs,
                facts,
                node.name
            );
        }
    }
    let mut first = None;
    for count in [1, 2] {
        let mut state = ours.spawn().expect("spawns");
        state.turn_state.shared.insert(threads(Kernel::best(), count));
        let mut times: Vec<(Duration, Vec<(usize, Duration)>)> = Vec::new();
        for _ in 0..=rounds {
            let mut nodes = Vec::new();
            let start = Instant::now();
            let out = state
                .run_plan_with_eval(
                    tvec![input.clone().into_tvalue()],
                    |context, state, node, inputs| {
                        let start = Instant::now();
                        let out = tract_onnx::tract_core::plan::eval(context, state, node, inputs);
                        nodes.push((node.id, start.elapsed()));
                        out
                    },
                )
                .expect("runs");
            times.push((start.elapsed(), nodes));
            first.get_or_insert(out);
        }
        times.remove(0);
        times.sort();
        let median = times[rounds / 2].0.as_secs_f64() * 1e3;
        println!(
            "ours {count} threads: least {:.2} ms, median {median:.2} ms",
            times[0].0.as_secs_f64() * 1e3
        );
        if told("ENDCAP_TEST_REPORT").is_some_and(|t| t == count.to_string()) {
            report(ours.model(), &times[0].1);
        }
    }
    let first = first.expect("ran");
    let first =
        first[0].try_as_plain_ram().expect("ram").as_slice::<f32>().expect("floats").to_vec();
    let bytes: Vec<u8> = first.iter().flat_map(|x| x.to_le_bytes()).collect();
    std::fs::write(format!("{path}.ours"), bytes).expect("writes");
    if told("ENDCAP_TEST_STOCK").is_some() {
        let stock =
            read().into_decluttered().expect("declutters").into_optimized().expect("optimises");
        let stock = stock.into_runnable().expect("plans");
        let mut times = Vec::new();
        let mut out = stock.run(tvec![input.clone().into_tvalue()]).expect("runs");
        for _ in 0..rounds {
            let start = Instant::now();
            out = stock.run(tvec![input.clone().into_tvalue()]).expect("runs");
            times.push(start.elapsed());
        }
        times.sort();
        let out =
            out[0].try_as_plain_ram().expect("ram").as_slice::<f32>().expect("floats").to_vec();
        let most = first.iter().zip(&out).map(|(a, b)| (a - b).abs()).fold(0.0f32, f32::max);
        println!(
            "tract: least {:.2} ms; largest difference {most:e}",
            times[0].as_secs_f64() * 1e3
        );
    }
}

#[allow(clippy::print_stdout, reason = "told to the person who measures")]
fn report(model: &TypedModel, nodes: &[(usize, Duration)]) {
    let mut by_operator: std::collections::BTreeMap<String, (usize, Duration)> = Default::default();
    for (id, time) in nodes {
        let entry = by_operator.entry(model.node(*id).op().name().to_string()).or_default();
        entry.0 += 1;
        entry.1 += *time;
    }
    let mut by_operator: Vec<_> = by_operator.into_iter().collect();
    by_operator.sort_by_key(|(_, (_, time))| std::cmp::Reverse(*time));
    for (name, (count, time)) in by_operator.iter().take(14) {
        println!("  {:9.3} ms {count:4} {name}", time.as_secs_f64() * 1e3);
    }
    let mut slowest = nodes.to_vec();
    slowest.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    for (id, time) in slowest.iter().take(12) {
        let node = model.node(*id);
        let shape = |outlet: &OutletId| format!("{:?}", model.outlet_fact(*outlet).unwrap().shape);
        let inputs: Vec<_> = node.inputs.iter().map(shape).collect();
        println!(
            "    {:8.3} ms {} {:?} -> {:?} {:?}",
            time.as_secs_f64() * 1e3,
            node.op().name(),
            inputs,
            node.outputs[0].fact.shape,
            node.op()
                .info()
                .unwrap()
                .iter()
                .map(|i| i.chars().take(300).collect::<String>())
                .collect::<Vec<_>>()
        );
    }
}
