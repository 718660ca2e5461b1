//! Decoders on a device beside the processor's, and what happens when the device is gone.
//!
//! They run on whatever adapter is first, the processor's own pretence included, and fail where there
//! is none.

mod encoders;
mod loss;
mod real;
mod remembered;
mod sameness;

use std::path::{Path, PathBuf};

use super::*;
use crate::engine::cpu::Row;
use crate::engine::{Activation, ModelSource, Scope};

/// Tokens of a form's sequence.
const CONTEXT: usize = 64;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/forms")
}

/// Names of the decoders that exporters write.
fn forms() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = files
        .filter_map(|file| {
            Some(file.unwrap().file_name().to_str()?.strip_suffix(".onnx")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

fn source(form: &str) -> ModelSource {
    ModelSource {
        name: form.to_owned(),
        onnx: folder().join(format!("{form}.onnx")),
        tokenizer: PathBuf::new(),
        end_tokens: vec![],
        context_tokens: CONTEXT,
        derived: None,
    }
}

fn plan(form: &str) -> Plan {
    Plan::load(&source(form)).unwrap()
}

/// Any device will do, and the processor computes as exactly as the device.
fn config(backend: Backend) -> Config {
    let graphics = Graphics { software: true, ..Graphics::default() };
    let (activation, threads) = (Activation::Bits16, 1);
    Config { backend, graphics, activation, threads, max_sequences: 3, ..Config::default() }
}

fn decoder(form: &str, config: &Config) -> Decoder {
    Decoder::new(plan(form), config, &Budget::new(1 << 28)).unwrap_or_else(|error| {
        panic!(
            "{form}: {error}; `apt-get install mesa-vulkan-drivers libvulkan1` gives a device on Debian"
        )
    })
}

fn tokens(seed: u32, count: usize) -> Vec<TokenId> {
    (0..count as u32).map(|i| (i * 37 + seed * 101 + i * i * 7) % 128).collect()
}

/// Logits after each token, a piece at a time.
fn logits(decoder: &mut Decoder, tokens: &[TokenId], piece: usize) -> Vec<f32> {
    let sequence = decoder.kv().open(Scope::Alone);
    let mut all = Vec::new();
    for first in (0..tokens.len()).step_by(piece) {
        let end = tokens.len().min(first + piece);
        assert!(decoder.kv().reserve(sequence, end));
        let row = |position| Row { sequence, position, token: tokens[position] };
        let rows: Vec<Row> = (first..end).map(row).collect();
        let wanted: Vec<usize> = (0..rows.len()).collect();
        all.extend(decoder.logits(&rows, &wanted).unwrap());
    }
    decoder.kv().close(sequence);
    all
}
