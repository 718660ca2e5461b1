//! The cache of answers, over HTTP.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{
    Answer, Ask, LONG, MODEL, Server, admin, data, endcap, python, root, stderr, stdout,
};

const CHAT: &str = "/v1/chat/completions";

/// A chat whose answer comes to an end by itself.
fn chat(change: Value) -> Value {
    let mut body = json!({
        "model": MODEL, "temperature": 0, "max_tokens": 200,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    for (field, value) in change.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn whole(server: &Server, body: &Value) -> Answer {
    let answer = server.ask(Ask::post(CHAT, body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// What the cache did: `hit`, `fwd=uri-miss`, `collapsed`, …
fn done(answer: &Answer) -> String {
    let status = answer.header("cache-status").unwrap();
    assert!(status.starts_with("endcap; "), "{status}");
    let words = status.split("; ").filter(|word| !word.starts_with("key="));
    words.skip(1).collect::<Vec<_>>().join("; ")
}

fn message(answer: &Answer) -> Value {
    answer.json()["choices"].clone()
}

fn events(server: &Server, body: &Value) -> Vec<Value> {
    let mut body = body.clone();
    body["stream"] = json!(true);
    let asked = Ask::post(CHAT, &body).stream(server.address());
    // Each answer has a name and a time of its own.
    asked
        .map(|mut event| {
            event["id"] = Value::Null;
            event["created"] = Value::Null;
            event
        })
        .collect()
}

#[test]
fn after_a_recall_no_prompt_shares_what_was_computed_of_an_earlier_one() {
    let server = Server::start();
    // At a temperature without a seed every chat is made, and none is kept.
    let text = "Is the honey granola good with yogurt? ".repeat(4);
    let body = chat(json!({
        "temperature": 1, "max_tokens": 1, "messages": [{"role": "user", "content": text}],
    }));
    let known = || {
        let usage = &whole(&server, &body).json()["usage"];
        usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
    };
    known();
    assert!(known() > 0, "the second chat shares pages of the first");
    let recall = json!({
        "skus": ["0041"], "reasons": { "en": "It may hold glass." }, "since": "2026-11-26T08:00:00Z",
    });
    let put = Ask::raw("PUT", "/store/v1/facts/recalls/r1", recall.to_string().into_bytes());
    assert_eq!(server.ask(put.header("content-type", "application/json")).status, 200);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !server.log().contains("models forget earlier prompts") {
        assert!(std::time::Instant::now() < end, "{}", server.log());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(known(), 0);
    assert!(known() > 0);
}

#[test]
fn the_same_chat_is_answered_once_and_replayed_to_whole_and_streaming_clients_alike() {
    let server = Server::start();
    for shape in [
        json!({}),
        json!({"logprobs": true, "top_logprobs": 3}),
        json!({"n": 2, "temperature": 0.8, "seed": 5, "stop": ["e"]}),
    ] {
        let body = chat(shape);
        let made = events(&server, &body);
        assert!(made.len() > 3, "{made:?}");
        assert_eq!(events(&server, &body), made, "event by event");
        let kept = whole(&server, &body);
        assert_eq!(done(&kept), "hit; detail=exact");
        assert_eq!(kept.header("age"), Some("0"));
        let fresh = server.ask(Ask::post(CHAT, &body).header("cache-control", "no-store"));
        assert_eq!(message(&kept), message(&fresh), "kept is made");
        let usage = &kept.json()["usage"];
        assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], usage["prompt_tokens"]);
        assert_eq!(usage["completion_tokens_details"]["cached_tokens"], usage["completion_tokens"]);
        assert!(fresh.json()["usage"].get("completion_tokens_details").is_none());
        assert_eq!(kept.header("content-type"), Some("application/json"), "no stream unasked");
    }
}

#[test]
fn whatever_changes_an_answer_makes_it_another() {
    let server = Server::start();
    let base = chat(json!({}));
    assert_eq!(done(&whole(&server, &base)), "fwd=uri-miss");
    let system = json!([{"role": "system", "content": "Be brief."},
                        {"role": "user", "content": "Hello"}]);
    for change in [
        json!({"messages": system}),
        json!({"messages": [{"role": "user", "content": "hello"}]}),
        json!({"messages": [{"role": "assistant", "content": "Hello"}]}),
        json!({"max_tokens": 199}),
        json!({"stop": ["zzz"]}),
        json!({"logprobs": true}),
        json!({"temperature": 0.5, "seed": 1}),
        json!({"temperature": 0.5, "seed": 2}),
        json!({"top_k": 5}),
        json!({"repetition_penalty": 1.1}),
        json!({"frequency_penalty": 0.1}),
        json!({"presence_penalty": 0.1}),
        json!({"logit_bias": {"9": 1}}),
        json!({"n": 2}),
        json!({"tool_choice": "auto"}),
        json!({"tool_choice": "none"}),
        json!({"response_format": {"type": "regex", "regex": "[a-z]{3}"}}),
        json!({"response_format": {"type": "regex", "regex": "[a-z]{4}"}}),
    ] {
        assert_eq!(done(&whole(&server, &chat(change.clone()))), "fwd=uri-miss", "{change}");
    }
    assert_eq!(done(&whole(&server, &base)), "hit; detail=exact");
    let same = chat(json!({"seed": 9, "stream": false, "user": "kiosk 4"}));
    assert_eq!(done(&whole(&server, &same)), "hit; detail=exact", "greedy needs no seed");
}

#[test]
fn what_is_drawn_truncated_or_not_wanted_is_not_kept() {
    let server = Server::start();
    for (change, expected) in [
        (json!({"temperature": 0.9}), "fwd=bypass"),
        (json!({"max_tokens": 3}), "fwd=uri-miss"),
        (json!({"messages": [{"role": "user", "content": "I am anna@example.org"}]}), "fwd=bypass"),
    ] {
        for _ in 0..2 {
            assert_eq!(done(&whole(&server, &chat(change.clone()))), expected, "{change}");
        }
    }
    let ask = |directive: &str| {
        done(&server.ask(Ask::post(CHAT, &chat(json!({}))).header("cache-control", directive)))
    };
    for (directive, expected) in [
        ("no-store", "fwd=bypass"),
        ("no-store", "fwd=bypass"),
        ("no-cache", "fwd=request"),
        ("max-age=3600", "hit; detail=exact"),
        ("no-cache", "fwd=request"),
        ("no-store", "fwd=bypass"),
    ] {
        assert_eq!(ask(directive), expected, "{directive}");
    }
    let off = Server::start_with(&[("ENDCAP_CACHE_CHAT", "off")]);
    for _ in 0..2 {
        assert_eq!(done(&whole(&off, &chat(json!({})))), "fwd=bypass");
    }
}

#[test]
fn a_hundred_equal_streams_at_once_are_one_generation() {
    let server = Server::tireless(&[("ENDCAP_CACHE_MAX_ANSWER", "1 GiB")]);
    let never_ends = json!({"0": -100, "1": -100, "2": -100});
    let body = chat(json!({
        "max_tokens": LONG, "logit_bias": never_ends, "stream": true,
    }));
    let mut streams: Vec<_> =
        (0..100).map(|_| Ask::post(CHAT, &body).stream(server.address())).collect();
    let beginning = |stream: &mut crate::support::Events| -> Vec<Value> {
        stream.by_ref().take(20).map(|event| event["choices"].clone()).collect()
    };
    let first = beginning(&mut streams[0]);
    assert_eq!(server.metric("endcap_queue_running", MODEL), 1.0);
    // The one who asked first leaves; it ends nothing for the others.
    drop(streams.remove(0));
    for stream in &mut streams {
        assert_eq!(beginning(stream), first);
    }
    assert_eq!(server.metric("endcap_queue_running", MODEL), 1.0);
    assert_eq!(server.metric("endcap_cache_answers_total", "joined"), 99.0);
    drop(streams);
    server.wait_for("endcap_queue_running", MODEL, |running| running == 0.0);
    assert_eq!(server.metric("endcap_answers_cancelled_total", MODEL), 1.0);
}

#[test]
fn answers_outlive_a_restart() {
    let folder = data();
    let mut server = Server::start_in(folder, &[]);
    let made = whole(&server, &chat(json!({})));
    server.interrupt();
    assert!(server.wait().success());
    let again = crate::support::data();
    std::fs::copy(server.data().join("answers.redb"), again.path().join("answers.redb")).unwrap();
    let server = Server::start_in(again, &[]);
    let kept = whole(&server, &chat(json!({})));
    assert_eq!((done(&kept).as_str(), message(&kept)), ("hit; detail=exact", message(&made)));
}

#[test]
fn the_command_line_explains_counts_and_purges() {
    let server = Server::start();
    whole(&server, &chat(json!({})));
    let kept = whole(&server, &chat(json!({})));
    let status = kept.header("cache-status").unwrap();
    let id = status.split('"').nth(1).unwrap();
    let run = |arguments: &[&str]| {
        let place = ["--server", &server.url, "--token", admin()];
        let output = endcap().arg("cache").args(arguments).args(place).output().unwrap();
        (output.status.success(), format!("{}{}", stdout(&output), stderr(&output)))
    };
    let (right, told) = run(&["why", &id[..8]]);
    assert!(
        right && told.contains(id) && told.contains("tiny (") && told.contains("2 times"),
        "{told}"
    );
    let (right, told) = run(&["stats"]);
    assert!(right && told.contains("exact 1, miss 1; 50.0% hits"), "{told}");
    assert!(
        run(&["stats", "--json"]).1.contains("\"saved_tokens\": 28"),
        "{:?}",
        run(&["stats", "--json"])
    );
    assert_eq!(
        run(&["purge", "--answer", id]),
        (true, "1 kept and 0 being made are gone\n".into())
    );
    assert_eq!(done(&whole(&server, &chat(json!({})))), "fwd=uri-miss");
    for (arguments, says) in [
        (&["purge", "--model", MODEL][..], "1 kept"),
        (&["purge", "--all"], "0 kept"),
        (&["purge", "--fact", "price 1"], "names no fact"),
        (&["purge", "--product", "41"], "0 kept"),
        (&["why", "0000"], "no answer `0000` is kept"),
        (&["purge"], "required"),
    ] {
        let (_, told) = run(arguments);
        assert!(told.contains(says), "{arguments:?}: {told}");
    }
    let client = Ask::get("/store/v1/cache/stats").anonymous();
    assert_eq!(server.ask(client).status, 401);
    for body in [json!({}), json!({"all": false}), json!({"all": true, "fact": "prices:1"})] {
        assert_eq!(server.ask(Ask::post("/store/v1/cache/purge", &body)).status, 400, "{body}");
    }
}

#[test]
fn the_python_client_streams_a_hit() {
    let server = Server::start();
    let output = Command::new(python())
        .arg("check_cache.py")
        .current_dir(root().join("tests/clients"))
        .env("ENDCAP_URL", &server.url)
        .env("ENDCAP_TOKEN", admin())
        .env("ENDCAP_MODEL", MODEL)
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}{}", stdout(&output), stderr(&output), server.log());
}
