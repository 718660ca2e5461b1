//! Bundles from headquarters to a store that answers: every part in force, each answer of one bundle, and
//! back again as a set.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use endcap_testing::bundles;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, MODEL, Server, data, endcap, stderr, stdout};
use endcap::protocol::documents::{Artefact, Bundle, Check, PartKind};
use endcap::protocol::{List, Text};

const PATIENCE: Duration = Duration::from_secs(90);
const ALIAS: &str = "assistant";
/// A template that writes no role, and one that takes no word of the shop's.
const PLAIN: &str =
    "{% for message in messages %}{{ 'Q: ' + message['content'] + '\\nA:' }}{% endfor %}";
const CUSTOMERS_ONLY: &str = "{% for message in messages %}{% if message['role'] == 'system' %}\
     {{ raise_exception('no system message') }}{% endif %}{{ message['content'] }}{% endfor %}";

/// Files of a part, by their names.
type Source = (PartKind, BTreeMap<String, Vec<u8>>);

/// Headquarters with its own broker.
struct Hq {
    child: Child,
    folder: tempfile::TempDir,
    url: String,
    token: String,
    _stdout: BufReader<ChildStdout>,
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

impl Hq {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut user = endcap();
        let token = done(user.args(["hq", "init", "--admin", "Ada", "--at"]).arg(at));
        let mut child = endcap()
            .args(["hq", "serve", "--listen", "127.0.0.1:0", "--broker", "embedded", "--at"])
            .arg(at)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(at.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.split_whitespace().last().unwrap().to_owned();
        Self { child, folder, url, token: token.trim().to_owned(), _stdout: stdout }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = endcap();
        command.arg("hq").args(arguments).env("ENDCAP_HQ_TOKEN", &self.token);
        command.env("ENDCAP_HQ", &self.url);
        command
    }

    fn done(&self, arguments: &[&str]) -> String {
        done(&mut self.command(arguments))
    }

    /// A data folder of a box that is a node.
    fn enrolled(&self) -> tempfile::TempDir {
        self.done(&["stores", "set", "store-1", "--title", "High Street"]);
        let claim = self.done(&["enroll-token", "store-1", "box-a"]);
        let data = data();
        let mut enroll = endcap();
        enroll.args(["enroll", "--hq", &self.url, "--data"]).arg(data.path());
        done(enroll.env("ENDCAP_CLAIM", claim.trim()));
        data
    }

    /// Gives HQ a bundle of these parts.
    fn publish(&self, id: &str, parts: &[Source], change: impl Fn(&mut Bundle)) {
        let address = self.url.strip_prefix("http://").unwrap();
        for bytes in parts.iter().flat_map(|(_, files)| files.values()) {
            let path = format!("/artefacts/{}", Artefact::of(bytes).unwrap().digest);
            let put = Ask::raw("PUT", &path, bytes.clone()).token(&self.token).send(address);
            assert!(put.status < 300, "{}", put.text());
        }
        let mut bundle = bundle(id, parts);
        change(&mut bundle);
        let file = self.folder.path().join(format!("{id}.json"));
        std::fs::write(&file, bundle.to_json().unwrap()).unwrap();
        self.done(&["bundle", "publish", file.to_str().unwrap()]);
    }

    fn deploy(&self, id: &str) {
        self.done(&["bundle", "deploy", id, "--box", "store-1/box-a", "--approve", "--watch"]);
    }

    /// The number of the newest deployment.
    fn newest(&self) -> u64 {
        let all: Value = serde_json::from_str(&self.done(&["bundle", "status", "--json"])).unwrap();
        let numbers = all.as_array().unwrap().iter().filter_map(|one| one["number"].as_u64());
        numbers.max().unwrap()
    }

    /// What became of its boxes.
    fn boxes(&self) -> Value {
        let path = format!("/hq/v1/tenants/main/deployments/{}/nodes", self.newest());
        let address = self.url.strip_prefix("http://").unwrap();
        Ask::get(&path).token(&self.token).send(address).json()
    }
}

impl Drop for Hq {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(kind: PartKind, name: &str, contents: &str) -> Source {
    (kind, [(name.to_owned(), contents.as_bytes().to_vec())].into())
}

/// The files of the tiny model's package.
fn model(data: &Path) -> Source {
    let folder = data.join("models").join(MODEL);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| !path.ends_with("packed.bin")).map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    });
    (PartKind::Model, files.collect())
}

fn bundle(id: &str, parts: &[Source]) -> Bundle {
    let part = |(kind, files): &Source| bundles::part(*kind, MODEL, files);
    let check = Check {
        prompt: Text::cut("Where is the milk?"),
        max_tokens: 4,
        contains: List::default(),
        lacks: List::default(),
    };
    let trial = bundles::trial(vec![check]);
    bundles::bundle(id, ALIAS, parts.iter().map(part).collect(), trial)
}

fn chat(messages: Value, stream: bool) -> Ask {
    let body = json!({
        "model": ALIAS, "messages": messages, "temperature": 0, "max_tokens": 200,
        "stream": stream,
    });
    Ask::post("/v1/chat/completions", &body)
}

fn question() -> Value {
    json!([{ "role": "user", "content": "Where can I find the milk?" }])
}

/// Text and end of a chat's answer.
fn said(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let choice = answer.json()["choices"][0].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&choice["message"]["content"]), text(&choice["finish_reason"]))
}

/// The same, put together of a stream's events.
fn streamed(server: &Server) -> (String, String) {
    let (mut text, mut end) = (String::new(), String::new());
    for event in chat(question(), true).stream(server.address()) {
        let choice = &event["choices"][0];
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        end.push_str(choice["finish_reason"].as_str().unwrap_or_default());
    }
    (text, end)
}

fn is_hit(answer: &Answer) -> bool {
    answer.header("cache-status").unwrap().contains("hit")
}

/// A word of an answer that is not its first.
fn word(text: &str) -> String {
    let mut words = text.split(|c: char| !c.is_ascii_alphabetic());
    words.next();
    words.find(|word| word.len() > 2).unwrap_or_else(|| panic!("no word in {text:?}")).to_owned()
}

#[test]
fn every_part_of_a_bundle_is_in_force_and_goes_as_a_set() {
    let hq = Hq::start();
    let data = hq.enrolled();
    let model = model(data.path());
    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "1")]);
    let ask = || server.ask(chat(question(), false));

    hq.publish("one", std::slice::from_ref(&model), |_| {});
    hq.deploy("one");
    let first = ask();
    assert!(first.header("x-endcap-model").unwrap().starts_with("tiny.b-"), "{}", first.text());
    assert!(is_hit(&ask()));

    // Another template: other answers, and none of before.
    hq.publish("two", &[model, file(PartKind::Template, "chat_template.jinja", PLAIN)], |_| {});
    hq.deploy("two");
    let second = ask();
    assert!(!is_hit(&second) && is_hit(&ask()));
    assert_ne!(said(&second).0, said(&first).0);

    // Without a model: it is that of the installed package, and all else is the bundle's own.
    let blocked = word(&said(&second).0);
    let rules = json!({ "blocked_terms": { "any": [blocked] } }).to_string();
    let rules = file(PartKind::GuardRules, "guard_rules.json", &rules);
    let template = file(PartKind::Template, "chat_template.jinja", PLAIN);
    hq.publish("three", &[template, rules], |_| {});
    hq.deploy("three");
    let third = ask();
    let (text, end) = said(&third);
    assert_eq!(end, "content_filter", "{blocked}: {}", third.text());
    assert!(said(&second).0.starts_with(&text), "it ends before the term");
    assert!(!text.to_lowercase().contains(&blocked.to_lowercase()));
    assert_eq!(streamed(&server), (text, end), "streamed is whole");
    assert!(!is_hit(&third) && !is_hit(&ask()), "what was cut is not kept");

    // All of it goes; what the one before said is found again.
    let number = hq.newest().to_string();
    hq.done(&["bundle", "revert", &number, "--approve", "--watch"]);
    let again = ask();
    assert_eq!(said(&again), said(&second));
    assert!(is_hit(&again));
    let refused = endcap()
        .args(["models", "rm", again.header("x-endcap-model").unwrap(), "--data"])
        .arg(server.data())
        .output()
        .unwrap();
    assert!(!refused.status.success() && stderr(&refused).contains("bundle"), "{refused:?}");
}

#[test]
fn a_bundle_that_fails_what_the_shop_asks_is_reverted_and_headquarters_is_told_why() {
    let hq = Hq::start();
    let data = hq.enrolled();
    let model = model(data.path());
    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "1")]);
    hq.publish("good", std::slice::from_ref(&model), |_| {});
    hq.deploy("good");
    let shop = || {
        let system = json!({ "role": "system", "content": "You are a clerk." });
        let messages = json!([system, question()[0]]);
        server.ask(chat(messages, false).header("cache-control", "no-store"))
    };
    let before = said(&shop());
    let template = file(PartKind::Template, "chat_template.jinja", CUSTOMERS_ONLY);
    hq.publish("broken", &[model, template], |bundle| bundle.trial.trial_s = 60);
    hq.done(&["bundle", "deploy", "broken", "--box", "store-1/box-a", "--approve"]);
    let end = Instant::now() + PATIENCE;
    let mut failed = 0;
    let mut told = hq.boxes();
    while !told.to_string().contains("trial.refused") {
        assert!(Instant::now() < end, "{told}\n{}", server.log());
        failed += usize::from(shop().status != 200);
        std::thread::sleep(Duration::from_millis(100));
        told = hq.boxes();
    }
    assert!(failed >= 5, "{failed} failed: {told}");
    let end = Instant::now() + PATIENCE;
    while shop().status != 200 {
        assert!(Instant::now() < end, "{}", server.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(said(&shop()), before);
}

#[test]
fn a_box_without_a_model_gets_its_first_from_headquarters() {
    let hq = Hq::start();
    let data = hq.enrolled();
    let model = model(data.path());
    std::fs::remove_dir_all(data.path().join("models").join(MODEL)).unwrap();
    let server = Server::start_in(data, &[("ENDCAP_LINE_MAX_RETRY_S", "1")]);
    assert_eq!(server.ask(chat(question(), false)).status, 404);
    hq.publish("first", std::slice::from_ref(&model), |_| {});
    hq.deploy("first");
    let (text, _) = said(&server.ask(chat(question(), false)));
    assert!(!text.is_empty());
}
