//! Records of generated answers and the erasure of a shopper, over HTTP and by the commands.

use serde_json::{Value, json};

use crate::support::{Ask, Server, admin, bare, copy, endcap, stderr, stdout};

const CHAIN: &str = "/store/v1/audit/chain";

fn ask_model(server: &Server, question: &str) -> Value {
    let answer = server.ask(Ask::post("/store/v1/ask", &json!({ "question": question })));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn record(server: &Server, id: &str) -> Value {
    let answer = server.ask(Ask::get(&format!("/store/v1/audit/answers/{id}")));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn an_answer_in_which_a_model_had_a_part_has_a_record_and_facts_alone_have_none() {
    let server = Server::start();
    let of_facts = ask_model(&server, "When are you open?");
    assert_eq!(of_facts["answer_id"], Value::Null, "{of_facts}");
    let question = "Which pastry goes well with my mail jo@example.org?";
    let first = ask_model(&server, question);
    let second = ask_model(&server, question);
    let (id, again) = (first["answer_id"].as_str().unwrap(), second["answer_id"].as_str().unwrap());
    assert_ne!(id, again);
    let found = record(&server, id);
    assert_eq!(found["record"]["what"], "given");
    assert_eq!(found["record"]["seen_by"]["class"], "admin", "{found}");
    assert_eq!(found["made"]["model"], "tiny");
    assert_eq!(found["opened"]["asked"], "Which pastry goes well with my mail <EMAIL_ADDRESS>?");
    assert_eq!(found["opened"]["as_recorded"], true);
    let kept = record(&server, again);
    assert!(kept["record"]["cache"].as_str().unwrap().contains("hit"), "{kept}");
    assert_eq!(kept["made"]["id"], found["made"]["id"], "the text was made once");
    let replay = format!("/store/v1/audit/answers/{id}/replay");
    let replayed = server.ask(Ask::post(&replay, &json!({}))).json();
    // Noise does not pass the checks, and facts answered.
    assert_eq!(replayed["outcome"], "not_replayed", "{replayed}");
    let chain = server.ask(Ask::get(CHAIN)).json();
    assert_eq!((&chain["sound"], &chain["last"]), (&json!(true), &json!(3)), "{chain}");
    assert_eq!(server.ask(Ask::get("/store/v1/audit/answers/x")).status, 404);
    assert!(server.metric("endcap_audit_lost", "") < 0.5);
}

#[test]
fn a_shopper_is_erased_with_a_receipt_and_is_not_in_the_files() {
    let server = Server::start();
    let words = "Is the blackcurrant marmalade suitable for Ottokar?";
    let begun = server.ask(Ask::post("/store/v1/conversations", &json!({ "language": "en" })));
    assert_eq!(begun.status, 201, "{}", begun.text());
    let id = begun.json()["id"].as_str().unwrap().to_owned();
    let conversation = format!("/store/v1/conversations/{id}");
    let said =
        server.ask(Ask::post(&format!("{conversation}/messages"), &json!({ "text": words })));
    assert_eq!(said.status, 200, "{}", said.text());
    let profile = json!({ "consent": true, "style": "quizzaciously plain" });
    let kept = server.ask(
        Ask::raw("PUT", &format!("{conversation}/profile"), profile.to_string().into_bytes())
            .header("content-type", "application/json"),
    );
    assert!(kept.status < 300, "{}", kept.text());
    for wrong in [json!({}), json!({ "conversation": id, "profile": id }), json!({ "who": id })] {
        assert_eq!(server.ask(Ask::post("/store/v1/erase", &wrong)).status, 400, "{wrong}");
    }
    let mut command = endcap();
    command.args(["erase", "--json", "--conversation", &id, "--server", &server.url]);
    let output = command.env("ENDCAP_TOKEN", admin()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let receipt: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(receipt["what"]["conversations"], 1, "{receipt}");
    assert_eq!(receipt["what"]["profiles"], 1, "{receipt}");
    assert!(receipt["what"]["turns"].as_u64().unwrap() >= 2, "{receipt}");
    assert_eq!(server.ask(Ask::get(&conversation)).status, 404);
    let erased = server.ask(Ask::post("/store/v1/erase", &json!({ "conversation": id })));
    assert_eq!(erased.status, 404);
    for entry in std::fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(bytes) = std::fs::read(&entry) else { continue };
        for secret in ["blackcurrant", "Ottokar", "quizzaciously", id.as_str()] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {}", entry.display());
        }
    }
}

fn speaking() -> tempfile::TempDir {
    let package =
        std::env::var_os("ENDCAP_REFERENCE_PACKAGE").expect("ENDCAP_REFERENCE_PACKAGE is not set");
    let (package, data) = (std::path::PathBuf::from(package), bare());
    let name = package.file_name().unwrap();
    copy(&package, &data.path().join("models").join(name));
    data
}

/// `ENDCAP_REFERENCE_PACKAGE` names a folder of a package that speaks.
#[test]
#[ignore = "needs a model that speaks"]
fn a_model_that_is_asked_again_says_the_same() {
    let server = Server::start_in(speaking(), &[]);
    let product = json!({
        "names": { "en": "Meadow Whole Milk" }, "category": "drinks/milk",
        "descriptions": { "en": "Fresh whole milk from the meadows." },
    });
    let body = product.to_string().into_bytes();
    let put = Ask::raw("PUT", "/store/v1/facts/products/1001", body);
    assert!(server.ask(put.header("content-type", "application/json")).status < 300);
    let order = json!({ "sku": "1001", "kind": "description" });
    let answer = server.ask(Ask::post("/store/v1/copy", &order)).json();
    assert_eq!(answer["provenance"]["step"], "model", "{answer}");
    let id = answer["answer_id"].as_str().unwrap();
    let replay = format!("/store/v1/audit/answers/{id}/replay");
    let replayed = server.ask(Ask::post(&replay, &json!({}))).json();
    assert_eq!(replayed["outcome"], "same", "{replayed}");
    assert_eq!(replayed["now"], replayed["then"]);
}
