//! The real binary, serving on a port of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::group::Limit;
use super::{Answer, Ask, data, endcap};

/// The name under which the tests serve the tiny model.
pub(crate) const MODEL: &str = "tiny";
/// Until a server is ready, or gone.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    data: tempfile::TempDir,
    log: Arc<Mutex<String>>,
    /// Held open: a server whose reader is gone is another test's matter.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Serves the tiny model with the default settings.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Serves the tiny model with these settings, as environment variables.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(data(), settings)
    }

    /// Serves a model whose answers may have [`super::LONG`] tokens, with time for them.
    pub(crate) fn tireless(settings: &[(&str, &str)]) -> Self {
        let roomy = [
            ("ENDCAP_LIMITS_MAX_COMPLETION_TOKENS", "200000"),
            ("ENDCAP_SERVER_REQUEST_TIMEOUT_S", "3600"),
            ("ENDCAP_SERVER_DRAIN_TIMEOUT_S", "600"),
        ];
        Self::start_in(super::tireless(), &[&roomy[..], settings].concat())
    }

    /// Serves what a data folder holds.
    pub(crate) fn start_in(data: tempfile::TempDir, settings: &[(&str, &str)]) -> Self {
        Self::start_limited(data, settings, None)
    }

    /// Serves what a data folder holds, with no more memory than a group may have.
    pub(crate) fn start_limited(
        data: tempfile::TempDir,
        settings: &[(&str, &str)],
        limit: Option<&Limit>,
    ) -> Self {
        let mut command = match limit {
            Some(limit) => limited(limit),
            None => endcap(),
        };
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (Arc::clone(&log), BufReader::new(child.stderr.take().unwrap()));
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        // Read beside, so that a server that hangs does not hang the tests.
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = stdout.read_line(&mut line);
            let _ = tell.send(read.map(|_| (line, stdout)));
        });
        let first = told.recv_timeout(PATIENCE);
        let Ok(Ok((line, stdout))) = first else {
            let _ = child.kill();
            panic!("no first line: {}", log.lock().unwrap());
        };
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .unwrap_or_else(|| panic!("no address in `{line}`: {}", log.lock().unwrap()))
            .to_owned();
        let server = Self { child, url, data, log, _stdout: stdout };
        if server.url.starts_with("http://") {
            assert_eq!(server.ask(Ask::get("/health/ready")).status, 200, "{}", server.log());
        }
        server
    }

    /// Asks as admin, unless the question brings its own `authorization`.
    pub(crate) fn ask(&self, ask: Ask) -> Answer {
        ask.send(self.address())
    }

    /// Puts a fact in through its door.
    pub(crate) fn put(&self, fact: &str, value: serde_json::Value) {
        let body = value.to_string().into_bytes();
        let ask = Ask::raw("PUT", &format!("/store/v1/facts/{fact}"), body);
        let answer = self.ask(ask.header("content-type", "application/json"));
        assert!([200, 201].contains(&answer.status), "{fact}: {}", answer.text());
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.url.split("//").nth(1).unwrap()
    }

    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// What it wrote to standard error so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until it has written this to standard error.
    pub(crate) fn wait_for_log(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.log().contains(text) {
            assert!(Instant::now() < end, "`{text}` is not in the log: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The sum of a metric over its labels that contain `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let text = self.ask(Ask::get("/metrics")).text();
        let rows = text.lines().filter(|line| !line.starts_with('#') && line.contains(labels));
        let values = rows.filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().unwrap())
        });
        // An empty sum would be -0.
        values.fold(0.0, |sum, value| sum + value)
    }

    /// Waits until a metric satisfies a condition.
    pub(crate) fn wait_for(&self, name: &str, labels: &str, holds: impl Fn(f64) -> bool) -> f64 {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.metric(name, labels);
            if holds(value) {
                return value;
            }
            assert!(Instant::now() < end, "{name} stays at {value}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Resident memory in bytes.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.status("VmRSS")
    }

    /// The most resident memory so far, in bytes.
    pub(crate) fn most_memory_bytes(&self) -> u64 {
        self.status("VmHWM")
    }

    /// Resident memory that is no file's, in bytes.
    pub(crate) fn private_bytes(&self) -> u64 {
        self.status("RssAnon")
    }

    fn status(&self, what: &str) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(what));
        let line = line.unwrap_or_else(|| panic!("the server is gone: {}", self.log()));
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// Ends it at once, as a power cut does; gives its data folder.
    pub(crate) fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the server does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary under test, which enters the group before it begins.
fn limited(limit: &Limit) -> Command {
    let endcap = endcap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ >\"$0\" && exec \"$@\""]).arg(limit.members());
    command.arg(endcap.get_program());
    for (name, value) in endcap.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
