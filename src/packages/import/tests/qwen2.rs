//! The qwen2 architecture: biases, and rotary pairs half a head apart.

use super::*;
use crate::packages::gguf::Value;
use crate::packages::gguf::writing::Written;

/// The tiny model under another name, with biases that count up.
fn qwen2(alter: impl FnOnce(&mut Writer)) -> Vec<u8> {
    altered(|writer| {
        for (key, _) in &mut writer.metadata {
            if let Some(rest) = key.strip_prefix("llama.") {
                *key = format!("qwen2.{rest}");
            }
        }
        writer.set("general.architecture", &Value::String("qwen2"));
        writer.set("tokenizer.ggml.pre", &Value::String("qwen2"));
        writer.tensors.extend((0..2).flat_map(biases));
        alter(writer);
    })
}

fn biases(layer: u8) -> impl Iterator<Item = Written> {
    [("attn_q", 64), ("attn_k", 32), ("attn_v", 32)].into_iter().map(move |(part, width)| Written {
        name: format!("blk.{layer}.{part}.bias"),
        dimensions: vec![width],
        kind: 0,
        data: counting(width).flat_map(f32::to_le_bytes).collect(),
    })
}

fn counting(width: u64) -> impl Iterator<Item = f32> {
    (0..width).map(|i| i as f32 / 7.0)
}

#[test]
fn biases_follow_their_products() {
    let package = import_bytes(&qwen2(|_| {})).unwrap();
    assert_eq!(package.imported.about.architecture, "qwen2");
    for (part, width) in [("q_proj", 64), ("k_proj", 32), ("v_proj", 32)] {
        let wanted: Vec<f32> = counting(width).collect();
        assert_eq!(package.floats(&format!("model.layers.1.attn.{part}.bias")), wanted);
        let scope = format!("/model/layers.1/attn/{part}");
        let bias = package.node(&format!("{scope}/Add"));
        assert_eq!(bias.input[0], format!("{scope}/MatMulNBits/output_0"));
        let attention = package.node("/model/layers.1/attn/GroupQueryAttention");
        assert!(attention.input.contains(&bias.output[0]), "{part}");
    }
}

/// The file has every type that the other tiny models do not have.
#[test]
fn every_matrix_of_the_tiny_qwen2_is_the_files() {
    let file = include_bytes!("../../../../models/tiny/qwen2.gguf");
    let (gguf, package) = (Gguf::parse(file).unwrap(), import_bytes(file).unwrap());
    let parts = [
        ("attn_q", "attn.q_proj"),
        ("attn_k", "attn.k_proj"),
        ("attn_v", "attn.v_proj"),
        ("attn_output", "attn.o_proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
    ];
    for layer in 0..2 {
        for (from, to) in parts {
            let (from, to) =
                (format!("blk.{layer}.{from}.weight"), format!("model.layers.{layer}.{to}"));
            weights::check_matrix("qwen2", &package, &gguf, &from, &to, 0);
        }
    }
    let bias: Vec<u8> = package.bytes("model.layers.1.attn.k_proj.bias").to_vec();
    assert_eq!(bias, gguf.tensor("blk.1.attn_k.bias").unwrap().data());
}

#[test]
fn rows_stay_in_their_order() {
    let name = "blk.0.attn_q.weight";
    let file = qwen2(|_| {});
    let gguf = Gguf::parse(&file).unwrap();
    let stored = gguf.tensor(name).unwrap();
    // 64 weights of Q4_1 are two blocks of 20 bytes, the first two of them the scale.
    let wanted: Vec<f32> = stored
        .data()
        .chunks(20)
        .map(|block| half::f16::from_le_bytes([block[0], block[1]]).to_f32())
        .collect();
    let package = import_bytes(&file).unwrap();
    assert_eq!(package.floats("model.layers.0.attn.q_proj.scales"), wanted);
    let llama = import_bytes(tiny("q4_1")).unwrap();
    assert_ne!(llama.floats("model.layers.0.attn.q_proj.scales"), wanted);
}

#[test]
fn a_bias_of_llama_is_turned_with_its_rows() {
    let file = altered(|writer| writer.tensors.extend(biases(0)));
    let package = import_bytes(&file).unwrap();
    let found = package.floats("model.layers.0.attn.q_proj.bias");
    let wanted = [0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15].map(|i| i as f32 / 7.0);
    assert_eq!(found[..16], wanted);
    let values: Vec<f32> = counting(32).collect();
    assert_eq!(package.floats("model.layers.0.attn.v_proj.bias"), values);
    assert!(package.find("model.layers.1.attn.q_proj.bias").is_none());
}

#[test]
fn what_the_architecture_has_not_is_refused() {
    type Alteration = fn(&mut Writer);
    let cases: [(&str, Alteration); 4] = [
        ("tensor blk.1.attn_k.bias is missing", |w| {
            w.tensors.retain(|tensor| tensor.name != "blk.1.attn_k.bias");
        }),
        ("tensor rope_freqs.weight is not part of the qwen2 architecture", |w| {
            let (dimensions, data) = (vec![8], vec![0; 32]);
            w.tensors.push(Written { name: "rope_freqs.weight".into(), dimensions, kind: 0, data });
        }),
        ("qwen2.rope.scaling.type is \"yarn\"", |w| {
            w.set("qwen2.rope.scaling.type", &Value::String("yarn"));
        }),
        ("metadata key qwen2.context_length is missing", |w| w.unset("qwen2.context_length")),
    ];
    for (wanted, alter) in cases {
        let said = import_bytes(&qwen2(alter)).map(|_| ()).unwrap_err().to_string();
        assert!(said.contains(wanted), "{said:?} does not say {wanted:?}");
    }
}

#[test]
fn a_window_as_long_as_the_context_is_none() {
    let file = qwen2(|w| w.set("qwen2.attention.sliding_window", &Value::U32(512)));
    import_bytes(&file).unwrap();
}

#[test]
fn linear_scaling_stretches_positions() {
    let (plain, stretched) = (
        qwen2(|_| {}),
        qwen2(|w| {
            w.set("qwen2.rope.scaling.type", &Value::String("linear"));
            w.set("qwen2.rope.scaling.factor", &Value::F32(4.0));
        }),
    );
    let caches = |file: &[u8]| import_bytes(file).unwrap().floats("sin_cache");
    assert_eq!(caches(&plain)[8 * 3..8 * 4], caches(&stretched)[8 * 12..8 * 13]);
}
