//! Queries keep to what SQLite and Postgres both understand.

use std::path::{Path, PathBuf};

/// What only SQLite understands, or understands otherwise, in lower case.
const FOREIGN: &[&str] = &[
    "insert or ",
    "replace into",
    "pragma ",
    "autoincrement",
    "without rowid",
    "rowid",
    "ifnull(",
    "iif(",
    "datetime(",
    "julianday(",
    "strftime(",
    "unixepoch(",
    "json_",
    "json(",
    "group_concat(",
    "printf(",
    "typeof(",
    "instr(",
    "last_insert",
    "changes()",
    "total(",
    "hex(",
    "quote(",
    "randomblob(",
    "random()",
    " glob ",
    " collate nocase",
    " like ",
    " regexp ",
    " match ",
    "indexed by",
    "attach ",
    "vacuum",
    " is not $",
    " is $",
    "limit -1",
];

/// The database's own module, which knows that it is SQLite.
const OWN: &str = "database";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["tests", OWN].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

/// Texts of a source that are queries, with their spaces made one.
fn queries(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code = code.replace("\\\"", "").replace("'\"'", "");
    let words = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "BEGIN "];
    let texts = code.split('"').skip(1).step_by(2);
    let queries = texts.filter(|text| words.iter().any(|word| text.trim_start().starts_with(word)));
    queries.map(|text| text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn faults(query: &str) -> Vec<String> {
    let lower = format!(" {} ", query.to_lowercase());
    let mut faults: Vec<String> = FOREIGN
        .iter()
        .filter(|word| lower.contains(*word))
        .map(|word| (*word).to_owned())
        .collect();
    // Placeholders are numbered, and text stands in single quotes.
    if query.contains('?') || query.contains('`') {
        faults.push("a placeholder or a quote of SQLite's".to_owned());
    }
    faults
}

#[test]
fn no_query_needs_what_only_sqlite_has() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(room, &mut files);
    let mut count = 0;
    for file in files {
        for query in queries(&std::fs::read_to_string(&file).unwrap()) {
            count += 1;
            let found = faults(&query);
            assert!(found.is_empty(), "{}: {found:?} in {query}", file.display());
        }
    }
    assert!(count > 80, "{count} queries were found; the others hide from this test");
}

#[test]
fn no_form_of_the_database_needs_what_only_sqlite_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(OWN);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sql") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code: Vec<&str> =
            text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
        for statement in code.join(" ").split(';') {
            assert!(faults(statement).is_empty(), "{}: {statement}", path.display());
            // Types that another database's forms would write otherwise are few and known.
            let mut words = statement.split([' ', ',', '(', ')']);
            let foreign =
                words.find(|word| ["DATETIME", "REAL", "NUMERIC", "STRICT"].contains(word));
            assert_eq!(foreign, None, "{}: {statement}", path.display());
        }
    }
}

#[test]
fn what_only_sqlite_has_is_found() {
    for query in [
        "INSERT OR IGNORE INTO a VALUES (1)",
        "SELECT ifnull(a, 1) FROM b",
        "SELECT a FROM b WHERE c = ?",
        "SELECT a FROM b WHERE c IS $1",
        "SELECT rowid FROM b",
    ] {
        assert!(!faults(query).is_empty(), "{query}");
    }
    assert!(faults("SELECT a FROM b WHERE c = $1 ORDER BY a LIMIT $2").is_empty());
}
