//! A store and its headquarters as `endcap demo` starts them, walked through as the README does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Ask, data, endcap, stderr, stdout};

/// A machine that builds something else beside takes its time.
const PATIENCE: Duration = Duration::from_secs(180);
const BOX: &str = "main/high-street/box-1";
/// What a person asks for, whose answer is kept.
const TALKER: &str = r#"{"sku": "901062", "kind": "shelf_talker"}"#;

/// A running demo. Dropping it ends it, and with it what runs beside it.
struct Demo {
    child: Child,
    data: tempfile::TempDir,
    /// `127.0.0.1:PORT` of the store.
    address: String,
    token: String,
    log: Arc<Mutex<String>>,
}

impl Demo {
    fn start(data: tempfile::TempDir) -> Self {
        let mut child = endcap()
            .args(["demo", "--model", "tiny", "--words-only"])
            .args(["--listen", "127.0.0.1:0", "--hq-listen", "127.0.0.1:0", "--data"])
            .arg(data.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        keep(child.stderr.take().unwrap(), Arc::clone(&log));
        let said = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().unwrap(), Arc::clone(&said));
        let mut demo = Self { child, data, address: String::new(), token: String::new(), log };
        demo.until("the demo does not greet", || said.lock().unwrap().contains("Ctrl-C stops"));
        let known = demo.context();
        demo.address = known["server"]["url"].as_str().unwrap().replace("http://", "");
        demo.token = known["server"]["token"].as_str().unwrap().to_owned();
        demo
    }

    fn context(&self) -> Value {
        let text = std::fs::read_to_string(self.data.path().join("context.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Asks the store.
    fn ask(&self, ask: Ask) -> Answer {
        ask.token(&self.token).send(&self.address)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Ask::post(path, body))
    }

    /// A command of a person, who names nothing but the folder.
    fn endcap(&self, arguments: &[&str]) -> Output {
        endcap().args(arguments).arg("--data").arg(self.data.path()).output().unwrap()
    }

    /// One that succeeds; gives what it prints.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.endcap(arguments);
        let log = self.log.lock().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}\n{log}", stderr(&output));
        stdout(&output)
    }

    /// Asks HQ's API.
    fn hq(&self, path: &str) -> Value {
        let hq = self.context()["hq"].clone();
        let (url, token) = (hq["url"].as_str().unwrap(), hq["token"].as_str().unwrap());
        Ask::get(path).token(token).send(url.strip_prefix("http://").unwrap()).json()
    }

    /// Numbers of the events that HQ has of the store, the newest first.
    fn events_at_hq(&self) -> Vec<u64> {
        let page = self.hq("/hq/v1/tenants/main/events?limit=500");
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| (row["place"] == BOX).then(|| row["seq"].as_u64()).flatten().unwrap())
            .collect()
    }

    fn line(&self) -> Value {
        self.ask(Ask::get("/store/v1/line")).json()
    }

    /// What waits of a stream, and how many were ever written.
    fn outbox(&self, stream: &str) -> (u64, u64) {
        let at = self.line()["outbox"][stream].clone();
        (at["entries"].as_u64().unwrap(), at["written"].as_u64().unwrap())
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !holds() {
            assert!(Instant::now() < end, "{what}: {}", self.log.lock().unwrap());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ctrl-C; gives the folder.
    fn stop(mut self) -> tempfile::TempDir {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log.lock().unwrap());
        std::mem::replace(&mut self.data, tempfile::tempdir().unwrap())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keep(from: impl std::io::Read + Send + 'static, kept: Arc<Mutex<String>>) {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            kept.lock().unwrap().push_str(&format!("{line}\n"));
        }
    });
}

fn talker() -> Value {
    serde_json::from_str(TALKER).unwrap()
}

fn is_hit(answer: &Answer) -> bool {
    answer.header("cache-status").unwrap().contains("hit")
}

fn listens(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

/// A new price at HQ is in the answer that the store had kept, and in every other.
fn a_price_changes(demo: &Demo) {
    let first = demo.post("/store/v1/copy", &talker());
    assert!(!is_hit(&first) && first.text().contains("$1.50"), "{}", first.text());
    let kept = demo.post("/store/v1/copy", &talker());
    assert!(is_hit(&kept) && kept.text().contains("$1.50"), "{}", kept.text());
    let put = ["hq", "facts", "put", "prices", "sku=901062", "amount=0.99", "currency=USD"];
    let told = demo.done(&put);
    assert_eq!(told, "epoch 2: 1 changed, 0 removed, 0 as before\n");
    let now = || demo.post("/store/v1/copy", &talker());
    demo.until("the price did not arrive", || now().text().contains("$0.99"));
    assert!(is_hit(&now()), "a price stands in a slot of a kept text");
    let question = json!({ "question": "How much are the Fuji apples?" });
    let answer = demo.post("/store/v1/ask", &question).json();
    assert!(answer["answer"].as_str().unwrap().contains("$0.99"), "{answer}");
    demo.until("HQ does not know", || {
        demo.done(&["hq", "status", "high-street"]).contains("facts     applied 2")
    });
}

/// Without a broker the store answers; what it has to tell is at HQ afterwards, each once.
fn the_line_is_cut_and_mended(demo: &Demo) {
    let broker = std::fs::read_to_string(demo.data.path().join("demo/broker")).unwrap();
    let broker = broker.trim();
    assert!(listens(broker));
    let told = demo.done(&["demo", "line", "down"]);
    assert!(told.contains("the broker is gone") && !listens(broker), "{told}");
    demo.until("the store still has a line", || demo.line()["phase"] != "open");
    let before = demo.outbox("evt").1;
    for amount in [1.1, 1.2] {
        // The shop's own price; HQ is told that its facts are others now.
        let price = json!({ "amount": amount, "currency": "USD" }).to_string().into_bytes();
        let put = Ask::raw("PUT", "/store/v1/facts/prices/901062", price);
        assert_eq!(demo.ask(put.header("content-type", "application/json")).status, 200);
        let text = demo.post("/store/v1/copy", &talker()).text();
        assert!(text.contains(&format!("${amount:.2}")), "{text}");
        let written = demo.outbox("evt").1;
        demo.until("no event tells of it", || demo.outbox("evt").1 > written);
    }
    let chat = json!({"model": "tiny", "max_tokens": 3,
                      "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(demo.post("/v1/chat/completions", &chat).status, 200);
    let (waiting, written) = demo.outbox("evt");
    assert!(waiting >= 2 && written >= before + 2, "{waiting} of {written} wait");
    assert!(demo.outbox("tel").0 > 0);
    let shown = demo.done(&["status"]);
    assert!(shown.contains("waiting"), "{shown}");
    assert!(!demo.events_at_hq().contains(&written));

    let told = demo.done(&["demo", "line", "up"]);
    assert!(told.contains("a broker listens") && listens(broker), "{told}");
    all_is_at_hq_once(demo);
}

/// HQ has each of the store's events, and none twice.
fn all_is_at_hq_once(demo: &Demo) {
    demo.until("events still wait", || demo.outbox("evt").0 == 0 && demo.outbox("tel").0 == 0);
    let written = demo.outbox("evt").1;
    demo.until("events are missing at HQ", || demo.events_at_hq().first() >= Some(&written));
    let events = demo.events_at_hq();
    let each: BTreeSet<u64> = events.iter().copied().collect();
    let last = *each.last().unwrap();
    assert_eq!((each.len(), each.first()), (last as usize, Some(&1)), "{events:?}");
    assert_eq!(events.len(), each.len(), "{events:?}");
    assert_eq!(demo.hq("/hq/v1/tenants/main/gaps")["data"], json!([]));
}

/// Started again it is the same shop and the same headquarters.
fn it_goes_on_where_it_was(demo: &Demo) {
    let text = demo.post("/store/v1/copy", &talker()).text();
    assert!(text.contains("$1.20"), "{text}");
    let put = ["hq", "facts", "put", "prices", "sku=901062", "amount=1.30", "currency=USD"];
    // A start of HQ leaves numbers out.
    assert!(demo.done(&put).ends_with(": 1 changed, 0 removed, 0 as before\n"));
    demo.until("the price did not arrive", || {
        demo.post("/store/v1/copy", &talker()).text().contains("$1.30")
    });
    all_is_at_hq_once(demo);
}

/// What the store answers through the name that bundles take over: status and text.
fn chat(demo: &Demo, messages: &Value, max_tokens: u32) -> (u16, String) {
    let body = json!({"model": "assistant", "temperature": 0, "max_tokens": max_tokens,
                      "messages": messages});
    let answer = demo.post("/v1/chat/completions", &body);
    let text = answer.json()["choices"][0]["message"]["content"].as_str().map(str::to_owned);
    (answer.status, text.unwrap_or_default())
}

fn asks(question: &str) -> Value {
    json!([{"role": "user", "content": question}])
}

/// Builds, publishes and deploys a bundle, and follows it to its end: whether the deployment was
/// complete, and what was said of it.
fn deployed(demo: &Demo, id: &str, contents: &[&str], check: &str) -> (bool, String) {
    let out = demo.data.path().join("bundle.json");
    let out = out.to_str().unwrap();
    let rules =
        ["--trial", "3", "--probation", "2", "--min-requests", "5", "--max-latency", "100000"];
    let build = ["hq", "bundle", "build", "--id", id, "--alias", "assistant", "--check", check];
    demo.done(&[&build[..], contents, &rules, &["--out", out]].concat());
    demo.done(&["hq", "bundle", "publish", out]);
    let deploy = ["hq", "bundle", "deploy", id, "--store", "high-street", "--approve", "--watch"];
    let output = demo.endcap(&deploy);
    (output.status.success(), stdout(&output) + &stderr(&output))
}

/// A sound bundle takes over; one that answers wrongly answers nobody; one that fails at what no check
/// asks goes back. Those who ask meanwhile what can be answered notice nothing.
fn bundles_come_and_go(demo: &Demo) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                let (status, text) = chat(demo, &asks(&format!("Question {asked}")), 4);
                assert_eq!(status, 200, "{text}");
                asked += 1;
            }
            asked
        });
        // Whatever happens, those who ask stop, so that the test ends.
        let walk = AssertUnwindSafe(|| three_bundles(demo));
        let outcome = std::panic::catch_unwind(walk);
        over.store(true, Ordering::Relaxed);
        let asked = asking.join().unwrap();
        outcome.unwrap();
        assert!(asked > 10, "{asked}");
    });
    let status = demo.done(&["hq", "bundle", "status"]);
    assert_eq!(status.matches("halted").count(), 2, "{status}");
}

fn three_bundles(demo: &Demo) {
    let leads_to = || demo.done(&["models", "alias"]);
    assert!(leads_to().contains("assistant  tiny=1"), "{}", leads_to());
    let (status, said) = chat(demo, &asks("Hello"), 64);
    assert_eq!(status, 200);
    let word = said.split(|c: char| !c.is_ascii_alphanumeric()).max_by_key(|word| word.len());
    let sound = format!("Hello={}", word.unwrap());
    let package = demo.data.path().join("models/tiny");
    let whole = [package.to_str().unwrap()];

    let (complete, told) = deployed(demo, "sound", &whole, &sound);
    assert!(complete && told.contains("1 of 1 ok"), "{told}");
    let good = leads_to();
    assert!(good.contains("assistant  tiny.b-"), "{good}");

    let (complete, told) = deployed(demo, "wrong", &whole, "Hello=a word that is never said");
    assert!(!complete && told.contains("answered wrongly"), "{told}");
    assert_eq!(leads_to(), good);

    let own = std::fs::read_to_string(package.join("chat_template.jinja")).unwrap();
    let hasty = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('later') }}{% endif %}";
    let template = demo.data.path().join("hasty.jinja");
    std::fs::write(&template, format!("{hasty}{own}")).unwrap();
    let wording = ["--name", "tiny", "--template", template.to_str().unwrap()];
    let briefly = json!([{"role": "system", "content": "Briefly."},
                         {"role": "user", "content": "Hello"}]);
    let refused = AtomicBool::new(false);
    let (complete, told) = std::thread::scope(|scope| {
        let deploying = scope.spawn(|| deployed(demo, "hasty", &wording, &sound));
        while !deploying.is_finished() {
            refused.fetch_or(chat(demo, &briefly, 4).0 == 400, Ordering::Relaxed);
        }
        deploying.join().unwrap()
    });
    assert!(refused.into_inner(), "it never answered: {told}");
    assert!(!complete && told.contains("1 bad"), "{told}");
    demo.until("it did not go back", || leads_to() == good);
    assert_eq!(chat(demo, &briefly, 4).0, 200);
}

fn runs_over(data: &Path) -> bool {
    data.join("context.json").exists() || data.join("demo/broker").exists()
}

#[test]
fn the_walk_of_the_readme_does_what_it_says() {
    let demo = Demo::start(data());
    a_price_changes(&demo);
    bundles_come_and_go(&demo);
    the_line_is_cut_and_mended(&demo);
    let hq = demo.context()["hq"]["url"].as_str().unwrap().replace("http://", "");
    let data = demo.stop();
    assert!(!runs_over(data.path()) && !listens(&hq), "something of the demo is left");
    let demo = Demo::start(data);
    it_goes_on_where_it_was(&demo);
}

#[test]
fn what_runs_beside_a_demo_ends_with_it_even_if_it_is_killed() {
    let mut demo = Demo::start(data());
    let hq = demo.context()["hq"]["url"].as_str().unwrap().replace("http://", "");
    let broker = std::fs::read_to_string(demo.data.path().join("demo/broker")).unwrap();
    let beside = [hq.as_str(), broker.trim()];
    assert!(beside.iter().all(|address| listens(address)));
    demo.child.kill().unwrap();
    demo.until("something listens on", || !beside.iter().any(|address| listens(address)));
}

/// Processes that this demo has started and not taken leave of, by what they were called with.
fn beside(demo: &Demo) -> Vec<(i32, String)> {
    let numbers = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        entry.unwrap().file_name().to_str().and_then(|name| name.parse::<i32>().ok())
    });
    let ours = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parent == Some(&demo.child.id().to_string())
    };
    let called = |pid: i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        (pid, String::from_utf8_lossy(&line).replace('\0', " "))
    };
    numbers.filter(ours).map(called).collect()
}

#[test]
fn what_a_demo_loses_beside_it_is_told_and_started_again() {
    let demo = Demo::start(data());
    let hq = demo.context()["hq"]["url"].as_str().unwrap().replace("http://", "");
    let broker = std::fs::read_to_string(demo.data.path().join("demo/broker")).unwrap();
    for (what, called, address) in [
        ("headquarters", " hq serve ", hq.as_str()),
        ("the broker", " demo broker ", broker.trim()),
    ] {
        let (pid, _) = beside(&demo).into_iter().find(|(_, with)| with.contains(called)).unwrap();
        let killed = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(killed, rustix::process::Signal::KILL).unwrap();
        let said = |text: &str| demo.log.lock().unwrap().contains(text);
        demo.until("it is not told", || said(&format!("{what} has ended (signal: 9")));
        demo.until("it is left lying about", || beside(&demo).iter().all(|(old, _)| *old != pid));
        demo.until("it is not started again", || said(&format!("{what} runs again")));
        assert!(listens(address), "{what}");
    }
    demo.until("there is no line", || demo.line()["phase"] == "open");
    all_is_at_hq_once(&demo);
    assert!(!demo.done(&["status"]).contains("has ended"));
}

#[test]
fn a_box_of_a_real_headquarters_is_no_stage_for_a_demo() {
    let data = data();
    std::fs::create_dir(data.path().join("identity")).unwrap();
    let enrolment =
        json!({ "place": "acme/store-1/box-a", "broker": "mqtt://127.0.0.1:1", "keys": [] });
    std::fs::write(data.path().join("identity/enrolment.json"), enrolment.to_string()).unwrap();
    let output = endcap()
        .args(["demo", "--model", "tiny", "--words-only", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    let told = stderr(&output);
    assert!(!output.status.success() && told.contains("acme/store-1/box-a"), "{told}");
    assert!(!data.path().join("demo").exists());
}
