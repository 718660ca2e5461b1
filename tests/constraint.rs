//! Answers that keep to a form, from a model whose weights are random: nothing but the form makes
//! sense of them.

use std::sync::Arc;

use endcap::engine::{
    Config, ConstraintError, FinishReason, Form, Model, ModelSource, Request, Sampling,
};
use serde_json::{Value, json};

use crate::engine::{Counts, request, source};

fn model() -> Model {
    // The names of the three control tokens come first in the vocabulary; two of them end.
    let source = ModelSource { end_tokens: vec![2, 0], ..source("q4_1") };
    Model::load(&source, &Config::default(), Arc::new(Counts::default())).unwrap()
}

/// What the model says in this form, and how it ends.
fn say(model: &Model, form: &Form, seed: u32, temperature: f32) -> (String, FinishReason) {
    let sampling = Sampling { temperature, seed: seed.into(), ..Default::default() };
    let constraint = Some(model.constrain(form).unwrap());
    let request =
        Request { sampling, constraint, max_tokens: 400, logprobs: None, ..request(seed) };
    let mut generation = model.generate(request).unwrap();
    let mut text = String::new();
    while let Some(chunk) = generation.blocking_next() {
        let chunk = chunk.unwrap();
        text.push_str(&chunk.text);
        if let Some((reason, _)) = chunk.finish {
            return (text, reason);
        }
    }
    panic!("no end after {text}");
}

#[test]
fn json_keeps_to_its_schema() {
    let model = model();
    let schema = json!({
        "type": "object",
        "properties": {
            "sku": { "type": "string", "pattern": "^[A-Z]{2}[0-9]{3}$" },
            "count": { "type": "integer", "minimum": 1, "maximum": 9 },
            "mood": { "enum": ["calm", "upset"] },
            "sizes": { "type": "array", "items": { "$ref": "#/$defs/size" }, "maxItems": 3 },
        },
        "required": ["sku", "count", "mood", "sizes"],
        "additionalProperties": false,
        "$defs": { "size": { "enum": ["S", "M", "L"] } },
    });
    for seed in 0..12 {
        let (text, reason) = say(&model, &Form::JsonSchema(schema.clone()), seed, 0.9);
        assert_eq!(reason, FinishReason::Stop, "{text}");
        let made: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let sku = made["sku"].as_str().unwrap();
        assert!(sku.len() == 5 && sku[..2].bytes().all(|b| b.is_ascii_uppercase()), "{text}");
        assert!((1..=9).contains(&made["count"].as_i64().unwrap()), "{text}");
        assert!(["calm", "upset"].contains(&made["mood"].as_str().unwrap()), "{text}");
        let sizes = made["sizes"].as_array().unwrap();
        assert!(
            sizes.len() <= 3
                && sizes.iter().all(|s| ["S", "M", "L"].contains(&s.as_str().unwrap()))
        );
        assert_eq!(made.as_object().unwrap().len(), 4, "{text}");
    }
}

#[test]
fn a_text_matches_its_pattern_as_a_whole() {
    let model = model();
    for (seed, temperature) in [(1, 0.0), (2, 1.0), (3, 1.5)] {
        let form = Form::Regex("(yes|no), [0-9]{1,3}\\.[0-9]{2} EUR".to_owned());
        let (text, reason) = say(&model, &form, seed, temperature);
        assert_eq!(reason, FinishReason::Stop);
        let rest = text
            .strip_prefix("yes, ")
            .or(text.strip_prefix("no, "))
            .unwrap_or_else(|| panic!("{text}"));
        let price = rest.strip_suffix(" EUR").unwrap();
        assert!(price.len() >= 4 && price.parse::<f64>().is_ok(), "{text}");
    }
    // Bytes that no token has by itself are put together of several.
    let (text, _) = say(&model, &Form::Regex("Grüße → 3€".to_owned()), 5, 1.0);
    assert_eq!(text, "Grüße → 3€");
}

#[test]
fn a_form_that_nothing_meets_is_refused_before_anything_is_generated() {
    let model = model();
    for (form, says) in [
        (Form::JsonSchema(json!({ "type": "strin" })), "strin"),
        (Form::JsonSchema(json!({ "not": { "type": "string" }, "if": {} })), "not"),
        (Form::JsonSchema(json!(false)), ""),
        (Form::JsonSchema(json!({ "$ref": "https://example.com/a.json" })), "example.com"),
        (Form::JsonSchema(json!({ "allOf": [{ "type": "string" }, { "type": "integer" }] })), ""),
        (Form::Regex("(".to_owned()), ""),
    ] {
        let error = model.constrain(&form).expect_err(&format!("{form:?}"));
        assert!(error.to_string().contains(says), "{form:?}: {error}");
    }
    let endless = ModelSource { end_tokens: vec![], ..source("q4_1") };
    let endless = Model::load(&endless, &Config::default(), Arc::new(Counts::default())).unwrap();
    let form = Form::Regex("a".to_owned());
    assert_eq!(endless.constrain(&form).unwrap_err(), ConstraintError::NoEnd);
}

#[test]
fn what_is_not_asked_for_a_form_says_what_it_said_before() {
    let model = model();
    let plain = |model: &Model| {
        let mut generation = model.generate(request(4)).unwrap();
        std::iter::from_fn(move || generation.blocking_next())
            .map(|chunk| chunk.unwrap().text)
            .collect::<String>()
    };
    let before = plain(&model);
    let (form, other) = (Form::Regex("[a-z]{30}".to_owned()), model.clone());
    let beside = std::thread::spawn(move || say(&other, &form, 9, 1.0));
    assert_eq!(plain(&model), before);
    let (text, _) = beside.join().unwrap();
    assert!(text.len() == 30 && text.bytes().all(|b| b.is_ascii_lowercase()), "{text}");
}
