//! What happens between shoppers and associates of a box, as headquarters has it: a real HQ, a real broker,
//! TLS on every line.

use serde_json::{Value, json};

use crate::concierge::stock;
use crate::desk::{begin, pair, say};
use crate::enrolled::{Hq, until};
use crate::support::{Ask, Server, admin, data, endcap, stderr, stdout};

const BOX: &str = "store-1/box-a";
/// Soon, so that nobody waits for a test.
const SOON: [(&str, &str); 2] =
    [("ENDCAP_LINE_MAX_RETRY_S", "2"), ("ENDCAP_AUDIT_TELL_EVERY_S", "1")];

/// A box of an HQ, on the line.
fn box_of(hq: &Hq) -> Server {
    hq.done(&["stores", "set", "store-1", "--title", "High Street"]);
    let server = Server::start_in(hq.new_box("store-1", "box-a", data()), &SOON);
    let line = || server.ask(Ask::get("/store/v1/line")).json();
    until("the line did not open", &server, || line()["phase"] == "open");
    server
}

/// What the box answered to a command.
fn commanded(hq: &Hq, command: &[&str]) -> Value {
    let told = hq.done(&[&["cmd", BOX], command, &["--wait", "--expires", "60"]].concat());
    let (_, details) = told.split_once("  done  ").unwrap_or_else(|| panic!("{told}"));
    serde_json::from_str(details.trim()).unwrap()
}

fn json_of(hq: &Hq, arguments: &[&str]) -> Vec<Value> {
    let told = hq.done(&[arguments, &["--json"]].concat());
    serde_json::from_str(&told).unwrap()
}

#[test]
fn a_device_is_paired_by_a_code_of_headquarters_and_revoked_from_there() {
    let hq = Hq::start();
    let server = box_of(&hq);
    let made =
        commanded(&hq, &["device.code", "class=handheld", "role=associate", "zone=entrance"]);
    let paired = pair(&server, made["code"].as_str().unwrap(), "Ada");
    assert_eq!(paired.status, 200, "{}", paired.text());
    let (token, id) = (paired.json()["token"].clone(), paired.json()["device"]["id"].clone());
    let (token, id) = (token.as_str().unwrap(), id.as_str().unwrap());
    let inbox = || server.ask(Ask::get("/store/v1/desk/handoffs").token(token)).status;
    assert_eq!(inbox(), 200);
    let listed = commanded(&hq, &["device.list"]);
    assert_eq!(listed["count"], 1, "{listed}");
    assert_eq!(listed["device_1"], format!("{id} handheld entrance associate"), "without a name");
    commanded(&hq, &["device.revoke", &format!("id={id}")]);
    assert_eq!(inbox(), 401);
    assert_eq!(commanded(&hq, &["device.list"])["count"], 0);
}

#[test]
fn what_an_associate_puts_right_is_an_example_at_headquarters_until_its_shopper_is_erased() {
    let hq = Hq::start();
    let server = box_of(&hq);
    stock(&server);
    let conversation = begin(&server, admin());
    let question = "How much is the Monte roast coffee? Mail me at jo@example.com";
    let turn = say(&server, admin(), &conversation, question);
    let correct = |text: &str| {
        let body = json!({ "conversation": conversation, "turn": turn["number"], "text": text });
        let kept = server.ask(Ask::post("/store/v1/desk/corrections", &body));
        assert_eq!(kept.status, 200, "{}", kept.text());
    };
    let better = "It costs $8.50 and stands in aisle 7.";
    correct(better);
    correct("It costs $8.50, ask Ada at +44 20 7946 0958.");
    let list = || json_of(&hq, &["feedback", "list", "--box", BOX]);
    until("no example came", &server, || list().len() == 2);
    let examples = list();
    assert_eq!(examples[0]["place"], format!("main/{BOX}"));
    assert_eq!(
        (&examples[0]["better"], &examples[0]["cited"][0]),
        (&json!(better), &json!("1004"))
    );
    let told = examples[0]["question"].as_str().unwrap();
    assert!(told.starts_with("How much is the Monte roast coffee?"), "{told}");
    let text = json!(examples).to_string();
    assert!(!text.contains("jo@example.com") && !text.contains("7946"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("corrections.jsonl");
    hq.done(&["feedback", "export", file.to_str().unwrap()]);
    let exported = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> =
        exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, examples);
    // No word of it waits in clear on the box, nor goes through the broker.
    for file in ["state.redb", "desk.redb"] {
        let bytes = std::fs::read(server.data().join(file)).unwrap();
        let found = bytes.windows(8).any(|part| part == b"aisle 7.");
        assert!(!found, "{file}");
    }
    let receipt =
        server.ask(Ask::post("/store/v1/erase", &json!({ "conversation": conversation })));
    assert_eq!(receipt.json()["what"]["feedback"], 2, "{}", receipt.text());
    until("the examples are at HQ still", &server, || list().is_empty());
}

/// What `endcap audit verify` says, and whether it went well.
fn verify(arguments: &[&str]) -> (bool, String) {
    let mut command = endcap();
    command.args(["audit", "verify"]).args(arguments).env("ENDCAP_TOKEN", admin());
    let output = command.output().unwrap();
    (output.status.success(), format!("{}{}", stdout(&output), stderr(&output)))
}

#[test]
fn a_box_that_writes_its_records_anew_or_cuts_them_is_found_out_by_what_headquarters_was_told() {
    let hq = Hq::start();
    let server = box_of(&hq);
    let ask = |server: &Server, question: &str| {
        let answer = server.ask(Ask::post("/store/v1/ask", &json!({ "question": question })));
        assert!(answer.json()["answer_id"].is_string(), "{}", answer.text());
    };
    ask(&server, "Which pastry goes well with tea?");
    let heads = || json_of(&hq, &["audit", "answers", BOX]);
    until("no head came", &server, || !heads().is_empty());
    ask(&server, "Which pastry goes well with coffee?");
    until("no second head came", &server, || heads().len() >= 2);
    let folder = tempfile::tempdir().unwrap();
    let noted = folder.path().join("heads.json");
    let noted = noted.to_str().unwrap();
    std::fs::write(noted, json!(heads()).to_string()).unwrap();
    let (good, told) = verify(&["--heads", noted, "--server", &server.url]);
    assert!(good && told.contains("heads that HQ was told are theirs"), "{told}");
    // Somebody at the box makes a chain that is sound in itself, and as long.
    let forger = Server::start();
    for topic in ["tea", "coffee", "milk"] {
        ask(&forger, &format!("Which bread goes well with {topic}?"));
    }
    let (good, told) = verify(&["--server", &forger.url]);
    assert!(good, "{told}");
    let (good, told) = verify(&["--heads", noted, "--server", &forger.url]);
    assert!(!good && told.contains("written anew"), "{told}");
    let empty = Server::start();
    let (good, told) = verify(&["--heads", noted, "--server", &empty.url]);
    assert!(!good && told.contains("the chain was cut"), "{told}");
    for server in [server, forger] {
        let is_honest = server.data().join("identity").exists();
        server.interrupt();
        let mut server = server;
        server.wait();
        let data = server.kill();
        let file = data.path().join("audit.redb");
        let (good, told) = verify(&["--heads", noted, "--file", file.to_str().unwrap()]);
        assert_eq!(good, is_honest, "{told}");
    }
    hq.done(&["audit", "--verify"]);
}
