//! The form of a model's choice: what is looked for, an answer, or one tool with arguments that exist.

use serde::Deserialize;
use serde_json::{Value, json};

use super::Call;

/// Characters of a search's words, and of what is said beside it.
const MAX_FIND_CHARS: usize = 32;
const MIN_SAY_CHARS: usize = 10;
const MAX_SAY_CHARS: usize = 160;
/// Things that are looked for at once.
const MAX_FINDS: usize = 4;
/// What is looked for, in English, and a sentence without numbers and signs that mean something.
const FIND: &str = "^[a-z][a-z -]+$";
const SAY: &str = "^[A-ZÄÖÜÉÈÀÇŒÂÊ¡¿][^0-9{}$€%\"\\\\<>|#*\\[\\]`:]*[.!]$";

/// What a model chose.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::skills::concierge) enum Choice {
    /// To say something from what facts have of the products that it was told.
    Answer,
    /// That it is not for a shop.
    OffTopic,
    /// A tool.
    Tool(Call),
    /// To look for products.
    Find(Idea),
}

/// What could be taken, and a sentence about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::skills::concierge) struct Idea {
    /// In the shopper's language; none where the model is not trusted with it.
    pub(in crate::skills::concierge) say: Option<String>,
    /// Kinds of products, in English, the most important first.
    pub(in crate::skills::concierge) find: Vec<String>,
}

/// What a model may choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::skills::concierge) struct Menu {
    /// SKUs and names of the products that tools may be used with.
    pub(in crate::skills::concierge) products: Vec<(String, String)>,
    /// The number of an order; one that nobody named a number of cannot be asked for.
    pub(in crate::skills::concierge) order: Option<String>,
    /// Whether it says a sentence of its own.
    pub(in crate::skills::concierge) says: bool,
    /// Whether only products may be looked for.
    pub(in crate::skills::concierge) only_ideas: bool,
    /// Whether it may find that the shop has nothing to do with it.
    pub(in crate::skills::concierge) off_topic: bool,
}

impl Menu {
    /// The JSON Schema that a choice is written in: no product but these, no tool that is not there.
    pub(in crate::skills::concierge) fn schema(&self) -> Value {
        let mut choices = Vec::new();
        if self.off_topic {
            choices.push(json!({ "const": "off_topic" }));
        }
        if !self.only_ideas {
            if self.says && !self.products.is_empty() {
                choices.push(json!({ "const": "answer" }));
            }
            choices.push(closed(json!({ "tool": { "anyOf": self.tools() } })));
        }
        choices.push(self.idea());
        json!({ "anyOf": choices })
    }

    fn idea(&self) -> Value {
        let find = json!({ "type": "string", "maxLength": MAX_FIND_CHARS, "pattern": FIND });
        let find = json!({ "type": "array", "minItems": 2, "maxItems": MAX_FINDS, "items": find });
        if !self.says {
            return closed(json!({ "find": find }));
        }
        let say = json!({ "type": "string", "minLength": MIN_SAY_CHARS, "maxLength": MAX_SAY_CHARS,
            "pattern": SAY });
        // The sentence goes first: what is looked for follows from it.
        let fields = json!({ "say": say, "find": find });
        json!({
            "type": "object", "required": ["say", "find"], "additionalProperties": false,
            "properties": fields,
        })
    }

    fn tools(&self) -> Vec<Value> {
        let mut tools = vec![tool("call_associate", json!({}))];
        if !self.products.is_empty() {
            let skus: Vec<&String> = self.products.iter().map(|(sku, _)| sku).collect();
            let sku = json!({ "enum": skus });
            for name in ["price_and_stock", "complements", "promotions", "find_in_store"] {
                tools.push(tool(name, json!({ "sku": sku })));
            }
            let cheaper = json!({ "sku": sku, "cheaper": { "type": "boolean" } });
            tools.push(tool("alternatives", cheaper));
        }
        if let Some(order) = &self.order {
            for name in ["order_status", "change_order", "start_return"] {
                tools.push(tool(name, json!({ "order": { "enum": [order] } })));
            }
        }
        tools
    }
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
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Written {
        Answer,
        OffTopic,
        Tool(Call),
    }
    let text = text.trim();
    match serde_json::from_str(text) {
        Ok(Written::Answer) => Some(Choice::Answer),
        Ok(Written::OffTopic) => Some(Choice::OffTopic),
        Ok(Written::Tool(call)) => Some(Choice::Tool(call)),
        Err(_) => serde_json::from_str(text).ok().map(Choice::Find),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu() -> Menu {
        Menu {
            products: vec![("1001".to_owned(), "Whole Milk".to_owned())],
            order: Some("1042".to_owned()),
            says: true,
            off_topic: true,
            ..Menu::default()
        }
    }

    #[test]
    fn what_the_schema_lets_through_is_read() {
        let schema = menu().schema().to_string();
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
        let find = vec!["red wine".to_owned(), "grapes".to_owned()];
        let say = Some("A red wine suits it.".to_owned());
        for (text, choice) in [
            ("\"answer\"", Some(Choice::Answer)),
            ("\"off_topic\"", Some(Choice::OffTopic)),
            (
                r#"{"find":["red wine","grapes"]}"#,
                Some(Choice::Find(Idea { say: None, find: find.clone() })),
            ),
            (
                r#"{"say":"A red wine suits it.","find":["red wine","grapes"]}"#,
                Some(Choice::Find(Idea { say, find })),
            ),
            (r#"{"tool":{"name":"pay","arguments":{}}}"#, None),
            (r#"{"tool":{"name":"price_and"#, None),
            (r#"{"find":["red wine"],"price":1}"#, None),
        ] {
            assert_eq!(parse(text), choice, "{text}");
        }
    }

    #[test]
    fn what_is_not_on_the_menu_cannot_be_written() {
        let bare = Menu::default().schema().to_string();
        for name in ["price_and_stock", "alternatives", "order_status", "start_return"] {
            assert!(!bare.contains(name), "{bare}");
        }
        for choice in ["answer", "off_topic", "say"] {
            assert!(!bare.contains(&format!("\"{choice}\"")), "{bare}");
        }
        let ideas = Menu { only_ideas: true, ..menu() }.schema().to_string();
        assert!(!ideas.contains("tool") && !ideas.contains("\"answer\""), "{ideas}");
    }
}
