//! Entries of several files, pulled from a shelf on this machine.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::super::catalogue::tests::CARD;
use super::super::external::tests::graph;
use super::super::{Catalogue, Package, PackageError, Role, Silent, Store, Task};
use super::sha256;

/// A shelf with these files, and the catalogue that has them as one model.
fn shelve(shelf: &Path, files: &[(&str, &str, &[u8])]) -> Catalogue {
    let mut text =
        "[[model]]\nname = \"tiny\"\ntitle = \"Tiny\"\nversion = \"3\"\nform = \"onnx\"\n"
            .to_owned();
    for (name, role, bytes) in files {
        fs::write(shelf.join(name), bytes).unwrap();
        text += &format!(
            "[[model.file]]\nname = \"{name}\"\nrole = \"{role}\"\nbytes = {}\nsha256 = \"{}\"\n\
             [[model.file.source]]\nkind = \"folder\"\npath = \"{}\"\nfile = \"{name}\"\n",
            bytes.len(),
            sha256(bytes),
            shelf.display(),
        );
    }
    Catalogue::parse(&(text + CARD + "head = { task = \"classify\", scale = [0.5, 1.0] }\n"))
        .unwrap()
}

async fn pull(files: &[(&str, &str, &[u8])], root: &Path) -> Result<Package, PackageError> {
    let shelf = tempfile::tempdir().unwrap();
    let catalogue = shelve(shelf.path(), files);
    Store::open(root).unwrap().pull("tiny", &catalogue, Arc::new(Silent)).await
}

#[tokio::test]
async fn a_graph_comes_with_all_its_files_and_its_head() {
    let root = tempfile::tempdir().unwrap();
    let files: [(&str, &str, &[u8]); 3] = [
        ("model.onnx", "onnx", &graph("weights.bin")),
        ("weights.bin", "external", &[7; 5000]),
        ("labels.txt", "labels", b"yes\nno\n"),
    ];
    let package = pull(&files, root.path()).await.unwrap();
    package.verify().unwrap();
    assert_eq!(
        (package.manifest().task, package.manifest().version.as_str()),
        (Task::Tensors, "3")
    );
    assert!(package.network().onnx.ends_with("model.onnx"));
    let labels = package.manifest().file(Role::Labels).unwrap();
    assert_eq!(fs::read(package.folder().join(&labels.path)).unwrap(), b"yes\nno\n");
    let card = package.card().unwrap();
    assert_eq!(card.head, Some(serde_json::json!({"task": "classify", "scale": [0.5, 1.0]})));
    assert_eq!(card.name, "tiny");
    let downloads = fs::read_dir(root.path().join("downloads")).unwrap();
    let left: Vec<_> = downloads.map(|f| f.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with(".lock")), "{left:?}");
}

#[tokio::test]
async fn a_graph_without_its_weights_is_refused_by_their_name() {
    let root = tempfile::tempdir().unwrap();
    let graph = graph("weights.bin");
    let error = pull(&[("model.onnx", "onnx", &graph)], root.path()).await.unwrap_err().to_string();
    assert!(error.contains("external data `weights.bin`"), "{error}");
    assert!(Store::open(root.path()).unwrap().list().unwrap().is_empty());
}
