//! What the journeys share: where things are, a server to talk to, and a plain HTTP client.

mod http;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub(crate) use http::{Answer, Ask, Events};
pub(crate) use server::{MODEL, Server};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The binary under test, with nothing of this process's own settings.
pub(crate) fn endcap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_endcap"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ENDCAP_") {
            command.env_remove(name);
        }
    }
    command.env("XDG_CONFIG_HOME", "/nowhere").env("NO_PROXY", "127.0.0.1");
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    endcap().args(arguments).output().unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A data folder with the tiny model and an admin token, made once for all tests.
struct Template {
    data: PathBuf,
    admin: String,
}

fn template() -> &'static Template {
    static MADE: OnceLock<Template> = OnceLock::new();
    MADE.get_or_init(|| {
        let data = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journeys");
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).unwrap();
        let gguf = root().join("models/tiny/q4_1.gguf");
        let folder = data.to_str().unwrap();
        let gguf = gguf.to_str().unwrap();
        let imported = run(&["models", "import", "--name", MODEL, "--data", folder, gguf]);
        assert!(imported.status.success(), "importing the tiny model: {}", stderr(&imported));
        let made = run(&["token", "create", "--role", "admin", "--data", folder]);
        assert!(made.status.success(), "making a token: {}", stderr(&made));
        Template { admin: stdout(&made).trim().to_owned(), data }
    })
}

/// The admin token of every test server.
pub(crate) fn admin() -> &'static str {
    &template().admin
}

/// A data folder of one test's own, holding the tiny model and the admin token.
pub(crate) fn data() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    copy(&template().data, data.path());
    data
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The Python with the test's packages.
pub(crate) fn python() -> PathBuf {
    let python = root().join("tests/.venv/bin/python");
    assert!(python.exists(), "the clients are not installed; run tests/run once");
    python
}
