//! Packages of graphs that take and give arrays; `models/tiny/identity.py` has the recipe.

use std::path::{Path, PathBuf};

use endcap::packages::{Card, FileEntry, Manifest, Role, Task};

use super::{data, root, sha256};

/// The types of which there is a graph that gives back what it takes: `x` of [n, 2] to `y`.
pub(crate) const IDENTITIES: [&str; 13] = [
    "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "fp16",
    "fp32", "fp64", "bytes",
];
/// A graph of two inputs and two outputs: `a` and `b` of [n, 4] to `sum` and `difference`.
pub(crate) const ADD_SUB: &str = "add_sub";
/// Version of the packages.
pub(crate) const VERSION: &str = "7";

/// The graph of this name.
pub(crate) fn graph(name: &str) -> PathBuf {
    root().join("models/tiny/identity").join(format!("{name}.onnx"))
}

/// A data folder of one test's own: all graphs, the tiny language model and the admin token.
pub(crate) fn arrays() -> tempfile::TempDir {
    let data = data();
    for name in IDENTITIES.into_iter().chain([ADD_SUB]) {
        install(name, &data.path().join("models").join(name));
    }
    data
}

fn install(name: &str, folder: &Path) {
    let onnx = std::fs::read(graph(name)).unwrap();
    let card = Card { name: name.to_owned(), ..Card::default() }.to_bytes().unwrap();
    let files = [("model.onnx", Role::Onnx, onnx), ("card.cdx.json", Role::Card, card)];
    std::fs::create_dir(folder).unwrap();
    let mut entries = Vec::new();
    for (path, role, bytes) in files {
        std::fs::write(folder.join(path), &bytes).unwrap();
        let (path, size) = (path.to_owned(), bytes.len() as u64);
        entries.push(FileEntry { path, role, bytes: size, sha256: sha256(&bytes) });
    }
    let manifest = Manifest {
        bundle: None,
        format: 1,
        name: name.to_owned(),
        task: Task::Tensors,
        version: VERSION.to_owned(),
        context_tokens: 0,
        end_tokens: Vec::new(),
        bos_token: String::new(),
        eos_token: String::new(),
        adds_bos: false,
        files: entries,
    };
    std::fs::write(folder.join("package.json"), manifest.to_bytes().unwrap()).unwrap();
}
