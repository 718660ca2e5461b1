//! The house keeps its own rules: which room may use which, front pages, sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::support::root;

/// Rooms that every room may use.
const LEAVES: [&str; 2] = ["telemetry", "units"];

/// Beside the rooms: the program's roots, and what the rooms' tests share.
const NO_ROOMS: [&str; 4] = ["build", "lib", "main", "testing"];

/// What a room may use besides the leaves. A new edge is a commit of its own with its reason.
const MAY_USE: [(&str, &[&str]); 24] = [
    ("units", &[]),
    ("telemetry", &["engine"]),
    ("gpu", &[]),
    ("engine", &["gpu"]),
    ("packages", &["engine"]),
    ("protocol", &[]),
    ("state", &["protocol"]),
    ("sync", &["protocol", "state"]),
    ("facts", &[]),
    ("firmware", &[]),
    ("cache", &["engine", "facts", "protocol"]),
    ("reconcile", &["cache", "facts", "protocol", "state"]),
    ("http", &[]),
    ("identity", &["protocol", "sync"]),
    ("hq", &["facts", "http", "identity", "protocol", "state", "sync"]),
    ("privacy", &[]),
    ("shoppers", &["privacy"]),
    ("desk", &["privacy", "shoppers"]),
    ("audit", &["shoppers"]),
    ("skills", &["cache", "engine", "facts", "privacy", "shoppers"]),
    (
        "api",
        &[
            "audit", "cache", "desk", "engine", "facts", "firmware", "http", "privacy", "shoppers",
            "skills",
        ],
    ),
    (
        "config",
        &[
            "api", "audit", "cache", "desk", "engine", "facts", "firmware", "http", "protocol",
            "shoppers", "skills", "state", "sync",
        ],
    ),
    (
        "app",
        &[
            "api",
            "audit",
            "cache",
            "config",
            "desk",
            "engine",
            "facts",
            "firmware",
            "hq",
            "http",
            "identity",
            "packages",
            "protocol",
            "reconcile",
            "shoppers",
            "skills",
            "state",
            "sync",
        ],
    ),
    (
        "cli",
        &[
            "app", "audit", "cache", "config", "engine", "facts", "firmware", "hq", "http",
            "identity", "packages", "protocol", "skills", "sync",
        ],
    ),
];

/// Names that say nothing about what is inside.
const NO_NAMES: [&str; 6] = ["common", "utils", "util", "helpers", "manager", "core"];

/// What may stand at the top of the repository.
const TOP_LEVEL: [&str; 16] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "cross",
    "deny.toml",
    "firmware-config",
    "models",
    "rustfmt.toml",
    "src",
    "tests",
];

/// Lines a file may have before it is taken for two files.
const MAX_LINES: usize = 600;

#[test]
fn rooms_use_only_what_the_table_allows() {
    let mut faults = Vec::new();
    for (path, text) in sources() {
        let Some(room) = room_of(&path) else { continue };
        faults.extend(forbidden_edges(&room, &path, &text));
    }
    assert!(faults.is_empty(), "edges that are not in the table:\n{}", faults.join("\n"));
}

/// What no module names is never compiled, and its tests never run.
#[test]
fn every_file_belongs_to_a_module() {
    let mut files = Vec::new();
    for top in ["src", "tests"] {
        rust_files(&root().join(top), &mut files);
    }
    let orphans: Vec<_> = files.iter().filter(|file| !is_named(file)).collect();
    assert!(orphans.is_empty(), "no module names {orphans:?}");
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap();
        if entry.is_dir() && !name.starts_with('.') && name != "node_modules" {
            rust_files(&entry, found);
        } else if name.ends_with(".rs") {
            found.push(entry);
        }
    }
}

/// Whether the module that a file would belong to names it, or it is a crate's own root.
fn is_named(file: &Path) -> bool {
    let (mut folder, mut stem) = (file.parent().unwrap(), file.file_stem().unwrap());
    if stem == "mod" {
        if folder.join("Cargo.toml").is_file() {
            return true; // the root of a room that is a crate
        }
        stem = folder.file_name().unwrap();
        folder = folder.parent().unwrap();
    }
    let stem = stem.to_str().unwrap();
    let beside = folder.with_extension("rs");
    let parents = ["lib.rs", "main.rs", "mod.rs"].map(|name| folder.join(name));
    let parents =
        parents.into_iter().chain([beside]).filter_map(|p| std::fs::read_to_string(p).ok());
    let text: String = parents.collect();
    let named = format!("mod {stem};");
    ["build", "lib", "main", "rten_side"].contains(&stem)
        || text.lines().any(|line| line.ends_with(&named))
}

#[test]
fn a_forbidden_edge_is_noticed_in_every_form_that_rust_allows() {
    for text in [
        "use crate::packages::Store;",
        "fn f(x: crate::packages::Store) {}",
        "use crate::{engine, packages};",
        "use crate::{\n    engine::{Model, Request},\n    packages::Store,\n};",
        "use super::super::packages::Store;",
        "use endcap::packages::Store;",
    ] {
        let faults = forbidden_edges("api", Path::new("src/api/mod.rs"), text);
        assert_eq!(faults.len(), 1, "{text}: {faults:?}");
        assert!(faults[0].starts_with("src/api/mod.rs:"), "{faults:?}");
    }
    let allowed = "use crate::engine::Model; // not crate::packages\nuse crate::{units, telemetry};\n\
                   let filter = \"info,endcap::packages=debug\";";
    assert!(forbidden_edges("api", Path::new("x"), allowed).is_empty());
}

#[test]
fn the_table_names_the_rooms_that_exist() {
    let listed: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let found: BTreeSet<String> = sources().iter().filter_map(|(path, _)| room_of(path)).collect();
    assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), listed);
}

#[test]
fn the_architecture_page_has_the_same_table() {
    let page = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| [`")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let room = cells[0].trim_matches(|c: char| !c.is_ascii_alphabetic());
        let uses: BTreeSet<&str> =
            cells[1].split(',').map(str::trim).filter(|cell| *cell != "–").collect();
        rows.insert(room, uses);
    }
    for (room, uses) in MAY_USE {
        let uses: BTreeSet<&str> = uses.iter().copied().collect();
        assert_eq!(rows.get(room), Some(&uses), "row of `{room}` in src/ARCHITECTURE.md");
    }
}

#[test]
fn every_test_that_proves_a_promise_is_there() {
    let page = std::fs::read_to_string(root().join("src/ARCHITECTURE.md")).unwrap();
    let (_, promises) = page.split_once("\n## Promises").unwrap();
    let promises = promises.split("\n## ").next().unwrap();
    let rows = promises.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_matches('|').split('|').nth(1));
    let named: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 30, "{named:?}");
    let mut files = Vec::new();
    for top in ["firmware-config/tests", "src", "tests"] {
        rust_files(&root().join(top), &mut files);
    }
    let texts = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    let tests: BTreeSet<String> = texts.flat_map(|text| tests_in(&text)).collect();
    let gone: Vec<_> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(gone.is_empty(), "no tests: {gone:?}");
}

/// Names of functions below an attribute that makes them tests.
fn tests_in(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut marked = false;
    for line in text.lines().map(str::trim) {
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async fn ").or(line.strip_prefix("fn "));
        if let Some(name) = function.and_then(|rest| rest.split('(').next())
            && std::mem::take(&mut marked)
        {
            tests.push(name.to_owned());
        }
    }
    tests
}

#[test]
fn every_room_has_a_front_page() {
    let mut faults = Vec::new();
    for (room, _) in MAY_USE {
        let path = root().join("src").join(room).join("mod.rs");
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue; // a leaf is a single file
        };
        let page: String =
            text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
        for section in ["**Invariants**", "**Not here**"] {
            if !page.contains(section) {
                faults.push(format!("src/{room}/mod.rs: the front page has no {section}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn names_say_what_is_inside() {
    for (path, _) in sources() {
        for part in path.with_extension("").iter().filter_map(|part| part.to_str()) {
            assert!(!NO_NAMES.contains(&part), "{}: `{part}` says nothing", path.display());
        }
    }
}

#[test]
fn the_top_level_holds_what_was_agreed() {
    let git = std::process::Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let Ok(listed) = git else { return };
    for file in String::from_utf8_lossy(&listed.stdout).lines() {
        let top = file.split('/').next().unwrap_or(file);
        assert!(TOP_LEVEL.contains(&top), "`{top}` does not belong at the top level");
    }
}

#[test]
fn files_are_of_a_size_that_can_be_read() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= MAX_LINES, "{}: {lines} lines of at most {MAX_LINES}", path.display());
    }
}

#[test]
fn tests_run_says_what_is_to_be_installed_and_ends_with_3() {
    let bare = tempfile::tempdir().unwrap();
    let search = std::env::var_os("PATH").unwrap();
    for tool in ["bash", "cut", "dirname", "head", "id", "mktemp", "rm", "sed", "sort"] {
        let mut places = std::env::split_paths(&search).map(|folder| folder.join(tool));
        let found = places.find(|path| path.is_file()).unwrap();
        std::os::unix::fs::symlink(found, bare.path().join(tool)).unwrap();
    }
    let output = std::process::Command::new(bare.path().join("bash"))
        .arg(root().join("tests/run"))
        .env("PATH", bare.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{told}");
    for named in ["Rust 1.", "rustup.rs", "apt-get install", "build-essential", "nodejs"] {
        assert!(told.contains(named), "{named} is not in: {told}");
    }
}

/// Every Rust file below `src`, with its path from the root of the repository.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 10, "the sources were not found");
    found
}

/// The room of `src/ROOM/…`; the program's two roots have none.
fn room_of(path: &Path) -> Option<String> {
    let name = path.iter().nth(1)?.to_str()?;
    let room = name.trim_end_matches(".rs");
    (!NO_ROOMS.contains(&room)).then(|| room.to_owned())
}

/// `file:line: room → other` for every mention of a room that the table does not allow.
fn forbidden_edges(room: &str, path: &Path, text: &str) -> Vec<String> {
    let rooms: BTreeSet<&str> = MAY_USE.iter().map(|(room, _)| *room).collect();
    let allowed = MAY_USE.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, uses)| uses);
    mentions(text)
        .into_iter()
        .filter(|(_, other)| rooms.contains(other.as_str()) && other != room)
        .filter(|(_, other)| !LEAVES.contains(&other.as_str()) || room == "units")
        .filter(|(_, other)| !allowed.contains(&other.as_str()))
        .map(|(line, other)| format!("{}:{line}: {room} → {other}", path.display()))
        .collect()
}

/// Line and first name of every path that starts at the crate, comments and texts left out.
fn mentions(text: &str) -> Vec<(usize, String)> {
    let code: String = text.lines().map(|line| format!("{}\n", code_of(line))).collect();
    let mut found = Vec::new();
    for start in ["crate::", "super::super::", "endcap::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            for name in first_names(&code[at + start.len()..]) {
                found.push((line, name));
            }
        }
    }
    found
}

/// A line without its comment and without what stands between quotes.
fn code_of(line: &str) -> String {
    let line = line.replace("\\\"", "").replace("'\"'", "");
    let unquoted: String = line.split('"').step_by(2).collect::<Vec<_>>().join("\"");
    unquoted.split("//").next().unwrap_or_default().to_owned()
}

/// The names directly below a path's start: one, or those at the first level of `{…}`.
fn first_names(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(list) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let (mut depth, mut names, mut item) = (1, Vec::new(), String::new());
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (c == ',' && depth == 1) {
            names.push(word(&item));
            item.clear();
        } else {
            item.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names
}
