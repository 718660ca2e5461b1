//! An encoder imported and run by the engine, against the same encoder written out in plain loops.

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;

use super::super::ImportError;
use super::import_encoder;
use crate::engine::{Array, Config, Inference, Network, NetworkSource};
use crate::packages::safetensors::tests::file;

const HIDDEN: usize = 8;
const HEADS: usize = 2;
const WIDE: usize = 12;
const LAYERS: usize = 2;
const WORDS: usize = 11;
const POSITIONS: usize = 6;

type Tensors = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// Weights without a pattern, the same each time.
fn tensors() -> Tensors {
    let mut state = 7_u32;
    let mut tensors = Tensors::new();
    let mut add = |name: String, shape: &[usize], middle: f32| {
        let values = (0..shape.iter().product::<usize>()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            middle + (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        });
        tensors.insert(name, (shape.to_vec(), values.collect()));
    };
    add("embeddings.word_embeddings.weight".into(), &[WORDS, HIDDEN], 0.0);
    add("embeddings.position_embeddings.weight".into(), &[POSITIONS, HIDDEN], 0.0);
    add("embeddings.token_type_embeddings.weight".into(), &[2, HIDDEN], 0.0);
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        for (part, outer, inner) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
        ] {
            add(name(part) + ".weight", &[outer, inner], 0.0);
            add(name(part) + ".bias", &[outer], 0.0);
        }
        norms.extend([name("attention.output.LayerNorm"), name("output.LayerNorm")]);
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[HIDDEN], 1.0);
        add(format!("{norm}.bias"), &[HIDDEN], 0.0);
    }
    add("pooler.dense.weight".into(), &[HIDDEN, HIDDEN], 0.0);
    tensors
}

fn config() -> serde_json::Value {
    json!({
        "model_type": "bert", "hidden_act": "gelu", "vocab_size": WORDS, "hidden_size": HIDDEN,
        "intermediate_size": WIDE, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    })
}

fn import(
    tensors: &Tensors,
    config: &serde_json::Value,
    folder: &Path,
) -> Result<super::Encoder, ImportError> {
    let list: Vec<_> =
        tensors.iter().map(|(name, (shape, v))| (name.clone(), shape.clone(), v.clone())).collect();
    let path = folder.join("model.safetensors");
    std::fs::write(&path, file(&list)).unwrap();
    import_encoder(&path, config.to_string().as_bytes(), folder, &|_| {})
}

/// The hidden states of one sequence, in f64; tokens from `length` on are padding.
fn forward(tensors: &Tensors, ids: &[usize], types: &[usize], length: usize) -> Vec<Vec<f64>> {
    let get = |name: &str| {
        let values = &tensors[name].1;
        values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>()
    };
    let row = |name: &str, at: usize| get(name)[at * HIDDEN..][..HIDDEN].to_vec();
    let linear = |name: &str, x: &[f64]| -> Vec<f64> {
        let (weight, bias) = (get(&format!("{name}.weight")), get(&format!("{name}.bias")));
        let products = weight.chunks(x.len()).zip(bias);
        products.map(|(w, b)| b + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>()).collect()
    };
    let norm = |name: &str, x: Vec<f64>| -> Vec<f64> {
        let (weight, bias) = (get(&format!("{name}.weight")), get(&format!("{name}.bias")));
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
        let scaled = x.iter().map(|v| (v - mean) / (variance + 1e-12).sqrt());
        scaled.zip(weight.iter().zip(bias)).map(|(v, (w, b))| v * w + b).collect()
    };
    let add = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<_>>();
    let mut hidden: Vec<Vec<f64>> = (0..ids.len())
        .map(|at| {
            let word = row("embeddings.word_embeddings.weight", ids[at]);
            let kind = row("embeddings.token_type_embeddings.weight", types[at]);
            let place = row("embeddings.position_embeddings.weight", at);
            norm("embeddings.LayerNorm", add(&add(&word, &kind), &place))
        })
        .collect();
    let width = HIDDEN / HEADS;
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let all = |part: &str| -> Vec<Vec<f64>> {
            hidden.iter().map(|x| linear(&name(part), x)).collect()
        };
        let [q, k, v] =
            ["query", "key", "value"].map(|part| all(&format!("attention.self.{part}")));
        hidden = (0..ids.len())
            .map(|at| {
                let mut context = vec![0.0; HIDDEN];
                for head in 0..HEADS {
                    let part = head * width..(head + 1) * width;
                    let score = |other: usize| {
                        let dot: f64 = q[at][part.clone()]
                            .iter()
                            .zip(&k[other][part.clone()])
                            .map(|(q, k)| q * k)
                            .sum();
                        (dot / (width as f64).sqrt()).exp()
                    };
                    let total: f64 = (0..length).map(score).sum();
                    for (other, v) in v.iter().enumerate().take(length) {
                        for i in part.clone() {
                            context[i] += score(other) / total * v[i];
                        }
                    }
                }
                let out = add(&linear(&name("attention.output.dense"), &context), &hidden[at]);
                let attended = norm(&name("attention.output.LayerNorm"), out);
                let wide = linear(&name("intermediate.dense"), &attended);
                let wide: Vec<f64> = wide.into_iter().map(gelu).collect();
                let out = add(&linear(&name("output.dense"), &wide), &attended);
                norm(&name("output.LayerNorm"), out)
            })
            .collect();
    }
    hidden
}

/// x Φ(x), with Φ integrated by Simpson's rule.
fn gelu(x: f64) -> f64 {
    const STEPS: usize = 2000;
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let step = x / STEPS as f64;
    let inner: f64 =
        (1..STEPS).map(|i| if i % 2 == 1 { 4.0 } else { 2.0 } * density(i as f64 * step)).sum();
    x * (0.5 + step / 3.0 * (density(0.0) + inner + density(x)))
}

#[tokio::test]
async fn an_imported_encoder_gives_what_its_formulas_give() {
    let (folder, tensors) = (tempfile::tempdir().unwrap(), tensors());
    let encoder = import(&tensors, &config(), folder.path()).unwrap();
    assert_eq!((encoder.context_tokens, encoder.parameters), (POSITIONS, 1232));
    let engine = Config { threads: 1, ..Config::default() };
    let source = NetworkSource {
        name: "tiny".into(),
        onnx: folder.path().join("model.onnx"),
        derived: None,
    };
    let network = Network::load_within(&engine.budget(), &source, &engine).unwrap();
    // Two sequences, the second with padding.
    let ids = [[1, 5, 10, 3, 2], [4, 4, 9, 0, 0]];
    let types = [[0, 0, 1, 1, 1], [0; 5]];
    let lengths = [5, 3];
    let flat =
        |rows: [[usize; 5]; 2]| rows.concat().into_iter().map(|v| v as i64).collect::<Vec<_>>();
    let mask: Vec<i64> =
        lengths.iter().flat_map(|n| (0..5).map(move |at| i64::from(at < *n))).collect();
    let array = |values: &[i64]| Array::integers(vec![2, 5], values).unwrap();
    let inputs = vec![
        ("input_ids".to_owned(), array(&flat(ids))),
        ("token_type_ids".to_owned(), array(&flat(types))),
        ("attention_mask".to_owned(), array(&mask)),
    ];
    let answer =
        network.infer(Inference { inputs, outputs: vec![], deadline: None }).await.unwrap();
    assert_eq!(
        (answer[0].0.as_str(), answer[0].1.shape()),
        ("last_hidden_state", &[2, 5, HIDDEN][..])
    );
    let found = answer[0].1.to_floats().unwrap();
    for (sequence, length) in lengths.into_iter().enumerate() {
        let wanted = forward(&tensors, &ids[sequence], &types[sequence], length);
        for (at, row) in wanted.iter().take(length).enumerate() {
            for (i, wanted) in row.iter().enumerate() {
                let found = f64::from(found[(sequence * 5 + at) * HIDDEN + i]);
                assert!((found - wanted).abs() < 1e-5, "{sequence} {at} {i}: {found} {wanted}");
            }
        }
    }
}

#[test]
fn a_part_of_a_larger_model_is_found_by_its_prefix() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    import(&tensors(), &config(), one.path()).unwrap();
    let prefixed = tensors().into_iter().map(|(name, t)| (format!("bert.{name}"), t)).collect();
    import(&prefixed, &config(), two.path()).unwrap();
    for file in ["model.onnx", "model.onnx.data"] {
        let read = |folder: &Path| std::fs::read(folder.join(file)).unwrap();
        assert!(read(one.path()) == read(two.path()), "{file}");
    }
}

#[test]
fn what_is_no_such_encoder_is_refused_by_name() {
    type Change = fn(&mut Tensors, &mut serde_json::Value);
    let cases: [(&str, Change); 11] = [
        ("model_type is roberta", |_, c| c["model_type"] = json!("roberta")),
        ("hidden_act is relu", |_, c| c["hidden_act"] = json!("relu")),
        ("position_embedding_type is relative", |_, c| {
            c["position_embedding_type"] = json!("relative_key");
        }),
        ("num_hidden_layers", |_, c| c["num_hidden_layers"] = json!("two")),
        ("num_hidden_layers is 4096", |_, c| c["num_hidden_layers"] = json!(4096)),
        ("cannot be shared by 3 heads", |_, c| c["num_attention_heads"] = json!(3)),
        ("layer_norm_eps", |_, c| c["layer_norm_eps"] = json!(-1.0)),
        ("encoder.layer.2", |_, c| c["num_hidden_layers"] = json!(3)),
        ("tensor classifier.weight is not part", |t, _| {
            t.insert("classifier.weight".into(), (vec![1], vec![0.0]));
        }),
        ("[9, 8]", |t, _| {
            let name = "embeddings.word_embeddings.weight";
            t.insert(name.into(), (vec![9, HIDDEN], vec![0.0; 9 * HIDDEN]));
        }),
        ("not a number", |t, _| {
            t.get_mut("embeddings.LayerNorm.bias").unwrap().1[3] = f32::NAN;
        }),
    ];
    for (told, change) in cases {
        let (folder, mut tensors, mut config) = (tempfile::tempdir().unwrap(), tensors(), config());
        change(&mut tensors, &mut config);
        let error = import(&tensors, &config, folder.path()).expect_err(told).to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
}
