//! The store from outside: what is installed, what survives a power cut, who may come in.

mod compose;
mod fuzz;
mod import;
mod power_cut;
mod pull;
mod store;

use std::fs;
use std::path::Path;

use super::WRITTEN_CARD_FILE;
use super::catalogue::tests::CARD;
use super::external::tests::decoder;

const TOKENIZER: &str = r#"{"added_tokens": [{"id": 2, "content": "<end>"}], "model": {}}"#;

/// A folder as an exporter leaves it: a graph with external data and all the configurations.
pub(super) fn export(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("model.onnx", &decoder("model.onnx_data"));
    write(WRITTEN_CARD_FILE, card().as_bytes());
    write("model.onnx_data", &[7; 5000]);
    write("tokenizer.json", TOKENIZER.as_bytes());
    write("config.json", br#"{"max_position_embeddings": 64, "model_type": "llama"}"#);
    write("generation_config.json", br#"{"eos_token_id": [2, 3], "temperature": 0.5}"#);
    write("tokenizer_config.json", br#"{"bos_token": {"content": "<start>"}, "eos_token": "<end>", "chat_template": "{{ messages }}"}"#);
    write("README.md", b"not taken over");
}

/// Names in a folder, hidden ones included.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn sha256(bytes: &[u8]) -> String {
    let mut hasher = super::digest::Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// The TOML of a complete card.
fn card() -> String {
    CARD.replace("[model.card]\n", "")
}
