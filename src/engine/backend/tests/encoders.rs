//! Encoders on a device beside the processor's, and what happens when the device is gone.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;
use crate::engine::Derived;
use crate::engine::backend::Network;
use crate::engine::cpu::NetworkPlan;
use crate::engine::network::{Array, ElementType, InferError, NetworkSource};

/// Results of up to 4: sums in another order, and rows of 16 bits on the processor.
const TOLERANCE: f32 = 2e-3;
/// The same where the model says that the processor makes rows of 8 bits.
const TOLERANCE_OF_BYTES: f32 = 0.1;

/// Encoders of `models/encoders`, and how far the device may be from the processor.
const ENCODERS: [(&str, f32); 12] = [
    ("contributed", TOLERANCE),
    ("contributed-bytes", TOLERANCE_OF_BYTES),
    ("contributed-embedding", TOLERANCE),
    ("contributed-lengths", TOLERANCE),
    ("contributed-separate", TOLERANCE),
    ("encoder", TOLERANCE),
    ("encoder-blocks", TOLERANCE),
    ("encoder-dynamic", TOLERANCE_OF_BYTES),
    ("encoder-hidden", TOLERANCE),
    ("encoder-nibbles", TOLERANCE),
    ("encoder-spelled", TOLERANCE),
    ("encoder-turned", TOLERANCE),
];

#[derive(Deserialize)]
struct Form {
    inputs: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    r#type: String,
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Told {
    fn array(&self) -> Array {
        let values = self.values.iter();
        let (element, bytes): (_, Vec<u8>) = match self.r#type.as_str() {
            "float32" => {
                (ElementType::Float32, values.flat_map(|&v| (v as f32).to_le_bytes()).collect())
            }
            "int64" => {
                (ElementType::Int64, values.flat_map(|&v| (v as i64).to_le_bytes()).collect())
            }
            "int32" => {
                (ElementType::Int32, values.flat_map(|&v| (v as i32).to_le_bytes()).collect())
            }
            other => panic!("{other}"),
        };
        Array::new(element, self.shape.clone(), bytes).unwrap()
    }
}

/// Any device; the first run on one that pretends also compiles, beside whatever else runs.
fn config(backend: Backend) -> Config {
    patient(backend, Duration::from_secs(90))
}

fn patient(backend: Backend, patience: Duration) -> Config {
    let config = super::config(backend);
    Config { graphics: Graphics { patience, ..config.graphics }, ..config }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/encoders")
}

/// Inputs of a form, as they are told.
fn inputs(name: &str) -> Vec<Array> {
    let text = std::fs::read_to_string(folder().join("forms.json")).unwrap();
    let forms: BTreeMap<String, Form> = serde_json::from_str(&text).unwrap();
    forms[name].inputs.iter().map(Told::array).collect()
}

fn form(name: &str) -> NetworkPlan {
    let onnx = folder().join(format!("{name}.onnx"));
    let source = NetworkSource { name: name.to_owned(), onnx, derived: None };
    NetworkPlan::load(&source, &Budget::new(1 << 28)).unwrap()
}

fn network(plan: NetworkPlan, config: &Config) -> Result<Network, LoadError> {
    Network::new(plan, None, config, &Budget::new(1 << 28))
}

fn on_a_device(plan: NetworkPlan) -> Network {
    network(plan, &config(Backend::Gpu)).unwrap_or_else(|error| {
        panic!("{error}; `apt-get install mesa-vulkan-drivers libvulkan1` gives a device on Debian")
    })
}

fn run(network: &mut Network, inputs: &[Array]) -> Vec<f32> {
    let (outputs, _) = network.run(inputs, &[0]).unwrap();
    outputs[0].to_floats().unwrap()
}

fn apart(have: &[f32], want: &[f32]) -> f32 {
    assert_eq!(have.len(), want.len());
    have.iter().zip(want).map(|(h, w)| (h - w).abs()).fold(0.0, f32::max)
}

#[test]
fn each_encoder_gives_what_the_processor_computes() {
    for (name, tolerance) in ENCODERS {
        let inputs = inputs(name);
        let mut device = on_a_device(form(name));
        assert!(device.report().device.is_some(), "{name}");
        let have = run(&mut device, &inputs);
        assert!(device.report().device.is_some(), "{name}: it stayed there");
        let want = run(&mut network(form(name), &config(Backend::Cpu)).unwrap(), &inputs);
        let apart = apart(&have, &want);
        assert!(apart < tolerance && have != want, "{name}: {apart} apart");
    }
}

#[test]
fn what_is_no_encoder_is_the_processors_even_where_a_device_is_demanded() {
    for name in ["qdq-conv", "dynamic", "gemm", "table-blocks"] {
        let network = network(form(name), &config(Backend::Gpu)).unwrap();
        assert_eq!(network.report().device, None, "{name}");
    }
}

/// Tokens of a text that is too long for a device that pretends.
const LONG: usize = 130;

/// An encoder that takes texts of any length.
fn any_length() -> NetworkPlan {
    form("encoder")
}

/// Words that it knows.
const WORDS: usize = 30;

/// Ids, masks and kinds of texts that are padded to the longest; all see all but padding.
fn texts(network: &Network, lengths: &[usize], seed: usize) -> Vec<Array> {
    let longest = *lengths.iter().max().unwrap();
    let each = |of: &dyn Fn(usize, usize) -> i64| {
        let values: Vec<i64> = lengths
            .iter()
            .flat_map(|&length| (0..longest).map(move |at| (length, at)))
            .map(|(length, at)| of(length, at))
            .collect();
        Array::integers(vec![lengths.len(), longest], &values).unwrap()
    };
    let port = |name: &str| match name {
        name if name.contains("mask") => each(&|length, at| i64::from(at < length)),
        name if name.contains("type") => each(&|_, _| 0),
        _ => each(&|length, at| {
            if at < length { ((at * 7 + length * 3 + seed) % WORDS) as i64 } else { 0 }
        }),
    };
    network.inputs().iter().map(|input| port(&input.name)).collect()
}

#[test]
fn a_text_gives_the_same_bits_alone_and_beside_others() {
    let mut device = on_a_device(any_length());
    let (lengths, mut alone) = ([9, 9, 9], Vec::new());
    let all = texts(&device, &lengths, 1);
    let together = run(&mut device, &all);
    for text in 0..lengths.len() {
        let own: Vec<Array> =
            all.iter().map(|array| array.clone().split(&[1; 3]).unwrap().remove(text)).collect();
        alone.extend(run(&mut device, &own));
    }
    assert_eq!(together, alone);
    assert!(device.report().device.is_some());
}

#[test]
fn a_text_that_a_device_has_no_room_for_is_the_processors() {
    let mut device = on_a_device(any_length());
    let mut processor = network(any_length(), &config(Backend::Cpu)).unwrap();
    // More than a device that pretends has rows for; the model has positions for as many.
    let long = texts(&device, &[LONG], 4);
    assert_eq!(run(&mut device, &long), run(&mut processor, &long));
    let short = texts(&device, &[LONG / 2, 3], 4);
    let want = run(&mut processor, &short);
    let have = run(&mut device, &short);
    assert!(device.report().device.is_some() && have != want && apart(&have, &want) < TOLERANCE);
}

/// Breaks a device between two requests; the second is answered by the processor, and the device is
/// tried again later.
fn broken(config: &Config, break_it: impl FnOnce(&endcap_gpu::Device)) {
    let mut device = network(any_length(), config).unwrap();
    let mut processor = network(any_length(), &super::config(Backend::Cpu)).unwrap();
    let given = texts(&device, &[5, 12], 2);
    let before = run(&mut device, &given);
    assert_eq!(device.due(), None);
    break_it(device.device().unwrap());
    let want = run(&mut processor, &given);
    assert_eq!(run(&mut device, &given), want);
    assert!(device.report().device.is_none() && device.due().is_some());
    assert_eq!(run(&mut device, &given), want);
    device.return_to_device();
    assert!(device.report().device.is_some() && device.due().is_none());
    assert_eq!(run(&mut device, &given), before);
}

#[test]
fn the_processor_answers_where_the_device_is_lost() {
    broken(&config(Backend::Gpu), endcap_gpu::Device::lose);
}

#[test]
fn the_processor_answers_where_the_device_hangs() {
    broken(&patient(Backend::Gpu, Duration::from_secs(15)), endcap_gpu::Device::hang);
}

#[test]
fn an_encoder_counts_against_the_budget_and_gives_it_back() {
    let budget = Budget::new(1 << 28);
    let held = |backend| {
        let network = Network::new(any_length(), None, &config(backend), &budget).unwrap();
        let kind = network.report().device.map(|device| device.kind);
        (budget.total_bytes() - budget.free_bytes(), kind)
    };
    let ((alone, _), (both, kind)) = (held(Backend::Cpu), held(Backend::Gpu));
    assert!(kind == Some("discrete") || both > alone, "{alone} and {both} bytes");
    assert_eq!(budget.free_bytes(), budget.total_bytes());
    // What is on a device leaves it when the device breaks.
    let mut network = Network::new(any_length(), None, &config(Backend::Gpu), &budget).unwrap();
    network.device().unwrap().lose();
    let given = texts(&network, &[3], 1);
    run(&mut network, &given);
    assert_eq!(budget.total_bytes() - budget.free_bytes(), alone);
    if kind == Some("discrete") {
        return;
    }
    // Without room on the device the processor is no way out where a device is demanded.
    let small = Budget::new(alone + 1000);
    let outcome = Network::new(any_length(), None, &config(Backend::Gpu), &small);
    assert!(matches!(outcome, Err(LoadError::Device { .. })));
    Network::new(any_length(), None, &config(Backend::Auto), &small).unwrap();
}

#[test]
fn what_a_device_refuses_the_processor_refuses_in_the_same_words() {
    let mut device = on_a_device(any_length());
    let mut given = texts(&device, &[4], 1);
    given[0] = Array::integers(vec![1, 4], &[1, 1 << 20, 2, 3]).unwrap();
    let outcome = device.run(&given, &[0]).map(|_| ());
    assert!(matches!(outcome, Err(InferError::Refused { .. })), "{outcome:?}");
    assert!(device.report().device.is_some());
}

#[test]
fn what_an_earlier_trial_found_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let derived = Derived { path: folder.path().join("packed.bin"), key: "model".to_owned() };
    let auto = || {
        let (config, budget) = (config(Backend::Auto), Budget::new(1 << 28));
        Network::new(any_length(), Some(&derived), &config, &budget)
            .unwrap()
            .report()
            .device
            .is_some()
    };
    let path = folder.path().join(".packed.device.json");
    auto();
    let text = std::fs::read_to_string(&path).expect("the first start tries both");
    let mut found: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (device, is_there) in [(9, false), (0, true)] {
        let times = serde_json::json!({ "secs": device, "nanos": 1 });
        found["device"] = serde_json::json!({ "alone": times, "together": times });
        std::fs::write(&path, found.to_string()).unwrap();
        assert_eq!(auto(), is_there);
    }
}
