//! The engine's logits against ONNX Runtime's on the same file; `models/reference` has the recipe.

use std::path::{Path, PathBuf};

use endcap::engine::{Activation, Config, ModelSource, Probe, TokenId};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    model_sha256: String,
    logits: String,
    vocabulary: usize,
    prompt: Vec<TokenId>,
    forced: Vec<TokenId>,
    rows: String,
}

/// How far two tables of logits are apart.
#[derive(Debug)]
pub(crate) struct Distance {
    /// Largest absolute difference of two logits.
    pub(crate) largest: f32,
    /// Smallest cosine of two rows.
    pub(crate) cosine: f64,
    /// Rows in which the best token differs, where the reference's best leads by more than the
    /// tolerance.
    pub(crate) other_choice: usize,
    /// Rows in which the reference's best leads by more than the tolerance.
    pub(crate) clear: usize,
    pub(crate) rows: usize,
}

/// Runs the reference's tokens, prompt whole and the rest one by one, and compares.
pub(crate) fn distance(
    package: &Path,
    reference: &Path,
    config: &Config,
    tolerance: f32,
) -> Distance {
    let text = std::fs::read_to_string(reference).unwrap();
    let described: Reference = serde_json::from_str(&text).unwrap();
    let onnx = package.join("model.onnx");
    assert_eq!(
        crate::support::sha256(&std::fs::read(&onnx).unwrap()),
        described.model_sha256,
        "the reference is of another model: see models/reference/README.md"
    );
    let skipped = match described.rows.as_str() {
        "all" => 0,
        "last" => described.prompt.len() - 1,
        other => panic!("rows: {other}"),
    };
    let bytes = std::fs::read(reference.with_file_name(described.logits)).unwrap();
    let table: Vec<f32> =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    let want: Vec<&[f32]> = table.chunks_exact(described.vocabulary).collect();
    let tokens: Vec<TokenId> = [described.prompt, described.forced].concat();
    assert_eq!(want.len(), tokens.len() - skipped);

    let source = ModelSource {
        name: "reference".to_owned(),
        onnx,
        tokenizer: package.join("tokenizer.json"),
        end_tokens: vec![],
        context_tokens: tokens.len() + 1,
        derived: None,
    };
    let mut probe = Probe::load(&source, "", config).unwrap();
    let mut got = probe.logits(&[&tokens], 128).unwrap().remove(0);
    got.drain(..skipped);
    let mut all = Distance { largest: 0.0, cosine: 1.0, other_choice: 0, clear: 0, rows: 0 };
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert!(got.len() == want.len() && got.iter().all(|logit| logit.is_finite()));
        let (mut dot, mut a, mut b) = (0.0f64, 0.0f64, 0.0f64);
        for (&g, &w) in got.iter().zip(want) {
            all.largest = all.largest.max((g - w).abs());
            dot += f64::from(g) * f64::from(w);
            a += f64::from(g).powi(2);
            b += f64::from(w).powi(2);
        }
        all.cosine = all.cosine.min(dot / (a * b).sqrt());
        let clear = lead(want) > tolerance;
        all.clear += usize::from(clear);
        all.other_choice += usize::from(clear && best(got) != best(want));
        all.rows += 1;
    }
    eprintln!("{}: {all:?}", package.display());
    all
}

fn best(row: &[f32]) -> usize {
    (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
}

/// By how much the best logit exceeds the second.
fn lead(row: &[f32]) -> f32 {
    let top = best(row);
    let second = (0..row.len()).filter(|&i| i != top).map(|i| row[i]).fold(f32::MIN, f32::max);
    row[top] - second
}

/// Keys and values are halves here, exact to 2⁻¹¹, and floats there; 16-bit activations add 1/64516
/// of the largest of 32 neighbours, 8-bit ones 1/254. Mixed ones add the latter, but not where it is
/// much of the row; in the tiny models, whose weights are noise, hardly any block stands out. Each
/// tolerance is about three times what that was measured to come to.
#[test]
fn tiny_models_agree_with_onnx_runtime() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/reference");
    for form in ["f32", "f16", "q4_0", "q4_1", "qwen2"] {
        for (activation, tolerance, cosine) in [
            (Activation::Bits16, 0.08, 0.99999),
            (Activation::Mixed, 2.0, 0.994),
            (Activation::Bits8, 2.0, 0.994),
        ] {
            let package = crate::engine::TINY.path().join(form);
            let reference = folder.join(format!("tiny-{form}.json"));
            let config = Config { activation, ..Config::default() };
            let d = distance(&package, &reference, &config, tolerance);
            assert!(d.rows == 48 && d.clear > 0, "{form}: {d:?}");
            assert!(d.largest < tolerance && d.cosine > cosine, "{form}: {d:?}");
            assert_eq!(d.other_choice, 0, "{form}: {d:?}");
        }
    }
}

/// Activations stay floats on a device; keys and values are halves there too. Of the tiny models two have
/// what there is no kernel for: a graph of halves adds its residuals apart, and one embedding is not in
/// blocks.
#[test]
fn tiny_models_agree_with_onnx_runtime_on_a_graphics_processor() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/reference");
    for form in ["f32", "q4_0", "q4_1"] {
        let package = crate::engine::TINY.path().join(form);
        let reference = folder.join(format!("tiny-{form}.json"));
        let d = distance(&package, &reference, &crate::graphics::on_a_device(), 0.08);
        assert!(d.rows == 48 && d.clear > 0, "{form}: {d:?}");
        assert!(d.largest < 0.08 && d.cosine > 0.99999, "{form}: {d:?}");
        assert_eq!(d.other_choice, 0, "{form}: {d:?}");
    }
}

/// `ENDCAP_REFERENCE_PACKAGE` and `ENDCAP_REFERENCE` name a pulled package and the reference that
/// `models/reference/make.py` made of it: 200 tokens of prompt and 64 more.
#[test]
#[ignore = "needs the default model and its reference: tests/run --full"]
fn the_default_model_agrees_with_onnx_runtime() {
    let named = |name| PathBuf::from(std::env::var_os(name).expect(name));
    let (package, reference) = (named("ENDCAP_REFERENCE_PACKAGE"), named("ENDCAP_REFERENCE"));
    for (activation, tolerance, cosine) in [
        (Activation::Bits16, 0.12, 0.9999),
        (Activation::Mixed, 2.4, 0.993),
        (Activation::Bits8, 4.5, 0.98),
    ] {
        let config = Config { activation, ..Config::default() };
        let d = distance(&package, &reference, &config, tolerance);
        assert!(d.rows >= 264 && d.largest < tolerance && d.cosine > cosine, "{d:?}");
        assert_eq!(d.other_choice, 0, "{d:?}");
    }
}
