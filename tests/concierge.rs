//! A conversation over HTTP, from a shop that is put in through the facts' doors.

use serde_json::{Value, json};

use crate::support::{Ask, Server};

const CONVERSATIONS: &str = "/store/v1/conversations";

/// A shop with two oat drinks, of which one is sold out, and a coffee.
fn shop() -> Server {
    let server = Server::start();
    stock(&server);
    server
}

/// Puts the shop in.
pub(crate) fn stock(server: &Server) {
    for (sku, name, category, amount, band) in [
        ("1001", "Meadow Oat Drink", "drinks/oat", 2.49, "out"),
        ("1002", "Hill Oat Drink", "drinks/oat", 2.79, "some"),
        ("1004", "Monte Roast Coffee", "drinks/coffee", 8.5, "plenty"),
    ] {
        let product = json!({
            "names": { "en": name }, "category": category, "size": { "text": "1 qt" },
            "allergens": { "contains": [] }, "attributes": { "vegan": true },
        });
        server.put(&format!("products/{sku}"), product);
        server.put(&format!("prices/{sku}"), json!({ "amount": amount, "currency": "USD" }));
        let stock = json!({ "band": band, "location": { "aisle": "7" } });
        server.put(&format!("stock/{sku}"), stock);
    }
}

fn begin(server: &Server) -> String {
    let answer = server.ask(Ask::post(CONVERSATIONS, &json!({ "language": "en" })));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let begun = answer.json();
    assert_eq!(begun["stage"], "assistant");
    assert_eq!(begun["greeting"]["speaker"], "assistant");
    assert!(begun["disclosure"].as_str().unwrap().contains("with a machine"), "{begun}");
    assert_eq!(begun["assistant"], json!({ "machine": true, "name": null }));
    format!("{CONVERSATIONS}/{}", begun["id"].as_str().unwrap())
}

fn say(server: &Server, conversation: &str, text: &str) -> Value {
    let answer =
        server.ask(Ask::post(&format!("{conversation}/messages"), &json!({ "text": text })));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn a_shopper_asks_follows_up_and_is_offered_another() {
    let server = shop();
    let conversation = begin(&server);
    let turn = say(&server, &conversation, "How much is the roast coffee?");
    assert_eq!(turn["text"], "Monte Roast Coffee (1 qt) costs $8.50.");
    assert_eq!(turn["products"][0]["price"], "$8.50");
    assert_eq!(turn["products"][0]["stock"]["level"], "in_stock");
    assert_eq!(turn["citations"][0]["sku"], "1004");
    assert_eq!(turn["route"][0]["step"], "facts");
    let turn = say(&server, &conversation, "and is it vegan?");
    assert_eq!(turn["text"], "Yes, according to our data Monte Roast Coffee (1 qt) is vegan.");
    let turn = say(&server, &conversation, "Do you have the Meadow oat drink?");
    let text = turn["text"].as_str().unwrap();
    assert!(
        text.contains("sold out") && text.contains("Hill Oat Drink (1 qt) for $2.79"),
        "{text}"
    );
    server.put("prices/1002", json!({ "amount": 1.99, "currency": "USD" }));
    let turn = say(&server, &conversation, "how much is that one?");
    assert!(turn["text"].as_str().unwrap().contains("$1.99"), "{turn}");
    let whole = server.ask(Ask::get(&conversation)).json();
    assert_eq!(whole["turns"].as_array().unwrap().len(), 9);
}

#[test]
fn everything_streams_by_name() {
    let server = shop();
    let conversation = begin(&server);
    let body = json!({ "text": "Do you have the Meadow oat drink?", "stream": true });
    let answer = server.ask(Ask::post(&format!("{conversation}/messages"), &body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["step", "step", "tool", "delta", "delta", "turn"], "{text}");
    let data = |name: &str| -> Vec<Value> {
        let events = text.split("\n\n").filter(|event| event.contains(&format!("event: {name}")));
        let data = events.filter_map(|event| event.split("data: ").nth(1));
        data.map(|data| serde_json::from_str(data.trim()).unwrap()).collect()
    };
    let told: String = data("delta").iter().map(|delta| delta["text"].as_str().unwrap()).collect();
    assert_eq!(data("turn")[0]["text"], told.as_str());
    assert_eq!(data("tool")[0]["arguments"], json!({ "sku": "1001", "cheaper": false }));
}

#[test]
fn a_conversation_is_its_devices_own_and_ends_with_a_receipt() {
    let server = shop();
    let conversation = begin(&server);
    say(&server, &conversation, "How much is the roast coffee?");
    let unknown = format!("{CONVERSATIONS}/00000000000000000000000000000000");
    for (ask, status) in [
        (Ask::get(&unknown), 404),
        (Ask::get(&format!("{CONVERSATIONS}/x")), 404),
        (Ask::post(&format!("{conversation}/messages"), &json!({ "text": " " })), 400),
        (Ask::post(&format!("{conversation}/messages"), &json!({ "txt": "a" })), 400),
        (Ask::post(CONVERSATIONS, &json!({ "language": "xx" })), 400),
    ] {
        let answer = server.ask(ask);
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    let receipt = server.ask(Ask::raw("DELETE", &conversation, Vec::new())).json();
    assert_eq!(receipt["what"]["conversations"], 1, "{receipt}");
    assert_eq!(server.ask(Ask::get(&conversation)).status, 404);
}

#[test]
fn a_profile_is_kept_with_consent_and_used() {
    let server = shop();
    let conversation = begin(&server);
    let path = format!("{conversation}/profile");
    let put_profile = |body: Value| {
        let ask = Ask::raw("PUT", &path, body.to_string().into_bytes());
        server.ask(ask.header("content-type", "application/json"))
    };
    let refused = put_profile(json!({ "consent": false, "diet": ["vegan"] }));
    assert_eq!((refused.status, refused.json()["error"]["param"].clone()), (400, json!("consent")));
    let kept = put_profile(json!({ "consent": true, "avoid_allergens": ["milk"] }));
    assert_eq!(kept.json()["avoid_allergens"], json!(["milk"]), "{}", kept.text());
    server.put(
        "products/1009",
        json!({
            "names": { "en": "Meadow Cream" }, "allergens": { "contains": ["milk"] },
        }),
    );
    server.put("prices/1009", json!({ "amount": 3, "currency": "USD" }));
    let turn = say(&server, &conversation, "How much is the Meadow cream?");
    assert_eq!(turn["text"], "Meadow Cream costs $3.00. Meadow Cream contains milk.");
    assert_eq!(server.ask(Ask::raw("DELETE", &path, Vec::new())).status, 200);
    let turn = say(&server, &conversation, "How much is the Meadow cream?");
    assert_eq!(turn["text"], "Meadow Cream costs $3.00.");
}
