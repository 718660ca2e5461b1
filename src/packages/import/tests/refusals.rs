//! What cannot be imported is refused by name.

use super::*;
use crate::packages::gguf::Value;
use crate::packages::gguf::writing::Written;

type Alteration = fn(&mut Writer);

const CASES: &[(&str, Alteration)] = &[
    ("general.architecture is mamba; supported is llama and qwen2", |w| {
        w.set("general.architecture", &Value::String("mamba"));
    }),
    ("metadata key llama.block_count is missing", |w| w.unset("llama.block_count")),
    ("llama.block_count is 4000000000; supported is 1 to 1024", |w| {
        w.set("llama.block_count", &Value::U32(4_000_000_000));
    }),
    ("llama.context_length is 4294967295; supported is 1 to 262144", |w| {
        w.set("llama.context_length", &Value::U32(u32::MAX));
    }),
    ("llama.attention.head_count is 0", |w| {
        w.set("llama.attention.head_count", &Value::U32(0));
    }),
    ("llama.attention.head_count_kv is 3", |w| {
        w.set("llama.attention.head_count_kv", &Value::U32(3));
    }),
    ("llama.rope.dimension_count is 8; supported is the whole width", |w| {
        w.set("llama.rope.dimension_count", &Value::U32(8));
    }),
    ("llama.rope.scaling.type is \"yarn\"; supported is none and linear", |w| {
        w.set("llama.rope.scaling.type", &Value::String("yarn"));
    }),
    ("llama.rope.freq_base is NaN", |w| w.set("llama.rope.freq_base", &Value::F32(f32::NAN))),
    ("llama.attention.layer_norm_rms_epsilon is missing", |w| {
        w.unset("llama.attention.layer_norm_rms_epsilon");
    }),
    ("llama.expert_count is 8", |w| w.set("llama.expert_count", &Value::U32(8))),
    ("tokenizer.ggml.model is llama; supported is gpt2", |w| {
        w.set("tokenizer.ggml.model", &Value::String("llama"));
    }),
    ("tokenizer.ggml.pre is tekken; supported is", |w| {
        w.set("tokenizer.ggml.pre", &Value::String("tekken"));
    }),
    ("tokenizer.ggml.eos_token_id is missing or is not a token", |w| {
        w.set("tokenizer.ggml.eos_token_id", &Value::U32(512));
    }),
    ("tokenizer.ggml.add_eos_token is true", |w| {
        w.set("tokenizer.ggml.add_eos_token", &Value::Bool(true));
    }),
    ("tensor blk.1.ffn_up.weight is missing", |w| {
        w.tensors.retain(|tensor| tensor.name != "blk.1.ffn_up.weight");
    }),
    ("tensor token_embd.weight is missing", |w| {
        w.tensors.retain(|tensor| tensor.name != "token_embd.weight");
    }),
    ("llama.attention.sliding_window is 128; supported is 0", |w| {
        w.set("llama.attention.sliding_window", &Value::U32(128));
    }),
    ("llama.logit_scale is 2; supported is 1", |w| {
        w.set("llama.logit_scale", &Value::F32(2.0));
    }),
    ("llama.attention.causal is false; supported is true", |w| {
        w.set("llama.attention.causal", &Value::Bool(false));
    }),
    ("tensor blk.0.attn_q_norm.weight is not part of the llama architecture", |w| {
        w.tensors.push(Written {
            name: "blk.0.attn_q_norm.weight".into(),
            dimensions: vec![8],
            kind: 0,
            data: vec![0; 32],
        });
    }),
    ("tensor blk.0.attn_q.bias has shape [8]; the metadata asks for [64]", |w| {
        w.tensors.push(Written {
            name: "blk.0.attn_q.bias".into(),
            dimensions: vec![8],
            kind: 0,
            data: vec![0; 32],
        });
    }),
    ("tensor blk.0.attn_q.weight has shape [64, 32]; the metadata asks for [64, 64]", |w| {
        let tensor = w.tensor("blk.0.attn_q.weight");
        tensor.dimensions = vec![64, 32];
        tensor.data.truncate(32 * 40);
    }),
    ("tensor blk.0.attn_q.weight is stored as IQ4_NL; supported are F32, F16", |w| {
        let tensor = w.tensor("blk.0.attn_q.weight");
        tensor.kind = 20;
        tensor.data = vec![0; 64 * 2 * 18];
    }),
    ("tensor blk.0.attn_norm.weight is stored as Q8_0; supported are F32, F16 and BF16", |w| {
        let tensor = w.tensor("blk.0.attn_norm.weight");
        tensor.kind = 8;
        tensor.data = vec![0; 2 * 34];
    }),
    ("tensor blk.1.ffn_down.weight holds a value that is infinite", |w| {
        w.tensor("blk.1.ffn_down.weight").data[41] = 0x7c;
    }),
    ("tensor output_norm.weight holds a value that is infinite", |w| {
        w.tensor("output_norm.weight").data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    }),
];

#[test]
fn what_is_not_supported_is_named() {
    for (wanted, alter) in CASES {
        let said = match import_bytes(&altered(alter)) {
            Ok(_) => "imported".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(said.contains(wanted), "{said:?} does not say {wanted:?}");
    }
}

#[test]
fn damaged_vocabularies_are_refused() {
    let copy = |from: &str, to: &str| {
        let mut file = tiny("q4_1").to_vec();
        let at = file.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
        import_bytes(&file).map(|_| ()).unwrap_err().to_string()
    };
    let one = "\u{1}\0\0\0\0\0\0\0";
    assert!(copy(&format!("{one}#"), &format!("{one}$")).contains("token \"$\" occurs twice"));
    assert!(copy("\u{120} t", "\u{120}_t").contains("is not two tokens"));
    assert!(copy("\u{120} t", "\u{121} t").contains("needs a token that is not in"));
}
