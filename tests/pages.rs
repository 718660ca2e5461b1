//! What a shopper and an associate see, in a real browser against the real binary.

use std::process::Command;

use serde_json::json;

use crate::support::{Server, admin, root, stderr, stdout};

/// Checks that must have gone well at least.
const CHECKS: usize = 16;

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
        server.put(
            &format!("products/{sku}"),
            json!({ "names": { "en": name }, "category": category, "brand": brand }),
        );
        server.put(&format!("prices/{sku}"), json!({ "amount": price, "currency": "USD" }));
        let stock = json!({ "band": band, "location": { "aisle": aisle, "bay": "3" } });
        server.put(&format!("stock/{sku}"), stock);
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
