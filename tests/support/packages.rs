//! Packages put together by hand.

use std::path::Path;

use serde_json::{Value, json};

use super::{root, sha256};

/// Puts a package of a graph below `models/` and a head into a data folder, with these files more.
pub(crate) fn install(data: &Path, name: &str, graph: &str, head: &Value, more: &[(&str, &str)]) {
    let graph = std::fs::read(root().join("models").join(graph)).unwrap();
    install_graph(data, name, graph, head, more);
}

/// The same of a graph that is in no file. A head of null is none.
pub(crate) fn install_graph(
    data: &Path,
    name: &str,
    graph: Vec<u8>,
    head: &Value,
    more: &[(&str, &str)],
) {
    let folder = data.join("models").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let property = json!({"name": "endcap:head", "value": head.to_string()});
    let properties = if head.is_null() { json!([]) } else { json!([property]) };
    let card = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"component": {
            "type": "machine-learning-model",
            "name": name,
            "modelCard": {"properties": properties},
        }},
    });
    let mut files =
        vec![("model.onnx", "onnx", graph), ("card.json", "card", card.to_string().into_bytes())];
    files.extend(more.iter().map(|(path, text)| {
        let role = if *path == "tokenizer.json" { "tokenizer" } else { "other" };
        (*path, role, text.as_bytes().to_vec())
    }));
    let entries: Vec<Value> = files
        .iter()
        .map(|(path, role, bytes)| {
            std::fs::write(folder.join(path), bytes).unwrap();
            json!({"path": path, "role": role, "bytes": bytes.len(), "sha256": sha256(bytes)})
        })
        .collect();
    let manifest =
        json!({"format": 1, "name": name, "task": "tensors", "version": "1", "files": entries});
    std::fs::write(folder.join("package.json"), manifest.to_string()).unwrap();
}
