//! Texts in, labels out, with a graph that says what a text is about by its words.

use serde_json::{Value, json};

use crate::support::onnx::{FLOAT, Graph, INT64, axes, floats, integer, node, port, with};
use crate::support::{Answer, Ask, Server, bare, install_graph, root};

/// Tokens of the tokeniser, and those of two words.
const VOCABULARY: usize = 98;
const MILK: usize = 9;
const BREAD: usize = 11;

/// Logits of a text: the mean of its tokens' rows.
fn graph() -> Vec<u8> {
    let mut rows = vec![[0.0, 0.0, 0.0]; VOCABULARY];
    rows[MILK] = [0.0, 9.0, 0.0];
    rows[BREAD] = [0.0, 0.0, 9.0];
    let mean = with(node("ReduceMean", &["rows"], &["y"]), &[axes(&[1]), integer("keepdims", 0)]);
    let graph = Graph {
        inputs: vec![port("input_ids", INT64, "texts tokens")],
        outputs: vec![port("y", FLOAT, "texts 3")],
        nodes: vec![node("Gather", &["table", "input_ids"], &["rows"]), mean],
        stored: vec![floats("table", &[VOCABULARY as i64, 3], &rows.concat())],
    };
    graph.bytes()
}

fn server() -> Server {
    let data = bare();
    let head = json!({
        "task": "classify_text", "labels": ["neither", "milk", "bread"], "activation": "softmax",
        "max_tokens": 8,
    });
    let tokenizer = std::fs::read_to_string(root().join("models/tiny/encoder/tokenizer.json"));
    let more = [("tokenizer.json", &*tokenizer.unwrap())];
    install_graph(data.path(), "about", graph(), &head, &more);
    Server::start_in(data, &[])
}

fn ask(server: &Server, body: &Value) -> Answer {
    server.ask(Ask::post("/store/v1/text/classify", body))
}

/// `[label, score]` of each label of each text.
fn labels(answer: &Answer) -> Vec<Vec<(String, f64)>> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    assert_eq!(told["model"], "about");
    let results = told["results"].as_array().unwrap().iter().enumerate();
    let text = |(at, result): (usize, &Value)| {
        assert_eq!(result["index"], at);
        let labels = result["labels"].as_array().unwrap().iter();
        let pair = |l: &Value| (l["label"].as_str().unwrap().into(), l["score"].as_f64().unwrap());
        labels.map(pair).collect()
    };
    results.map(text).collect()
}

#[test]
fn a_text_is_given_labels_with_scores() {
    let server = server();
    // With the tokens that begin and end it, "milk" is three: a logit of 3.
    let sure = 3_f64.exp() / (3_f64.exp() + 2.0);
    let told = labels(&ask(&server, &json!({"input": "Milk"})));
    assert_eq!(told.len(), 1);
    assert!(told[0][0].0 == "milk" && (told[0][0].1 - sure).abs() < 1e-6, "{told:?}");
    assert!((told[0].iter().map(|(_, score)| score).sum::<f64>() - 1.0).abs() < 1e-6);

    let texts = json!(["bread", "where is the milk", "bread and milk", "the price"]);
    let body = json!({"model": "about", "input": texts, "top": 1, "threshold": 0.4});
    let many = labels(&ask(&server, &body));
    let names: Vec<Vec<&str>> =
        many.iter().map(|labels| labels.iter().map(|(name, _)| &**name).collect()).collect();
    assert_eq!(names[..2], [vec!["bread"], vec!["milk"]], "{many:?}");
    assert!(names[2].len() == 1 && names[3].is_empty(), "nothing reaches the threshold: {many:?}");
    let alone = labels(&ask(&server, &json!({"input": "bread"})));
    assert_eq!(alone[0][0], many[0][0], "whatever else is asked");
}

#[test]
fn what_cannot_be_classified_is_refused_by_the_fields_name() {
    let server = server();
    let long = "milk ".repeat(9);
    for (body, status, code, says) in [
        (json!({"input": long}), 400, "limit_exceeded", "input[0] has 11 tokens; the limit is 8"),
        (json!({"input": ["milk", long]}), 400, "limit_exceeded", "input[1]"),
        (json!({"input": []}), 400, "invalid_value", "input"),
        (json!({"input": 3}), 400, "invalid_value", "a text or a list of texts"),
        (json!({"input": "milk", "top": 0}), 400, "invalid_value", "top is 0"),
        (json!({"input": "milk", "threshold": 1.5}), 400, "invalid_value", "threshold is 1.5"),
        (json!({"input": "milk", "langauge": "en"}), 400, "unknown_parameter", "langauge"),
        (json!({"input": "milk", "model": "nobody"}), 404, "model_not_found", "nobody"),
        (json!({}), 400, "invalid_value", "missing field `input`"),
    ] {
        let answer = ask(&server, &body);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, &error["code"]), (status, &json!(code)), "{body}: {error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{body}: {error}");
    }
    let vectors = server.ask(Ask::post("/v1/embeddings", &json!({"model": "about", "input": "a"})));
    assert_eq!(vectors.json()["error"]["code"], "not_an_encoder", "{}", vectors.text());
}
