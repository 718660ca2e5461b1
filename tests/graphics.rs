//! Language models and encoders on a graphics processor. Any will do, the processor's own pretence included; where
//! there is none these fail: on Debian `apt-get install mesa-vulkan-drivers libvulkan1` gives one.

use std::path::PathBuf;

use endcap::engine::{
    Activation, Backend, Config, Graphics, ModelSource, Probe, TokenId, Tokenizer,
};

use crate::support;

/// A decoder is on a device, or it does not load.
pub(crate) fn on_a_device() -> Config {
    let graphics = Graphics {
        software: true,
        // A processor that pretends takes its time for a real model.
        patience: std::time::Duration::from_secs(120),
        ..Graphics::default()
    };
    Config { backend: Backend::Gpu, graphics, max_sequences: 2, ..Config::default() }
}

const TEXT: &str = "The shop opens at nine, and the first customers";

/// The two largest logits of a row, with the token of the first.
fn top_two(row: &[f32]) -> (usize, f32, f32) {
    let (mut best, mut second) = (0, f32::MIN);
    for (at, &logit) in row.iter().enumerate().skip(1) {
        if logit > row[best] {
            (best, second) = (at, row[best]);
        } else {
            second = second.max(logit);
        }
    }
    (best, row[best], second)
}

/// Sums in another order, and activations of 16 bits on the processor: so far may logits of up to 30 be
/// apart.
const TOLERANCE: f32 = 0.1;

#[test]
#[ignore = "needs the default model: ENDCAP_REFERENCE_PACKAGE names its folder; tests/run --full"]
fn the_default_model_chooses_on_a_device_what_it_chooses_on_the_processor() {
    let package = PathBuf::from(std::env::var_os("ENDCAP_REFERENCE_PACKAGE").expect("it is named"));
    let source = ModelSource {
        name: "default".to_owned(),
        onnx: package.join("model.onnx"),
        tokenizer: package.join("tokenizer.json"),
        end_tokens: vec![],
        context_tokens: 64,
        derived: None,
    };
    let tokens: Vec<TokenId> =
        Tokenizer::load(&source.tokenizer).unwrap().encode(TEXT, false).unwrap();
    let logits = |config: &Config, chunk| {
        let mut probe = Probe::load(&source, "", config).unwrap();
        probe.logits(&[&tokens], chunk).unwrap().remove(0)
    };
    let exact = Config { activation: Activation::Bits16, ..Config::default() };
    let want = logits(&exact, tokens.len());
    // The prompt in one piece, and then a token at a time.
    for chunk in [tokens.len(), 1] {
        let have = logits(&on_a_device(), chunk);
        let (mut clear, mut apart) = (0, 0.0f32);
        for (have, want) in have.iter().zip(&want) {
            apart = have.iter().zip(want).map(|(h, w)| (h - w).abs()).fold(apart, f32::max);
            let (best, first, second) = top_two(want);
            if first - second > TOLERANCE {
                clear += 1;
                assert_eq!(top_two(have).0, best);
            }
        }
        eprintln!("{chunk} at a time: {clear} of {} clear, {apart} apart at most", want.len());
        assert!(apart < TOLERANCE && clear * 2 > want.len(), "{clear} clear, {apart} apart");
    }
}

fn doctor(variables: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let data = support::data();
    let mut command = support::endcap();
    command.args(["doctor", "--json", "--data"]).arg(data.path());
    variables.iter().for_each(|(name, value)| {
        command.env(name, value);
    });
    let all: Vec<serde_json::Value> =
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    all
}

fn texts(findings: &[serde_json::Value], what: &str) -> Vec<String> {
    let named = findings.iter().filter(|finding| finding["what"] == what);
    named.map(|finding| finding["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn doctor_tells_which_graphics_processor_runs_what_and_why() {
    let allowed = doctor(&[("ENDCAP_ALLOW_SOFTWARE_GPU", "1")]);
    let devices = texts(&allowed, "graphics processor");
    assert!(devices.iter().any(|text| text.contains("runs language models")), "{devices:?}");
    let model = texts(&allowed, &format!("model {}", support::MODEL));
    assert!(model[0].contains("a graphics processor can run it"), "{model:?}");
    // A processor that pretends is left alone by itself.
    let refused = doctor(&[]);
    let pretended = texts(&refused, "graphics processor");
    let software = |text: &&String| text.contains("(software, ");
    assert!(pretended.iter().filter(software).all(|text| text.contains("left alone")));
    let off = doctor(&[("ENDCAP_ENGINE_BACKEND", "cpu")]);
    assert_eq!(texts(&off, "graphics processor"), ["not looked for: engine.backend is \"cpu\""]);
}

#[test]
fn a_check_runs_an_encoder_on_a_device_and_says_why_another_graph_is_the_processors() {
    let check = |graph: &str| -> serde_json::Value {
        let graphs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/encoders");
        let mut command = support::endcap();
        command.args(["models", "check", "--json", "--backend", "gpu", "--batch", "3"]);
        command.arg(graphs.join(graph)).env("ENDCAP_ALLOW_SOFTWARE_GPU", "1");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", support::stderr(&output));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()["report"].take()
    };
    let encoder = check("encoder.onnx");
    assert!(!encoder["device"]["name"].as_str().unwrap().is_empty(), "{encoder}");
    assert!(encoder["device_fault"].is_null(), "{encoder}");
    assert!(encoder["measured"]["rows_per_s"].as_f64().unwrap() > 0.0, "{encoder}");
    let other = check("qdq-conv.onnx");
    assert!(other["device"].is_null(), "{other}");
    assert!(other["device_fault"].as_str().unwrap().contains("no encoder"), "{other}");
}

#[test]
fn doctor_looks_at_an_encoder_as_one() {
    let data = support::data();
    let encoder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tiny/encoder");
    support::import_as("encoder", &encoder, data.path());
    let mut command = support::endcap();
    let output = command.args(["doctor", "--json", "--data"]).arg(data.path()).output().unwrap();
    let all: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let found = all.iter().find(|finding| finding["what"] == "model encoder").unwrap();
    assert_eq!(found["state"], "ok", "{found}");
    assert!(found["text"].as_str().unwrap().contains("only the processor runs it"), "{found}");
}

#[test]
fn a_measurement_names_the_device_and_its_limit() {
    let data = support::data();
    let mut command = support::endcap();
    let arguments = ["--json", "--streams", "2", "--prompt", "8", "--tokens", "4", "--rounds", "1"];
    command.args(["bench", support::MODEL]).args(arguments).args(["--backend", "gpu", "--data"]);
    command.arg(data.path()).env("ENDCAP_ALLOW_SOFTWARE_GPU", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", support::stderr(&output));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["kernel"], "wgsl (8, shared, rows)", "{told}");
    assert!(!told["device"]["name"].as_str().unwrap().is_empty());
    assert!(told["decode_tokens_per_s"].as_f64().unwrap() > 0.0);
    assert!(told["device_limits"]["copy_bytes_per_s"].as_f64().unwrap() > 0.0);
    // Its own kernels are compared with nothing of the processor's.
    assert!(told["limits"].is_null());
}
