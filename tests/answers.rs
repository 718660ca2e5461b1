//! Answers of a running server: many at once, abandoned ones, and those that outlive it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Ask, Events, LONG, MODEL, Server, admin};

const CHAT: &str = "/v1/chat/completions";

/// A chat whose answer has exactly so many tokens: the model's special tokens are ruled out.
fn chat(question: &str, tokens: usize, change: Value) -> Value {
    let mut body = json!({
        "model": MODEL,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": tokens,
        "temperature": 0.9,
        "seed": 11,
        "logit_bias": {"0": -100, "1": -100, "2": -100},
    });
    for (field, value) in change.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn whole(server: &Server, body: &Value) -> String {
    let answer = server.ask(Ask::post(CHAT, body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

fn stream(server: &Server, mut body: Value) -> Events {
    body["stream"] = json!(true);
    Ask::post(CHAT, &body).stream(server.address())
}

/// Whether an event brings some of the answer; the first only says who speaks.
fn has_text(event: &Value) -> bool {
    event["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty())
}

fn collect(events: Events) -> String {
    events
        .filter_map(|event| {
            let text = &event["choices"][0]["delta"]["content"];
            text.as_str().map(str::to_owned)
        })
        .collect()
}

/// Prompts of several lengths and ways to sample, one for each stream.
fn variety() -> Vec<Value> {
    let question = "Where can I find the milk, and what does the bread cost? ";
    (0..10)
        .map(|i| {
            let sampling = match i % 4 {
                0 => json!({"temperature": 0}),
                1 => json!({"seed": i, "top_p": 0.8}),
                2 => json!({"seed": i, "top_k": 40, "repetition_penalty": 1.2}),
                _ => json!({"seed": i, "min_p": 0.02, "frequency_penalty": 0.5}),
            };
            chat(&question.repeat(1 + i % 5), 40 + 7 * i, sampling)
        })
        .collect()
}

#[test]
fn ten_streams_at_once_say_what_each_says_alone() {
    let server = Server::start();
    let asked = variety();
    let alone: Vec<String> = asked.iter().map(|body| whole(&server, body)).collect();
    assert!(alone.iter().collect::<std::collections::BTreeSet<_>>().len() > 5, "{alone:?}");
    for round in 0..3 {
        let together: Vec<String> = std::thread::scope(|scope| {
            let server = &server;
            let streams: Vec<_> = asked
                .iter()
                .map(|body| scope.spawn(move || collect(stream(server, body.clone()))))
                .collect();
            streams.into_iter().map(|stream| stream.join().unwrap()).collect()
        });
        assert_eq!(together, alone, "round {round}");
    }
    server.wait_for("endcap_queue_running", "", |n| n == 0.0);
}

#[test]
fn an_answer_does_not_depend_on_threads_chunks_or_neighbours() {
    let body = chat(&"What is the offer of the week? ".repeat(6), 60, json!({}));
    let expected = whole(&Server::start(), &body);
    for settings in [
        &[("ENDCAP_ENGINE_THREADS", "1")][..],
        &[("ENDCAP_ENGINE_PREFILL_CHUNK_TOKENS", "3")],
        &[("ENDCAP_ENGINE_MAX_SEQUENCES", "1"), ("ENDCAP_ENGINE_PREFILL_CHUNK_TOKENS", "512")],
    ] {
        assert_eq!(whole(&Server::start_with(settings), &body), expected, "{settings:?}");
    }
}

#[test]
fn an_abandoned_answer_stops() {
    let server = Server::tireless(&[]);
    let tokens = || server.metric("endcap_tokens_total", "output");
    let mut left = stream(&server, chat("What does this cost?", LONG, json!({"n": 8})));
    assert!(left.any(|event| has_text(&event)));
    drop(left);
    server.wait_for("endcap_answers_cancelled_total", "", |n| n == 8.0);
    server.wait_for("endcap_queue_running", "", |n| n == 0.0);
    server.wait_for("endcap_kv_used_bytes", "", |n| n == 0.0);
    let after = tokens();
    assert!(0.0 < after && after < (8 * LONG) as f64, "{after} tokens were made for nobody");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(tokens(), after, "the engine goes on");
}

#[test]
fn a_whole_answer_that_nobody_waits_for_stops_too() {
    let server = Server::tireless(&[]);
    let body = chat("What does this cost?", LONG, json!({"n": 8}));
    let connection = Ask::post(CHAT, &body).open(server.address());
    server.wait_for("endcap_queue_running", "", |n| n > 0.0);
    drop(connection);
    server.wait_for("endcap_answers_cancelled_total", "", |n| n == 8.0);
    server.wait_for("endcap_queue_running", "", |n| n == 0.0);
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let server =
        Server::tireless(&[("ENDCAP_ENGINE_MAX_SEQUENCES", "1"), ("ENDCAP_ENGINE_MAX_QUEUE", "1")]);
    let long = Ask::post(CHAT, &chat("What does this cost?", LONG, json!({})));
    let running = long.open(server.address());
    server.wait_for("endcap_queue_running", "", |n| n == 1.0);
    let waiting = long.open(server.address());
    server.wait_for("endcap_queue_waiting", "", |n| n == 1.0);
    let refused = server.ask(long);
    assert_eq!(refused.status, 503, "{}", refused.text());
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=600).contains(&seconds), "{seconds}");
    assert_eq!(refused.json()["error"]["code"], "queue_full");
    drop((running, waiting));
    server.wait_for("endcap_queue_waiting", "", |n| n == 0.0);
    server.wait_for("endcap_queue_running", "", |n| n == 0.0);
    assert_eq!(server.ask(Ask::post(CHAT, &chat("Hello", 2, json!({})))).status, 200);
}

#[test]
fn ctrl_c_lets_a_running_answer_finish_and_ends_with_0() {
    let mut server = Server::tireless(&[("ENDCAP_ENGINE_THREADS", "1")]);
    // Long enough to be running still, in nearly every run; if it is not, nothing is proved wrong.
    let mut running = stream(&server, chat("What does this cost?", 5000, json!({})));
    assert!(running.any(|event| has_text(&event)));
    server.interrupt();
    let mut last = Value::Null;
    let mut parts = 1;
    for event in running {
        parts += 1;
        if event["choices"][0]["finish_reason"].is_string() {
            last = event;
        }
    }
    assert_eq!(last["choices"][0]["finish_reason"], "length", "after {parts} parts");
    let status = server.wait();
    assert!(status.success(), "{status}: {}", server.log());
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let mut server = Server::start_with(&[
        ("ENDCAP_SERVER_DRAIN_TIMEOUT_S", "600"),
        ("ENDCAP_SERVER_BODY_TIMEOUT_S", "300"),
    ]);
    // A request whose body does not come keeps the drain waiting.
    let mut half = std::net::TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        admin()
    );
    std::io::Write::write_all(&mut half, head.as_bytes()).unwrap();
    // That one and the one that asks.
    server.wait_for("http_server_active_requests", "", |n| n >= 2.0);
    server.interrupt();
    server.wait_for_log("stopping");
    server.interrupt();
    let status = server.wait();
    assert_eq!(status.code(), Some(130), "{status}");
}
