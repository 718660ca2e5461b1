//! Decoders of outside bytes, given bytes that nobody meant.
//!
//! Each target takes something valid and damages it, as noise alone seldom gets past the first
//! check. A failure prints `BOLERO_RANDOM_SEED`, with which it comes again;
//! `BOLERO_RANDOM_ITERATIONS` sets how many tries there are.

use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use endcap::api::shelf::StillShelf;
use endcap::api::{
    self, Conversations, Limits, LineView, OwnSettings, Served, ServedNetwork, Service,
    ServiceParts, Unaudited,
};
use endcap::cache::{self, Cache};
use endcap::config::{self, Sources};
use endcap::engine::{
    Array, Budget, Config, Inference, Model, ModelSource, Network, NetworkSource,
};
use endcap::facts::search::Search;
use endcap::facts::{Facts, FactsConfig};
use endcap::http::{BodyLimits, Health, Pairing, Role, Tokens};
use endcap::packages::gguf::Gguf;
use endcap::packages::safetensors::Safetensors;
use endcap::packages::{Card, Catalogue, GenerationDefaults, Manifest};
use endcap::shoppers::{Shoppers, ShoppersConfig};
use endcap::skills::chat::{self, ChatTemplate, Message};
use endcap::skills::clerk::Settings;
use endcap::skills::pictures::{Announced, Format};
use endcap::telemetry::{CacheMetrics, Metrics};
use serde_json::json;
use tower::ServiceExt;

use crate::support::onnx::{self, FLOAT, Graph, INT64, floats, integers, node, port};
use crate::support::{ADD_SUB, VERSION, data, graph, root};

/// What is done to valid bytes: at which place, what, with which byte.
type Damage = Vec<(u16, u8, u8)>;

/// The bytes after each change: one replaced, one put in, some taken out, some repeated, or cut.
fn damaged(valid: &[u8], damage: &Damage) -> Vec<u8> {
    let mut bytes = valid.to_vec();
    for &(place, kind, byte) in damage {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(place) % bytes.len();
        let end = (at + usize::from(byte) % 8 + 1).min(bytes.len());
        match kind % 8 {
            0..=2 => bytes[at] = byte,
            3 => bytes[at] ^= 1 << (byte % 8),
            4 => bytes.insert(at, byte),
            5 => drop(bytes.drain(at..end)),
            6 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ if byte < 16 => bytes.truncate(at),
            _ => bytes[at] = b"\"\\{}[],:-0eE."[usize::from(byte) % 13],
        }
    }
    bytes
}

fn try_damage(iterations: usize, valid: &[u8], decode: impl Fn(&[u8])) {
    decode(valid);
    let decode = std::panic::AssertUnwindSafe(decode);
    bolero::check!()
        .with_iterations(iterations)
        .with_type::<Damage>()
        .for_each(|damage| (*decode)(&damaged(valid, damage)));
}

#[test]
fn gguf_files() {
    let valid = std::fs::read(root().join("models/tiny/q4_1.gguf")).unwrap();
    try_damage(3000, &valid, |bytes| {
        let _ = Gguf::parse(bytes);
    });
}

#[test]
fn manifests() {
    let data = data();
    let valid = std::fs::read(data.path().join("models/tiny/package.json")).unwrap();
    try_damage(3000, &valid, |bytes| {
        if let Ok(manifest) = Manifest::parse(bytes) {
            let again = Manifest::parse(&manifest.to_bytes().unwrap()).unwrap();
            assert_eq!(again, manifest, "a manifest changes when it is written again");
        }
    });
}

#[test]
fn cards_and_defaults() {
    let data = data();
    let valid = std::fs::read(data.path().join("models/tiny/card.cdx.json")).unwrap();
    try_damage(1000, &valid, |bytes| {
        let _ = Card::parse(bytes);
        let _ = GenerationDefaults::parse(bytes);
    });
}

#[test]
fn written_cards() {
    let valid = std::fs::read(root().join("models/tiny/encoder/card.toml")).unwrap();
    try_damage(2000, &valid, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(card) = Card::parse_written(&text) {
            let again = Card::parse(&card.to_bytes().unwrap()).unwrap();
            assert_eq!(again.limits, card.limits, "a card changes when it is written");
        }
    });
}

#[test]
fn safetensors_files() {
    let header = br#"{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},
                      "b":{"dtype":"F16","shape":[],"data_offsets":[8,10]}}"#;
    let length = (header.len() as u64).to_le_bytes();
    let valid = [&length[..], header, &[0; 10]].concat();
    try_damage(3000, &valid, |bytes| {
        if let Ok(file) = Safetensors::parse(bytes) {
            file.names().filter_map(|name| file.tensor(name)).for_each(|t| drop(t.floats()));
        }
    });
}

#[test]
fn catalogues() {
    let valid = std::fs::read(root().join("models/catalogue.toml")).unwrap();
    try_damage(1000, &valid, |bytes| {
        let _ = Catalogue::parse(&String::from_utf8_lossy(bytes));
    });
}

#[test]
fn onnx_graphs() {
    let data = data();
    let folder = data.path().join("models/tiny");
    let valid = std::fs::read(folder.join("model.onnx")).unwrap();
    let onnx = folder.join("damaged.onnx");
    let source = ModelSource {
        name: "damaged".to_owned(),
        onnx: onnx.clone(),
        tokenizer: folder.join("tokenizer.json"),
        end_tokens: vec![2],
        context_tokens: 512,
        derived: None,
    };
    try_damage(100, &valid, |bytes| {
        std::fs::write(&onnx, bytes).unwrap();
        let _ = Model::check(&source);
    });
}

#[test]
fn networks() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("damaged.onnx");
    let graph = Graph {
        inputs: vec![port("x", FLOAT, "n 4"), port("shape", INT64, "k")],
        outputs: vec![port("y", FLOAT, "*")],
        nodes: vec![
            node("MatMul", &["x", "w"], &["product"]),
            node("Pad", &["product", "pads"], &["padded"]),
            node("Slice", &["padded", "from", "to"], &["part"]),
            node("Softmax", &["part"], &["share"]),
            node("Reshape", &["share", "shape"], &["y"]),
        ],
        stored: vec![
            floats("w", &[4, 3], &[0.5; 12]),
            integers("pads", &[4], &[0, 1, 0, 1]),
            integers("from", &[1], &[0]),
            integers("to", &[1], &[9]),
        ],
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { threads: 1, ..Config::default() };
    try_damage(300, &graph.bytes(), |bytes| {
        std::fs::write(&onnx, bytes).unwrap();
        let source = onnx::source(onnx.clone());
        let budget = Budget::new(16 << 20);
        let Ok(network) = Network::load_within(&budget, &source, &config) else { return };
        let x = Array::floats(vec![2, 4], &[1.0; 8]).unwrap();
        let shape = Array::integers(vec![2], &[5, 2]).unwrap();
        let inputs = vec![("x".to_owned(), x), ("shape".to_owned(), shape)];
        let asked = Inference { inputs, outputs: Vec::new(), deadline: None };
        let _ = runtime.block_on(network.infer(asked));
    });
}

/// Half a rainbow, small enough that many can be tried.
fn picture(format: image::ImageFormat) -> Vec<u8> {
    let colour = |x: u32, y: u32| image::Rgb([(x * 16) as u8, (y * 20) as u8, 90]);
    let picture = image::DynamicImage::from(image::RgbImage::from_fn(16, 12, colour));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn pictures() {
    let limit_pixels = 1 << 16;
    for (form, format) in [
        (image::ImageFormat::Png, Format::Png),
        (image::ImageFormat::Jpeg, Format::Jpeg),
        (image::ImageFormat::WebP, Format::WebP),
    ] {
        try_damage(2000, &picture(form), |bytes| {
            let Ok(announced) = Announced::read(format, bytes.to_vec(), limit_pixels) else {
                return;
            };
            assert!(announced.pixels() <= limit_pixels);
            let pixels = announced.pixels();
            let Ok(picture) = announced.decode() else { return };
            assert_eq!((picture.width() * picture.height()) as u64, pixels);
            assert_eq!(picture.rgb().len() as u64, 3 * pixels);
        });
    }
}

/// The file's own checks would end most damage at the first byte; made right again, what is inside
/// gets its turn.
#[test]
fn pictures_whose_sums_are_right() {
    try_damage(2000, &picture(image::ImageFormat::Png), |bytes| {
        let Ok(announced) = Announced::read(Format::Png, resummed(bytes), 1 << 16) else { return };
        let _ = announced.decode();
    });
}

/// A PNG with the check sum of each chunk as it should be.
fn resummed(png: &[u8]) -> Vec<u8> {
    let mut png = png.to_vec();
    let mut at = 8;
    while let Some(&[a, b, c, d]) = png.get(at..at + 4) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let Some(chunk) = png.get(at + 4..at + 8 + length) else { break };
        let mut sum = flate2::Crc::new();
        sum.update(chunk);
        let sum = sum.sum().to_be_bytes();
        let Some(place) = png.get_mut(at + 8 + length..at + 12 + length) else { break };
        place.copy_from_slice(&sum);
        at += 12 + length;
    }
    png
}

#[test]
fn configurations() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let valid = b"data_dir = \"data\"\n[server]\nlisten = \"127.0.0.1:0\"\nmax_body = \"1 MiB\"\n\
                  cors_origins = [\"https://a.example\"]\n[limits]\nmax_n = 3\n[engine]\n\
                  kv_budget = 4000000\n[models]\nserve = [\"tiny\"]\n[log]\nfilter = \"info\"\n";
    try_damage(1000, valid, |bytes| {
        std::fs::write(&file, bytes).unwrap();
        let _ = config::load(&Sources::none().with_file(Path::new(&file)));
    });
}

#[test]
fn chat_templates() {
    let data = data();
    let valid = std::fs::read(data.path().join("models/tiny/chat_template.jinja")).unwrap();
    let messages = [Message { role: chat::Role::User, content: "Hello".to_owned() }];
    try_damage(1000, &valid, |bytes| {
        let source = String::from_utf8_lossy(bytes);
        if let Ok(template) = ChatTemplate::compile(&source, "<s>", "</s>") {
            let _ = template.prompt(&messages, str::to_owned);
        }
    });
}

/// A door with these models behind it. With none, a request that is right gets as far as the
/// model's name.
fn door(models: Vec<Served>) -> axum::Router {
    let facts = Facts::in_memory(FactsConfig::default()).unwrap();
    let tokens = Arc::new(Tokens::in_memory().with_fixed("token", Role::Admin, "fuzz"));
    let parts = ServiceParts {
        pairing: Arc::new(Pairing::new(Arc::clone(&tokens))),
        shelf: Arc::new(StillShelf::of(models)),
        facts: facts.clone(),
        skills: Settings::default().into(),
        limits: Limits::default(),
        body: BodyLimits::default(),
        request_timeout: std::time::Duration::from_secs(60),
        tokens,
        metrics: Arc::new(Metrics::new()),
        health: Arc::new(Health::default()),
        cache: Cache::in_memory(cache::Config::default(), facts.clone(), CacheMetrics::default()),
        search: Arc::new(Search::open(facts, None).unwrap()),
        line: tokio::sync::watch::channel(LineView::off()).1,
        settings: Arc::new(OwnSettings::default()),
        desk: None,
        firmware: None,
        conversations: Conversations::alone(
            Shoppers::in_memory(ShoppersConfig::default()).unwrap(),
        ),
        acts: Arc::new(Unaudited),
    };
    api::router(Arc::new(Service::new(parts)))
}

fn try_requests(path: &'static str, valid: &serde_json::Value) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let door = door(Vec::new());
    let ask = |bytes: &[u8]| {
        let request = Request::post(path)
            .header(header::AUTHORIZATION, "Bearer token")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(bytes.to_vec()))
            .unwrap();
        runtime.block_on(door.clone().oneshot(request)).unwrap().status().as_u16()
    };
    let valid = valid.to_string().into_bytes();
    assert_eq!(ask(&valid), 404, "the undamaged request is right, and its model unknown");
    try_damage(3000, &valid, |bytes| {
        let status = ask(bytes);
        assert!([400, 404].contains(&status), "{status}");
    });
}

#[test]
fn chat_requests() {
    try_requests(
        "/v1/chat/completions",
        &json!({
            "model": "tiny",
            "messages": [
                {"role": "system", "content": "Be short."},
                {"role": "user", "content": [{"type": "text", "text": "Where is the milk? \u{1f95b}"}]},
            ],
            "temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.01, "seed": -3, "n": 2,
            "presence_penalty": 0.1, "frequency_penalty": -0.1, "repetition_penalty": 1.1,
            "logit_bias": {"5": -100, "7": 1.5}, "stop": ["a", "\n"], "max_tokens": 12,
            "logprobs": true, "top_logprobs": 3, "stream": true,
            "stream_options": {"include_usage": true},
        }),
    );
}

#[test]
fn completion_requests() {
    try_requests(
        "/v1/completions",
        &json!({
            "model": "tiny", "prompt": ["The price", "of milk"], "max_tokens": 3, "temperature": 0,
            "logprobs": 2, "n": 2, "stop": "x", "seed": 1, "stream": false, "echo": false,
        }),
    );
}

fn served(name: &str) -> Served {
    let source = NetworkSource { name: name.to_owned(), onnx: graph(name), derived: None };
    let budget = Budget::new(1 << 30);
    let network = Network::load_within(&budget, &source, &Config::default()).unwrap();
    Served::Network(Arc::new(ServedNetwork {
        files: Vec::new(),
        name: name.to_owned(),
        version: VERSION.to_owned(),
        network,
        tokenizer: None,
        head: None,
        created: std::time::SystemTime::UNIX_EPOCH,
        owned_by: "nobody".to_owned(),
    }))
}

/// Damages a request whose JSON has so many bytes, with binary data behind it. What is answered
/// has as many elements as its shape says.
fn try_inferences(model: &'static str, valid: &[u8], json_bytes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let door = door(vec![served(model)]);
    let ask = |bytes: &[u8]| {
        let request = Request::post(format!("/v2/models/{model}/infer"))
            .header(header::AUTHORIZATION, "Bearer token")
            .header("Inference-Header-Content-Length", json_bytes.min(bytes.len()))
            .body(Body::from(bytes.to_vec()))
            .unwrap();
        runtime.block_on(async {
            let (head, body) = door.clone().oneshot(request).await.unwrap().into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            (head.status.as_u16(), body)
        })
    };
    assert_eq!(ask(valid).0, 200, "the undamaged request is right: {:?}", ask(valid).1);
    try_damage(3000, valid, |bytes| {
        let (status, body) = ask(bytes);
        // The time that it allows may have become too short.
        assert!([200, 400, 504].contains(&status), "{status} {body:?}");
        let Ok(answer) = serde_json::from_slice::<serde_json::Value>(&body) else { return };
        for output in answer["outputs"].as_array().into_iter().flatten() {
            let shape = output["shape"].as_array().unwrap().iter();
            let count: u64 = shape.map(|length| length.as_u64().unwrap()).product();
            assert_eq!(output["data"].as_array().unwrap().len() as u64, count, "{output}");
        }
    });
}

#[test]
fn inference_requests_of_json() {
    let input = |name: &str, data: serde_json::Value| json!({"name": name, "shape": [2, 4], "datatype": "FP32", "data": data});
    let valid = json!({
        "id": "7", "parameters": {"timeout": 900000, "binary_data_output": false, "priority": 0},
        "inputs": [
            input("a", json!([[1, -2.5, 3e-2, 4], [5, 6, 7, 8]])),
            input("b", json!([1, 2, 3, 4, 5, 6, 7, 1e30])),
        ],
        "outputs": [{"name": "sum", "parameters": {"classification": 2}}, {"name": "difference"}],
    });
    let valid = valid.to_string().into_bytes();
    try_inferences(ADD_SUB, &valid, usize::MAX);
}

#[test]
fn inference_requests_with_binary_data() {
    let json = json!({
        "inputs": [{
            "name": "x", "shape": [1, 2], "datatype": "BYTES",
            "parameters": {"binary_data_size": 13},
        }],
        "outputs": [{"name": "y", "parameters": {"binary_data": false}}],
    });
    let json = json.to_string().into_bytes();
    let valid = [&json, &b"\x04\0\0\0milk\x01\0\0\0!"[..]].concat();
    try_inferences("bytes", &valid, json.len());
}

#[test]
fn requests_for_answers_from_facts() {
    let question = json!({
        "question": "Where is the milk? Call 0171 1234567.", "language": "en", "shopper": "a",
        "stream": true, "model": "none",
    });
    try_requests("/store/v1/ask", &question);
    let order = json!({
        "sku": "0041", "kind": "shelf_talker", "language": "de", "tone": "playful",
        "length": "long", "audience": "families", "scope": "public", "model": "none",
    });
    try_requests("/store/v1/copy", &order);
}
