//! What may come in by hand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::external::tests::graph;
use super::super::{Silent, Store};
use super::export;

/// Imports an export that `change` was made to.
fn import(change: impl Fn(&Path)) -> Result<super::super::Package, String> {
    let (root, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = from.path().join("Tiny Model 1B");
    export(&folder);
    change(&folder);
    let store = Store::open(&root.keep()).unwrap();
    store.import(&folder, None, &Silent).map_err(|e| {
        let mut text = e.to_string();
        let mut cause = std::error::Error::source(&e);
        while let Some(source) = cause {
            text = format!("{text}: {source}");
            cause = source.source();
        }
        text
    })
}

#[test]
fn an_export_gets_its_name_from_its_folder() {
    assert_eq!(import(|_| {}).unwrap().name(), "tiny-model-1b");
}

#[test]
fn every_way_to_write_the_end_tokens_is_understood() {
    let cases: [(&str, &str, &[u32]); 4] = [
        (r#"{"eos_token_id": 5}"#, r#"{"max_position_embeddings": 8, "eos_token_id": 6}"#, &[5]),
        ("{}", r#"{"max_position_embeddings": 8, "eos_token_id": [6, 7]}"#, &[6, 7]),
        ("{}", r#"{"n_positions": 8}"#, &[2]),
        (r#"{"eos_token_id": [-1]}"#, r#"{"n_positions": 8}"#, &[2]),
    ];
    for (generation, config, tokens) in cases {
        let package = import(|folder| {
            fs::write(folder.join("generation_config.json"), generation).unwrap();
            fs::write(folder.join("config.json"), config).unwrap();
        });
        assert_eq!(package.unwrap().decoder().end_tokens, tokens, "{generation} {config}");
    }
}

#[test]
fn a_named_template_and_a_template_file_are_found() {
    let named = r#"{"chat_template": [{"name": "tool", "template": "x"}, {"name": "default", "template": "y"}]}"#;
    let package = import(|f| fs::write(f.join("tokenizer_config.json"), named).unwrap()).unwrap();
    assert_eq!(package.chat_template().unwrap().as_deref(), Some("y"));
    let package = import(|f| fs::write(f.join("chat_template.jinja"), "z").unwrap()).unwrap();
    assert_eq!(package.chat_template().unwrap().as_deref(), Some("z"));
    let package = import(|f| fs::remove_file(f.join("tokenizer_config.json")).unwrap()).unwrap();
    assert_eq!(package.chat_template().unwrap(), None);
}

#[test]
fn what_cannot_be_a_package_is_refused_with_its_reason() {
    type Case = (&'static str, fn(&Path));
    let cases: [Case; 8] = [
        ("tokenizer.json", |f| fs::remove_file(f.join("tokenizer.json")).unwrap()),
        ("max_position_embeddings", |f| fs::write(f.join("config.json"), "{}").unwrap()),
        ("context_tokens", |f| {
            fs::write(f.join("config.json"), r#"{"n_positions": 0}"#).unwrap();
        }),
        ("config.json", |f| fs::write(f.join("config.json"), "{").unwrap()),
        ("ONNX", |f| fs::write(f.join("model.onnx"), b"\xff\xff\xff\xff").unwrap()),
        ("../secret", |f| fs::write(f.join("model.onnx"), graph("../secret")).unwrap()),
        ("other_data", |f| fs::write(f.join("model.onnx"), graph("other_data")).unwrap()),
        ("a link out of its folder", |f| {
            fs::rename(f.join("model.onnx_data"), f.parent().unwrap().join("blob")).unwrap();
            symlink(f.parent().unwrap().join("blob"), f.join("model.onnx_data")).unwrap();
        }),
    ];
    for (told, change) in cases {
        let error = import(change).map(drop).expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn a_package_moves_to_another_store_under_another_name() {
    let package = import(|_| {}).unwrap();
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let moved = store.import(package.folder(), Some("moved"), &Silent).unwrap();
    assert_eq!(moved.name(), "moved");
    moved.verify().unwrap();
    assert_eq!(moved.card().unwrap(), package.card().unwrap());
    assert_eq!(moved.chat_template().unwrap(), package.chat_template().unwrap());
}

#[test]
fn a_file_that_is_not_gguf_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (file, root) = (dir.path().join("model.gguf"), dir.path().join("data"));
    for bytes in [&b""[..], b"GGUF", b"hello, this is text and no model at all"] {
        fs::write(&file, bytes).unwrap();
        let store = Store::open(&root).unwrap();
        let error = store.import(&file, None, &Silent).unwrap_err().to_string();
        assert!(error.contains("model.gguf"), "{error}");
        assert!(store.list().unwrap().is_empty());
    }
}
