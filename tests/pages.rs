//! What a shopper and an associate see, in a real browser against the real binary.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Ask, Server, admin, root, stderr, stdout};

/// Checks that must have gone well at least.
const CHECKS: usize = 16;

fn put(server: &Server, fact: &str, value: Value) {
    let body = value.to_string().into_bytes();
    let ask = Ask::raw("PUT", &format!("/store/v1/facts/{fact}"), body);
    let answer = server.ask(ask.header("content-type", "application/json"));
    assert!([200, 201].contains(&answer.status), "{fact}: {}", answer.text());
}

/// A shop with a milk, a soup that is sold out, and one like it that is not.
fn shop() -> Server {
    let server = Server::start();
    for (sku, name, category, price, band, aisle) in [
        ("1001", "Meadow Whole Milk", "dairy/milk", 3.49, "plenty", "7"),
        ("1002", "Meadow Skim Milk", "dairy/milk", 3.29, "some", "7"),
        ("1008", "Garden Tomato Soup", "canned/soup", 2.25, "out", "3"),
        ("1009", "Harvest Tomato Soup", "canned/soup", 2.45, "plenty", "3"),
    ] {
        let brand = name.split(' ').next();
        put(
            &server,
            &format!("products/{sku}"),
            json!({ "names": { "en": name }, "category": category, "brand": brand }),
        );
        put(&server, &format!("prices/{sku}"), json!({ "amount": price, "currency": "USD" }));
        let stock = json!({ "band": band, "location": { "aisle": aisle, "bay": "3" } });
        put(&server, &format!("stock/{sku}"), stock);
    }
    server
}

#[test]
fn a_shopper_asks_gets_angry_and_a_person_answers() {
    let installed = root().join("tests/clients/node_modules/axe-core");
    assert!(installed.exists(), "the browser's tests are not installed; run tests/run once");
    let server = shop();
    let output = Command::new("node")
        .arg("check.mjs")
        .current_dir(root().join("tests/pages"))
        .env("ENDCAP_URL", &server.url)
        .env("ENDCAP_TOKEN", admin())
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    let told = format!("{}{}", stdout(&output), stderr(&output));
    assert!(output.status.success(), "{told}\n{}", server.log());
    assert!(told.matches("ok ").count() >= CHECKS, "{told}");
}
