//! Questions and copy over HTTP, from a shop that is put in through the facts' doors.

use serde_json::{Value, json};

use crate::support::{Answer, Ask, Server};

const ASK: &str = "/store/v1/ask";
const COPY: &str = "/store/v1/copy";

/// A shop with a milk, a coffee that is on offer and a soup that is recalled.
fn shop() -> Server {
    let server = Server::start();
    let product = |name: &str, category: &str| {
        json!({
            "names": { "en": name },
            "category": category,
            "brand": name.split(' ').next(),
            "size": { "text": "1 gal" },
            "allergens": { "contains": ["milk"] },
        })
    };
    server.put("products/1001", product("Meadow Whole Milk", "dairy/milk"));
    server.put("products/1004", product("Monte Roast Coffee", "drinks/coffee"));
    server.put("products/1008", product("Garden Tomato Soup", "canned/soup"));
    for (sku, amount) in [("1001", 3.49), ("1004", 8.5), ("1008", 4.25)] {
        server.put(&format!("prices/{sku}"), json!({ "amount": amount, "currency": "USD" }));
    }
    let offer = json!({
        "titles": { "en": "Coffee week" },
        "categories": ["drinks/coffee"],
        "offer": { "percent_off": 20 },
    });
    server.put("promotions/coffee-week", offer);
    let recall = json!({
        "skus": ["1008"],
        "reasons": { "en": "Glass may be in it" },
        "since": "2026-01-01T00:00:00Z",
    });
    server.put("recalls/r1", recall);
    server
}

fn asked(server: &Server, question: &str) -> (Value, Answer) {
    let answer = server.ask(Ask::post(ASK, &json!({ "question": question })));
    assert_eq!(answer.status, 200, "{}", answer.text());
    (answer.json(), answer)
}

#[test]
fn a_price_is_told_from_facts_and_changes_with_them() {
    let server = shop();
    let (body, answer) = asked(&server, "How much is the whole milk?");
    assert_eq!(body["answer"], "Meadow Whole Milk (1 gal) costs $3.49.");
    assert_eq!(body["citations"], json!(["1001"]));
    assert_eq!(body["provenance"]["step"], "template");
    assert_eq!(body["provenance"]["generated"], false);
    assert_eq!(body["disclosure"], "This answer comes from the shop's data.");
    let facts = body["facts"].as_array().unwrap();
    let price = facts.iter().find(|fact| fact["name"] == "prices:1001").unwrap();
    assert!(price["revision"].as_u64().unwrap() > 0 && price["age_s"].is_u64(), "{price}");
    assert_eq!(answer.header("cache-status"), Some("endcap; fwd=bypass"));
    assert!(answer.header("x-endcap-facts-age").is_some());
    server.put("prices/1001", json!({ "amount": 2.99, "currency": "USD" }));
    let (body, _) = asked(&server, "How much is the whole milk?");
    assert_eq!(body["answer"], "Meadow Whole Milk (1 gal) costs $2.99.");
    let metric = server.metric("endcap_skill_answers_total", "step=\"template\"");
    assert!(metric >= 2.0, "{metric}");
}

#[test]
fn a_recall_is_said_first_and_ends_copy() {
    let server = shop();
    let (body, _) = asked(&server, "How much is the tomato soup?");
    let text = body["answer"].as_str().unwrap();
    assert!(text.starts_with("Warning: Garden Tomato Soup (1 gal) is recalled."), "{text}");
    let order = json!({ "sku": "1008", "kind": "description" });
    let answer = server.ask(Ask::post(COPY, &order));
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (409, Some("recalled")));
}

#[test]
fn what_no_rule_knows_goes_to_the_model_once_and_is_kept() {
    let server = shop();
    let question = "Which pastry goes well with the roast coffee?";
    let (first, answer) = asked(&server, question);
    let step = first["provenance"]["step"].as_str().unwrap();
    assert!(["model", "fallback"].contains(&step), "{first}");
    assert_eq!(first["provenance"]["model"], "tiny");
    // What the tiny model says is noise, and noise does not pass.
    assert_eq!(step, "fallback", "{first}");
    assert!(!first["provenance"]["refused"].as_array().unwrap().is_empty(), "{first}");
    assert!(answer.header("cache-status").unwrap().contains("fwd=uri-miss"));
    let (second, answer) = asked(&server, question);
    assert_eq!(second["answer"], first["answer"]);
    assert!(answer.header("cache-status").unwrap().contains("hit"), "{second}");
    let fresh = Ask::post(ASK, &json!({ "question": question }));
    let fresh = server.ask(fresh.header("cache-control", "no-cache"));
    assert!(!fresh.header("cache-status").unwrap().contains("hit"));
    server.put(
        "recalls/r2",
        json!({
            "skus": ["1004"],
            "reasons": { "en": "It may be mouldy" },
            "since": "2026-01-01T00:00:00Z",
        }),
    );
    let (third, answer) = asked(&server, question);
    assert!(!answer.header("cache-status").unwrap().contains("hit"), "{third}");
    assert!(
        third["answer"].as_str().unwrap().starts_with("Warning: Monte Roast Coffee"),
        "{third}"
    );
}

/// Three askers, a change that ends what they were told, and an asker who finds it made again.
#[test]
fn what_is_asked_often_is_made_again_before_somebody_asks_for_it() {
    let server = shop();
    let question = json!({ "question": "Which pastry goes well with the roast coffee?" });
    let order = json!({ "sku": "1004", "kind": "description" });
    for (path, body) in [(ASK, &question), (COPY, &order)] {
        let done = |_| server.ask(Ask::post(path, body)).header("cache-status").unwrap().to_owned();
        let all: Vec<String> = (0..3).map(done).collect();
        assert!(all[0].contains("fwd=uri-miss") && all[2].contains("hit"), "{all:?}");
    }
    let coffee = json!({
        "names": { "en": "Monte Roast Coffee" },
        "category": "drinks/coffee",
        "allergens": { "contains": ["milk", "nuts"] },
    });
    server.put("products/1004", coffee);
    for (path, maker, body) in [(ASK, "ask", &question), (COPY, "copy", &order)] {
        let made = format!("maker=\"{maker}\",outcome=\"made\"");
        server.wait_for("endcap_cache_night_total", &made, |made| made == 1.0);
        let answer = server.ask(Ask::post(path, body));
        let status = answer.header("cache-status").unwrap();
        assert!(status.contains("hit") && status.contains("detail=exact"), "{path}: {status}");
    }
    assert_eq!(server.metric("endcap_cache_answers_total", "outdated"), 0.0);
}

#[test]
fn a_stream_tells_progress_and_then_the_same_answer() {
    let server = shop();
    for question in ["How much is the whole milk?", "Which pastry goes with the coffee?"] {
        let ask = json!({ "question": question, "stream": true });
        let answer = server.ask(Ask::post(ASK, &ask));
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let text = answer.text();
        let events: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let [told @ .., text, whole, done] = events.as_slice() else { panic!("{text}") };
        assert_eq!(*done, "[DONE]");
        let parse = |event: &str| serde_json::from_str::<Value>(event).unwrap();
        assert!(told.iter().all(|event| parse(event)["progress"]["attempt"].is_u64()), "{told:?}");
        let (text, whole) = (parse(text), parse(whole));
        assert_eq!(text["text"], whole["answer"]["answer"]);
        let (again, _) = asked(&server, question);
        assert_eq!(again["answer"], whole["answer"]["answer"]);
    }
}

#[test]
fn copy_keeps_its_text_when_a_price_changes() {
    let server = shop();
    let order = json!({ "sku": "1001", "kind": "shelf_talker" });
    let first = server.ask(Ask::post(COPY, &order));
    assert_eq!(first.status, 200, "{}", first.text());
    let body = first.json();
    assert_eq!(body["citations"], json!(["1001"]));
    server.put("prices/1001", json!({ "amount": 2.99, "currency": "USD" }));
    let second = server.ask(Ask::post(COPY, &order));
    assert!(second.header("cache-status").unwrap().contains("hit"), "{}", second.text());
    let (old, new) = (body["text"].as_str().unwrap(), second.json());
    assert_eq!(new["text"], old.replace("$3.49", "$2.99"));
    let promotion = json!({ "sku": "1004", "kind": "promotion", "tone": "friendly" });
    let promotion = server.ask(Ask::post(COPY, &promotion));
    assert_eq!(promotion.status, 200, "{}", promotion.text());
}

#[test]
fn what_cannot_be_asked_is_refused_by_name() {
    let server = shop();
    for (path, body, status, param, code) in [
        (ASK, json!({ "question": "?", "x": 1 }), 400, "x", "unknown_parameter"),
        (ASK, json!({}), 400, "question", "invalid_value"),
        (ASK, json!({ "question": " " }), 400, "question", "invalid_value"),
        (ASK, json!({ "question": "x".repeat(2001) }), 400, "question", "limit_exceeded"),
        (ASK, json!({ "question": "?", "language": "it" }), 400, "language", "invalid_value"),
        (ASK, json!({ "question": "?", "model": "none" }), 404, "model", "model_not_found"),
        (
            ASK,
            json!({ "question": "?", "scope": "public", "shopper": "a" }),
            400,
            "scope",
            "invalid_value",
        ),
        (COPY, json!({ "sku": "9", "kind": "description" }), 404, "sku", "product_not_found"),
        (COPY, json!({ "sku": "1001", "kind": "poem" }), 400, "kind", "invalid_value"),
        (COPY, json!({ "sku": "1001", "kind": "promotion" }), 409, "sku", "not_on_offer"),
    ] {
        let answer = server.ask(Ask::post(path, &body));
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, status, "{body}: {error}");
        assert_eq!((error["param"].as_str(), error["code"].as_str()), (Some(param), Some(code)));
    }
}

#[test]
fn personal_data_of_a_question_is_neither_logged_nor_kept() {
    let server = shop();
    let question = "I am erika.mustermann@example.org, which cake goes with the coffee?";
    asked(&server, question);
    let held = |path: &std::path::Path| {
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains("mustermann")
    };
    assert!(!server.log().contains("mustermann"));
    for entry in std::fs::read_dir(server.data()).unwrap() {
        let path = entry.unwrap().path();
        assert!(!held(&path), "{}", path.display());
    }
}
