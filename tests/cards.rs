//! A data scientist brings a graph: it is checked, gets its card and is taken in.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::{endcap, python, root, stderr, stdout};

/// A folder with the tiny encoder's graph and tokeniser, and no card.
fn brought() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["model.onnx", "tokenizer.json"] {
        let from = root().join("models/tiny/encoder").join(file);
        std::fs::copy(from, folder.path().join(file)).unwrap();
    }
    folder
}

fn models(data: &Path, arguments: &[&str]) -> Output {
    endcap().arg("models").args(arguments).arg("--data").arg(data).output().unwrap()
}

#[test]
fn a_graph_gets_its_card_and_is_taken_in() {
    let (data, folder) = (tempfile::tempdir().unwrap(), brought());
    let (data, path) = (data.path(), folder.path().to_str().unwrap());
    let import = || models(data, &["import", path, "--name", "brought"]);
    let refused = |told: &str| {
        let output = import();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    };
    refused("endcap models card");
    let wrote = models(data, &["card", path]);
    assert!(wrote.status.success(), "{}", stderr(&wrote));
    refused("does not state description, licence, owner, intended_use, limits");
    assert_eq!(models(data, &["card", path]).status.code(), Some(1), "it is not written over");

    let card = folder.path().join("card.toml");
    let template = std::fs::read_to_string(&card).unwrap();
    for told in ["SHA-256", "input_ids INT64", "last_hidden_state FP32", "task = \"embed\""] {
        assert!(template.contains(told), "{told} is not in\n{template}");
    }
    let mut filled = template.replace("[\"\"]", "[\"tests\"]");
    for field in ["description", "licence", "owner"] {
        filled = filled.replace(&format!("{field} = \"\""), &format!("{field} = \"MIT\""));
    }
    std::fs::write(&card, filled).unwrap();
    let imported = import();
    assert!(imported.status.success(), "{}", stderr(&imported));

    // The schema of those who made the form.
    let script = "import sys\n\
        from cyclonedx.schema import SchemaVersion\n\
        from cyclonedx.validation.json import JsonStrictValidator\n\
        fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())\n\
        sys.exit(str(fault) if fault else 0)\n";
    let card = data.join("models/brought/card.cdx.json");
    let checked = std::process::Command::new(python()).args(["-c", script]).arg(&card).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{}", stderr(&checked));
    let card: Value = serde_json::from_slice(&std::fs::read(&card).unwrap()).unwrap();
    let parameters = &card["metadata"]["component"]["modelCard"]["modelParameters"];
    assert!(parameters["inputs"].to_string().contains("input_ids INT64"), "{parameters}");
}

#[test]
fn a_check_tells_who_runs_what_and_how_fast() {
    let (data, folder) = (tempfile::tempdir().unwrap(), brought());
    let path = folder.path().join("model.onnx");
    let path = path.to_str().unwrap();
    let output = models(data.path(), &["check", path, "--json", "--batch", "2", "--threads", "1"]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["runs"], &told["kind"]), (&true.into(), &"onnx graph".into()));
    let report = &told["report"];
    let operators = report["operators"].as_array().unwrap();
    let backends = ["own kernel", "tract"];
    assert!(!operators.is_empty());
    assert!(operators.iter().all(|o| backends.contains(&o["backend"].as_str().unwrap())), "{told}");
    let measured = &report["measured"];
    assert_eq!(measured["shapes"][0][1][0], 2, "{told}");
    assert!(measured["median_ms"].as_f64().unwrap() <= measured["p95_ms"].as_f64().unwrap());
    assert!(report["weight_bytes"].as_u64().unwrap() > 0);
    let table = models(data.path(), &["check", path]);
    for told in ["runs here", "run with", "in the middle", "run by"] {
        assert!(stdout(&table).contains(told), "{told} is not in\n{}", stdout(&table));
    }
    let wrong = models(data.path(), &["check", path, "--shape", "nothing=1x2"]);
    assert!(stdout(&wrong).contains("there is no input nothing"), "{}", stdout(&wrong));
}

#[test]
fn a_check_names_every_node_that_cannot_run() {
    let (data, folder) = (tempfile::tempdir().unwrap(), brought());
    let path = folder.path().join("model.onnx");
    let mut graph = std::fs::read(&path).unwrap();
    let known = b"MatMul";
    for at in 0..graph.len() - known.len() {
        if graph[at..].starts_with(known) {
            graph[at..at + known.len()].copy_from_slice(b"MatMuX");
        }
    }
    std::fs::write(&path, graph).unwrap();
    let output = models(data.path(), &["check", path.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = told["report"]["faults"].as_array().unwrap();
    assert!(faults.len() > 1, "{told}");
    for fault in faults {
        assert_eq!(fault["operator"], "MatMuX", "{told}");
        assert!(!fault["node"].as_str().unwrap().is_empty() && fault["why"].is_string(), "{told}");
    }
}
