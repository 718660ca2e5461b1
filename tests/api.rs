//! The doors of a running server: who may enter, and what happens to what should not.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Answer, Ask, MODEL, Server, admin, endcap, stdout};

const CHAT: &str = "/v1/chat/completions";

fn chat(change: Value) -> Value {
    let mut body = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": "Where is the milk?"}],
        "max_tokens": 4,
        "temperature": 0,
    });
    for (field, value) in change.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// Every operation of `/openapi.json`: method, path with its parameters filled in, public or not.
fn operations(server: &Server) -> Vec<(String, String, bool)> {
    let document = server.ask(Ask::get("/openapi.json")).json();
    let default = document["security"].clone();
    let mut found = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = operation.get("security").unwrap_or(&default);
            let public = security.as_array().is_none_or(Vec::is_empty);
            let path = path
                .replace("{table}", "prices")
                .replace("{id}", MODEL)
                .replace("{model}", MODEL)
                .replace("{name}", MODEL);
            found.push((method.to_uppercase(), path, public));
        }
    }
    found
}

#[test]
fn only_the_routes_meant_for_everybody_answer_without_a_token() {
    let server = Server::start();
    let operations = operations(&server);
    let routes: Vec<&str> = operations.iter().map(|(_, path, _)| path.as_str()).collect();
    for known in [CHAT, "/v1/completions", "/v1/models", "/metrics", "/health/live"] {
        assert!(routes.contains(&known), "{known} is not in /openapi.json: {routes:?}");
    }
    for (method, path, public) in operations {
        let meant = path.starts_with("/health/")
            || path.starts_with("/v2/health/")
            || path.starts_with("/pages/")
            || ["/openapi.json", "/v2", "/v2/", "/kiosk", "/associate", "/store/v1/pair"]
                .contains(&path.as_str());
        assert_eq!(public, meant, "{method} {path}");
        for token in ["", "Bearer wrong", "Basic YTpi", "Bearer"] {
            let answer = server.ask(Ask::new(&method, &path).header("authorization", token));
            if public {
                // Pairing wants a body, and no page has the name that is filled in.
                let bare = !path.starts_with("/pages/") && path != "/store/v1/pair";
                assert!(![401, 403].contains(&answer.status), "{method} {path}");
                assert!(!bare || answer.status == 200, "{method} {path}: {}", answer.status);
                continue;
            }
            assert_eq!(answer.status, 401, "{method} {path} with `{token}`: {}", answer.text());
            assert!(answer.header("www-authenticate").is_some(), "{method} {path}");
            let error = &answer.json()["error"];
            let message = if path.starts_with("/v2") { error } else { &error["message"] };
            assert!(message.is_string(), "{method} {path}: {error}");
        }
    }
}

#[test]
fn a_token_opens_its_roles_routes_until_it_is_revoked() {
    let server = Server::start();
    let data = server.data().to_str().unwrap().to_owned();
    let token = |arguments: &[&str]| {
        let output =
            endcap().arg("token").args(arguments).args(["--data", &data]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        stdout(&output)
    };
    let made: Value =
        serde_json::from_str(&token(&["create", "--label", "kiosk 4", "--json"])).unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let models = || server.ask(Ask::get("/v1/models").token(secret)).status;
    until(|| models() == 200);
    assert!(!token(&["list"]).contains(secret) && token(&["list"]).contains("kiosk 4"));
    let stored = std::fs::read_to_string(server.data().join("tokens.json")).unwrap();
    assert!(!stored.contains(secret), "a token is stored in clear");
    token(&["revoke", id]);
    until(|| models() == 401);
    assert!(!server.log().contains(secret), "a token is in the log");
}

fn until(holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "it does not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A question that must be refused: what it is, the question, the status, what the answer names.
type Bad = (&'static str, Ask, u16, &'static str);

fn bad_requests() -> Vec<Bad> {
    let post = |change: Value| Ask::post(CHAT, &chat(change));
    let raw = |body: &[u8]| Ask::post_bytes(CHAT, body.to_vec());
    let said = |content: Value| json!({"messages": [{"role": "user", "content": content}]});
    let mut deep = vec![b'['; 100_000];
    deep.extend(vec![b']'; 100_000]);
    vec![
        ("no body", raw(b""), 400, ""),
        ("broken JSON", raw(b"{\"model\": "), 400, "JSON"),
        ("JSON and more", raw(b"{} {}"), 400, ""),
        ("an array", raw(b"[]"), 400, ""),
        ("deep nesting", raw(&deep), 400, ""),
        ("invalid UTF-8", raw(b"{\"model\": \"\xff\xfe\"}"), 400, "UTF-8"),
        ("half a surrogate", raw(br#"{"model": "\ud800"}"#), 400, ""),
        ("an unknown field", post(json!({"colour": "red"})), 400, "colour"),
        (
            "an unknown field of a message",
            post(json!({"messages": [{"role": "user", "content": "x", "mood": 1}]})),
            400,
            "mood",
        ),
        (
            "an unknown role",
            post(json!({"messages": [{"role": "cat", "content": "x"}]})),
            400,
            "role",
        ),
        ("no messages", post(json!({"messages": []})), 400, "messages"),
        ("text for messages", post(json!({"messages": "hello"})), 400, "messages"),
        ("a number for content", post(said(json!(7))), 400, "content"),
        (
            "an image",
            post(said(json!([{"type": "image_url", "image_url": {"url": "x"}}]))),
            400,
            "",
        ),
        ("text for a number", post(json!({"temperature": "hot"})), 400, "temperature"),
        ("a negative temperature", post(json!({"temperature": -0.1})), 400, "temperature"),
        ("a huge temperature", post(json!({"temperature": 1e300})), 400, "temperature"),
        ("top_p below 0", post(json!({"top_p": -0.5})), 400, "top_p"),
        ("top_p above 1", post(json!({"top_p": 1.1})), 400, "top_p"),
        ("max_tokens of 0", post(json!({"max_tokens": 0})), 400, "max_tokens"),
        ("negative max_tokens", post(json!({"max_tokens": -1})), 400, "max_tokens"),
        ("fractional max_tokens", post(json!({"max_tokens": 1.5})), 400, "max_tokens"),
        ("huge max_tokens", post(json!({"max_tokens": 1u64 << 40})), 400, "max_tokens"),
        ("n of 0", post(json!({"n": 0})), 400, "n"),
        ("huge n", post(json!({"n": 1_000_000})), 400, "n"),
        ("huge penalty", post(json!({"presence_penalty": 1e9})), 400, "presence_penalty"),
        ("a bias for no token", post(json!({"logit_bias": {"99999999": 1}})), 400, "logit_bias"),
        (
            "a bias that stands there twice",
            raw(br#"{"model": "tiny", "messages": [], "logit_bias": {"7": 1, "7": 2}}"#),
            400,
            "logit_bias.7",
        ),
        ("a bias by name", post(json!({"logit_bias": {"milk": 1}})), 400, "logit_bias"),
        ("too many stops", post(json!({"stop": vec!["x"; 17]})), 400, "stop"),
        ("an empty stop", post(json!({"stop": ""})), 400, "stop"),
        ("top_logprobs alone", post(json!({"top_logprobs": 2})), 400, "top_logprobs"),
        (
            "many top_logprobs",
            post(json!({"logprobs": true, "top_logprobs": 21})),
            400,
            "top_logprobs",
        ),
        ("a number for stream", post(json!({"stream": 1})), 400, "stream"),
        ("no model", raw(br#"{"messages": [{"role": "user", "content": "x"}]}"#), 400, "model"),
        ("an unknown model", post(json!({"model": "nobody"})), 404, "nobody"),
        ("a path for a model", post(json!({"model": "../../etc/passwd"})), 404, ""),
        ("a long prompt", post(said(json!("milk ".repeat(5000)))), 400, "messages"),
        ("tools", post(json!({"tools": [{"type": "function"}]})), 400, "tools"),
        ("10 MB", raw(&vec![b' '; 10_000_000]), 413, ""),
        ("a huge head", Ask::get("/v1/models").header("x", &"y".repeat(1 << 20)), 431, "head"),
        ("a head that is none", Ask::new("GET\0", "/v1/models"), 400, "head"),
        ("no such route", Ask::get("/v1/nothing"), 404, ""),
        ("no such method", Ask::new("DELETE", CHAT), 405, ""),
        (
            "another content type",
            Ask::new("POST", CHAT).header("content-type", "text/plain"),
            415,
            "",
        ),
        (
            "a prompt that is no text",
            Ask::post("/v1/completions", &json!({"model": MODEL, "prompt": {"a": 1}})),
            400,
            "prompt",
        ),
        (
            "a field of the other route",
            Ask::post("/v1/completions", &json!({"model": MODEL, "prompt": "x", "messages": []})),
            400,
            "messages",
        ),
    ]
}

#[test]
fn bad_requests_are_refused_by_name_and_cost_no_memory() {
    let server = Server::start();
    for (what, ask, status, named) in bad_requests() {
        let answer = server.ask(ask);
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let error = &answer.json()["error"];
        let told = format!("{} {}", error["message"], error["param"]);
        assert!(told.contains(named), "{what}: {told}");
        assert!(error["type"].is_string(), "{what}: {error}");
    }
    assert_eq!(server.metric("endcap_http_panics_total", ""), 0.0);

    let rounds = |count: usize| {
        for _ in 0..count {
            for (_, ask, _, _) in bad_requests() {
                server.ask(ask);
            }
        }
    };
    rounds(10);
    let before = server.memory_bytes();
    rounds(40);
    let grown = server.memory_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "2000 bad requests left {grown} bytes behind");
    assert_eq!(server.ask(Ask::post(CHAT, &chat(json!({})))).status, 200);
}

/// What a server says to these bytes, after which nothing comes; `ends` closes our half as well.
fn said_to(server: &Server, sent: &[u8], ends: bool) -> Option<Answer> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(sent);
    if ends {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut stream = std::io::BufReader::new(stream);
    let silent = std::io::BufRead::fill_buf(&mut stream).is_ok_and(<[u8]>::is_empty);
    (!silent).then(|| Answer::read(&mut stream))
}

#[test]
fn a_client_that_is_slow_is_told_so_and_a_silent_one_is_hung_up_on() {
    let server = Server::start_with(&[
        ("ENDCAP_SERVER_HEADER_TIMEOUT_S", "0.5"),
        ("ENDCAP_SERVER_BODY_TIMEOUT_S", "0.5"),
    ]);
    let announced =
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let token = format!("authorization: Bearer {}\r\n", crate::support::admin());
    let half =
        [&announced[..], token.as_bytes(), b"content-length: 500\r\n\r\n{\"model\":"].concat();
    for (sent, code) in [
        (&b"GET /health/li"[..], "head_timeout"),
        (b"GET /health/live HTTP/1.1\r\nhost: x\r\nx-", "head_timeout"),
        (&half, "body_timeout"),
    ] {
        let answer = said_to(&server, sent, false).unwrap();
        assert_eq!(answer.status, 408, "{}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["code"], code);
        assert!(error["message"].as_str().unwrap().contains("within 0.5 s"), "{error}");
    }
    assert!(said_to(&server, b"", false).is_none());
    assert_eq!(server.ask(Ask::get("/health/live")).status, 200);
}

#[test]
fn what_is_not_http_is_told_so() {
    let server = Server::start();
    for sent in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"POST /v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nhost: x\r\n",
    ] {
        let answer = said_to(&server, sent, true).unwrap();
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json()["error"]["code"], "invalid_head");
    }
    let unsure: &[u8] = b"POST /v1/models HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\
        transfer-encoding: chunked\r\n\r\nzz";
    if let Some(answer) = said_to(&server, unsure, true) {
        assert!((400..500).contains(&answer.status), "{}", answer.text());
    }
    assert_eq!(server.ask(Ask::get("/health/live")).status, 200);
}

#[test]
fn only_listed_origins_are_let_in() {
    let server = Server::start_with(&[("ENDCAP_SERVER_CORS_ORIGINS", "https://kiosk.example")]);
    let asked = |origin: &str| -> Answer {
        let ask = Ask::new("OPTIONS", CHAT).anonymous().header("origin", origin);
        let ask = ask.header("access-control-request-method", "POST");
        server.ask(ask.header("access-control-request-headers", "authorization,content-type"))
    };
    let friend = asked("https://kiosk.example");
    assert_eq!(friend.header("access-control-allow-origin"), Some("https://kiosk.example"));
    let allowed = friend.header("access-control-allow-headers").unwrap().to_lowercase();
    assert!(allowed.contains("authorization"), "{allowed}");
    let stranger = asked("https://elsewhere.example");
    assert_eq!(stranger.header("access-control-allow-origin"), None);
}

#[test]
fn a_refusal_before_the_body_is_read_arrives_over_every_version_of_http() {
    let server = Server::start();
    let curl = |version: &str, path: &str, headers: &[&str], body: &str| {
        let headers = headers.iter().flat_map(|header| ["--header", header]);
        let output = std::process::Command::new("curl")
            .args(["--silent", "--max-time", "20", "--noproxy", "*", version, "--data", body])
            .args(["--output", "/dev/null", "--write-out", "%{http_code}"])
            .args(headers)
            .arg(format!("http://{}{path}", server.address()))
            .output()
            .unwrap();
        stdout(&output)
    };
    let (admin, json) =
        (format!("Authorization: Bearer {}", admin()), "Content-Type: application/json");
    let chat = "/v1/chat/completions";
    let large = "x".repeat(100_000);
    for version in ["--http2-prior-knowledge", "--http1.1"] {
        for (path, headers, status) in [
            (chat, vec!["Authorization: Bearer x", json], "401"),
            (chat, vec![json], "401"),
            (chat, vec![admin.as_str(), "Content-Type: text/plain"], "415"),
            ("/nowhere", vec![json], "404"),
            ("/health/live", vec![json], "405"),
        ] {
            for body in ["{}", &large] {
                for _ in 0..5 {
                    let answer = curl(version, path, &headers, body);
                    assert_eq!(answer, status, "{version} {path} {}", body.len());
                }
            }
        }
    }
}

#[test]
fn tls_is_spoken_with_the_configured_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let server = Server::start_with(&[
        ("ENDCAP_SERVER_TLS_CERTIFICATE", certificate.to_str().unwrap()),
        ("ENDCAP_SERVER_TLS_KEY", key.to_str().unwrap()),
    ]);
    let port = server.address().rsplit(':').next().unwrap();
    let curl = |arguments: &[&str]| {
        let url = format!("https://localhost:{port}/health/ready");
        let resolve = format!("localhost:{port}:127.0.0.1");
        std::process::Command::new("curl")
            .args(["--silent", "--max-time", "20", "--noproxy", "*", "--resolve", &resolve])
            .args(["--output", "/dev/null", "--write-out", "%{http_code} %{http_version}"])
            .args(arguments)
            .arg(url)
            .output()
            .unwrap()
    };
    let trusted = certificate.to_str().unwrap();
    assert_eq!(stdout(&curl(&["--http1.1", "--cacert", trusted])), "200 1.1");
    assert_eq!(stdout(&curl(&["--http2", "--cacert", trusted])), "200 2");
    assert!(!curl(&[]).status.success(), "a certificate nobody vouches for was believed");
    assert!(!curl(&["--tls-max", "1.1", "--cacert", trusted]).status.success());
}
