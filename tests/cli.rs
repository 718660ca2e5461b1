//! What people and scripts see of the commands: exit codes, streams, errors.

use std::io::{Read, Write};
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::support::{LONG, MODEL, data, endcap, root, run, stderr, stdout, tireless};

fn in_data(data: &tempfile::TempDir, arguments: &[&str]) -> Output {
    endcap().args(arguments).arg("--data").arg(data.path()).output().unwrap()
}

#[test]
fn exit_codes_tell_usage_from_failure() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, code, said) in [
        (&["--version"][..], 0, ""),
        (&["--help"], 0, ""),
        (&["models", "list"], 0, ""),
        (&["token", "list"], 0, ""),
        (&["config", "check"], 0, ""),
        (&["doctor"], 0, ""),
        (&[], 2, "Usage"),
        (&["fly"], 2, "fly"),
        (&["run"], 2, "MODEL"),
        (&["run", "x", "y", "--temperature", "hot"], 2, "0 to 2"),
        (&["run", "x", "y", "--max-tokens", "0"], 2, "max-tokens"),
        (&["serve", "--listen", "nowhere"], 2, "listen"),
        (&["run", "nobody", "hello"], 1, "endcap models pull nobody"),
        (&["bench", "nobody"], 1, "endcap models pull nobody"),
        (
            &["serve", "--listen", "127.0.0.1:0", "--model", "nobody"],
            1,
            "endcap models pull nobody",
        ),
        (&["serve", "--listen", "0.0.0.0:0"], 1, "allow_plain_http"),
        (&["models", "pull", "nobody"], 1, "smollm2-135m-instruct"),
        (&["token", "revoke", "tok_none"], 1, "endcap token list"),
        (&["config", "check", "/nowhere.toml"], 1, "/nowhere.toml"),
    ] {
        let mut command = endcap();
        command.args(arguments);
        if arguments.len() > 1 || arguments.first().is_some_and(|a| !a.starts_with("--")) {
            command.arg("--data").arg(empty.path());
        }
        let output = command.output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
        if code == 1 {
            assert!(told.lines().any(|line| line.starts_with("error: ")), "{told}");
            assert!(output.stdout.is_empty(), "{arguments:?}");
            assert!(!told.contains("panicked"), "{told}");
        }
    }
}

#[test]
fn an_hq_is_made_by_init_alone_and_never_in_a_folder_that_was_mistyped() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (typo, broker, there) = (at("typo"), at("broker"), at("there"));
    std::fs::create_dir(&broker).unwrap();
    std::fs::write(format!("{broker}/acl"), "deny #").unwrap();
    for asked in [
        &["user", "add", "Ned", "--at", &typo][..],
        &["broker-files", "--at", &typo, "--mosquitto", &broker, "--only-acl"],
        &["broker-files", "--at", &typo, "--mosquitto", &broker, "--host", "hq.example"],
        &["serve", "--at", &typo, "--listen", "127.0.0.1:0", "--host", "hq.example"],
        &["backup", "--at", &typo, &at("copy.db")],
    ] {
        let output = endcap().arg("hq").args(asked).output().unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{asked:?}: {told}");
        assert!(told.contains("there is no HQ in") && told.contains("typo"), "{told}");
        assert!(output.stdout.is_empty(), "{asked:?}");
        assert!(!std::path::Path::new(&typo).exists(), "{asked:?} made an HQ");
    }
    assert_eq!(std::fs::read_to_string(format!("{broker}/acl")).unwrap(), "deny #");
    let init = || endcap().args(["hq", "init", "--admin", "Ada", "--at", &there]).output().unwrap();
    let (made, again) = (init(), init());
    assert!(stdout(&made).starts_with("ehq_"), "{}", stderr(&made));
    assert!(stderr(&again).contains("there is an HQ in") && again.stdout.is_empty());
    let added = endcap().args(["hq", "user", "add", "Ned", "--at", &there]).output().unwrap();
    assert!(stdout(&added).starts_with("ehq_"), "{}", stderr(&added));
}

#[test]
fn a_demos_own_token_is_refused_where_it_is_none() {
    let empty = tempfile::tempdir().unwrap();
    for token in ["short", "with a space", "m\u{fc}sli-m\u{fc}sli"] {
        let output = endcap()
            .args(["demo", "--listen", "127.0.0.1:0", "--data"])
            .arg(empty.path())
            .env("ENDCAP_TOKEN", token)
            .output()
            .unwrap();
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.starts_with("error: ENDCAP_TOKEN") && told.contains("8 to 512"), "{told}");
        assert!(!told.contains(token) && output.stdout.is_empty(), "{told}");
    }
}

#[test]
fn run_writes_the_answer_and_nothing_but_it() {
    let data = data();
    let ask = |arguments: &[&str]| {
        let mut all = vec!["run", MODEL, "Where is the milk?", "--max-tokens", "20"];
        all.extend(arguments);
        let output = in_data(&data, &all);
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(output.stderr.is_empty(), "{}", stderr(&output));
        stdout(&output)
    };
    let greedy = ask(&["--temperature", "0"]);
    assert!(greedy.ends_with('\n') && greedy.trim().len() > 3, "{greedy:?}");
    assert_eq!(ask(&["--temperature", "0", "--seed", "5"]), greedy);
    let seeded = ask(&["--temperature", "1", "--seed", "5"]);
    assert_eq!(ask(&["--temperature", "1", "--seed", "5"]), seeded);
    assert_ne!(ask(&["--temperature", "1", "--seed", "6"]), seeded);
    // A package folder is a model as well.
    let folder = data.path().join("models").join(MODEL);
    let arguments = ["run", folder.to_str().unwrap(), "Where is the milk?", "--max-tokens", "20"];
    let arguments = [&arguments[..], &["--temperature", "0"]].concat();
    assert_eq!(stdout(&run(&arguments)), greedy);
}

#[test]
fn run_without_a_prompt_takes_a_turn_for_each_line() {
    let data = data();
    let mut chat = endcap()
        .args(["run", MODEL, "--max-tokens", "8", "--temperature", "0", "--data"])
        .arg(data.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    chat.stdin.take().unwrap().write_all(b"Hello\n\nWhere is the milk?\n").unwrap();
    let output = chat.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).lines().count() >= 2, "{}", stdout(&output));
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    // More than a pipe holds: the command is still writing when its reader leaves.
    let (data, long) = (tireless(), LONG.to_string());
    let endless = ["run", MODEL, "Hello", "--temperature", "0", "--max-tokens", &long];
    for arguments in [&endless[..], &["config", "show"]] {
        let mut child = endcap()
            .args(arguments)
            .arg("--data")
            .arg(data.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 1];
        let mut out = child.stdout.take().unwrap();
        let _ = out.read(&mut first);
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", stderr(&output));
    }
}

#[test]
fn doctor_finds_a_damaged_package() {
    let data = data();
    let doctor = || {
        let output = in_data(&data, &["doctor", "--json"]);
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let state = findings
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["what"] == format!("model {MODEL}"))
            .map(|finding| finding["state"].as_str().unwrap().to_owned());
        (output.status.code(), state)
    };
    assert_eq!(doctor(), (Some(0), Some("ok".to_owned())));
    let weights = data.path().join("models").join(MODEL).join("model.onnx.data");
    let mut bytes = std::fs::read(&weights).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert_eq!(doctor(), (Some(1), Some("broken".to_owned())));
}

#[test]
fn config_check_tells_every_fault_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[server]\nlisten = 1\nlist = 2\n[engine]\nthreads = -1\n").unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    for said in ["3 faults", "server.listen:", "server.list:", "engine.threads:"] {
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

#[test]
fn bench_measures_and_says_so_as_json() {
    let data = data();
    let told = bench(&data, &["--streams", "1,3", "--tokens", "8", "--threads", "1", "--json"]);
    for field in ["prefill_tokens_per_s", "decode_tokens_per_s", "time_to_first_token_ms"] {
        assert!(told[field].as_f64().unwrap() > 0.0, "{field} in {told}");
        assert_eq!(told[field], told["results"][0][field]);
    }
    assert!(told["peak_rss_mb"].is_null() || told["peak_rss_mb"].as_f64().unwrap() > 1.0);
    assert_eq!(told["threads"], 1);
    let rows = told["results"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["streams"]).collect::<Vec<_>>(), [1, 3]);
    for share in ["share_of_read_limit", "share_of_multiply_add_limit"] {
        assert!(rows.iter().all(|row| row[share].as_f64().unwrap() > 0.0), "{share} in {told}");
    }
    let told =
        bench(&data, &["--context", "200", "--activation", "8-bit", "--no-limits", "--json"]);
    assert_eq!((&told["context_tokens"], &told["activation"]), (&200.into(), &"8-bit".into()));
    assert!(told["limits"].is_null());
}

#[test]
fn bench_draws_a_table_for_people() {
    let data = data();
    let arguments = ["bench", MODEL, "--prompt", "20", "--rounds", "1", "--streams", "2"];
    let output = in_data(&data, &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    for said in ["G multiply-adds/s", "streams  first token", "      2  ", "████████", " %"]
    {
        assert!(told.contains(said), "no {said:?} in\n{told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 100), "{told}");
}

#[test]
fn bench_answers_what_a_comparison_asks() {
    // Answers that outlast any pause of this process.
    let data = tireless();
    let told = bench(&data, &["--case", "prefix", "--prompt", "150"]);
    assert_eq!(told["known_tokens"], 50);
    assert!(told["ratio"].as_f64().unwrap() > 0.0, "{told}");
    let told = bench(&data, &["--case", "arrival", "--streams", "2", "--prompt", "300"]);
    assert!(told["quiet"]["count"].as_u64().unwrap() >= 2 * 64, "{told}");
    assert!(told["arriving"]["count"].as_u64().unwrap() > 0, "{told}");
    let told = bench(&data, &["--case", "start"]);
    assert!(told["time_to_first_token_ms"].as_f64().unwrap() > 0.0, "{told}");
}

/// `endcap bench` with one round and, where nothing else is said, short prompts.
fn bench(data: &tempfile::TempDir, more: &[&str]) -> Value {
    let prompt: &[&str] = if more.contains(&"--prompt") { &[] } else { &["--prompt", "20"] };
    let output = in_data(data, &[&["bench", MODEL, "--rounds", "1"], prompt, more].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn models_that_cannot_run_are_refused_and_say_why() {
    let data = data();
    let made = tempfile::tempdir().unwrap();
    let place = |name: &str| made.path().join(name);
    let gguf = std::fs::read(root().join("models/tiny/q4_1.gguf")).unwrap();
    let package = data.path().join("models").join(MODEL);
    let onnx = std::fs::read(package.join("model.onnx")).unwrap();

    // Header, version, then how many tensors there are said to be.
    let mut lying = gguf.clone();
    lying[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
    let mut keys = gguf.clone();
    keys[16..24].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
    let files = [
        ("tensors.gguf", lying),
        ("keys.gguf", keys),
        ("short.gguf", gguf[..gguf.len() / 2].to_vec()),
        ("head.gguf", gguf[..30].to_vec()),
        ("empty.gguf", Vec::new()),
    ];
    for (name, bytes) in files {
        std::fs::write(place(name), bytes).unwrap();
        refused(&in_data(&data, &["models", "check", place(name).to_str().unwrap()]), name);
        refused(&in_data(&data, &["models", "import", place(name).to_str().unwrap()]), name);
    }

    let cut = |name: &str, bytes: &[u8]| {
        let folder = place(name);
        std::fs::create_dir_all(&folder).unwrap();
        for entry in std::fs::read_dir(&package).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
        }
        std::fs::write(folder.join("model.onnx"), bytes).unwrap();
        // No package any more, but a folder as an exporter leaves it.
        std::fs::remove_file(folder.join("package.json")).unwrap();
        std::fs::write(folder.join("config.json"), r#"{"max_position_embeddings": 512}"#).unwrap();
        in_data(&data, &["models", "check", folder.to_str().unwrap()])
    };
    refused(&cut("truncated", &onnx[..onnx.len() / 2]), "truncated ONNX");
    refused(&cut("nothing", b""), "empty ONNX");
    // The same length, another name: nobody knows this operator.
    let known = b"MatMulNBits";
    let mut unknown = onnx.clone();
    for at in 0..onnx.len() - known.len() {
        if onnx[at..].starts_with(known) {
            unknown[at..at + known.len()].copy_from_slice(b"MatMulZBits");
        }
    }
    let told = refused(&cut("operator", &unknown), "an unknown operator");
    assert!(told.contains("MatMulZBits"), "{told}");
}

fn refused(output: &Output, what: &str) -> String {
    let told = format!("{}{}", stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(1), "{what}: {told}");
    assert!(!told.contains("panicked") && told.len() < 2000, "{what}: {told}");
    told
}
