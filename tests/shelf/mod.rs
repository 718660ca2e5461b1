//! Packages at work: which are in memory, when, and under which name.

mod names;
mod real;
mod storm;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::onnx::{FLOAT, Graph, node, port};
use crate::support::{
    ADD_SUB, Answer, Ask, IDENTITIES, LONG, MODEL, SHELF, Server, arrays, endcap, install_graph,
    shelf, stderr, stdout,
};

/// Room for `large` alone, or for the five others together.
const TIGHT: (&str, &str) = ("ENDCAP_ENGINE_MEMORY_BUDGET", "1 MiB");
const ON_DEMAND: (&str, &str) = ("ENDCAP_MODELS_LOAD", "demand");

fn question(model: &str) -> Ask {
    asked(json!({ "model": model }))
}

fn asked(change: Value) -> Ask {
    let mut body = json!({ "prompt": "milk", "max_tokens": 2, "temperature": 0 });
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    Ask::post("/v1/completions", &body)
}

/// Asks a model and sees that it answered.
fn ask(server: &Server, model: &str) -> Answer {
    let answer = server.ask(question(model));
    assert_eq!(answer.status, 200, "{model}: {}", answer.text());
    answer
}

fn act(server: &Server, model: &str, act: &str) -> Answer {
    server.ask(Ask::new("POST", &format!("/store/v1/models/{model}/{act}")))
}

/// What the server tells of a package.
fn told(server: &Server, model: &str) -> Value {
    let answer = server.ask(Ask::get("/store/v1/models")).json();
    let models = answer["models"].as_array().unwrap();
    models.iter().find(|told| told["name"] == model).unwrap().clone()
}

fn state(server: &Server, model: &str) -> String {
    told(server, model)["state"].as_str().unwrap().to_owned()
}

fn until(server: &Server, model: &str, wanted: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while state(server, model) != wanted {
        assert!(Instant::now() < end, "{}", told(server, model));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_package_is_loaded_when_it_is_first_asked_for() {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    let listed = server.ask(Ask::get("/v1/models")).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), SHELF.len());
    assert_eq!(server.ask(Ask::get("/v1/models/one")).status, 200);
    assert_eq!(server.ask(Ask::get("/v2/models/one/ready")).json()["ready"], true);
    assert_eq!(server.ask(Ask::get("/v2/models/nobody/ready")).status, 404);
    assert_eq!(server.metric("endcap_model_loads_total", ""), 0.0, "looking loads nothing");
    assert_eq!(state(&server, "one"), "away");
    assert_eq!(ask(&server, "one").header("x-endcap-model"), Some("one"));
    assert_eq!(state(&server, "one"), "loaded");
    ask(&server, "one");
    for (metric, value) in [("loads_total", 1.0), ("loaded", 1.0), ("load_failures_total", 0.0)] {
        assert_eq!(server.metric(&format!("endcap_model_{metric}"), ""), value, "{metric}");
    }
    assert!(server.metric("endcap_model_weights_bytes", "\"one\"") > 100_000.0);
}

#[test]
fn what_must_be_there_at_the_start_is_there_or_the_server_says_why_not() {
    let pinned = ("ENDCAP_MODELS_PIN", "two");
    let server = Server::start_in(shelf(), &[ON_DEMAND, pinned]);
    assert_eq!((state(&server, "two"), state(&server, "one")), ("loaded".into(), "away".into()));
    let server = Server::start_in(shelf(), &[]);
    assert!(SHELF.iter().all(|(name, _)| state(&server, name) == "loaded"));
    for (setting, said) in [
        (TIGHT, "the budget is 1.0 MiB"),
        (("ENDCAP_MODELS_PIN", "nobody"), "models.pin names `nobody`"),
    ] {
        let data = shelf();
        let arguments = ["serve", "--listen", "127.0.0.1:0", "--data"];
        let mut serve = endcap();
        let serve = serve.args(arguments).arg(data.path()).env(setting.0, setting.1);
        let output = serve.output().unwrap();
        let told = stderr(&output);
        assert!(output.status.code() == Some(1) && told.contains(said), "{told}");
    }
}

#[test]
fn a_server_without_a_model_answers_from_facts_and_takes_up_the_first() {
    let data = shelf();
    let models = data.path().join("models");
    let aside = tempfile::tempdir_in(data.path()).unwrap();
    std::fs::rename(&models, aside.path().join("models")).unwrap();
    let server = Server::start_in(data, &[]);
    server.put("products/1", json!({ "names": { "en": "Meadow Milk" } }));
    server.put("prices/1", json!({ "amount": 1.5, "currency": "USD" }));
    let price = json!({ "question": "How much is the Meadow Milk?" });
    let told = server.ask(Ask::post("/store/v1/ask", &price));
    assert!(told.status == 200 && told.text().contains("$1.50"), "{}", told.text());
    // What only a model could answer is answered all the same.
    let open = json!({ "question": "What would you cook tonight?" });
    let told = server.ask(Ask::post("/store/v1/ask", &open));
    assert_eq!((told.status, &told.json()["provenance"]["generated"]), (200, &json!(false)));
    let refused = server.ask(question("one"));
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (404, &json!("model_not_found"))
    );
    assert_eq!(server.ask(Ask::get("/v1/models")).json()["data"], json!([]));
    let folder = server.data().join("models");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::rename(aside.path().join("models/one"), folder.join("one")).unwrap();
    ask(&server, "one");
}

#[test]
fn the_one_used_longest_ago_makes_room_and_a_pinned_one_stays() {
    let server = Server::start_in(shelf(), &[ON_DEMAND, TIGHT]);
    for model in ["one", "two", "one", "large"] {
        ask(&server, model);
    }
    assert_eq!(state(&server, "two"), "away");
    assert!(server.metric("endcap_model_evictions_total", "\"two\"") >= 1.0);
    assert_eq!(state(&server, "large"), "loaded");
    assert_eq!(act(&server, "one", "pin").status, 200);
    until(&server, "one", "loaded");
    let loads = server.metric("endcap_model_loads_total", "\"one\"");
    for model in ["large", "two", "three", "four", "five", "large"] {
        ask(&server, model);
    }
    assert_eq!(state(&server, "one"), "loaded");
    assert_eq!(server.metric("endcap_model_loads_total", "\"one\""), loads, "it was pinned");
    let refused = act(&server, "one", "unload");
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &json!("model_pinned")));
    assert_eq!(act(&server, "one", "unpin").status, 200);
    assert_eq!(act(&server, "one", "unload").status, 200);
    until(&server, "one", "away");
}

#[test]
fn what_does_not_fit_beside_pinned_ones_is_refused_with_figures() {
    let pinned = ("ENDCAP_MODELS_PIN", "one,two,three");
    let server = Server::start_in(shelf(), &[ON_DEMAND, TIGHT, pinned]);
    let refused = server.ask(question("large"));
    let error = refused.json()["error"].clone();
    assert_eq!((refused.status, &error["code"]), (503, &json!("model_too_large")), "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("budget is 1.0 MiB") && message.contains("KiB are kept"), "{message}");
    assert_eq!(act(&server, "large", "pin").status, 503, "a pin that cannot be kept is refused");
    ask(&server, "four");
}

#[test]
fn an_unloaded_model_finishes_what_it_began_and_comes_back_when_asked() {
    let server = Server::tireless(&[]);
    // Without its special tokens the model does not end by itself.
    let endless = json!({ "0": -100, "1": -100, "2": -100 });
    let long = json!({ "model": MODEL, "max_tokens": LONG, "stream": true, "logit_bias": endless });
    let long = asked(long);
    let mut stream = long.stream(server.address());
    assert!(stream.next().is_some());
    assert_eq!(told(&server, MODEL)["in_flight"], 1);
    let leaving = act(&server, MODEL, "unload").json();
    assert_eq!((&leaving["state"], &leaving["in_flight"]), (&json!("leaving"), &json!(1)));
    assert!(stream.next().is_some(), "it goes on");
    ask(&server, MODEL);
    assert_eq!(server.metric("endcap_model_loads_total", ""), 2.0);
    assert!(stream.next().is_some(), "the old copy still answers");
    assert_eq!(told(&server, MODEL)["in_flight"], 1);
    drop(stream);
    let end = Instant::now() + Duration::from_secs(60);
    while told(&server, MODEL)["in_flight"] != 0 {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(state(&server, MODEL), "loaded");
    assert_eq!(act(&server, MODEL, "unload").status, 200);
    until(&server, MODEL, "away");
}

#[test]
fn what_a_model_takes_and_has_done_is_told_without_loading_it() {
    let server = Server::start_in(arrays(), &[ON_DEMAND]);
    let get = |path: &str| {
        let answer = server.ask(Ask::get(&format!("/v2/models/{path}")));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    };
    let names = IDENTITIES.iter().chain([&ADD_SUB, &MODEL]);
    let before: Vec<Value> = names.clone().map(|name| get(name)).collect();
    assert_eq!(before[0]["inputs"][0]["datatype"], "BOOL", "{}", before[0]);
    assert_eq!(get("fp32/stats")["model_stats"][0]["inference_count"], 0);
    assert_eq!(server.metric("endcap_model_loads_total", ""), 0.0, "looking loads nothing");
    for (name, before) in names.zip(before) {
        assert_eq!(act(&server, name, "load").status, 200);
        assert_eq!(get(name), before, "in memory it is the same");
    }
    let chat = server.ask(Ask::get(&format!("/v2/models/{MODEL}/stats")));
    assert_eq!(chat.status, 400, "{}", chat.text());
}

#[test]
fn models_that_nobody_uses_leave_for_an_answer_that_needs_the_room() {
    let data = shelf();
    let graph = |elements: &str| Graph {
        inputs: vec![port("x", FLOAT, elements)],
        outputs: vec![port("y", FLOAT, elements)],
        nodes: vec![node("Relu", &["x"], &["y"])],
        ..Graph::default()
    };
    install_graph(data.path(), "wide", graph("n").bytes(), &Value::Null, &[]);
    let server = Server::start_in(data, &[ON_DEMAND, TIGHT]);
    for model in ["one", "two", "three", "four", "five"] {
        ask(&server, model);
    }
    let infer = |numbers: usize| {
        let json = json!({"inputs": [{
            "name": "x", "shape": [numbers], "datatype": "FP32",
            "parameters": {"binary_data_size": 4 * numbers},
        }], "outputs": [{"name": "y", "parameters": {"binary_data": true}}]});
        let json = json.to_string();
        let body = [json.as_bytes(), &vec![0; 4 * numbers]].concat();
        let ask = Ask::post_raw("/v2/models/wide/infer", body);
        server.ask(ask.header("inference-header-content-length", &json.len().to_string()))
    };
    let answer = infer(80_000);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(server.metric("endcap_model_evictions_total", "") >= 2.0);
    assert_eq!((state(&server, "one"), state(&server, "wide")), ("away".into(), "loaded".into()));
    let refused = infer(300_000);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("can be had at most"), "{}", refused.text());
    ask(&server, "one");
}

#[test]
fn a_damaged_package_is_refused_for_a_while_and_the_others_answer() {
    let data = shelf();
    let graph = data.path().join("models/two/model.onnx");
    let bytes = std::fs::read(&graph).unwrap();
    std::fs::write(&graph, vec![0xff; bytes.len()]).unwrap();
    let _ = std::fs::remove_file(data.path().join("models/two/packed.bin"));
    let server = Server::start_in(data, &[ON_DEMAND]);
    for _ in 0..3 {
        let refused = server.ask(question("two"));
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert_eq!(refused.json()["error"]["code"], "model_not_loaded");
        assert!(refused.header("retry-after").is_some());
        assert!(!refused.text().contains("onnx"), "{}", refused.text());
        ask(&server, "one");
    }
    assert!(server.metric("endcap_model_load_failures_total", "\"two\"") <= 2.0);
    assert_eq!(server.ask(Ask::get("/v2/models/two/ready")).status, 503);
    let failure = told(&server, "two")["failure"].as_str().unwrap().to_owned();
    assert!(failure.contains("model.onnx"), "{failure}");
    std::fs::write(server.data().join("models/two/model.onnx"), bytes).unwrap();
    assert_eq!(act(&server, "two", "load").status, 200, "an administrator is not put off");
    ask(&server, "two");
    assert_eq!(told(&server, "two")["failure"], Value::Null);
}

#[test]
fn what_is_installed_while_the_server_runs_can_be_asked_for() {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    assert_eq!(server.ask(question("late")).status, 404);
    let data = server.data().to_str().unwrap();
    let gguf = crate::support::root().join("models/tiny/f16.gguf");
    let install = ["models", "import", "--name", "late", "--data", data, gguf.to_str().unwrap()];
    assert!(endcap().args(install).output().unwrap().status.success());
    ask(&server, "late");
    assert!(
        endcap().args(["models", "rm", "late", "--data", data]).output().unwrap().status.success()
    );
    ask(&server, "late");
    assert_eq!(act(&server, "late", "unload").status, 200);
    let end = Instant::now() + Duration::from_secs(60);
    while server.ask(question("late")).status != 404 {
        assert!(Instant::now() < end, "it is still there");
    }
}

#[test]
fn the_command_line_moves_packages_of_a_running_server() {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    let models = |arguments: &[&str], token: &str| {
        let mut command = endcap();
        command.arg("models").args(arguments).args(["--server", &server.url]);
        command.env("ENDCAP_TOKEN", token).output().unwrap()
    };
    let done = |arguments: &[&str]| {
        let output = models(arguments, crate::support::admin());
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    assert!(done(&["load", "one"]).starts_with("one  loaded"));
    assert!(done(&["pin", "two"]).contains("pinned"));
    until(&server, "two", "loaded");
    let listed = done(&["ps"]);
    assert!(listed.lines().count() == SHELF.len() + 1 && listed.contains("budget"), "{listed}");
    assert_eq!(done(&["alias", "chat", "one=9", "two"]).trim(), "chat  one=9 two=1");
    let json: Value = serde_json::from_str(&done(&["alias", "--json"])).unwrap();
    assert_eq!(json["aliases"][0]["packages"][0], json!({ "package": "one", "weight": 9 }));
    assert_eq!(done(&["alias", "chat", "--remove"]).trim(), "there is no alias");
    done(&["unpin", "two"]);
    assert!(done(&["unload", "one"]).starts_with("one"));
    for (arguments, token, said) in [
        (&["load", "nobody"][..], crate::support::admin(), "`nobody` is not served here"),
        (&["load", "one"], "", "ENDCAP_TOKEN"),
        (&["load", "one"], "wrong-token", "not valid"),
        (&["alias", "chat"], crate::support::admin(), "name the packages"),
    ] {
        let output = models(arguments, token);
        let told = stderr(&output);
        assert!(output.status.code() == Some(1) && told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn tritons_repository_requests_are_understood() {
    let server = Server::start_in(shelf(), &[ON_DEMAND]);
    // Its client sends no content type, and no body where there is nothing to say.
    let post = |path: &str, body: &str| {
        let mut ask = Ask::post_bytes(&format!("/v2/repository/{path}"), body.into());
        if body.is_empty() {
            ask = Ask::new("POST", &format!("/v2/repository/{path}"));
        }
        server.ask(ask)
    };
    let index = post("index", "").json();
    assert_eq!(index.as_array().unwrap().len(), SHELF.len());
    assert_eq!(index[0]["state"], "UNAVAILABLE");
    assert_eq!(post("models/one/load", "{}").status, 200);
    let ready = post("index", r#"{"ready": true}"#).json();
    assert_eq!((&ready[0]["name"], &ready[0]["state"]), (&json!("one"), &json!("READY")));
    assert_eq!(ready.as_array().unwrap().len(), 1);
    let dependents = r#"{"parameters": {"unload_dependents": false}}"#;
    assert_eq!(post("models/one/unload", dependents).status, 200);
    until(&server, "one", "away");
    for (path, body, status, said) in [
        ("models/nobody/load", "{}", 404, "nobody"),
        ("models/one/load", r#"{"parameters": {"config": "x"}}"#, 400, "config"),
        ("index", "{", 400, "JSON"),
        ("index", r#"{"colour": 1}"#, 400, "colour"),
    ] {
        let answer = post(path, body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        assert!(answer.text().contains(said), "{}", answer.text());
    }
}
