//! Graphs made to do harm: told plainly, in little memory and time.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{endcap, python, root, stderr};

/// More than the program takes for a graph that is harmless.
const MOST_BYTES: u64 = 768 << 20;
const PATIENCE: Duration = Duration::from_secs(60);

/// How checking a graph went.
struct Told {
    code: Option<i32>,
    text: String,
    /// The most resident memory that was seen.
    most_bytes: u64,
    took: Duration,
}

fn check(folder: &Path) -> Told {
    let said = folder.join("said");
    let file = std::fs::File::create(&said).unwrap();
    let mut check = endcap();
    check.args(["models", "check"]).arg(folder).stdin(Stdio::null());
    let started = Instant::now();
    let mut child = check.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
    let (status, mut most_bytes) = (format!("/proc/{}/status", child.id()), 0);
    let code = loop {
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let most = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = most.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        most_bytes = most_bytes.max(kib.unwrap_or(0) * 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended.code();
        }
        assert!(started.elapsed() < PATIENCE, "{} takes too long", folder.display());
        std::thread::sleep(Duration::from_millis(2));
    };
    let text = std::fs::read_to_string(&said).unwrap();
    Told { code, text, most_bytes, took: started.elapsed() }
}

#[test]
fn graphs_made_to_do_harm_are_refused_in_little_memory() {
    let made = tempfile::tempdir().unwrap();
    let script = root().join("tests/support/bombs.py");
    let written = Command::new(python()).arg(script).arg(made.path()).output().unwrap();
    assert!(written.status.success(), "{}", stderr(&written));
    let mut folders: Vec<_> =
        std::fs::read_dir(made.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() > 25, "{folders:?}");
    let mut faults = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let told = check(&folder);
        let reason = told.text.lines().find(|line| line.contains("refused")).unwrap_or("runs");
        let (mib, seconds) = (told.most_bytes >> 20, told.took.as_secs_f64());
        eprintln!("{name}: {:?}, {mib} MiB, {seconds:.1} s: {reason}", told.code);
        let plain = match told.code {
            Some(0) => true,
            Some(1) => reason != "runs" && !told.text.contains("panicked"),
            _ => false,
        };
        let runs = name.starts_with("harmless");
        if !plain || told.most_bytes > MOST_BYTES || runs != (told.code == Some(0)) {
            faults.push(format!("{name}: {:?}, {mib} MiB\n{}", told.code, told.text));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
