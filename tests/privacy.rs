//! What shoppers say of themselves is in no file of the box and in none of HQ's: by a search for every
//! byte of it, after conversations, questions, handoffs and corrections.
//!
//! Messages are those of `models/privacy`, whose people are made up. A small tagger takes words that
//! begin with an x for people; `ENDCAP_TAGGER_PACKAGE` names a real one's folder.

mod search;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::concierge::stock;
use crate::desk::device;
use crate::enrolled::Hq;
use crate::support::onnx::{FLOAT, Graph, INT64, floats, node, port};
use crate::support::{Ask, Server, copy, data, install_graph, root};
use search::{Hunted, search};

const CONVERSATIONS: &str = "/store/v1/conversations";
const CORRECTIONS: &str = "/store/v1/desk/corrections";
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages of each kind of data in each language.
const OF_EACH: usize = 4;
/// Every how manieth message goes to a person, and is corrected.
const CALLS_EVERY: usize = 12;
/// What is nobody's, and is kept as it is: by it the search shows that it finds.
const PLAIN: &str = "Gloxiniaroast";
const BETTER: &str = "It is Gloxiniaroast Coffee, and it stands in aisle 7.";

/// Tokens of the tiny tokeniser, and that of an x at the beginning of a word.
const VOCABULARY: usize = 98;
const X: usize = 45;

/// Logits of nothing and of a person for each token.
fn graph() -> Vec<u8> {
    let mut rows = vec![[4.0, 0.0]; VOCABULARY];
    rows[X] = [0.0, 4.0];
    let graph = Graph {
        inputs: vec![port("input_ids", INT64, "texts tokens")],
        outputs: vec![port("y", FLOAT, "texts tokens 2")],
        nodes: vec![node("Gather", &["table", "input_ids"], &["y"])],
        stored: vec![floats("table", &[VOCABULARY as i64, 2], &rows.concat())],
    };
    graph.bytes()
}

/// Installs the tagger of these tests.
pub(crate) fn install_tagger(data: &Path) {
    let head = json!({
        "task": "tag_text", "labels": ["O", "B-PER"], "max_tokens": 512, "entities": { "PER": "PERSON" },
    });
    let tokenizer = std::fs::read_to_string(root().join("models/tiny/encoder/tokenizer.json"));
    install_graph(data, "names", graph(), &head, &[("tokenizer.json", &*tokenizer.unwrap())]);
}

/// A message, and what in it is personal.
#[derive(Clone)]
struct Message {
    kind: String,
    language: String,
    text: String,
    value: String,
}

/// Messages with every kind of data in every language. With `names` people whom nothing announces are
/// called so that the small tagger finds them.
fn messages(names: bool) -> Vec<Message> {
    let set = std::fs::read_to_string(root().join("models/privacy/set.tsv")).unwrap();
    let mut count = std::collections::BTreeMap::<_, usize>::new();
    let mut messages = Vec::new();
    for line in set.lines() {
        let (language, marked) = line.split_once('\t').unwrap();
        let Some((before, rest)) = marked.split_once("[[") else { continue };
        let (inner, behind) = rest.split_once("]]").unwrap();
        let (kind, value) = inner.split_once(':').unwrap();
        let number = count.entry((kind.to_owned(), language.to_owned())).or_default();
        *number += 1;
        if *number > OF_EACH {
            continue;
        }
        let value = match names && kind == "PERSON alone" {
            true => format!("Xaverl{language} Xomter{}", ["un", "da", "tri", "po"][*number - 1]),
            false => value.to_owned(),
        };
        let text = format!("{before}{value}{behind}");
        let (kind, language) = (kind.to_owned(), language.to_owned());
        messages.push(Message { kind, language, text, value });
    }
    messages
}

fn post(server: &Server, token: &str, path: &str, body: &Value) -> Value {
    let answer = server.ask(Ask::post(path, body).token(token));
    assert!([200, 201].contains(&answer.status), "{path} {body}: {}", answer.text());
    answer.json()
}

/// Who takes part.
struct Shop<'a> {
    server: &'a Server,
    kiosk: String,
    associate: String,
}

impl Shop<'_> {
    /// Says a message in a conversation of its own; what is kept of it, nothing where it may not be.
    fn say(&self, message: &Message, calls: bool) -> String {
        let begin = json!({ "language": message.language });
        let begun = post(self.server, &self.kiosk, CONVERSATIONS, &begin);
        let path = format!("{CONVERSATIONS}/{}", begun["id"].as_str().unwrap());
        let said = json!({ "text": message.text });
        let turn = post(self.server, &self.kiosk, &format!("{path}/messages"), &said);
        if calls {
            let wants = json!({ "text": format!("I want to talk to a person. {}", message.text) });
            post(self.server, &self.kiosk, &format!("{path}/messages"), &wants);
            let body = json!({
                "conversation": begun["id"], "turn": turn["number"],
                "text": format!("Say this: {}", message.text),
            });
            // There is nothing to correct where the message itself was not kept.
            let _ = self.server.ask(Ask::post(CORRECTIONS, &body).token(&self.associate));
        }
        let kept = self.server.ask(Ask::get(&path).token(&self.kiosk)).json();
        let turns = kept["turns"].as_array().unwrap().iter();
        let mut own = turns.filter(|turn| turn["speaker"] == "shopper");
        own.next().map_or_else(String::new, |turn| turn["text"].as_str().unwrap().to_owned())
    }

    /// The same words at the other doors behind which something is kept.
    fn ask(&self, message: &Message) {
        let question = json!({ "question": message.text });
        post(self.server, &self.kiosk, "/store/v1/ask", &question);
        let chat = json!({
            "model": "tiny", "max_tokens": 3, "temperature": 0,
            "messages": [{ "role": "user", "content": message.text }],
        });
        post(self.server, &self.kiosk, "/v1/chat/completions", &chat);
    }

    /// A correction with nobody's data, which is kept as it is here and at HQ.
    fn correct_plainly(&self) {
        let begun = post(self.server, &self.kiosk, CONVERSATIONS, &json!({ "language": "en" }));
        let path = format!("{CONVERSATIONS}/{}/messages", begun["id"].as_str().unwrap());
        let asked = json!({ "text": "How much is the Gloxiniaroast Coffee?" });
        let turn = post(self.server, &self.kiosk, &path, &asked);
        let body = json!({ "conversation": begun["id"], "turn": turn["number"], "text": BETTER });
        let corrected = post(self.server, &self.associate, CORRECTIONS, &body);
        assert_eq!(corrected["pinned"], true, "{corrected}");
    }
}

/// Tells a server all messages, and what of it was detected.
fn talk(server: &Server, messages: &[Message]) -> Vec<Message> {
    stock(server);
    let product = json!({ "names": { "en": "Gloxiniaroast Coffee" }, "category": "drinks/coffee" });
    server.put("products/1009", product);
    server.put("prices/1009", json!({ "amount": 7.5, "currency": "USD" }));
    let place = json!({ "band": "plenty", "location": { "aisle": "7" } });
    server.put("stock/1009", place);
    let (kiosk, _) = device(server, "kiosk", "client");
    let (associate, _) = device(server, "handheld", "associate");
    let shop = Shop { server, kiosk, associate };
    let mut detected = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let kept = shop.say(message, number % CALLS_EVERY == 0);
        shop.ask(message);
        if !kept.contains(&message.value) {
            detected.push(message.clone());
        }
    }
    shop.correct_plainly();
    detected
}

/// Everything below a folder but packages, which were there before anybody spoke.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            if entry.file_name() != "models" {
                found.extend(files(&entry.path()));
            }
        } else {
            found.push(entry.path());
        }
    }
    found
}

/// Talks to an enrolled store with these packages, stops it, and searches. The share of what was not
/// detected, by kind and language, is told.
fn nothing_is_left(data: tempfile::TempDir, messages: &[Message]) {
    let hq = Hq::start();
    hq.done(&["stores", "set", "store-1", "--title", "High Street"]);
    let claim = hq.done(&["enroll-token", "store-1", "box-a"]);
    let enrolled = hq.enroll(data.path(), claim.trim());
    assert!(enrolled.status.success(), "{}", crate::support::stderr(&enrolled));
    let settings = [("ENDCAP_LOG_FILTER", "debug"), ("ENDCAP_LINE_MAX_RETRY_S", "2")];
    let mut server = Server::start_in(data, &settings);
    let detected = talk(&server, messages);
    let hunted: Vec<Hunted> =
        detected.iter().map(|message| Hunted::of(&message.kind, &message.value)).collect();
    let plain = Hunted::of("plain", PLAIN);

    // HQ has what was corrected, and its search finds it.
    let end = Instant::now() + PATIENCE;
    while !search(&files(hq.folder()), std::slice::from_ref(&plain))
        .iter()
        .any(|it| it.kind == "plain")
    {
        assert!(Instant::now() < end, "HQ was not told of a correction: {}", server.log());
        std::thread::sleep(Duration::from_millis(200));
    }
    server.interrupt();
    assert!(server.wait().success(), "{}", server.log());
    let log = server.data().join("log.txt");
    std::fs::write(&log, server.log()).unwrap();
    assert!(server.log().contains("DEBUG"), "the log has every line");

    let (of_box, of_hq) = (files(server.data()), files(hq.folder()));
    let where_plain: BTreeSet<_> = search(&of_box, &[plain])
        .into_iter()
        .map(|it| it.file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    for file in ["facts.redb", "answers.redb"] {
        assert!(where_plain.contains(file), "plain words are found there: {where_plain:?}");
    }
    let found = [search(&of_box, &hunted), search(&of_hq, &hunted)].concat();
    assert!(found.is_empty(), "{found:#?}");
    tell(messages, &detected, of_box.len() + of_hq.len());
}

/// Tells by language how much was detected.
fn tell(messages: &[Message], detected: &[Message], files: usize) {
    let languages: BTreeSet<&str> = messages.iter().map(|it| it.language.as_str()).collect();
    for language in languages {
        let of = |all: &[Message]| {
            let names = all.iter().filter(|it| it.language == language);
            let (alone, other): (Vec<_>, Vec<_>) = names.partition(|it| it.kind == "PERSON alone");
            (alone.len(), other.len())
        };
        let ((alone, other), (of_alone, of_other)) = (of(detected), of(messages));
        eprintln!(
            "{language}: {alone} of {of_alone} names that nothing announces, {other} of {of_other} others"
        );
    }
    eprintln!("{} of {} searched in {files} files", detected.len(), messages.len());
}

#[test]
fn nothing_that_was_detected_is_in_a_file_of_the_box_or_of_hq() {
    let data = data();
    install_tagger(data.path());
    let messages = messages(true);
    assert!(messages.len() >= 100, "{}", messages.len());
    nothing_is_left(data, &messages);
}

/// `ENDCAP_TAGGER_PACKAGE` names a folder of a package that tags words.
#[test]
#[ignore = "needs a model that tags words"]
fn nothing_that_a_real_tagger_detected_is_in_a_file() {
    let package =
        std::env::var_os("ENDCAP_TAGGER_PACKAGE").expect("ENDCAP_TAGGER_PACKAGE is not set");
    let (package, data) = (PathBuf::from(package), data());
    copy(&package, &data.path().join("models").join(package.file_name().unwrap()));
    nothing_is_left(data, &messages(false));
}

#[test]
fn words_are_tagged_over_http_with_their_places() {
    let data = crate::support::bare();
    install_tagger(data.path());
    let server = Server::start_in(data, &[]);
    let body = json!({ "input": ["Ruf Xaver Xé an", "milk"] });
    let answer = server.ask(Ask::post("/store/v1/text/tag", &body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let found = &told["results"][0]["entities"];
    assert_eq!(found.as_array().unwrap().len(), 1, "{told}");
    let place = (&found[0]["entity"], &found[0]["text"], &found[0]["start"], &found[0]["end"]);
    assert_eq!(place, (&json!("PERSON"), &json!("Xaver Xé"), &json!(4), &json!(12)));
    assert_eq!(told["results"][1]["entities"], json!([]));
    assert_eq!(server.ask(Ask::post("/store/v1/text/tag", &json!({ "input": [] }))).status, 400);
    let classified = server.ask(Ask::post("/store/v1/text/classify", &body));
    assert_eq!(classified.status, 404, "it classifies nothing: {}", classified.text());
}
