//! From nothing to a store in step, by the commands that a person types: Mosquitto with HQ's files, TLS
//! on every line, a claim that makes a box a node.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use endcap_testing::mosquitto::{Mosquitto, free_address};
use serde_json::{Value, json};

use crate::support::{Ask, Server, data, endcap, root, stderr, stdout};

/// A machine that builds something else beside takes its time.
const PATIENCE: Duration = Duration::from_secs(180);

/// Headquarters, with the broker beside it.
pub(crate) struct Hq {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) url: String,
    pub(crate) token: String,
    _mosquitto: Mosquitto,
    _stdout: BufReader<ChildStdout>,
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    stdout(&output)
}

/// Mosquitto with the files that HQ wrote for it.
fn mosquitto(hq: &Path) -> Mosquitto {
    let (address, folder) = (free_address(), tempfile::tempdir().unwrap());
    let port = address.port().to_string();
    let mut files = endcap();
    files.args(["hq", "broker-files", "--host", "127.0.0.1", "--port", &port]);
    done(files.arg("--at").arg(hq).arg("--mosquitto").arg(folder.path()));
    if rustix::process::getuid().is_root() {
        // Root's Mosquitto would become somebody who may not read the files.
        let path = folder.path().join("mosquitto.conf");
        let settings = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("user root\n{settings}")).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(Mosquitto::start_in(folder, address))
}

impl Hq {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let token = done(endcap().args(["hq", "init", "--admin", "Ada", "--at"]).arg(at));
        let mosquitto = mosquitto(at);
        let broker = format!("mqtts://{}", mosquitto.address);
        let mut child = endcap()
            .args(["hq", "serve", "--listen", "127.0.0.1:0", "--host", "127.0.0.1"])
            .args(["--broker", &broker, "--credentials"])
            .arg(mosquitto.folder().join("hq"))
            .arg("--at")
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        let token = token.trim().to_owned();
        Self { child, folder, url, token, _mosquitto: mosquitto, _stdout: stdout }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn authority(&self) -> std::path::PathBuf {
        self.folder.path().join("authority.pem")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a command of a person at HQ prints, which must go well.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let mut command = endcap();
        command.arg("hq").args(arguments).env("ENDCAP_HQ_TOKEN", &self.token);
        done(command.env("ENDCAP_HQ", &self.url).env("ENDCAP_HQ_AUTHORITY", self.authority()))
    }

    pub(crate) fn enroll(&self, data: &Path, claim: &str) -> std::process::Output {
        let mut command = endcap();
        command.args(["enroll", "--hq", &self.url, "--authority"]).arg(self.authority());
        command.env("ENDCAP_CLAIM", claim).arg("--data").arg(data).output().unwrap()
    }

    /// The data folder of a box that has just enrolled.
    pub(crate) fn new_box(
        &self,
        store: &str,
        name: &str,
        data: tempfile::TempDir,
    ) -> tempfile::TempDir {
        let claim = self.done(&["enroll-token", store, name]);
        let enrolled = self.enroll(data.path(), claim.trim());
        assert!(enrolled.status.success(), "{}", stderr(&enrolled));
        data
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.done(&["status", "store-1", "--json"])).unwrap()
    }
}

impl Drop for Hq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until it holds.
pub(crate) fn until(what: &str, server: &Server, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: {}", server.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_box_is_in_step_after_the_commands_of_the_readme() {
    let hq = Hq::start();
    assert!(hq.url.starts_with("https://"), "{}", hq.url);
    hq.done(&["stores", "set", "store-1", "--title", "High Street"]);
    for table in ["products", "prices"] {
        let file = root().join("models/tables").join(format!("{table}.csv"));
        hq.done(&["facts", "push", table, file.to_str().unwrap()]);
    }
    let claim = hq.done(&["enroll-token", "store-1", "box-a"]);
    let data = data();
    let enrolled = hq.enroll(data.path(), claim.trim());
    assert_eq!(stdout(&enrolled).trim(), "main/store-1/box-a", "{}", stderr(&enrolled));
    let again = hq.enroll(crate::support::data().path(), claim.trim());
    assert!(!again.status.success() && stderr(&again).contains("used already"), "{again:?}");

    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "2")]);
    let price = || server.ask(Ask::get("/store/v1/facts/prices/0041"));
    until("the price did not come", &server, || price().status == 200);
    let line = || server.ask(Ask::get("/store/v1/line")).json();
    // What the broker retained comes before HQ's own word.
    until("the line did not open", &server, || line()["phase"] == "open");
    assert!(line()["broker"].as_str().unwrap().starts_with("mqtts://"), "{}", line());
    let applied = || hq.status()["nodes"][0]["reported"][0]["applied"] == json!(2);
    until("HQ was not told", &server, applied);
    hq.done(&["cmd", "store-1/box-a", "cache.purge", "--wait", "--expires", "60"]);
    let node = hq.status()["nodes"][0].clone();
    assert_eq!(node["presence"], "online", "{node}");
}

#[test]
fn a_box_follows_where_hq_replaces_its_key_and_believes_the_old_one_no_more() {
    let hq = Hq::start();
    hq.done(&["stores", "set", "store-1", "--title", "High Street"]);
    let claim = hq.done(&["enroll-token", "store-1", "box-a"]);
    let data = data();
    let enrolled = hq.enroll(data.path(), claim.trim());
    assert!(enrolled.status.success(), "{}", stderr(&enrolled));
    let identity = data.path().join("identity/enrolment.json");
    let believed = || {
        let text = std::fs::read_to_string(&identity).unwrap();
        let enrolment: Value = serde_json::from_str(&text).unwrap();
        let keys = enrolment["keys"].as_array().unwrap().iter();
        let director = keys.filter(|key| key["role"] == "director");
        director.map(|key| key["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "2")]);
    let keys = || serde_json::from_str::<Value>(&hq.done(&["key", "show", "--json"])).unwrap();
    // Whether the box has applied the newest version of a document.
    let follows = |document: &str| {
        let node = hq.status()["nodes"][0].clone();
        let of = |rows: &Value, field: &str| {
            let rows = rows.as_array().unwrap().iter();
            let row = rows.clone().find(|row| row["document"] == document);
            row.map(|row| row[field].clone())
        };
        let wanted = of(&node["desired"], "version");
        wanted.is_some() && wanted == of(&node["reported"], "applied")
    };
    let set = |value: &str| {
        hq.done(&["config", "set", "store-1/box-a", &format!("log_level={value}")]);
        until("the settings did not come", &server, || follows("config"));
    };
    set("debug");
    let old = believed();
    assert_eq!(old, [keys()["director"].as_str().unwrap()]);
    hq.done(&["key", "rotate"]);
    let new = keys()["director"].as_str().unwrap().to_owned();
    assert_ne!(old, [new.as_str()]);
    until("the new key is not believed", &server, || believed().contains(&new));
    until("HQ was not told of it", &server, || keys()["behind"] == json!(0));
    assert!(believed().contains(&old[0]), "both are, for a while");
    set("info");
    hq.done(&["key", "retire"]);
    until("the old key is not forgotten", &server, || keys()["stage"] == "single");
    assert_eq!(believed(), [new.as_str()]);
    assert!(!hq.folder.path().join("director.next.key").exists());
    // From here on the new key alone signs.
    set("warn");
    hq.done(&["cmd", "store-1/box-a", "cache.purge", "--wait", "--expires", "60"]);
    hq.done(&["audit", "--verify"]);
}
