//! The shop's facts over HTTP, from the first write to the power cut.

use std::io::BufRead;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Answer, Ask, Server, bare, endcap, root, stdout};

const FACTS: &str = "/store/v1/facts";

/// A server without a model, which facts do not need.
fn shop(settings: &[(&str, &str)]) -> Server {
    let on_demand = [("ENDCAP_MODELS_LOAD", "demand")];
    Server::start_in(crate::support::data(), &[&on_demand[..], settings].concat())
}

fn ask(server: &Server, method: &str, path: &str, body: &str) -> Answer {
    let ask = Ask::raw(method, &format!("{FACTS}{path}"), body.as_bytes().to_vec());
    server.ask(ask.header("content-type", "application/json"))
}

fn put(server: &Server, path: &str, fact: &Value) -> Answer {
    ask(server, "PUT", path, &fact.to_string())
}

fn batch(server: &Server, lines: &str) -> Answer {
    let ask = Ask::raw("POST", &format!("{FACTS}/batch"), lines.as_bytes().to_vec());
    server.ask(ask.header("content-type", "application/x-ndjson"))
}

fn get(server: &Server, path: &str) -> Answer {
    server.ask(Ask::get(&format!("{FACTS}{path}")))
}

fn price(amount: f64) -> Value {
    // Whole amounts have no point, neither here nor in answers.
    let amount: serde_json::Number = amount.to_string().parse().unwrap();
    json!({ "amount": amount, "currency": "USD" })
}

#[test]
fn a_fact_is_written_read_patched_and_removed() {
    let server = shop(&[]);
    let answer = put(&server, "/prices/0041", &price(3.49));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (created, revision) = (answer.json(), answer.json()["revision"].as_u64().unwrap());
    assert_eq!((&created["table"], &created["id"]), (&json!("prices"), &json!("0041")));
    assert_eq!(created["outcome"], "created");
    assert_eq!(put(&server, "/prices/0041", &price(3.49)).json()["outcome"], "unchanged");

    let found = get(&server, "/prices/0041").json();
    assert_eq!((&found["fact"], &found["revision"]), (&price(3.49), &json!(revision)));
    let patched = ask(&server, "PATCH", "/prices/0041", r#"{"amount": 2.99, "was": 3.49}"#);
    assert_eq!(patched.json()["outcome"], "changed", "{}", patched.text());
    let now = json!({ "amount": 2.99, "currency": "USD", "was": 3.49 });
    assert_eq!(get(&server, "/prices/0041").json()["fact"], now);
    assert_eq!(ask(&server, "DELETE", "/prices/0041", "").json()["outcome"], "deleted");
    assert_eq!(get(&server, "/prices/0041").json()["error"]["code"], "fact_not_found");
    assert_eq!(ask(&server, "DELETE", "/prices/0041", "").json()["outcome"], "absent");
    assert_eq!(server.metric("endcap_facts", "prices"), 0.0);
    assert!(server.metric("endcap_facts_revision", "") > revision as f64);
}

#[test]
fn what_is_wrong_is_told_with_table_id_and_field() {
    let server = shop(&[]);
    for (method, path, body, status, says, param) in [
        (
            "PUT",
            "/prices/1",
            r#"{"amount": 3.499, "currency": "USD"}"#,
            400,
            "prices:1: 3.499 is no amount in USD",
            None,
        ),
        (
            "PUT",
            "/prices/1",
            r#"{"amount": 3, "currency": "USD", "tax": 1}"#,
            400,
            "unknown field `tax`",
            Some("tax"),
        ),
        (
            "PUT",
            "/products/1",
            r#"{"names": {"en": ""}}"#,
            400,
            "products:1: names.en: the text is empty",
            Some("names.en"),
        ),
        (
            "PUT",
            "/hours/store",
            r#"{"names": {"en": "x"}, "weekly": {"monday": [{"opens": "8", "closes": "9"}]}}"#,
            400,
            "hours:store: weekly.monday[0].opens: `8` is not a time of day",
            Some("weekly.monday[0].opens"),
        ),
        ("PUT", "/prices/1", "{", 400, "prices:1: EOF", None),
        ("PUT", "/prices/1", "[]", 400, "prices:1: it is not a JSON object", None),
        ("PUT", "/price/1", "{}", 404, "`price` is no table of facts", Some("table")),
        ("PUT", "/prices/a%20b", "{}", 400, "`a b` is not an id", Some("id")),
        ("PUT", "/prices/1?epoch=2", "{}", 400, "it needs `version`", Some("version")),
        ("PUT", "/prices/1?versoin=2", "{}", 400, "unknown field `versoin`", Some("versoin")),
        ("PATCH", "/prices/1", "{}", 404, "prices:1 is not there", Some("id")),
        ("DELETE", "/prices/1", "{}", 400, "a DELETE has no body", None),
        ("GET", "/prices?limit=0", "", 400, "limit is `0`; it must be 1 to 1000", Some("limit")),
        ("GET", "/prices/1/2", "", 404, "there is no GET", None),
        ("POST", "/prices/1", "{}", 405, "takes GET, PUT, PATCH, DELETE", None),
        ("GET", "/changes?after=7", "", 400, "`7` is not the id of an event", Some("after")),
    ] {
        let answer = ask(&server, method, path, body);
        let error = &answer.json()["error"];
        assert_eq!(answer.status, status, "{method} {path} {body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{method} {path}: {error}");
        assert_eq!(error["param"].as_str(), param, "{method} {path}: {error}");
    }
    assert!(server.metric("endcap_facts_writes_refused_total", "invalid") >= 6.0);
    assert_eq!(get(&server, "").json()["tables"][1]["facts"], 0);
}

#[test]
fn limits_are_told_by_their_settings() {
    let server = shop(&[("ENDCAP_FACTS_MAX_FACTS", "2"), ("ENDCAP_FACTS_MAX_FACT_BYTES", "256")]);
    let long = json!({ "names": { "en": "x".repeat(300) } });
    let answer = put(&server, "/products/1", &long);
    assert_eq!((answer.status, answer.text().contains("facts.max_fact_bytes")), (413, true));
    for id in ["1", "2"] {
        assert_eq!(put(&server, &format!("/prices/{id}"), &price(1.0)).status, 200);
    }
    let answer = put(&server, "/prices/3", &price(1.0));
    assert_eq!(answer.status, 507, "{}", answer.text());
    assert!(
        answer.text().contains("prices:3: 3 facts are more than the limit of 2 (facts.max_facts)")
    );
    assert_eq!(put(&server, "/prices/2", &price(2.0)).status, 200, "what is there may change");
}

#[test]
fn a_batch_is_made_as_a_whole_and_its_faults_are_told_by_line() {
    let server = shop(&[]);
    let good = "{\"table\": \"prices\", \"id\": \"1\", \"fact\": {\"amount\": 1, \"currency\": \"USD\"}}\n\n\
                {\"op\": \"confirm\", \"table\": \"stock\"}\n\
                {\"table\": \"stock\", \"id\": \"1\", \"fact\": {\"band\": \"low\"}, \"source\": {\"version\": 3}}";
    let answer = batch(&server, good);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let outcomes = &answer.json()["outcomes"];
    assert_eq!((&outcomes["created"], &outcomes["confirmed"]), (&json!(2), &json!(1)));
    let again = batch(&server, good).json();
    assert_eq!(
        (&again["outcomes"]["unchanged"], &again["outcomes"]["stale"]),
        (&json!(1), &json!(1))
    );

    let bad = "{\"table\": \"prices\", \"id\": \"2\", \"fact\": {\"amount\": 1, \"currency\": \"USD\"}}\n\
               {\"table\": \"prices\", \"id\": \"3\", \"fact\": {\"amount\": \"x\", \"currency\": \"USD\"}}\n\n\
               {\"table\": \"prise\"}\n";
    let answer = batch(&server, bad);
    let error = &answer.json()["error"];
    assert_eq!((answer.status, &error["param"]), (400, &json!("lines[2].fact.amount")), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("nothing was written: line 2: prices:3: fact.amount: `x`"),
        "{message}"
    );
    assert!(message.contains("; line 4: table: unknown variant `prise`"), "{message}");
    assert_eq!(get(&server, "/prices/2").status, 404);

    let late = "{\"table\": \"prices\", \"id\": \"2\", \"fact\": {\"amount\": 1, \"currency\": \"USD\"}}\n\n\
                {\"op\": \"patch\", \"table\": \"prices\", \"id\": \"9\", \"fact\": {\"amount\": 1}}\n";
    let answer = batch(&server, late);
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert!(answer.text().contains("line 3: prices:9 is not there"), "{}", answer.text());
    assert_eq!(get(&server, "/prices/2").status, 404);
    let json = ask(&server, "POST", "/batch", "{}");
    assert_eq!(json.status, 415, "{}", json.text());
}

#[test]
fn a_large_batch_takes_little_memory_and_one_that_breaks_off_leaves_nothing() {
    let server = shop(&[("ENDCAP_FACTS_MAX_MEMORY", "1 GiB")]);
    let line = |id: u32| {
        format!("{{\"table\": \"stock\", \"id\": \"{id}\", \"fact\": {{\"band\": \"low\"}}}}\n")
    };
    let lines: String = (0..20_000).map(line).collect();
    let half = format!(
        "POST {FACTS}/batch HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{}",
        crate::support::admin(),
        lines.len(),
        &lines[..lines.len() / 2],
    );
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    std::io::Write::write_all(&mut stream, half.as_bytes()).unwrap();
    drop(stream);
    assert_eq!(put(&server, "/prices/1", &price(1.0)).status, 200);
    assert_eq!(get(&server, "").json()["tables"][3]["facts"], 0);

    let answer = batch(&server, &lines);
    assert_eq!(answer.json()["outcomes"]["created"], 20_000, "{}", answer.text());
    let before = server.memory_bytes();
    for _ in 0..3 {
        assert_eq!(batch(&server, &lines).json()["outcomes"]["unchanged"], 20_000);
    }
    let grown = server.memory_bytes().saturating_sub(before);
    assert!(grown < 24 << 20, "equal batches left {grown} bytes behind");

    let mut found = 0;
    let mut after = String::new();
    loop {
        let page = get(&server, &format!("/stock?limit=1000&after={after}")).json();
        found += page["facts"].as_array().unwrap().len();
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(found, 20_000);
}

#[test]
fn a_request_that_comes_again_under_its_key_has_no_second_effect() {
    let server = shop(&[]);
    let keyed = |key: &str, amount: f64| {
        let body = price(amount).to_string().into_bytes();
        let ask = Ask::raw("PUT", &format!("{FACTS}/prices/1"), body);
        server.ask(ask.header("content-type", "application/json").header("idempotency-key", key))
    };
    let first = keyed("\"feed-7\"", 1.0);
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    put(&server, "/prices/1", &price(2.0));
    let again = keyed("feed-7", 1.0);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    assert_eq!(get(&server, "/prices/1").json()["fact"], price(2.0));
    let other = keyed("feed-7", 3.0);
    assert_eq!(
        (other.status, &other.json()["error"]["code"]),
        (422, &json!("idempotency_key_reused"))
    );
    assert_eq!(keyed("two words", 3.0).status, 400);
}

/// The name, id and data of the next event.
fn next_event(stream: &mut impl BufRead) -> (String, String, Value) {
    let (mut name, mut id) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the feed has ended");
        match line.trim().split_once(": ") {
            Some(("event", text)) => name = text.to_owned(),
            Some(("id", text)) => id = text.to_owned(),
            Some(("data", text)) => return (name, id, serde_json::from_str(text).unwrap()),
            _ => {}
        }
    }
}

#[test]
fn followers_hear_of_every_change_and_go_on_where_they_were() {
    let server = shop(&[("ENDCAP_FACTS_MAX_CHANGES", "3")]);
    let follow = |after: &str| {
        let ask = Ask::get(&format!("{FACTS}/changes")).header("last-event-id", after);
        ask.open(server.address())
    };
    let mut feed = follow("");
    let (name, first, _) = next_event(&mut feed);
    assert_eq!(name, "begin");
    put(&server, "/prices/1", &price(1.0));
    let (name, seen, data) = next_event(&mut feed);
    assert_eq!(
        (name.as_str(), &data["change"], &data["fact"]),
        ("change", &json!("put"), &price(1.0))
    );
    ask(&server, "DELETE", "/prices/1", "");
    let (_, _, data) = next_event(&mut feed);
    assert_eq!((&data["change"], data.get("fact")), (&json!("delete"), None));

    put(&server, "/prices/2", &price(2.0));
    let mut again = follow(&seen);
    let ids: Vec<_> = (0..2).map(|_| next_event(&mut again).2["id"].clone()).collect();
    assert_eq!(ids, ["1", "2"]);
    put(&server, "/prices/3", &price(3.0));
    assert_eq!(next_event(&mut follow(&first)).0, "reset", "four changes, three are known");
    assert_eq!(next_event(&mut follow("7-1")).0, "reset", "another store's id");
}

#[test]
fn roles_read_and_write_what_is_theirs() {
    let server = shop(&[]);
    let data = server.data().to_str().unwrap().to_owned();
    let token = |role: &str| {
        let made = endcap().args(["token", "create", "--role", role, "--data", &data]).output();
        stdout(&made.unwrap()).trim().to_owned()
    };
    for (role, read, write) in [("client", 200, 403), ("feed", 200, 200), ("metrics", 403, 403)] {
        let token = token(role);
        let asked = |ask: Ask| server.ask(ask.token(&token)).status;
        let body = price(1.0).to_string().into_bytes();
        let put = Ask::raw("PUT", &format!("{FACTS}/prices/{role}"), body);
        let put = put.header("content-type", "application/json");
        let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
        // A running server takes a new token up within seconds.
        while asked(Ask::get(FACTS)) == 401 {
            assert!(std::time::Instant::now() < end);
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        assert_eq!((asked(Ask::get(FACTS)), asked(put)), (read, write), "{role}");
        let models = asked(Ask::get("/v1/models"));
        assert_eq!(models == 200, role == "client", "{role}");
    }
}

#[test]
fn facts_are_there_when_the_server_was_killed() {
    let server = shop(&[]);
    let mut last = 0.0;
    for amount in 1..40 {
        last = f64::from(amount);
        assert_eq!(put(&server, "/prices/1", &price(last)).status, 200);
    }
    let data = server.kill();
    let server = Server::start_in(data, &[("ENDCAP_MODELS_LOAD", "demand")]);
    assert_eq!(get(&server, "/prices/1").json()["fact"]["amount"], last);
    let revision = put(&server, "/prices/1", &price(99.0)).json()["revision"].clone();
    assert!(get(&server, "/prices/1").json()["revision"] == revision);
}

#[test]
fn a_broken_file_stops_the_start_and_is_named() {
    let data = bare();
    std::fs::write(data.path().join("facts.redb"), "these are no facts").unwrap();
    let output = endcap()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("ENDCAP_MODELS_LOAD", "demand")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("facts.redb"), "{told}");
}

/// The commands of the README's section, as they are printed there.
#[test]
fn the_readmes_examples_work() {
    let server = shop(&[]);
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme.split("\n## Facts of the shop\n").nth(1).unwrap();
    let script = section.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    let lines = script.lines().filter(|line| !line.contains("/changes"));
    let script = lines.map(|line| format!("{line}\n")).collect::<String>();
    let script = script.replace("http://127.0.0.1:8080", &server.url);
    let curl = "curl() { command curl --silent --show-error --fail-with-body --noproxy '*' \"$@\"; echo; }";
    let output = Command::new("bash")
        .args(["-e", "-c", &format!("{curl}\n{script}")])
        .env("ENDCAP_TOKEN", crate::support::admin())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = told
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 5, "{told}");
    let amount = |answer: &Value| answer["facts"][0]["fact"].clone();
    assert_eq!(amount(&answers[4]), price(2.99), "{told}");
}
