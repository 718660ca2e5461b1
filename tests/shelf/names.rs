//! One name for several packages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::{ON_DEMAND, asked, question};
use crate::support::{Answer, Ask, Server, endcap, shelf, stderr};

fn set(server: &Server, name: &str, packages: &Value) -> Answer {
    let body = json!({ "packages": packages });
    server.ask(Ask::post(&format!("/store/v1/aliases/{name}"), &body))
}

/// Which package answered.
fn answered(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let package = answer.header("x-endcap-model").unwrap().to_owned();
    assert_eq!(answer.json()["model"], package);
    package
}

#[test]
fn an_alias_shares_requests_out_by_weight_and_a_user_stays() {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    let packages = json!([{ "package": "one", "weight": 3 }, { "package": "two" }]);
    assert_eq!(set(&server, "chat", &packages).status, 200);
    let mut counts = BTreeMap::new();
    for _ in 0..200 {
        *counts.entry(answered(&server.ask(question("chat")))).or_insert(0) += 1;
    }
    let one = counts["one"];
    assert!((110..190).contains(&one) && one + counts["two"] == 200, "{counts:?}");
    for user in 0..20 {
        let who = || server.ask(asked(json!({ "model": "chat", "user": format!("kiosk {user}") })));
        let first = answered(&who());
        assert!((0..3).all(|_| answered(&who()) == first));
        let again = || {
            let ask = asked(json!({ "model": "chat", "user": format!("kiosk {user}") }));
            server.ask(ask.header("idempotency-key", "order 7"))
        };
        assert_eq!(answered(&again()), answered(&again()));
    }
    let listed = server.ask(Ask::get("/v1/models/chat"));
    assert_eq!((listed.status, &listed.json()["id"]), (200, &json!("chat")));
}

#[test]
fn an_alias_that_cannot_be_is_refused_and_one_that_is_set_outlives_a_restart() {
    let config = "[models]\nload = \"demand\"\n[models.aliases]\nchat = [{ package = \"one\" }]\n";
    let data = shelf();
    let file = data.path().join("config.toml");
    std::fs::write(&file, config).unwrap();
    let settings = [("ENDCAP_CONFIG", file.to_str().unwrap())];
    let mut server = Server::start_in(data, &settings);
    assert_eq!(answered(&server.ask(question("chat"))), "one");
    for (name, packages, said) in [
        ("chat", json!([]), "names no package"),
        ("chat", json!([{ "package": "nobody" }]), "no package `nobody`"),
        ("chat", json!([{ "package": "chat" }]), "alias itself"),
        ("other", json!([{ "package": "chat" }]), "alias itself"),
        ("one", json!([{ "package": "two" }]), "name of a package"),
        ("chat", json!([{ "package": "two", "weight": 0 }]), "weight"),
        ("chat", json!([{ "package": "two", "weight": -1 }]), "weight"),
        ("chat", json!([{ "package": "two", "share": 1 }]), "share"),
    ] {
        let refused = set(&server, name, &packages);
        assert_eq!(refused.status, 400, "{name} {packages}: {}", refused.text());
        assert!(refused.text().contains(said), "{}", refused.text());
    }
    assert_eq!(set(&server, "chat", &json!([{ "package": "two" }])).status, 200);
    assert_eq!(answered(&server.ask(question("chat"))), "two");
    server.interrupt();
    assert!(server.wait().success());
    let folder = server.data().to_owned();
    let copy = shelf();
    std::fs::copy(folder.join("shelf.json"), copy.path().join("shelf.json")).unwrap();
    let server = Server::start_in(copy, &settings);
    assert_eq!(answered(&server.ask(question("chat"))), "two");
    let taken_back = server.ask(Ask::new("POST", "/store/v1/aliases/chat/remove"));
    assert_eq!(taken_back.status, 200);
    assert_eq!(answered(&server.ask(question("chat"))), "one", "as the configuration has it");
    assert_eq!(server.ask(Ask::new("POST", "/store/v1/aliases/chat/remove")).status, 400);
}

#[test]
fn a_configured_alias_of_nothing_is_told_at_the_start() {
    let data = shelf();
    let file = data.path().join("config.toml");
    std::fs::write(&file, "[models.aliases]\nchat = [{ package = \"nobody\" }]\n").unwrap();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--config"];
    let mut serve = endcap();
    let output = serve.args(arguments).arg(&file).arg("--data").arg(data.path()).output().unwrap();
    let told = stderr(&output);
    assert!(output.status.code() == Some(1), "{told}");
    assert!(told.contains("models.aliases.chat: there is no package `nobody`"), "{told}");
}

/// Swaps an alias after each `pause` while eight clients ask it `requests` times in all. Nothing else
/// than an answer is taken.
fn swap_under_load(requests: usize, pause: Duration) {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    let packages = ["one", "two", "three"];
    assert_eq!(set(&server, "chat", &json!([{ "package": "one" }])).status, 200);
    let (asked, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let counts = std::thread::scope(|scope| {
        let swapping = scope.spawn(|| {
            let mut swaps = 0;
            while !over.load(Ordering::SeqCst) {
                swaps += 1;
                let next = json!([{ "package": packages[swaps % packages.len()] }]);
                assert_eq!(set(&server, "chat", &next).status, 200);
                std::thread::sleep(pause);
                // What no longer has the name leaves memory as well.
                let old = packages[(swaps + 2) % packages.len()];
                let path = format!("/store/v1/models/{old}/unload");
                assert!([200, 409].contains(&server.ask(Ask::new("POST", &path)).status));
            }
            swaps
        });
        let client = || {
            let mut counts = BTreeMap::new();
            while asked.fetch_add(1, Ordering::SeqCst) < requests {
                *counts.entry(answered(&server.ask(question("chat")))).or_insert(0) += 1;
            }
            counts
        };
        let clients: Vec<_> = (0..8).map(|_| scope.spawn(client)).collect();
        let mut counts = BTreeMap::new();
        for client in clients {
            for (package, count) in client.join().unwrap() {
                *counts.entry(package).or_insert(0) += count;
            }
        }
        over.store(true, Ordering::SeqCst);
        eprintln!("{} swaps, {counts:?}", swapping.join().unwrap());
        counts
    });
    assert_eq!(counts.values().sum::<usize>(), requests, "none failed");
    assert!(counts.len() > 1, "{counts:?}");
}

#[test]
fn swapping_an_alias_under_load_loses_no_request() {
    swap_under_load(1000, Duration::from_millis(5));
}

#[test]
#[ignore = "takes minutes: tests/run --full"]
fn swapping_an_alias_under_load_loses_none_of_ten_thousand_requests() {
    swap_under_load(10_000, Duration::from_millis(100));
}
