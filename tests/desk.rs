//! Devices are paired, and shoppers are handed to a person: over HTTP, through the real binary.

use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::concierge::stock;
use crate::support::{Answer, Ask, Events, Server, admin, endcap, stdout};

const CONVERSATIONS: &str = "/store/v1/conversations";
const DESK: &str = "/store/v1/desk";
/// Rings soon, so that nobody waits for a test.
const SOON: [(&str, &str); 2] =
    [("ENDCAP_DESK_RING_AGAIN_S", "1"), ("ENDCAP_DESK_ESCALATE_AFTER_S", "2")];
const PATIENCE: Duration = Duration::from_secs(20);

fn code(server: &Server, class: &str, role: &str) -> String {
    let wanted = json!({ "class": class, "zone": "entrance", "role": role });
    let made = server.ask(Ask::post("/store/v1/devices/codes", &wanted));
    assert_eq!(made.status, 200, "{}", made.text());
    made.json()["code"].as_str().unwrap().to_owned()
}

pub(crate) fn pair(server: &Server, code: &str, name: &str) -> Answer {
    let shown = json!({ "code": code, "name": name });
    server.ask(Ask::post("/store/v1/pair", &shown).anonymous())
}

/// A new device's token and id.
pub(crate) fn device(server: &Server, class: &str, role: &str) -> (String, String) {
    let paired = pair(server, &code(server, class, role), &format!("{class} of a test"));
    assert_eq!(paired.status, 200, "{}", paired.text());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&paired.json()["token"]), text(&paired.json()["device"]["id"]))
}

/// What a stream tells, as it comes, for as long as the server is there.
fn follow(server: &Server, path: &str, token: &str) -> Receiver<Value> {
    told_by(Ask::get(path).token(token).stream(server.address()))
}

fn told_by(events: Events) -> Receiver<Value> {
    let (tell, told) = channel();
    std::thread::spawn(move || events.into_iter().try_for_each(|event| tell.send(event)));
    told
}

/// The next that is so.
fn until(told: &Receiver<Value>, holds: impl Fn(&Value) -> bool) -> Value {
    loop {
        let next = told.recv_timeout(PATIENCE).expect("it comes in time");
        if holds(&next) {
            return next;
        }
    }
}

pub(crate) fn say(server: &Server, token: &str, conversation: &str, text: &str) -> Value {
    let path = format!("{CONVERSATIONS}/{conversation}/messages");
    let answer = server.ask(Ask::post(&path, &json!({ "text": text })).token(token));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

pub(crate) fn begin(server: &Server, token: &str) -> String {
    let begun = server.ask(Ask::post(CONVERSATIONS, &json!({ "language": "en" })).token(token));
    assert_eq!(begun.status, 201, "{}", begun.text());
    begun.json()["id"].as_str().unwrap().to_owned()
}

fn act(server: &Server, token: &str, id: &str, act: &str, body: Value) -> Answer {
    server.ask(Ask::post(&format!("{DESK}/handoffs/{id}/{act}"), &body).token(token))
}

#[test]
fn a_browser_is_paired_by_a_code_and_loses_its_token() {
    let server = Server::start();
    let code = code(&server, "kiosk", "client");
    for (code, name, status) in [("AAAA-AAAA", "kiosk", 403), ("", "kiosk", 403), (&*code, "", 400)]
    {
        assert_eq!(pair(&server, code, name).status, status, "{code} {name}");
    }
    let paired = pair(&server, &code.to_lowercase().replace('-', " "), "by the door");
    let cookie = paired.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(pair(&server, &code, "again").status, 403, "a code counts once");
    let cookie = cookie.split(';').next().unwrap();
    let own = |site: &str| {
        let ask = Ask::get("/store/v1/device").anonymous();
        server.ask(ask.header("cookie", cookie).header("sec-fetch-site", site))
    };
    assert_eq!(own("cross-site").status, 401);
    let shown = own("same-origin").json();
    assert_eq!(
        (&shown["name"], &shown["class"], &shown["zone"], &shown["role"]),
        (&json!("by the door"), &json!("kiosk"), &json!("entrance"), &json!("client"))
    );
    let listed = endcap()
        .args(["devices", "list", "--server", &server.url])
        .env("ENDCAP_TOKEN", admin())
        .output()
        .unwrap();
    let id = shown["id"].as_str().unwrap();
    assert!(stdout(&listed).contains(id) && stdout(&listed).contains("by the door"), "{listed:?}");
    let revoke = || server.ask(Ask::new("DELETE", &format!("/store/v1/devices/{id}")));
    assert_eq!(revoke().status, 200);
    assert_eq!(own("same-origin").status, 401);
    assert_eq!(revoke().status, 404);
    for (role, status) in [("admin", 400), ("client", 200), ("associate", 200)] {
        let wanted = json!({ "class": "kiosk", "role": role });
        let made = server.ask(Ask::post("/store/v1/devices/codes", &wanted));
        assert_eq!(made.status, status, "{role}: {}", made.text());
    }
}

#[test]
fn whoever_guesses_codes_waits() {
    let server = Server::start();
    let guess = |n: u32| pair(&server, &format!("0000-00{n:02}"), "guess");
    let guessed: Vec<Answer> = (0..20).map(guess).collect();
    let statuses: Vec<u16> = guessed.iter().map(|answer| answer.status).collect();
    assert!(statuses.starts_with(&[403; 10]), "{statuses:?}");
    let waits = guessed.iter().find(|answer| answer.status == 429).expect("one that has to wait");
    assert!(waits.header("retry-after").is_some());
}

#[test]
fn a_shopper_is_answered_by_a_person_and_handed_back() {
    let server = Server::start_with(&SOON);
    stock(&server);
    let (kiosk, _) = device(&server, "kiosk", "client");
    let (other, _) = device(&server, "kiosk", "client");
    let (ada, ada_id) = device(&server, "handheld", "associate");
    let (ben, _) = device(&server, "handheld", "associate");
    let [rings_ada, rings_ben] =
        [&ada, &ben].map(|token| follow(&server, &format!("{DESK}/events"), token));
    let conversation = begin(&server, &kiosk);
    let path = format!("{CONVERSATIONS}/{conversation}");
    assert_eq!(server.ask(Ask::get(&path).token(&other)).status, 404);
    let shopper = follow(&server, &format!("{path}/events"), &kiosk);
    say(&server, &kiosk, &conversation, "How much is the roast coffee?");
    let turn = say(&server, &kiosk, &conversation, "Can I talk to a person please?");
    let id = turn["handoff"]["id"].as_str().unwrap_or_else(|| panic!("{turn}")).to_owned();
    // Both are rung in the end: one first, then the other.
    for rings in [&rings_ada, &rings_ben] {
        let ring = until(rings, |event| event["id"] == *id);
        assert_eq!((&ring["stage"], &ring["zone"]), (&json!("waiting"), &json!("entrance")));
    }
    for (token, status) in [(&kiosk, 403), (&ada, 200)] {
        assert_eq!(server.ask(Ask::get(&format!("{DESK}/handoffs")).token(token)).status, status);
    }
    let looks = |token: &str| {
        let whole = server.ask(Ask::get(&format!("{DESK}/handoffs/{id}")).token(token)).status;
        (server.ask(Ask::get(&path).token(token)).status, whole)
    };
    assert_eq!([&ada, &ben].map(|token| looks(token)), [(200, 200); 2], "nobody has it yet");
    assert_eq!(looks(&other), (404, 403), "another kiosk sees nothing");
    assert_eq!(act(&server, &ada, &id, "reply", json!({ "text": "Hi" })).status, 409);
    assert_eq!(act(&server, &ada, &id, "claim", json!({ "x": 1 })).status, 400);
    assert_eq!(act(&server, &ada, &id, "claim", json!({})).json()["mine"], true);
    assert_eq!(act(&server, &ben, &id, "claim", json!({})).status, 409);
    assert_eq!((looks(&ada), looks(&ben)), ((200, 200), (404, 409)), "hers, and not his");
    let whole = server.ask(Ask::get(&format!("{DESK}/handoffs/{id}")).token(&ada)).json();
    assert!(!whole["summary"].as_str().unwrap().is_empty(), "{whole}");
    assert!(whole["history"].as_array().unwrap().len() >= 5, "{whole}");
    assert_eq!(whole["claimed_by"]["id"], *ada_id);
    let reply = "I am at the coffee, come over.";
    assert_eq!(act(&server, &ada, &id, "reply", json!({ "text": reply })).status, 200);
    until(&shopper, |event| event["text"] == reply && event["speaker"] == "associate");
    say(&server, &kiosk, &conversation, "Thanks!");
    until(&rings_ada, |event| event["turn"]["text"] == "Thanks!");
    assert_eq!(act(&server, &ada, &id, "hand-back", json!({})).status, 200);
    until(&shopper, |event| event["stage"] == "assistant");
    until(&rings_ben, |event| event["stage"] == "closed");
    assert_eq!(looks(&ada), (404, 404), "it is not handed to her any more");
    assert_eq!(act(&server, &ada, &id, "reply", json!({ "text": "Hi" })).status, 404);
    let turn = say(&server, &kiosk, &conversation, "How much is the roast coffee?");
    assert!(turn["text"].as_str().unwrap().contains("$8.50"), "{turn}");
}

#[test]
fn where_nobody_is_there_the_shopper_is_told_and_waits_over_a_restart() {
    let mut server = Server::start_with(&SOON);
    let (kiosk, _) = device(&server, "kiosk", "client");
    let (ada, _) = device(&server, "handheld", "associate");
    let conversation = begin(&server, &kiosk);
    let path = format!("{CONVERSATIONS}/{conversation}/events");
    let shopper = follow(&server, &path, &kiosk);
    let turn = say(&server, &kiosk, &conversation, "I want to talk to a person");
    let id = turn["handoff"]["id"].as_str().unwrap().to_owned();
    let told = until(&shopper, |event| event["speaker"] == "notice");
    assert!(told["text"].as_str().unwrap().contains("Nobody is free"), "{told}");
    server.interrupt();
    server.wait();
    let server = Server::start_in(server.kill(), &SOON);
    let rings = follow(&server, &format!("{DESK}/events"), &ada);
    until(&rings, |event| event["id"] == *id);
    assert_eq!(act(&server, &ada, &id, "claim", json!({})).status, 200);
    assert_eq!(act(&server, &ada, &id, "close", json!({ "outcome": "sold" })).status, 400);
    let closed = act(&server, &ada, &id, "close", json!({ "outcome": "solved" }));
    assert_eq!(closed.json()["stage"], "closed", "{}", closed.text());
}

#[test]
fn what_an_associate_puts_right_is_answered_until_its_facts_change() {
    let server = Server::start();
    stock(&server);
    let (kiosk, _) = device(&server, "kiosk", "client");
    let (ada, _) = device(&server, "handheld", "associate");
    let conversation = begin(&server, &kiosk);
    let question = "How much is the Monte roast coffee?";
    let turn = say(&server, &kiosk, &conversation, question);
    assert_eq!(turn["citations"][0]["sku"], "1004", "{turn}");
    let correct = |text: &str| {
        let body = json!({ "conversation": conversation, "turn": turn["number"], "text": text });
        server.ask(Ask::post(&format!("{DESK}/corrections"), &body).token(&ada)).json()
    };
    let wrong = correct("Monte Roast Coffee costs $7.00.");
    let refused = wrong["refused"].as_array().unwrap();
    assert!(wrong["pinned"] == false && refused.contains(&json!("money")), "{wrong}");
    let better = "It costs $8.50 and stands in aisle 7.";
    let right = correct(better);
    assert_eq!(right["pinned"], true, "{right}");
    let another = begin(&server, &kiosk);
    assert_eq!(say(&server, &kiosk, &another, question)["text"], better);
    server.put("prices/1004", json!({ "amount": 9.25, "currency": "USD" }));
    let after = say(&server, &kiosk, &another, question);
    assert!(after["text"].as_str().unwrap().contains("$9.25"), "{after}");
    let kept = endcap()
        .args(["feedback", "list", "--json", "--server", &server.url])
        .env("ENDCAP_TOKEN", admin())
        .output()
        .unwrap();
    let kept: Value = serde_json::from_str(&stdout(&kept)).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 2, "both are examples");
    assert_eq!((&kept[1]["question"], &kept[1]["better"]), (&json!(question), &json!(better)));
}

#[test]
fn a_device_follows_a_few_feeds_and_none_after_its_token_is_gone() {
    let server = Server::start();
    let (kiosk, id) = device(&server, "kiosk", "client");
    let (other, _) = device(&server, "kiosk", "client");
    let path = |token: &str| format!("{CONVERSATIONS}/{}/events", begin(&server, token));
    let (mine, theirs) = (path(&kiosk), path(&other));
    let open = |path: &str, token: &str| {
        let mut stream = Ask::get(path).token(token).open(server.address());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut stream, &mut line).unwrap();
        let status = line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
        (stream, status.unwrap_or_else(|| panic!("{line}")))
    };
    let mut held = Vec::new();
    let refused = loop {
        match open(&mine, &kiosk) {
            (stream, 200) => held.push(stream),
            (_, status) => break status,
        }
    };
    assert_eq!((refused, held.len()), (429, 8));
    assert_eq!(open(&theirs, &other).1, 200, "another device is not in its way");
    drop(held);
    // The server hears a moment later that they are gone.
    let end = Instant::now() + PATIENCE;
    let told = loop {
        match Ask::get(&mine).token(&kiosk).try_stream(server.address()) {
            Ok(events) => break told_by(events),
            Err(refused) => assert!(refused.status == 429 && Instant::now() < end),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    until(&told, |event| event["stage"] == "assistant");
    let revoked = server.ask(Ask::new("DELETE", &format!("/store/v1/devices/{id}")));
    assert_eq!(revoked.status, 200);
    let over = told.recv_timeout(PATIENCE);
    assert!(matches!(over, Err(std::sync::mpsc::RecvTimeoutError::Disconnected)), "{over:?}");
}

#[test]
fn a_kiosk_that_calls_and_calls_leaves_others_a_place_at_the_desk_and_in_conversation() {
    let server = Server::start_with(&[
        ("ENDCAP_DESK_MAX_OPEN", "4"),
        ("ENDCAP_SHOPPERS_MAX_CONVERSATIONS", "10"),
    ]);
    let (spammer, _) = device(&server, "kiosk", "client");
    let (other, _) = device(&server, "kiosk", "client");
    let (ada, _) = device(&server, "handheld", "associate");
    let rings = follow(&server, &format!("{DESK}/events"), &ada);
    let mut spam = Vec::new();
    for _ in 0..15 {
        spam.push(begin(&server, &spammer));
        say(&server, &spammer, &spam[spam.len() - 1], "I want to talk to a person");
    }
    let list = || server.ask(Ask::get(&format!("{DESK}/handoffs")).token(&ada)).json();
    let open = list()["handoffs"].as_array().unwrap().len();
    assert_eq!(open, 2, "{}", list());
    let begun = begin(&server, &other);
    let turn = say(&server, &other, &begun, "I want to talk to a person");
    let id = turn["handoff"]["id"].as_str().unwrap_or_else(|| panic!("{turn}"));
    until(&rings, |event| event["id"] == *id && event["stage"] == "waiting");
    let is_there = |id: &&String| {
        server.ask(Ask::get(&format!("{CONVERSATIONS}/{id}")).token(&spammer)).status == 200
    };
    assert_eq!(spam.iter().filter(is_there).count(), 9, "its own made room for the other's");
    assert!(server.metric("endcap_handoffs_waiting", "") >= 1.0);
    server.wait_for("endcap_handoffs_total", "reason=\"wants_person\"", |count| count > 15.5);
}

/// What a server needs to speak TLS, in a folder: an authority of the shop's own, and the box's certificate.
pub(crate) fn shop_authority(folder: &std::path::Path) -> [(&'static str, String); 2] {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "High Street shop");
    let authority = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("shop-ca.pem"), authority.pem()).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["endcap.local".to_owned()]).unwrap();
    let made = params.signed_by(&key, &issuer).unwrap();
    let [certificate, file] = ["box.pem", "box.key"].map(|name| folder.join(name));
    std::fs::write(&certificate, made.pem()).unwrap();
    std::fs::write(&file, key.serialize_pem()).unwrap();
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    [("ENDCAP_SERVER_TLS_CERTIFICATE", text(certificate)), ("ENDCAP_SERVER_TLS_KEY", text(file))]
}

/// A code for a kiosk, by the command that somebody types on the box, which knows its own certificate.
pub(crate) fn code_on_the_box(server: &Server, files: &[(&str, String)]) -> std::process::Output {
    let mut command = endcap();
    command.args(["devices", "code", "--class", "kiosk", "--data"]).arg(server.data());
    command.env("ENDCAP_TOKEN", admin()).env("ENDCAP_SERVER_LISTEN", server.address());
    command.envs(files.iter().map(|(name, value)| (name, value))).output().unwrap()
}

#[test]
fn on_the_box_commands_know_its_server_by_its_own_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let files = shop_authority(folder.path());
    let settings: Vec<(&str, &str)> = files.iter().map(|(name, at)| (*name, at.as_str())).collect();
    let server = Server::start_with(&settings);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let made = code_on_the_box(&server, &files);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(stdout(&made).trim().len(), 9, "{made:?}");
    let other = tempfile::tempdir().unwrap();
    let refused = code_on_the_box(&server, &shop_authority(other.path()));
    assert!(!refused.status.success(), "a server with another certificate is another's");
    let mut named = endcap();
    named.args(["devices", "list", "--server", &server.url]).env("ENDCAP_TOKEN", admin());
    assert!(!named.output().unwrap().status.success(), "nobody vouches for it");
}
