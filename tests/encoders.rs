//! Encoders and other graphs with quantised weights, against ONNX Runtime.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use endcap::engine::{
    Activation, Array, Budget, Config, ElementType, Inference, LoadError, Network, NetworkSource,
};
use prost::Message;
use serde::Deserialize;
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, type_proto,
};

/// What ONNX Runtime computes with a graph.
#[derive(Deserialize)]
struct Form {
    compare: Compare,
    inputs: Vec<Told>,
    outputs: Vec<Told>,
}

/// How far our numbers may be from ONNX Runtime's.
#[derive(Deserialize, Clone, Copy, PartialEq, Debug)]
#[serde(rename_all = "lowercase")]
enum Compare {
    /// Integers are equal, floats but for the rounding of one operation.
    Exact,
    /// Sums may have another order, and rows 16 bits.
    Near,
    /// The same; integers that were rounded from sums may lie beside each other.
    Byte,
    /// Rows were quantised one by one, which is finer; integers are equal all the same.
    Cosine,
}

#[derive(Deserialize)]
struct Told {
    name: String,
    r#type: String,
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Told {
    fn array(&self) -> Array {
        let values = self.values.iter();
        let bytes: Vec<u8> = match self.r#type.as_str() {
            "float32" => values.flat_map(|&v| (v as f32).to_le_bytes()).collect(),
            "int64" => values.flat_map(|&v| (v as i64).to_le_bytes()).collect(),
            "int32" => values.flat_map(|&v| (v as i32).to_le_bytes()).collect(),
            "int8" => values.map(|&v| v as i8 as u8).collect(),
            "uint8" => values.map(|&v| v as u8).collect(),
            other => panic!("{other}"),
        };
        let element = match self.r#type.as_str() {
            "float32" => ElementType::Float32,
            "int64" => ElementType::Int64,
            "int32" => ElementType::Int32,
            "int8" => ElementType::Int8,
            _ => ElementType::UInt8,
        };
        Array::new(element, self.shape.clone(), bytes).unwrap()
    }

    /// Panics where `got` is not what was told.
    fn compare(&self, got: &Array, compare: Compare) {
        let want = self.array();
        assert_eq!((got.shape(), got.element()), (want.shape(), want.element()), "{}", self.name);
        if compare == Compare::Exact && want.element() != ElementType::Float32 {
            assert_eq!(got, &want, "{}", self.name);
        }
        let (got, want) = (numbers(got), numbers(&want));
        let largest = want.iter().fold(0.0f64, |a, v| a.max(v.abs()));
        let off = got.iter().zip(&want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
        let integers = self.r#type != "float32";
        let within = match compare {
            Compare::Byte if integers => 1.0,
            _ if integers => 0.0,
            Compare::Exact => largest * 2e-7,
            Compare::Near => largest * 1e-4,
            // A step of 256 to the largest.
            Compare::Byte => largest / 100.0,
            Compare::Cosine => largest * 0.05,
        };
        assert!(off <= within, "{}: off by {off} of {largest}", self.name);
        if compare == Compare::Cosine && !integers {
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let cosine = dot(&got, &want) / (dot(&got, &got) * dot(&want, &want)).sqrt();
            assert!(cosine > 0.9995, "{}: cosine {cosine}", self.name);
        }
        let close = |(g, w): &(&f64, &f64)| (*g - *w).abs() <= largest * 2e-5;
        let near = got.iter().zip(&want).filter(close).count();
        assert!(compare != Compare::Byte || near * 50 >= want.len() * 49, "{}", self.name);
    }
}

fn numbers(array: &Array) -> Vec<f64> {
    let bytes = array.bytes().unwrap();
    match array.element() {
        ElementType::Float32 => array.to_floats().unwrap().into_iter().map(f64::from).collect(),
        ElementType::Int64 => {
            bytes.chunks(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
        }
        ElementType::Int32 => {
            bytes.chunks(4).map(|b| f64::from(i32::from_le_bytes(b.try_into().unwrap()))).collect()
        }
        ElementType::Int8 => bytes.iter().map(|&b| f64::from(b as i8)).collect(),
        ElementType::UInt8 => bytes.iter().map(|&b| f64::from(b)).collect(),
        other => panic!("{other:?}"),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/encoders")
}

fn try_load(onnx: PathBuf, threads: usize) -> Result<Network, LoadError> {
    let source = NetworkSource { name: "encoder".to_owned(), onnx, derived: None };
    let config = Config { threads, activation: Activation::Bits16, ..Config::default() };
    Network::load_within(&Budget::new(4 << 30), &source, &config)
}

fn load(onnx: PathBuf, threads: usize) -> Network {
    try_load(onnx, threads).unwrap()
}

async fn check_form(folder: &Path, name: &str, form: &Form) {
    let network = load(folder.join(format!("{name}.onnx")), 2);
    let inputs = form.inputs.iter().map(|told| (told.name.clone(), told.array())).collect();
    let inference = Inference { inputs, outputs: Vec::new(), deadline: None };
    let outputs = network.infer(inference).await.unwrap();
    assert_eq!(outputs.len(), form.outputs.len());
    for (told, (output, got)) in form.outputs.iter().zip(&outputs) {
        assert_eq!(&told.name, output);
        told.compare(got, form.compare);
    }
}

fn forms(folder: &Path) -> BTreeMap<String, Form> {
    let text = std::fs::read_to_string(folder.join("forms.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn each_quantised_form_gives_what_onnx_runtime_computes() {
    let forms = forms(&folder());
    assert!(forms.len() >= 40);
    let mut failed = Vec::new();
    for (name, form) in forms {
        let named = name.clone();
        let check = tokio::spawn(async move { check_form(&folder(), &name, &form).await });
        if let Err(error) = check.await {
            failed.push(format!("{named}: {error}"));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Operators of the plan of a form.
fn operators(name: &str) -> BTreeMap<String, usize> {
    let network = load(folder().join(format!("{name}.onnx")), 1);
    network.report().operators.iter().cloned().collect()
}

#[tokio::test]
async fn encoders_become_a_few_nodes_of_ours() {
    for name in ["encoder", "encoder-spelled", "encoder-turned", "encoder-hidden"] {
        let found = operators(name);
        let count = |operator: &str| found.get(operator).copied().unwrap_or(0);
        assert_eq!(count("Attend"), 1, "{name}: {found:?}");
        assert_eq!(count("Denses"), 1, "{name}: query, key and value are one node: {found:?}");
        assert_eq!(count("Dense"), 3, "{name}: {found:?}");
        assert_eq!(count("LayerNorm"), 3, "{name}: {found:?}");
        let left = ["Erf", "Tanh", "Softmax", "Relu", "EinSum", "MatMul"];
        assert!(left.iter().all(|left| count(left) == 0), "{name}: {found:?}");
    }
}

/// Token ids and what goes with them, or a picture: the same for every program that is compared.
fn same_for_all(network: &Network, shape: &[usize]) -> Inference {
    let count = shape.iter().product::<usize>();
    let tokens = *shape.last().unwrap();
    let inputs = network.inputs().iter().map(|port| {
        let value = |at: usize| {
            let (row, column) = (at / tokens, at % tokens);
            match port.name.as_str() {
                name if name.contains("mask") => i64::from(row == 0 || column < tokens - row % 3),
                name if name.contains("type") => 0,
                _ => 1000 + ((row * 31 + column * 17) % 1000) as i64,
            }
        };
        let array = if port.element == ElementType::Float32 {
            let bytes =
                (0..count).flat_map(|at| ((at * 37 % 255) as f32 / 127.5 - 1.0).to_le_bytes());
            Array::new(ElementType::Float32, shape.to_vec(), bytes.collect()).unwrap()
        } else {
            assert_eq!(port.element, ElementType::Int64, "{}", port.name);
            let values: Vec<i64> = (0..count).map(value).collect();
            Array::integers(shape.to_vec(), &values).unwrap()
        };
        (port.name.clone(), array)
    });
    Inference { inputs: inputs.collect(), outputs: Vec::new(), deadline: None }
}

fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)?.into_string().ok()
}

/// Prints how long a text or a picture takes, and writes what comes out: `ENDCAP_ENCODER` names a
/// graph, `ENDCAP_SHAPE` the shape of its inputs (`8x32`), `ENDCAP_THREADS` how many compute.
#[tokio::test]
#[ignore = "needs a model; run by tests/bench"]
#[allow(clippy::print_stdout, reason = "that is what it is for")]
async fn an_encoders_time() {
    let shape = variable("ENDCAP_SHAPE").unwrap_or_else(|| "1x32".to_owned());
    let shape: Vec<usize> = shape.split('x').map(|n| n.parse().unwrap()).collect();
    let threads = variable("ENDCAP_THREADS").map_or(1, |n| n.parse().unwrap());
    let network = load(PathBuf::from(variable("ENDCAP_ENCODER").unwrap()), threads);
    println!("{:?}", network.report().operators);
    let inference = same_for_all(&network, &shape);
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

/// The same with real models: `ENDCAP_ENCODERS` names a folder as `models/encoders` is one.
#[tokio::test]
#[ignore = "needs a folder of models"]
async fn real_models_give_what_onnx_runtime_computes() {
    let folder = PathBuf::from(variable("ENDCAP_ENCODERS").unwrap());
    for (name, form) in forms(&folder) {
        let folder = folder.clone();
        let named = name.clone();
        let check = tokio::spawn(async move { check_form(&folder, &name, &form).await });
        match check.await {
            Ok(()) => eprintln!("{named}: as ONNX Runtime"),
            Err(error) => eprintln!("{named}: {error}"),
        }
    }
}

/// A graph of one node with one input of floats.
fn graph_of(operator: &str, attributes: Vec<AttributeProto>) -> Vec<u8> {
    let node = NodeProto {
        name: "it".to_owned(),
        op_type: operator.to_owned(),
        domain: "com.microsoft".to_owned(),
        input: vec!["x".to_owned(), "w".to_owned()],
        output: vec!["y".to_owned()],
        attribute: attributes,
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: 1,
        shape: Some(TensorShapeProto { dim: vec![Default::default(), Default::default()] }),
    };
    let value = Some(type_proto::Value::TensorType(tensor));
    let port = |name: &str| ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto { value: value.clone(), ..Default::default() }),
        ..Default::default()
    };
    let weights = TensorProto {
        name: "w".to_owned(),
        data_type: 1,
        dims: vec![2, 6],
        float_data: vec![0.0; 12],
        ..Default::default()
    };
    let graph = GraphProto {
        node: vec![node],
        input: vec![port("x")],
        output: vec![port("y")],
        initializer: vec![weights],
        ..Default::default()
    };
    ModelProto { graph: Some(graph), ir_version: 8, ..Default::default() }.encode_to_vec()
}

#[test]
fn what_does_not_run_is_refused_by_name() {
    let number = |name: &str, i| AttributeProto {
        name: name.to_owned(),
        r#type: 2,
        i,
        ..Default::default()
    };
    let causal = vec![number("num_heads", 1), number("unidirectional", 1)];
    for (operator, attributes, why) in [
        ("DynamicQuantizeLSTM", vec![], "known"),
        ("MatMulBnb4", vec![], "known"),
        ("Attention", causal, "unidirectional"),
        ("Attention", vec![], "num_heads"),
        ("FusedMatMul", vec![number("transB", 1)], "transB"),
        ("QAttention", vec![number("num_heads", 1)], "DynamicQuantizeLinear"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), graph_of(operator, attributes)).unwrap();
        match try_load(file.path().to_owned(), 1) {
            Err(LoadError::Node { node, operator: named, why: told }) => {
                assert_eq!((node.as_str(), named.as_str()), ("it", operator));
                assert!(told.contains(why), "{operator}: {told}");
            }
            Err(other) => panic!("{operator}: {other}"),
            Ok(_) => panic!("{operator} runs"),
        }
    }
}
