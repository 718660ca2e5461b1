use serde_json::json;

use super::*;
use crate::api::json::parse;

/// The smallest request with these fields added.
fn ask(extra: &Value) -> Result<Chat, Problem> {
    let mut body = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "Hi" }] });
    for (key, value) in extra.as_object().unwrap() {
        body[key] = value.clone();
    }
    parse::<ChatRequest>(body.to_string().as_bytes())?.check(&Limits::default())
}

#[test]
fn what_the_clients_send_is_understood() {
    for extra in [
        json!({}),
        json!({ "temperature": null, "tools": null, "stop": null, "stream_options": null }),
        json!({ "temperature": 0, "top_p": 1, "n": 2, "seed": -7, "stop": "\n" }),
        json!({ "stop": ["a", "b"], "max_tokens": 5, "logit_bias": { "50256": -100 } }),
        json!({ "response_format": { "type": "text" }, "modalities": ["text"], "store": false }),
        json!({ "service_tier": "auto", "user": "u-1", "tool_choice": "none" }),
        json!({ "tools": [], "tool_choice": "auto", "parallel_tool_calls": true }),
        json!({ "functions": [], "function_call": "auto", "parallel_tool_calls": false }),
        json!({ "top_k": 40, "min_p": 0.05, "repetition_penalty": 1.1 }),
        json!({ "messages": [
            { "role": "developer", "content": [{ "type": "text", "text": "Be brief." }] },
            { "role": "user", "content": "Hi" },
            { "role": "assistant", "content": "Hello", "refusal": null, "annotations": [],
              "audio": null, "function_call": null, "tool_calls": [] },
            { "role": "user", "content": "Milk?" },
        ] }),
    ] {
        assert!(ask(&extra).is_ok(), "{extra}: {:?}", ask(&extra));
    }
    let chat = ask(&json!({ "stream": true, "logprobs": true, "top_logprobs": 3 })).unwrap();
    assert_eq!((chat.form, chat.logprobs), (Form::Stream { include_usage: false }, Some(3)));
    let options = json!({ "stream": true, "stream_options": { "include_usage": true } });
    assert_eq!(ask(&options).unwrap().form, Form::Stream { include_usage: true });
    assert_eq!(ask(&json!({ "logprobs": true })).unwrap().logprobs, Some(0));
}

#[test]
fn what_is_not_honoured_is_refused_by_name() {
    let said = |role: &str, more: Value| {
        let mut message = json!({ "role": role, "content": "Hi" });
        for (key, value) in more.as_object().unwrap() {
            message[key] = value.clone();
        }
        json!({ "messages": [{ "role": "user", "content": "Hi" }, message] })
    };
    for (extra, param) in [
        (json!({ "tools": [{ "type": "function" }] }), "tools"),
        (json!({ "tools": {} }), "tools"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (json!({ "parallel_tool_calls": "no" }), "parallel_tool_calls"),
        (json!({ "functions": [{ "name": "f" }] }), "functions"),
        (json!({ "function_call": { "name": "f" } }), "function_call"),
        (json!({ "response_format": { "type": "xml" } }), "response_format.type"),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "a": 1 } } }),
            "response_format.json_schema.a",
        ),
        (json!({ "response_format": { "type": "text", "size": 1 } }), "response_format.size"),
        (json!({ "modalities": ["text", "audio"] }), "modalities"),
        (json!({ "store": true }), "store"),
        (json!({ "service_tier": "flex" }), "service_tier"),
        (json!({ "metadata": {} }), "metadata"),
        (json!({ "reasoning_effort": "low" }), "reasoning_effort"),
        (json!({ "max_token": 5 }), "max_token"),
        (json!({ "max_tokens": 5, "max_completion_tokens": 5 }), "max_tokens"),
        (json!({ "max_completion_tokens": 0 }), "max_completion_tokens"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "temperature": -1 }), "temperature"),
        (json!({ "n": 1e9 }), "n"),
        (json!({ "n": 1_000_000 }), "n"),
        (json!({ "top_logprobs": 3 }), "top_logprobs"),
        (json!({ "logprobs": true, "top_logprobs": 21 }), "top_logprobs"),
        (json!({ "logprobs": 3 }), "logprobs"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "stream_options": { "include_usage": true } }), "stream_options"),
        (json!({ "stream": true, "stream_options": { "x": 1 } }), "stream_options.x"),
        (
            json!({ "stream": true, "stream_options": { "include_obfuscation": true } }),
            "stream_options.include_obfuscation",
        ),
        (json!({ "stop": [1] }), "stop[0]"),
        (json!({ "stop": [""] }), "stop"),
        (json!({ "model": null }), "model"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "Hi" }), "messages"),
        (json!({ "messages": [["user", "Hi"]] }), "messages[0]"),
        (json!({ "stream": true, "stream_options": [true, false] }), "stream_options"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": null }] }), "messages[0].content"),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }),
            "messages[0].content[0]",
        ),
        (said("tool", json!({})), "messages[1].role"),
        (said("user", json!({ "name": "Ann" })), "messages[1].name"),
        (said("assistant", json!({ "tool_calls": [{ "id": "1" }] })), "messages[1].tool_calls"),
        (said("assistant", json!({ "mood": "good" })), "messages[1].mood"),
    ] {
        let problem = ask(&extra).unwrap_err();
        assert_eq!(problem.status(), 400, "{extra}");
        assert_eq!(problem.body().param.as_deref(), Some(param), "{extra}: {problem:?}");
    }
}

#[test]
fn limits_are_named_with_what_was_sent() {
    let many: Vec<Value> = (0..300).map(|_| json!({ "role": "user", "content": "x" })).collect();
    let long = "x".repeat((256 << 10) + 1);
    let each = "x".repeat(250 << 10);
    let heavy: Vec<Value> = (0..5).map(|_| json!({ "role": "user", "content": each })).collect();
    for (messages, says) in [
        (json!(many), "messages has 300 entries; the limit is 256 (max_messages)"),
        (
            json!([{ "role": "user", "content": long }]),
            "messages[0].content has 262145 bytes; the limit is 262144 (max_message_bytes)",
        ),
        (json!(heavy), "messages has 1280000 bytes; the limit is 1048576 (max_prompt_bytes)"),
    ] {
        let problem = ask(&json!({ "messages": messages })).unwrap_err();
        assert_eq!(problem.body().message, says);
    }
}

#[test]
fn what_stands_there_twice_is_refused_by_name() {
    let message = r#"{"role":"user","content":"Hi"}"#;
    for (extra, param) in [
        (r#""n":1,"n":1"#, "n"),
        (r#""logit_bias":{"7":1,"8":1,"7":-1}"#, "logit_bias.7"),
        (r#""response_format":{"type":"json_object","type":"text"}"#, "response_format.type"),
        (
            r#""stream":true,"stream_options":{"include_usage":true,"include_usage":false}"#,
            "stream_options.include_usage",
        ),
    ] {
        let body = format!(r#"{{"model":"tiny","messages":[{message}],{extra}}}"#);
        let problem = parse::<ChatRequest>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.status(), 400, "{extra}");
        assert_eq!(problem.body().param.as_deref(), Some(param), "{extra}: {problem:?}");
    }
}
