//! What may come in by hand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::super::external::tests::graph;
use super::super::{Role, Silent, Store, Task, card_template};
use super::{card, export};

/// Imports an export that `change` was made to.
fn import(change: impl Fn(&Path)) -> Result<super::super::Package, String> {
    let (root, from) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = from.path().join("Tiny Model 1B");
    export(&folder);
    change(&folder);
    let store = Store::open(&root.keep()).unwrap();
    store.import(&folder, None, None, &Silent).map_err(|e| {
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
fn a_model_without_a_complete_card_is_refused_with_what_is_missing() {
    type Case = (&'static str, fn(&Path));
    let cases: [Case; 4] = [
        ("endcap models card", |f| fs::remove_file(f.join("card.toml")).unwrap()),
        ("does not state description, licence, owner, intended_use, limits", |f| {
            fs::write(f.join("card.toml"), "").unwrap();
        }),
        ("does not state description, owner, intended_use, limits", |f| {
            // The template as it is written, with what the file knows.
            let (path, text) = card_template(f).unwrap();
            fs::write(path, text.replace("licence = \"\"", "licence = \"MIT\"")).unwrap();
        }),
        ("colour", |f| fs::write(f.join("card.toml"), card() + "colour = 1").unwrap()),
    ];
    for (told, change) in cases {
        let error = import(change).map(drop).expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
    }
}

/// A folder with a graph of arrays that is no decoder.
fn picture(folder: &Path) {
    export(folder);
    for file in ["tokenizer.json", "config.json", "generation_config.json"] {
        fs::remove_file(folder.join(file)).unwrap();
    }
    fs::write(folder.join("model.onnx"), graph("model.onnx_data")).unwrap();
}

#[test]
fn a_graph_that_is_no_decoder_comes_with_the_files_its_head_names() {
    let package = import(|f| {
        picture(f);
        fs::write(f.join("labels.txt"), "yes\nno\n").unwrap();
        fs::write(f.join("notes.txt"), "not taken over").unwrap();
        let head = "[head]\ntask = \"classify\"\nlabels = { file = \"labels.txt\" }\n";
        fs::write(f.join("card.toml"), card() + head).unwrap();
    });
    let package = package.unwrap();
    let manifest = package.manifest();
    assert_eq!((manifest.task, manifest.context_tokens), (Task::Tensors, 0));
    assert_eq!(manifest.file(Role::Labels).unwrap().path, "labels.txt");
    assert!(!package.folder().join("notes.txt").exists());
    let card = package.card().unwrap();
    assert_eq!(card.task, "classify");
    assert_eq!(card.head.unwrap()["labels"]["file"], "labels.txt");
    for (file, told) in [("../up.txt", "../up.txt"), ("none.txt", "none.txt")] {
        let refused = import(|f| {
            picture(f);
            fs::write(f.join("card.toml"), card_with_file(file)).unwrap();
        });
        assert!(refused.map(drop).unwrap_err().contains(told), "{told}");
    }
}

fn card_with_file(file: &str) -> String {
    card() + &format!("[head]\nlabels = {{ file = \"{file}\" }}\n")
}

#[test]
fn one_file_is_enough_for_a_graph_and_its_card_may_lie_elsewhere() {
    let (from, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (onnx, own) = (from.path().join("Shelf Gaps.onnx"), root.path().join("own.toml"));
    fs::write(&onnx, graph("weights.bin")).unwrap();
    fs::write(from.path().join("weights.bin"), [1; 9]).unwrap();
    fs::write(&own, card()).unwrap();
    let store = Store::open(root.path()).unwrap();
    let package = store.import(&onnx, None, Some(&own), &Silent).unwrap();
    assert_eq!(package.name(), "shelf-gaps");
    assert_eq!(package.manifest().files.len(), 3, "graph, weights, card");
    package.verify().unwrap();
    // Another card for a package that has one: the files stay, and what the graph is.
    fs::write(&own, card().replace("MIT", "ISC")).unwrap();
    let again = store.import(package.folder(), Some("again"), Some(&own), &Silent).unwrap();
    let (old, new) = (package.card().unwrap(), again.card().unwrap());
    assert_eq!((old.licence.as_str(), new.licence.as_str()), ("MIT", "ISC"));
    assert_eq!((old.task, old.inputs), (new.task, new.inputs));
}

#[test]
fn a_package_moves_to_another_store_under_another_name() {
    let package = import(|_| {}).unwrap();
    let root = tempfile::tempdir().unwrap();
    let store = Store::open(root.path()).unwrap();
    let moved = store.import(package.folder(), Some("moved"), None, &Silent).unwrap();
    assert_eq!(moved.name(), "moved");
    moved.verify().unwrap();
    assert_eq!(moved.card().unwrap(), package.card().unwrap());
    assert_eq!(moved.chat_template().unwrap(), package.chat_template().unwrap());
}

#[test]
fn a_file_that_is_not_gguf_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (file, root) = (dir.path().join("model.gguf"), dir.path().join("data"));
    fs::write(dir.path().join("card.toml"), card()).unwrap();
    for bytes in [&b""[..], b"GGUF", b"hello, this is text and no model at all"] {
        fs::write(&file, bytes).unwrap();
        let store = Store::open(&root).unwrap();
        let error = store.import(&file, None, None, &Silent).unwrap_err().to_string();
        assert!(error.contains("model.gguf"), "{error}");
        assert!(store.list().unwrap().is_empty());
    }
}
