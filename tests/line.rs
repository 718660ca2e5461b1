//! The line to HQ beside a real server: told when it is there, missed by nobody when it is not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use crate::support::{Ask, Server, admin, data, endcap, stdout};
use endcap::protocol::{
    Ack, BootId, Envelope, HqTime, HybridTime, List, Message, MessageId, NodeTopic, Place, Role,
    Sender, Signed, Snapshot, Source, Stream, Topic, UnixMillis, Watermark,
};
use endcap::sync::mqtt::{Address, Broker, Client, Embedded, Seen, Version};
use endcap::sync::{Believed, Enrolment, Outgoing};

const PLACE: &str = "acme/store-1/box-a";

fn director() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A data folder of a box that was enrolled with a broker at this port.
pub(crate) fn enrolled(port: u16) -> tempfile::TempDir {
    let data = data();
    let identity = data.path().join("identity");
    std::fs::create_dir(&identity).unwrap();
    enrolment(port).write(&identity).unwrap();
    data
}

fn enrolment(port: u16) -> Enrolment {
    Enrolment {
        place: PLACE.parse().unwrap(),
        broker: format!("mqtt://127.0.0.1:{port}"),
        hq: None,
        keys: vec![Believed::of(Role::Director, &director().verifying_key())],
        groups: Vec::new(),
        catalogues: Vec::new(),
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wall() -> UnixMillis {
    UnixMillis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64)
}

/// HQ at a broker of its own, in a thread that ends with the process: stores, acknowledges, answers.
#[derive(Default)]
struct Hq {
    marks: BTreeMap<Stream, Watermark>,
    told: Vec<Message>,
}

impl Hq {
    fn start(port: u16) -> Arc<Mutex<Self>> {
        let hq = Arc::new(Mutex::new(Self::default()));
        let shared = Arc::clone(&hq);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
            runtime.unwrap().block_on(Self::serve(shared, port));
        });
        hq
    }

    async fn serve(hq: Arc<Mutex<Self>>, port: u16) {
        let embedded = Embedded::start(port, 0).await.unwrap();
        let address: Address = embedded.address(Version::Five);
        let keep_alive = Duration::from_secs(5);
        let (version, login) = (Version::Five, None);
        let broker = Broker { address, version, credentials: None, login, keep_alive };
        let mut client = Client::connect(&broker, "hq", None).unwrap();
        while let Some(seen) = client.next().await {
            match seen {
                Seen::Connected => {
                    client.subscribe(Topic::hq_subscriptions(&"acme".parse().unwrap())).unwrap();
                }
                Seen::Message { topic, payload } => {
                    if let Some(answer) = hq.lock().unwrap().receive(&topic, &payload) {
                        client.publish(answer).unwrap();
                    }
                }
                _ => {}
            }
        }
    }

    fn receive(&mut self, topic: &str, payload: &[u8]) -> Option<Outgoing> {
        let topic: Topic = topic.parse().unwrap();
        let envelope = Envelope::parse(payload).unwrap();
        let message = envelope.message_at(&topic).unwrap();
        let Some(counted) = envelope.counted else {
            let Message::Ask(ask) = &message else { return None };
            let place: Place = PLACE.parse().unwrap();
            let time = HqTime { target: place, answers: envelope.id, at: wall() };
            let ack = |stream: Stream| {
                let none = Watermark::default();
                Ack::of(ask.ledger, stream, self.marks.get(&stream).unwrap_or(&none)).unwrap()
            };
            let snapshot = Snapshot {
                time: Signed::sign(&time, &[&director()]).unwrap(),
                desired: List::default(),
                facts: List::default(),
                acks: List::new(ask.sending.iter().map(|s| ack(s.stream)).collect()).unwrap(),
            };
            let message = Message::Snapshot(snapshot);
            return Some(said(NodeTopic::Snapshot, &message, Some(envelope.id)));
        };
        let mark = self.marks.entry(counted.stream).or_default();
        mark.take(endcap::protocol::Run::of(counted.seq));
        let ack = Ack::of(counted.ledger, counted.stream, mark).unwrap();
        self.told.push(message);
        Some(said(NodeTopic::Ack(counted.stream), &Message::Ack(ack), None))
    }

    fn events(&self) -> BTreeSet<String> {
        let name = |message: &Message| match message {
            Message::Event(event) => Some(event.name.to_string()),
            _ => None,
        };
        self.told.iter().filter_map(name).collect()
    }
}

fn said(topic: NodeTopic, message: &Message, question: Option<MessageId>) -> Outgoing {
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    let id = MessageId([wall().0 as u8; 16]);
    let mut envelope = Envelope::new(&sender, id, HybridTime::at(wall()), message).unwrap();
    if let Some(question) = question {
        envelope = envelope.answering(question);
    }
    let topic = Topic::Node(PLACE.parse().unwrap(), topic).to_string();
    let payload = envelope.to_bytes().unwrap();
    Outgoing { topic, payload, retain: false, counted: false }
}

fn line(server: &Server) -> Value {
    server.ask(Ask::get("/store/v1/line")).json()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_box_answers_without_hq_and_tells_all_when_hq_is_there() {
    let port = free_port();
    let hurried = [
        ("ENDCAP_LINE_RETRY_S", "0.05"),
        ("ENDCAP_LINE_MAX_RETRY_S", "0.5"),
        ("ENDCAP_LINE_TELEMETRY_S", "1"),
    ];
    let server = Server::start_in(enrolled(port), &hurried);
    let waits = |stream: &str| line(&server)["outbox"][stream]["entries"].as_u64().unwrap_or(0);
    until("nothing is told", || waits("evt") > 0 && waits("tel") > 0);
    let before = line(&server);
    assert!(before["trouble"].is_string(), "{before}");
    let chat = json!({"model": "tiny", "max_tokens": 3,
                      "messages": [{"role": "user", "content": "Hello"}]});
    assert_eq!(server.ask(Ask::post("/v1/chat/completions", &chat)).status, 200);

    let hq = Hq::start(port);
    until("the line is not open", || line(&server)["phase"] == "open");
    let wanted = BTreeSet::from(["server.started".to_owned(), "model.loaded".to_owned()]);
    until("events are missing", || hq.lock().unwrap().events().is_superset(&wanted));
    until("events still wait", || waits("evt") == 0);
    let tokens = |message: &Message| match message {
        Message::Telemetry(told) => told.values.get("tokens_output").cloned(),
        _ => None,
    };
    let counted = || hq.lock().unwrap().told.iter().filter_map(tokens).any(|n| n != 0_i64.into());
    until("the answer was not counted", counted);
    let after = line(&server);
    assert_eq!((&after["place"], &after["trouble"]), (&json!(PLACE), &Value::Null), "{after}");
    assert!(after["hq_time_ms"].is_u64() && after["floor_ms"].is_u64(), "{after}");
    assert_eq!(server.metric("endcap_line_phase", "open"), 1.0);

    let shown = endcap()
        .args(["status", "--server", &server.url])
        .env("ENDCAP_TOKEN", admin())
        .output()
        .unwrap();
    let shown = stdout(&shown);
    assert!(shown.contains("line         open for") && shown.contains(PLACE), "{shown}");
}

#[test]
fn what_keeps_the_line_from_beginning_keeps_nobody_from_an_answer() {
    let damage: [fn(&std::path::Path); 2] = [
        |data| std::fs::write(data.join("state.redb"), "this is no database").unwrap(),
        |data| std::fs::write(data.join("identity/enrolment.json"), "{").unwrap(),
    ];
    for damage in damage {
        let data = enrolled(free_port());
        damage(data.path());
        let server = Server::start_in(data, &[]);
        let view = line(&server);
        assert_eq!(view["phase"], "broken", "{view}");
        assert!(view["trouble"].as_str().is_some_and(|why| !why.is_empty()), "{view}");
        assert_eq!(server.metric("endcap_line_phase", "broken"), 1.0);
    }
}

#[test]
fn a_line_that_could_not_begin_is_begun_when_nothing_is_in_its_way_any_more() {
    type Act = fn(&std::path::Path, port: u16);
    let cases: [(Act, Act); 2] = [
        (
            |data, _| std::fs::write(data.join("state.redb"), "this is no database").unwrap(),
            |data, _| std::fs::remove_file(data.join("state.redb")).unwrap(),
        ),
        (
            |data, _| std::fs::write(data.join("identity/enrolment.json"), "{").unwrap(),
            |data, port| enrolment(port).write(&data.join("identity")).unwrap(),
        ),
    ];
    for (damage, mend) in cases {
        let port = free_port();
        let data = enrolled(port);
        damage(data.path(), port);
        let _hq = Hq::start(port);
        let server = Server::start_in(data, &[("ENDCAP_LINE_RETRY_S", "0.05")]);
        let before = line(&server);
        assert_eq!(before["phase"], "broken", "{before}");
        assert!(before["next_try_ms"].is_u64() && before["since_ms"].is_u64(), "{before}");
        let over = json!({"owner": "Ada", "reason": "a test", "lease_s": 60,
                          "settings": {"cache": {"ask": "off"}}});
        let lay = || server.ask(Ask::post("/store/v1/config/override", &over)).status;
        assert_eq!(lay(), 409);
        mend(server.data(), port);
        until("the line is not open", || line(&server)["phase"] == "open");
        assert_eq!(line(&server)["trouble"], Value::Null);
        assert_eq!(server.metric("endcap_line_phase", "broken"), 0.0);
        until("settings are still those of the file", || lay() == 200);
    }
}

#[test]
fn what_hq_wants_is_followed_when_nothing_is_in_the_way_any_more() {
    let port = free_port();
    let data = enrolled(port);
    let in_the_way = data.path().join("bundles");
    std::fs::write(&in_the_way, "no folder").unwrap();
    let _hq = Hq::start(port);
    let server = Server::start_in(data, &[("ENDCAP_LINE_RETRY_S", "0.05")]);
    let is_open_with = |trouble: bool| {
        let view = line(&server);
        view["phase"] == "open" && view["trouble"].is_string() == trouble
    };
    until("the trouble is not told", || is_open_with(true));
    std::fs::remove_file(&in_the_way).unwrap();
    until("it is not tried again", || is_open_with(false));
}

#[test]
fn what_persons_do_to_the_box_is_in_its_audit_log() {
    let port = free_port();
    let hq = Hq::start(port);
    let server = Server::start_in(enrolled(port), &[("ENDCAP_LINE_RETRY_S", "0.05")]);
    let token = |role: &str| {
        let made = endcap()
            .args(["token", "create", "--role", role, "--label", "a test", "--data"])
            .arg(server.data())
            .output()
            .unwrap();
        stdout(&made).trim().to_owned()
    };
    let feed = token("feed");
    let put = |sku: &str, token: &str| {
        let price = json!({"amount": 3.49, "currency": "USD"}).to_string().into_bytes();
        let ask = Ask::raw("PUT", &format!("/store/v1/facts/prices/{sku}"), price);
        let ask = ask.header("content-type", "application/json").token(token);
        ask.send(server.address()).status
    };
    until("the feed's token does not count", || put("1", &feed) == 200);
    assert_eq!(put("2", admin()), 200);
    let purge = json!({"product": "2"});
    assert_eq!(server.ask(Ask::post("/store/v1/cache/purge", &purge)).status, 200);
    let entries = || -> Vec<Value> {
        let told = hq.lock().unwrap().told.clone();
        let blocks = told.into_iter().filter_map(|message| match message {
            Message::Audit(block) => Some(block),
            _ => None,
        });
        blocks
            .flat_map(|block| block.entries.iter().map(|e| e.to_vec()).collect::<Vec<_>>())
            .map(|entry| serde_json::from_slice(&entry).unwrap())
            .collect()
    };
    let of = |act: &str| -> Vec<Value> {
        entries().into_iter().filter(|entry| entry["act"] == act).collect()
    };
    until("acts are missing", || {
        let made = of("token.made").iter().any(|made| made["role"] == "feed");
        made && ["cache.purge", "enrolled"].iter().all(|act| !of(act).is_empty())
    });
    let puts = of("facts.put");
    assert_eq!(puts.len(), 1, "what a feed does is no act of a person: {puts:?}");
    assert_eq!(puts[0]["fact"], "prices:2");
    assert!(puts[0]["by"].as_str().is_some_and(|by| !by.is_empty() && by != admin()), "{puts:?}");
    assert_eq!(of("cache.purge")[0]["product"], "2");
    assert!(entries().iter().all(|entry| !entry.to_string().contains(&feed)));
}

#[test]
fn a_box_that_was_not_enrolled_has_no_line() {
    let server = Server::start();
    assert_eq!(line(&server)["phase"], "off");
    assert!(!server.data().join("state.redb").exists());
}
