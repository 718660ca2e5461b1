use serde_json::json;

use super::*;

#[test]
fn a_head_that_embeds_has_defaults_for_what_encoders_share() {
    let short = json!({"task": "embed", "pool": "mean", "normalise": true, "max_tokens": 256});
    let Head::Embed(embed) = Head::parse(&short).unwrap();
    assert_eq!((embed.pool, embed.normalise, embed.output), (Pool::Mean, true, None));
    assert_eq!((embed.text.begin.as_str(), embed.text.end.as_str()), ("[CLS]", "[SEP]"));
    assert_eq!(embed.text.inputs, TextPorts::default());
    let whole = json!({
        "task": "embed", "pool": "cls", "normalise": false, "max_tokens": 8, "output": "pooled",
        "begin": "<s>", "end": "", "inputs": {"tokens": "ids"},
    });
    let Head::Embed(embed) = Head::parse(&whole).unwrap();
    assert_eq!((embed.pool, embed.output.as_deref()), (Pool::Cls, Some("pooled")));
    assert_eq!((embed.text.max_tokens, embed.text.begin.as_str()), (8, "<s>"));
    assert_eq!(embed.text.inputs.tokens, "ids");
}

#[test]
fn a_faulty_head_is_refused_with_the_path_of_its_field() {
    let embed = |name: &str, value: Value| {
        let mut head = json!({"task": "embed", "pool": "cls", "normalise": true, "max_tokens": 9});
        head[name] = value;
        head
    };
    for (head, path, why) in [
        (json!([]), "head", "not an object"),
        (json!({}), "head.task", "missing"),
        (json!({"task": 3}), "head.task", "3 is not known"),
        (json!({"task": "sing"}), "head.task", "known are"),
        (json!({"task": "embed", "pool": "cls", "normalise": true}), "head", "`max_tokens`"),
        (json!({"task": "embed", "max_tokens": 9, "pool": "cls"}), "head", "`normalise`"),
        (embed("pool", json!("sum")), "head.pool", "`sum`"),
        (embed("normalise", json!(1)), "head.normalise", "expected a boolean"),
        (embed("max_tokens", json!(2)), "head.max_tokens", "3 to 65536"),
        (embed("max_tokens", json!(-2)), "head.max_tokens", "integer `-2`"),
        (embed("pol", json!("cls")), "head.pol", "unknown field `pol`"),
        (embed("output", json!("")), "head.output", "1 to 256 bytes"),
        (embed("inputs", json!({"token": "x"})), "head.inputs.token", "unknown field `token`"),
        (embed("inputs", json!({"tokens": ""})), "head.inputs.tokens", "1 to 256 bytes"),
    ] {
        let error = Head::parse(&head).unwrap_err();
        assert_eq!(error.path, path, "{head}: {error}");
        assert!(error.why.contains(why), "{head}: {error}");
    }
}
