//! The form of a model's choice: an answer, or one tool with arguments that exist.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;

/// Characters of a search's words.
const MAX_QUERY_CHARS: usize = 60;

/// What a model chose.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::skills::concierge) enum Choice {
    /// To say something from what it was told.
    Answer,
    /// A tool.
    Tool(Call),
}

/// The JSON Schema that a choice is written in. Products are those of `skus` and no others; an order
/// that nobody named a number of cannot be asked for.
pub(in crate::skills::concierge) fn schema(skus: &[String], order: Option<&str>) -> Value {
    let text = |most: usize| json!({ "type": "string", "minLength": 2, "maxLength": most });
    let mut tools = vec![
        tool("search_products", json!({ "query": text(MAX_QUERY_CHARS) })),
        tool("call_associate", json!({})),
    ];
    if !skus.is_empty() {
        let sku = json!({ "enum": skus });
        for name in ["price_and_stock", "complements", "promotions", "find_in_store"] {
            tools.push(tool(name, json!({ "sku": sku })));
        }
        let cheaper = json!({ "sku": sku, "cheaper": { "type": "boolean" } });
        tools.push(tool("alternatives", cheaper));
    }
    if let Some(order) = order {
        for name in ["order_status", "change_order", "start_return"] {
            tools.push(tool(name, json!({ "order": { "enum": [order] } })));
        }
    }
    let tool = closed(json!({ "tool": { "anyOf": tools } }));
    json!({ "anyOf": [{ "const": "answer" }, tool] })
}

fn tool(name: &str, arguments: Value) -> Value {
    closed(json!({ "name": { "const": name }, "arguments": closed(arguments) }))
}

/// An object with these fields, all of them and no others.
fn closed(fields: Value) -> Value {
    let required: Vec<&String> =
        fields.as_object().into_iter().flat_map(|all| all.keys()).collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": fields,
    })
}

/// Reads a choice; none where it is no such form, as when it was cut off.
pub(in crate::skills::concierge) fn parse(text: &str) -> Option<Choice> {
    serde_json::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_schema_lets_through_is_read() {
        let schema = schema(&["1001".to_owned()], Some("1042")).to_string();
        for (text, call) in [
            (
                r#"{"tool":{"name":"price_and_stock","arguments":{"sku":"1001"}}}"#,
                Call::PriceAndStock { sku: "1001".to_owned() },
            ),
            (
                r#"{"tool":{"name":"alternatives","arguments":{"sku":"1001","cheaper":true}}}"#,
                Call::Alternatives { sku: "1001".to_owned(), cheaper: true },
            ),
            (
                r#"{"tool":{"name":"change_order","arguments":{"order":"1042"}}}"#,
                Call::ChangeOrder { order: "1042".to_owned(), change: String::new() },
            ),
            (
                r#"{"tool":{"name":"call_associate","arguments":{}}}"#,
                Call::CallAssociate { reason: String::new() },
            ),
        ] {
            assert!(schema.contains(&format!("\"const\":\"{}\"", call.name())), "{schema}");
            assert_eq!(parse(text), Some(Choice::Tool(call)));
        }
        assert_eq!(parse("\"answer\""), Some(Choice::Answer));
        assert_eq!(parse(r#"{"tool":{"name":"pay","arguments":{}}}"#), None);
        assert_eq!(parse(r#"{"tool":{"name":"price_and"#), None);
    }

    #[test]
    fn without_products_or_an_order_no_tool_for_them_is_there() {
        let bare = schema(&[], None).to_string();
        for name in ["price_and_stock", "alternatives", "order_status", "start_return"] {
            assert!(!bare.contains(name), "{bare}");
        }
    }
}
