//! Sources against a hub, a file host and a pip of our own; nothing here leaves the machine.

mod hub;
mod npm;
mod parts;
mod pip;
mod transfer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::digest::Hasher;
use super::*;
use crate::packages::catalogue::{Catalogue, Entry, tests::CARD};
use crate::packages::progress::Silent;

/// Remembers the notes.
#[derive(Default)]
pub(super) struct Notes(Mutex<Vec<String>>);

impl Notes {
    pub(super) fn all(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }
}

impl Progress for Notes {
    fn start(&self, _: &str, _: Option<u64>) {}
    fn advance(&self, _: u64) {}
    fn finish(&self) {}
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

/// A file that is not the same anywhere.
fn file() -> Vec<u8> {
    (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::default();
    hasher.update(bytes);
    hasher.finish()
}

/// A catalogue entry for those bytes from those sources.
fn entry(bytes: &[u8], sources: &[String]) -> Entry {
    let sources: String = sources.iter().map(|s| format!("[[model.source]]\n{s}\n")).collect();
    let text = format!(
        "[[model]]\nname = \"tiny\"\ntitle = \"Tiny\"\nversion = \"1\"\nform = \"gguf\"\nbytes = {}\nsha256 = \"{}\"\n{sources}{CARD}",
        bytes.len(),
        sha256(bytes)
    );
    Catalogue::parse(&text).unwrap().entry("tiny").unwrap().clone()
}

fn hub_source() -> String {
    "kind = \"hugging_face\"\nrepo = \"owner/name\"\nfile = \"a/model.gguf\"".to_owned()
}

fn url_source(url: &str) -> String {
    format!("kind = \"https\"\nurl = \"{url}\"")
}

fn settings(hub: &str) -> Sources {
    Sources {
        hub_endpoint: Some(hub.to_owned()),
        hub_token: Some("hub-secret".to_owned()),
        pip: Vec::new(),
        npm: Vec::new(),
        limits: Limits {
            connect: Duration::from_secs(2),
            first_response: Duration::from_secs(2),
            stall: Duration::from_millis(400),
            stall_bytes: 1,
            backoff: Duration::from_millis(5),
            registry: Duration::from_secs(5),
            registry_stall: Duration::from_secs(10),
        },
    }
}

/// Fetches the one file of an entry.
async fn fetch(
    entry: &Entry,
    folder: &Path,
    sources: &Sources,
    progress: &Arc<dyn Progress>,
) -> Result<Fetched, PackageError> {
    Fetcher::new(folder, sources, progress)?.fetch(entry.name.as_str(), &entry.files[0]).await
}

/// Fetches into `folder`; the result with the notes that were told.
async fn run(entry: &Entry, folder: &Path, sources: &Sources) -> (Result<Vec<u8>, String>, String) {
    let notes = Arc::new(Notes::default());
    let progress: Arc<dyn Progress> = notes.clone();
    let fetched = fetch(entry, folder, sources, &progress).await;
    let result = fetched.map(|f| fs::read(f.path).unwrap()).map_err(|e| e.to_string());
    (result, notes.all())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|n| n != ".lock");
    names.sort();
    names
}

#[test]
fn an_unreachable_source_costs_less_than_ten_seconds() {
    let limits = Limits::default();
    for limit in [limits.connect, limits.first_response, limits.registry] {
        assert!(limit < Duration::from_secs(10));
    }
}

#[tokio::test]
async fn sources_are_tried_in_order_and_each_failure_is_told() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let shelf = tempfile::tempdir().unwrap();
    fs::write(shelf.path().join("other.gguf"), vec![0; bytes.len()]).unwrap();
    fs::write(shelf.path().join("short.gguf"), b"short").unwrap();
    fs::write(shelf.path().join("right.gguf"), &bytes).unwrap();
    let folder = |file: &str| {
        format!("kind = \"folder\"\npath = \"{}\"\nfile = \"{file}\"", shelf.path().display())
    };
    let bad = [hub_source(), folder("none.gguf"), folder("other.gguf"), folder("short.gguf")];
    let sources = settings("http://127.0.0.1:1");
    let (result, _) = run(&entry(&bytes, &bad), dir.path(), &sources).await;
    let error = result.unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 5, "{error}");
    for (line, told) in
        lines.iter().skip(1).zip(["cannot be reached", "No such file", "SHA-256", "5 bytes"])
    {
        assert!(line.contains(told), "{line}");
    }
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));

    let mut good = bad.to_vec();
    good.extend([folder("right.gguf"), folder("never-asked.gguf")]);
    let (result, notes) = run(&entry(&bytes, &good), dir.path(), &sources).await;
    assert_eq!(result.unwrap(), bytes);
    assert_eq!(names(dir.path()), [sha256(&bytes)]);
    assert_eq!(notes.matches("asking").count(), 5, "{notes}");
}

#[tokio::test]
async fn a_file_that_is_here_already_is_taken_only_with_the_right_digest() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let nowhere = entry(&bytes, &[hub_source()]);
    let sources = settings("http://127.0.0.1:1");
    let place = dir.path().join(sha256(&bytes));
    fs::write(&place, &bytes).unwrap();
    assert_eq!(run(&nowhere, dir.path(), &sources).await.0.unwrap(), bytes);
    fs::write(&place, vec![1; bytes.len()]).unwrap();
    assert!(run(&nowhere, dir.path(), &sources).await.0.is_err());
    assert!(!place.exists());
}

#[tokio::test]
async fn a_disk_without_room_ends_the_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = entry(b"x", &[hub_source()]);
    wanted.files[0].bytes = 1 << 60;
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let error = fetch(&wanted, dir.path(), &settings("http://127.0.0.1:1"), &progress).await;
    assert!(matches!(error, Err(PackageError::NoSpace { .. })), "{error:?}");
}
