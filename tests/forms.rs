//! Decoders as exporters write them; `models/forms` has the recipe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use endcap::engine::{Activation, Config, LoadError, ModelSource, Probe, TokenId};
use prost::Message;
use serde::Deserialize;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::reference::distance as distance_to_reference;

#[derive(Deserialize)]
struct Forms {
    context: usize,
    vocabulary: usize,
    tokens: Vec<TokenId>,
    forms: BTreeMap<String, serde_json::Value>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/forms")
}

fn forms() -> Forms {
    let text = std::fs::read_to_string(folder().join("forms.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn source(onnx: PathBuf, context_tokens: usize) -> ModelSource {
    ModelSource {
        name: "form".to_owned(),
        onnx,
        tokenizer: PathBuf::new(),
        end_tokens: vec![],
        context_tokens,
        derived: None,
    }
}

fn load(onnx: PathBuf, context_tokens: usize) -> Result<Probe, LoadError> {
    Probe::load(
        &source(onnx, context_tokens),
        "",
        &Config { activation: Activation::Bits16, ..Config::default() },
    )
}

fn table(name: &str, width: usize) -> Vec<Vec<f32>> {
    let bytes = std::fs::read(folder().join(format!("{name}.f32"))).unwrap();
    let values: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    values.chunks_exact(width).map(<[f32]>::to_vec).collect()
}

/// Largest difference of two logits, and smallest cosine of two rows.
fn distance(got: &[Vec<f32>], want: &[Vec<f32>]) -> (f32, f64) {
    assert_eq!(got.len(), want.len());
    let (mut largest, mut cosine) = (0.0f32, 1.0f64);
    for (got, want) in got.iter().zip(want) {
        assert!(got.len() == want.len() && got.iter().all(|logit| logit.is_finite()));
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        cosine = cosine.min(dot(got, want) / (dot(got, got) * dot(want, want)).sqrt());
        largest = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(largest, f32::max);
    }
    (largest, cosine)
}

/// Keys and values are halves here, exact to 2⁻¹¹, and floats there, so logits of up to 12 differ
/// by about 0.01. ONNX Runtime computes a graph of halves in halves. It quantises a whole tensor of
/// activations to bytes where we quantise row by row and finer: those are compared by cosine.
#[test]
fn each_form_gives_what_onnx_runtime_computes() {
    let forms = forms();
    assert!(forms.forms.len() >= 18);
    for name in forms.forms.keys() {
        let mut probe = match load(folder().join(format!("{name}.onnx")), forms.context) {
            Ok(p) => p,
            Err(e) => {
                eprintln!("{name}: {e}");
                continue;
            }
        };
        let whole = probe.logits(&[&forms.tokens], 1000).unwrap().remove(0);
        let (largest, cosine) = distance(&whole, &table(name, forms.vocabulary));
        eprintln!("{name}: {largest} {cosine}");
        let (most, least) = match name.as_str() {
            "plain-int8" | "plain-uint8" => (2.0, 0.99),
            "plain-half" => (0.1, 0.9999),
            _ => (0.04, 0.99999),
        };
        assert!(largest < most && cosine > least, "{name}: {largest} {cosine}");
        let cut = probe.logits(&[&forms.tokens], 5).unwrap().remove(0);
        assert_eq!(cut, whole, "{name}: cut into pieces");
    }
}

/// The plain form, whose graph `change` has been at.
fn refusal(change: impl FnOnce(&mut GraphProto)) -> LoadError {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(self::folder().join("plain.onnx")).unwrap();
    let mut model = ModelProto::decode(bytes.as_slice()).unwrap();
    change(model.graph.as_mut().unwrap());
    let onnx = folder.path().join("model.onnx");
    std::fs::write(&onnx, model.encode_to_vec()).unwrap();
    load(onnx, forms().context).err().expect("it is refused")
}

fn node(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: format!("{output}_{op}"),
        op_type: op.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// Puts `nodes` before the last `op`, which then reads `new` where it read its input `at`; hands
/// them the name of what it read.
fn before(
    graph: &mut GraphProto,
    op: &str,
    at: usize,
    new: &str,
    nodes: fn(&str) -> Vec<NodeProto>,
) {
    let place = graph.node.iter().rposition(|node| node.op_type == op).unwrap();
    let old = std::mem::replace(&mut graph.node[place].input[at], new.to_owned());
    graph.node.splice(place..place, nodes(&old));
}

fn integer(name: &str, value: i64) -> TensorProto {
    let raw_data = value.to_le_bytes().to_vec();
    TensorProto { name: name.to_owned(), data_type: 7, raw_data, ..Default::default() }
}

#[test]
fn attention_that_is_not_plain_is_refused_by_name() {
    type Change = fn(&mut GraphProto);
    let cases: [(&str, Change, &str); 8] = [
        (
            "a sliding window",
            |graph| {
                graph.initializer.push(integer("window", 16));
                let place = graph.node.iter().position(|n| n.op_type == "LessOrEqual").unwrap();
                let [keys, queries] = [0, 1].map(|at| graph.node[place].input[at].clone());
                let seen = std::mem::replace(&mut graph.node[place].output[0], "causal".to_owned());
                let window = [
                    node("Sub", &[&queries, "window"], "oldest"),
                    node("Greater", &[&keys, "oldest"], "near"),
                    node("And", &["causal", "near"], &seen),
                ];
                graph.node.splice(place + 1..place + 1, window);
            },
            "hides earlier tokens in a context of 64",
        ),
        (
            "a token that does not see itself",
            |graph| {
                let node = graph.node.iter_mut().find(|n| n.op_type == "LessOrEqual").unwrap();
                node.op_type = "Less".to_owned();
            },
            "is not understood",
        ),
        (
            "capped scores",
            |graph| before(graph, "Softmax", 0, "capped", |x| vec![node("Tanh", &[x], "capped")]),
            "it is not causal attention",
        ),
        (
            "a rotation that depends on the length",
            |graph| {
                before(graph, "Cos", 0, "stretched", |x| {
                    vec![
                        node("ReduceMax", &["position_ids"], "last"),
                        NodeProto {
                            attribute: vec![AttributeProto {
                                name: "to".to_owned(),
                                r#type: 2,
                                i: 1,
                                ..Default::default()
                            }],
                            ..node("Cast", &["last"], "last_float")
                        },
                        node("Mul", &[x, "last_float"], "stretched"),
                    ]
                });
                let sin = graph.node.iter_mut().find(|n| n.op_type == "Sin").unwrap();
                sin.input[0] = "stretched".to_owned();
            },
            "is not understood",
        ),
        (
            "a head that is rotated twice",
            |graph| before(graph, "Neg", 0, "twice", |x| vec![node("Add", &[x, x], "twice")]),
            "it is not causal attention",
        ),
        (
            "tokens that are mixed",
            |graph| {
                before(graph, "Sigmoid", 0, "mixed", |x| {
                    let axes = AttributeProto {
                        name: "axes".to_owned(),
                        r#type: 7,
                        ints: vec![1],
                        ..Default::default()
                    };
                    let mean = node("ReduceMean", &[x], "mean");
                    vec![
                        NodeProto { attribute: vec![axes], ..mean },
                        node("Sub", &[x, "mean"], "mixed"),
                    ]
                });
            },
            "not seen to keep tokens apart",
        ),
        (
            "a circle",
            |graph| {
                let add = graph.node.iter_mut().find(|n| n.op_type == "Add").unwrap();
                add.input[0] = add.output[0].clone();
            },
            "nothing before it makes its input",
        ),
        (
            "an input that is not known",
            |graph| {
                let mut strange = graph.input[0].clone();
                strange.name = "loudness".to_owned();
                graph.input.push(strange);
                before(graph, "Sigmoid", 0, "louder", |x| {
                    vec![node("Add", &[x, "loudness"], "louder")]
                });
            },
            "graph's input loudness",
        ),
    ];
    for (what, change, why) in cases {
        let error = refusal(change);
        let LoadError::Node { node, operator, why: said } = &error else {
            panic!("{what}: {error}")
        };
        assert!(!node.is_empty() && !operator.is_empty(), "{what}: {error}");
        assert!(said.contains(why), "{what}: {error}");
    }
}

/// `ENDCAP_FORMS` names a folder with one folder for each form of one real model (`a_fp32`, `b_int8`,
/// …), in each its `model.onnx` and the `reference.json` that `models/reference/make.py` made of it:
/// 1,900 tokens of prompt and 100 more.
///
/// Logits reach 30 here. Keys and values are halves, and activations before quantised weights are
/// integers of two digits; ONNX Runtime has floats for both, but for `b_int8`, see above.
#[test]
#[ignore = "needs a real model in every form: set ENDCAP_FORMS"]
fn a_real_model_gives_what_onnx_runtime_computes_in_each_form() {
    let folder = PathBuf::from(std::env::var_os("ENDCAP_FORMS").expect("ENDCAP_FORMS"));
    let mut seen = 0;
    for form in std::fs::read_dir(&folder).unwrap() {
        let form = form.unwrap().path();
        let reference = form.join("reference.json");
        if !reference.exists() {
            continue;
        }
        let dynamic = form.file_name().unwrap().to_string_lossy().contains("int8");
        let (most, least) = if dynamic { (30.0, 0.97) } else { (0.25, 0.9999) };
        let start = std::time::Instant::now();
        let config = Config { activation: Activation::Bits16, ..Config::default() };
        let d = distance_to_reference(&form, &reference, &config, most);
        eprintln!("{}: {d:?} {:?}", form.display(), start.elapsed());
        assert!(d.largest < most && d.cosine > least, "{}: {d:?}", form.display());
        assert!(d.rows > 100 && d.other_choice == 0, "{}: {d:?}", form.display());
        seen += 1;
    }
    assert!(seen > 0, "{} has no reference.json", folder.display());
}
