//! How surprised the engine is by real text, against llama.cpp on the GGUF file that the package
//! was imported from; `models/reference` has the recipe.

use std::path::{Path, PathBuf};

use endcap::engine::{Activation, Config, KvType, ModelSource, Probe, TokenId};
use serde::Deserialize;

/// Of the engine's perplexity from llama.cpp's.
const TOLERANCE: f64 = 0.01;
/// Of a single window's mean surprise, in nats. A fault in a few windows would drown in the whole.
const WINDOW_TOLERANCE: f64 = 0.05;

#[derive(Deserialize)]
struct Text {
    sha256: String,
    window: usize,
    tokens: Vec<TokenId>,
}

#[derive(Deserialize)]
struct Peer {
    tokens_sha256: String,
    window: usize,
    nats: Vec<f64>,
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Surprise by all tokens of a window but its first, in nats.
fn surprise(probe: &mut Probe, window: &[TokenId]) -> f64 {
    let rows = probe.logits(&[window], 128).unwrap().remove(0);
    let said = window.iter().skip(1);
    rows.iter().zip(said).map(|(row, &token)| log_sum(row) - f64::from(row[token as usize])).sum()
}

fn log_sum(row: &[f32]) -> f64 {
    let top = row.iter().copied().fold(f32::MIN, f32::max);
    let sum: f64 = row.iter().map(|&logit| f64::from(logit - top).exp()).sum();
    f64::from(top) + sum.ln()
}

/// Holds a package, run so, against llama.cpp.
fn compare(name: &str, config: &Config) {
    let named = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let package = named("ENDCAP_REFERENCE_MODELS").join(name);
    let text: Text = read(&named("ENDCAP_REFERENCE_TEXT").join(format!("{name}.json")));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/reference/perplexity");
    let peer: Peer = read(&folder.join(format!("{name}.json")));
    assert_eq!(text.sha256, peer.tokens_sha256, "{name}: other tokens than llama.cpp was given");
    assert_eq!(text.window, peer.window);

    let source = ModelSource {
        name: name.to_owned(),
        onnx: package.join("model.onnx"),
        derived: None,
        tokenizer: package.join("tokenizer.json"),
        end_tokens: vec![],
        context_tokens: text.window,
    };
    let mut probe = Probe::load(&source, "", config).unwrap();
    let windows: Vec<&[TokenId]> = text.tokens.chunks_exact(text.window).collect();
    assert_eq!(windows.len(), peer.nats.len());
    let each = (text.window - 1) as f64;
    let mut ours = 0.0;
    for (at, (window, theirs)) in windows.iter().zip(&peer.nats).enumerate() {
        let nats = surprise(&mut probe, window);
        let apart = (nats - theirs).abs() / each;
        assert!(apart < WINDOW_TOLERANCE, "{name}: window {at} is {apart} nats a token apart");
        ours += nats;
    }
    let tokens = each * windows.len() as f64;
    let perplexity = |nats: f64| (nats / tokens).exp();
    let (ours, theirs) = (perplexity(ours), perplexity(peer.nats.iter().sum()));
    let ratio = ours / theirs;
    let (kept, kv) = (config.activation.name(), config.kv_type);
    eprintln!(
        "{name}, {kept} activations, KV {kv:?}: perplexity {ours:.4}, llama.cpp {theirs:.4}, ratio {ratio:.5}"
    );
    assert!((ratio - 1.0).abs() < TOLERANCE, "{name}: {ours} against {theirs}");
}

#[test]
#[ignore = "needs the default model and 20,000 tokens of text: tests/run --full"]
fn the_default_model_is_as_surprised_as_in_llama_cpp() {
    compare("smollm2-135m-instruct", &Config::default());
}

#[test]
#[ignore = "needs Qwen2.5 Coder 0.5B and 20,000 tokens of text: tests/run --full"]
fn qwen2_is_as_surprised_as_in_llama_cpp() {
    compare("qwen2.5-coder-0.5b-instruct", &Config::default());
}

#[test]
#[ignore = "needs the default model and 20,000 tokens of text: tests/run --full"]
fn keys_and_values_of_eight_bits_surprise_it_no_more() {
    let config = Config { kv_type: KvType::Int8, ..Config::default() };
    compare("smollm2-135m-instruct", &config);
}

#[test]
#[ignore = "needs the default model and 20,000 tokens of text: tests/run --full"]
fn the_finest_activations_surprise_it_no_less() {
    let config = Config { activation: Activation::Bits16, ..Config::default() };
    compare("smollm2-135m-instruct", &config);
}
