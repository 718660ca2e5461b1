//! Arrays in, arrays out: the Open Inference Protocol through the real binary.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::support::onnx::{Graph, node, port};
use crate::support::{
    ADD_SUB, Answer, Ask, IDENTITIES, MODEL, Server, VERSION, arrays, bare, install_graph,
};

fn serve(settings: &[(&str, &str)]) -> Server {
    Server::start_in(arrays(), settings)
}

fn infer_path(model: &str) -> String {
    format!("/v2/models/{model}/infer")
}

/// A request of `x` with two elements.
fn asked(datatype: &str, data: &Value) -> Value {
    json!({"inputs": [{"name": "x", "shape": [1, 2], "datatype": datatype, "data": data}]})
}

/// Arrays for the graph of two inputs.
fn terms() -> Value {
    let floats = |name: &str, data: [f32; 4]| json!({"name": name, "shape": [1, 4], "datatype": "FP32", "data": data});
    json!([floats("a", [1.0, 2.0, 3.0, 4.5]), floats("b", [4.0, 0.5, -3.0, 1.5])])
}

fn error(answer: &Answer) -> String {
    answer.json()["error"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

#[test]
fn the_server_says_what_it_is_and_what_its_models_take() {
    let server = serve(&[]);
    let get = |path: &str| server.ask(Ask::get(path)).json();
    for path in ["/v2", "/v2/"] {
        let told = get(path);
        assert_eq!(told["name"], "endcap");
        assert!(told["extensions"].as_array().unwrap().contains(&json!("binary_tensor_data")));
    }
    assert_eq!(get("/v2/health/live"), json!({"live": true}));
    assert_eq!(get("/v2/health/ready"), json!({"live": true, "ready": true}));
    let described = json!({
        "name": ADD_SUB, "versions": [VERSION], "platform": "onnx_onnxv1",
        "inputs": [
            {"name": "a", "datatype": "FP32", "shape": [-1, 4]},
            {"name": "b", "datatype": "FP32", "shape": [-1, 4]},
        ],
        "outputs": [
            {"name": "sum", "datatype": "FP32", "shape": [-1, 4]},
            {"name": "difference", "datatype": "FP32", "shape": [-1, 4]},
        ],
    });
    let versioned = format!("/v2/models/{ADD_SUB}/versions/{VERSION}");
    for path in [&format!("/v2/models/{ADD_SUB}"), &versioned] {
        assert_eq!(get(path), described);
        assert_eq!(get(&format!("{path}/ready")), json!({"name": ADD_SUB, "ready": true}));
    }
    for name in IDENTITIES {
        let told = get(&format!("/v2/models/{name}"));
        assert_eq!(told["inputs"][0]["datatype"], name.to_uppercase());
        assert_eq!(told["outputs"][0]["name"], "y", "{told}");
    }
    let language = get(&format!("/v2/models/{MODEL}"));
    let tokens = json!([{"name": "input_ids", "datatype": "INT64", "shape": [1, -1]}]);
    assert_eq!(language["inputs"], tokens);
    assert_eq!(language["outputs"][0]["name"], "logits");
}

#[test]
fn arrays_are_computed_and_given_back_as_asked() {
    let server = serve(&[]);
    let ask = |body: &Value| server.ask(Ask::post(&infer_path(ADD_SUB), body)).json();
    let both = ask(&json!({"id": "42", "inputs": terms()}));
    let output = |name: &str, data: Value| json!({"name": name, "datatype": "FP32", "shape": [1, 4], "data": data});
    let sum = output("sum", json!([5.0, 2.5, 0.0, 6.0]));
    let difference = output("difference", json!([-3.0, 1.5, 6.0, 3.0]));
    let head = json!({"model_name": ADD_SUB, "model_version": VERSION, "id": "42"});
    let mut expected = head;
    expected["outputs"] = json!([sum, difference]);
    assert_eq!(both, expected);
    let turned =
        ask(&json!({"inputs": terms(), "outputs": [{"name": "difference"}, {"name": "sum"}]}));
    assert_eq!(turned["outputs"], json!([difference, sum]));
    assert_eq!(turned.get("id"), None);
    let highest = json!([{"name": "sum", "parameters": {"classification": 2}}]);
    let highest = ask(&json!({"inputs": terms(), "outputs": highest}));
    let expected =
        json!([{"name": "sum", "datatype": "BYTES", "shape": [1, 2], "data": ["6:3", "5:0"]}]);
    assert_eq!(highest["outputs"], expected);
    let flat: Value = (0..8).map(f64::from).collect();
    let nested = json!([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]);
    let data = |data: &Value| {
        let input =
            |name: &str| json!({"name": name, "shape": [2, 4], "datatype": "FP32", "data": data});
        ask(&json!({"inputs": [input("b"), input("a")]}))["outputs"].clone()
    };
    assert_eq!(data(&flat), data(&nested));
}

#[test]
fn every_type_goes_in_and_comes_out_as_it_was() {
    let server = serve(&[]);
    for (name, data) in [
        ("bool", json!([true, false])),
        ("uint8", json!([0, 255])),
        ("uint16", json!([0, 65535])),
        ("uint32", json!([0, u32::MAX])),
        ("uint64", json!([0, u64::MAX])),
        ("int8", json!([-128, 127])),
        ("int16", json!([i16::MIN, i16::MAX])),
        ("int32", json!([i32::MIN, i32::MAX])),
        ("int64", json!([i64::MIN, i64::MAX])),
        ("fp16", json!([-65504.0, 0.5])),
        ("fp32", json!([-0.1, 1e38])),
        ("fp64", json!([0.5, -1.0])),
        ("bytes", json!(["", "K\u{e4}se \u{1f9c0}"])),
    ] {
        let body = asked(&name.to_uppercase(), &data);
        let answer = server.ask(Ask::post(&infer_path(name), &body));
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let output = &answer.json()["outputs"][0];
        let back = if name == "fp32" { json!([-0.1, 1e38]) } else { data };
        assert_eq!((&output["datatype"], &output["data"]), (&json!(name.to_uppercase()), &back));
    }
}

#[test]
fn binary_data_and_json_may_be_mixed() {
    let server = serve(&[]);
    let mut inputs = terms();
    inputs[0].as_object_mut().unwrap().remove("data");
    inputs[0]["parameters"] = json!({"binary_data_size": 16});
    let outputs = json!([{"name": "sum", "parameters": {"binary_data": true}},
                         {"name": "difference"}]);
    let json = json!({"inputs": inputs, "outputs": outputs}).to_string();
    let binary: Vec<u8> = [1.0f32, 2.0, 3.0, 4.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    let body = [json.as_bytes(), &binary].concat();
    let length = json.len().to_string();
    let ask = Ask::post_bytes(&infer_path(ADD_SUB), body.clone())
        .header("Inference-Header-Content-Length", &length);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&body).unwrap();
    let coded = Ask::post_bytes(&infer_path(ADD_SUB), gzip.finish().unwrap())
        .header("content-encoding", "gzip")
        .header("Inference-Header-Content-Length", &length);
    for ask in [ask, coded] {
        let answer = server.ask(ask);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        let json_bytes = answer.header("inference-header-content-length").unwrap();
        let (head, tail) = answer.body.split_at(json_bytes.parse().unwrap());
        let head: Value = serde_json::from_slice(head).unwrap();
        assert_eq!(head["outputs"][0]["parameters"], json!({"binary_data_size": 16}));
        assert_eq!(head["outputs"][1]["data"], json!([-3.0, 1.5, 6.0, 3.0]));
        let sum: Vec<u8> = [5.0f32, 2.5, 0.0, 6.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        assert_eq!(tail, sum);
    }
}

#[test]
fn what_cannot_be_answered_is_refused_in_the_protocols_form() {
    let server = serve(&[("ENDCAP_LIMITS_MAX_TENSOR_BYTES", "4096")]);
    let post = |model: &str, body: &Value| Ask::post(&infer_path(model), body);
    let two = json!([1, 2]);
    let large = asked("BYTES", &json!(["x".repeat(5000), ""]));
    let sequence = json!({"inputs": [], "parameters": {"sequence_id": 1}});
    let refused = [
        (Ask::get("/v2/models/nobody"), 404, "`nobody` is not served here"),
        (Ask::get("/v2/models/int8/versions/8"), 404, "in version `7`, not `8`"),
        (Ask::get("/v2/models/int8/infer"), 405, "takes POST"),
        (Ask::get("/v2/models"), 404, "there is no GET /v2/models here"),
        (Ask::get("/v2/models/int8").token("wrong"), 401, "token"),
        (post("nobody", &asked("INT8", &two)), 404, "not served"),
        (post(MODEL, &asked("INT8", &two)), 400, "the inputs are input_ids"),
        (post("int8", &asked("INT16", &two)), 400, "input x is INT16; it must be INT8"),
        (post("int8", &asked("INT8", &json!([1, 200]))), 400, "inputs[0].data[1] (`x`): 200"),
        (post("int8", &json!({"inputs": []})), 400, "input x is missing"),
        (post("int8", &sequence), 400, "parameters.sequence_id"),
        (post("bytes", &large), 413, "the limit is 4096 (4.0 KiB)"),
        (post("int8", &two).header("content-encoding", "br"), 415, "neither gzip nor deflate"),
    ];
    for (ask, status, says) in refused {
        let answer = server.ask(ask.clone());
        assert_eq!(answer.status, status, "{ask:?}: {}", answer.text());
        assert!(error(&answer).contains(says), "{}", answer.text());
    }
    let mut twice = asked("INT8", &two);
    let input = twice["inputs"][0].clone();
    twice["inputs"].as_array_mut().unwrap().push(input);
    assert!(error(&server.ask(post("int8", &twice))).contains("given twice"));
}

#[test]
fn what_was_computed_is_counted() {
    let server = serve(&[]);
    let stats = |path: &str| server.ask(Ask::get(path)).json()["model_stats"].clone();
    let path = format!("/v2/models/{ADD_SUB}/stats");
    assert_eq!(stats(&path)[0]["inference_count"], 0);
    let rows = |rows: usize| {
        let input = |name: &str| json!({"name": name, "shape": [rows, 4], "datatype": "FP32", "data": vec![1; rows * 4]});
        let body = json!({"inputs": [input("a"), input("b")]});
        assert_eq!(server.ask(Ask::post(&infer_path(ADD_SUB), &body)).status, 200);
    };
    rows(1);
    rows(3);
    for path in [path, format!("/v2/models/{ADD_SUB}/versions/{VERSION}/stats")] {
        let told = stats(&path)[0].clone();
        assert_eq!((&told["name"], &told["version"]), (&json!(ADD_SUB), &json!(VERSION)));
        assert_eq!((&told["inference_count"], &told["execution_count"]), (&json!(4), &json!(2)));
        assert!(told["last_inference"].as_u64().unwrap() > 1_700_000_000_000);
        let success = &told["inference_stats"]["success"];
        assert!(success["count"] == 2 && success["ns"].as_u64().unwrap() > 0, "{told}");
        let batches: Vec<_> = told["batch_stats"].as_array().unwrap().iter().collect();
        assert_eq!((&batches[0]["batch_size"], &batches[1]["batch_size"]), (&json!(1), &json!(3)));
    }
    let all = stats("/v2/models/stats");
    assert_eq!(all.as_array().unwrap().len(), IDENTITIES.len() + 1);
}

#[test]
fn requests_are_counted_under_the_pattern_of_their_route() {
    let server = serve(&[]);
    for model in ["int8", "int16"] {
        let body = asked(&model.to_uppercase(), &json!([1, 2]));
        assert_eq!(server.ask(Ask::post(&infer_path(model), &body)).status, 200);
    }
    let text = server.ask(Ask::get("/metrics")).text();
    let counted = "http_route=\"/v2/models/{model}/infer\",http_response_status_code=\"200\"} 2";
    assert!(text.contains(counted), "{text}");
    assert!(!text.contains("/v2/models/int8"), "{text}");
}

#[test]
fn brain_floats_go_in_and_come_out_as_binary_data() {
    const BRAIN: i32 = 16;
    let data = bare();
    let graph = Graph {
        inputs: vec![port("x", BRAIN, "n")],
        outputs: vec![port("y", BRAIN, "n")],
        nodes: vec![node("Abs", &["x"], &["y"])],
        ..Graph::default()
    };
    install_graph(data.path(), "brain", graph.bytes(), &Value::Null, &[]);
    let server = Server::start_in(data, &[]);
    let told = server.ask(Ask::get("/v2/models/brain")).json();
    assert_eq!(told["inputs"][0], json!({"name": "x", "datatype": "BF16", "shape": [-1]}));
    let infer = |binary: bool| {
        let json = json!({
            "inputs": [{
                "name": "x", "shape": [2], "datatype": "BF16", "parameters": {"binary_data_size": 4},
            }],
            "outputs": [{"name": "y", "parameters": {"binary_data": binary}}],
        });
        let json = json.to_string();
        // −1.5 and 2.
        let body = [json.as_bytes(), &[0xc0, 0xbf, 0x00, 0x40]].concat();
        let ask = Ask::post_raw("/v2/models/brain/infer", body);
        server.ask(ask.header("inference-header-content-length", &json.len().to_string()))
    };
    let answer = infer(true);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.body.ends_with(&[0xc0, 0x3f, 0x00, 0x40]), "{:?}", answer.body);
    let refused = infer(false);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("BF16 has no form in JSON"), "{}", refused.text());
}
