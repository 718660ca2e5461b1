//! What the journeys share: where things are, a server to talk to, and a plain HTTP client.

mod arrays;
pub(crate) mod group;
mod http;
pub(crate) mod onnx;
mod packages;
mod server;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

pub(crate) use arrays::{ADD_SUB, IDENTITIES, VERSION, arrays, graph};
pub(crate) use http::{Answer, Ask, Events};
pub(crate) use packages::{install, install_graph};
pub(crate) use server::{MODEL, Server};

/// Tokens of an answer that is not over while a test looks on, however fast the engine and however
/// long the system lets the test wait.
pub(crate) const LONG: usize = 100_000;
/// Room for a prompt and [`LONG`] more.
const TIRELESS_CONTEXT: u32 = 1 << 17;

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

/// Runs a module's test `in_a_process_of_its_own`, which is ignored otherwise: what it measures of its
/// process is then not of other tests. What it told.
pub(crate) fn alone(module_path: &str, settings: &[(&str, &str)]) -> String {
    let module = module_path.rsplit("::").next().unwrap();
    let name = format!("{module}::in_a_process_of_its_own");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &name, "--nocapture", "--test-threads=1"])
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let told = stderr(&output);
    assert!(output.status.success() && stdout(&output).contains("1 passed"), "{told}");
    eprintln!("{told}");
    told
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
        let data = fresh("journeys");
        import(&root().join("models/tiny/q4_1.gguf"), &data);
        let made = run(&["token", "create", "--role", "admin", "--data", data.to_str().unwrap()]);
        assert!(made.status.success(), "making a token: {}", stderr(&made));
        Template { admin: stdout(&made).trim().to_owned(), data }
    })
}

/// The same with the tiny model made for [`TIRELESS_CONTEXT`] positions, made once for all tests.
fn tireless_template() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let data = fresh("tireless");
        let mut gguf = std::fs::read(root().join("models/tiny/q4_1.gguf")).unwrap();
        let key = b"llama.context_length";
        let at = gguf.windows(key.len()).position(|bytes| bytes == key).unwrap();
        // Behind the key stand its type, four bytes, and its value, four bytes more.
        let value = at + key.len() + 4;
        gguf[value..value + 4].copy_from_slice(&TIRELESS_CONTEXT.to_le_bytes());
        let patched = data.join("tireless.gguf");
        std::fs::write(&patched, gguf).unwrap();
        import(&patched, &data);
        std::fs::remove_file(&patched).unwrap();
        std::fs::copy(template().data.join("tokens.json"), data.join("tokens.json")).unwrap();
        data
    })
}

/// Packages of a shelf, and the tiny models they are made of. `large` takes about five times the
/// memory of each other.
pub(crate) const SHELF: [(&str, &str); 6] = [
    ("one", "q4_1.gguf"),
    ("two", "q4_0.gguf"),
    ("three", "q4_1.gguf"),
    ("four", "q4_0.gguf"),
    ("five", "q4_1.gguf"),
    ("large", "qwen2.gguf"),
];

/// A data folder with the packages of [`SHELF`], made once for all tests.
fn shelf_template() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let data = fresh("shelf");
        for (name, file) in SHELF {
            import_as(name, &root().join("models/tiny").join(file), &data);
        }
        std::fs::copy(template().data.join("tokens.json"), data.join("tokens.json")).unwrap();
        data
    })
}

/// An empty folder that outlives the tests, so that a person can look at what they used.
fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn import(gguf: &Path, data: &Path) {
    import_as(MODEL, gguf, data);
}

/// Installs a model.
pub(crate) fn import_as(name: &str, model: &Path, data: &Path) {
    let arguments = ["models", "import", "--name", name, "--data", data.to_str().unwrap()];
    // Elsewhere lie only copies of the tiny model.
    let own = model.join("card.toml");
    let card = if own.exists() { own } else { root().join("models/tiny/card.toml") };
    let more = ["--card", card.to_str().unwrap(), model.to_str().unwrap()];
    let imported = run(&[&arguments[..], &more].concat());
    assert!(imported.status.success(), "importing {}: {}", model.display(), stderr(&imported));
}

/// The admin token of every test server.
pub(crate) fn admin() -> &'static str {
    &template().admin
}

/// A data folder of one test's own, holding the tiny model and the admin token.
pub(crate) fn data() -> tempfile::TempDir {
    copy_of(&template().data)
}

/// The same with a tiny model whose answers may have [`LONG`] tokens.
pub(crate) fn tireless() -> tempfile::TempDir {
    copy_of(tireless_template())
}

/// A data folder of one test's own, holding the packages of [`SHELF`] and the admin token.
pub(crate) fn shelf() -> tempfile::TempDir {
    copy_of(shelf_template())
}

/// A data folder with the admin token and no package.
pub(crate) fn bare() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    std::fs::copy(template().data.join("tokens.json"), data.path().join("tokens.json")).unwrap();
    data
}

fn copy_of(template: &Path) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    copy(template, data.path());
    data
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
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

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
