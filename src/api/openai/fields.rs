//! Fields that may have several forms, or none.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::engine::TokenId;

/// A field that this server knows and does not honour: only `null` passes, as an absent `Option`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) enum Refused {}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("this server does not support it"))
    }
}

/// A list that must be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Empty;

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: Vec<IgnoredAny> = Deserialize::deserialize(deserializer)?;
        if items.is_empty() { Ok(Self) } else { Err(D::Error::custom("it must be empty here")) }
    }
}

/// A `T` written as an object; serde by itself would take a list of its fields' values, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Object<T>(pub(in crate::api) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

/// Token ids to what is added to their logits. A token that stands there twice is refused, as one
/// of its biases could not be honoured.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
pub(in crate::api) struct LogitBias(pub(in crate::api) BTreeMap<String, f64>);

impl<'de> Deserialize<'de> for LogitBias {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BiasVisitor;
        impl<'de> Visitor<'de> for BiasVisitor {
            type Value = LogitBias;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of token ids and biases")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<LogitBias, A::Error> {
                let mut biases = BTreeMap::new();
                while let Some(token) = map.next_key::<String>()? {
                    match biases.entry(token) {
                        Entry::Occupied(entry) => return Err(twice(entry.key())),
                        Entry::Vacant(entry) => entry.insert(map.next_value()?),
                    };
                }
                Ok(LogitBias(biases))
            }
        }
        deserializer.deserialize_any(BiasVisitor)
    }
}

/// What serde's derived types say of a name that an object has twice.
fn twice<E: Error>(field: &str) -> E {
    E::custom(format_args!("duplicate field `{field}`"))
}

/// A text, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Texts(pub(in crate::api) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = "a text or a list of texts";
        let items = deserializer.deserialize_any(OneOrMany::<String>::expecting(form))?;
        Ok(Self(items))
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Texts".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
        ] })
    }
}

/// What a message says: a text, or parts of type `text`, joined by line breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Said(pub(in crate::api) String);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = "a text or a list of parts of type `text`";
        let parts = deserializer.deserialize_any(OneOrMany::<Part>::expecting(form))?;
        if parts.is_empty() {
            return Err(D::Error::custom("the list of parts is empty"));
        }
        let texts: Vec<String> = parts.into_iter().map(|part| part.0).collect();
        Ok(Self(texts.join("\n")))
    }
}

impl JsonSchema for Said {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MessageContent".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "minItems": 1, "items": {
                "type": "object",
                "properties": { "type": { "const": "text" }, "text": { "type": "string" } },
                "required": ["type", "text"],
                "additionalProperties": false,
            } },
        ] })
    }
}

/// One part of a message; from a bare string, the message itself.
struct Part(String);

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;
        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a part such as {\"type\": \"text\", \"text\": \"...\"}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
                let (mut kind, mut text, mut other) = (None::<String>, None::<String>, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "type" if kind.is_some() => return Err(twice("type")),
                        "text" if text.is_some() => return Err(twice("text")),
                        "type" => kind = Some(map.next_value()?),
                        "text" => text = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            other.get_or_insert(key);
                        }
                    }
                }
                let kind = kind.ok_or_else(|| A::Error::missing_field("type"))?;
                if kind != "text" {
                    let why =
                        format!("a part of type `{kind}` is not supported here; only `text` is");
                    return Err(A::Error::custom(why));
                }
                match other {
                    Some(key) => Err(A::Error::unknown_field(&key, &["type", "text"])),
                    None => text.map(Part).ok_or_else(|| A::Error::missing_field("text")),
                }
            }
        }
        deserializer.deserialize_map(PartVisitor)
    }
}

/// Reads one string, or a list of `T`.
struct OneOrMany<T> {
    form: &'static str,
    item: PhantomData<T>,
}

impl<T> OneOrMany<T> {
    fn expecting(form: &'static str) -> Self {
        Self { form, item: PhantomData }
    }
}

impl<'de, T: Deserialize<'de> + From<String>> Visitor<'de> for OneOrMany<T> {
    type Value = Vec<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.form)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        Ok(vec![T::from(text.to_owned())])
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

/// What is to be completed, one entry for each choice of `n`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) enum Prompts {
    /// As text.
    Texts(Vec<String>),
    /// As tokens.
    Tokens(Vec<Vec<TokenId>>),
}

impl JsonSchema for Prompts {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Prompts".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } },
            { "type": "array", "items": { "type": "integer", "minimum": 0 } },
            { "type": "array", "items": {
                "type": "array", "items": { "type": "integer", "minimum": 0 },
            } },
        ] })
    }
}

impl<'de> Deserialize<'de> for Prompts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PromptsVisitor;
        impl<'de> Visitor<'de> for PromptsVisitor {
            type Value = Prompts;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, texts, tokens or lists of tokens")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Prompts, E> {
                Ok(Prompts::Texts(vec![text.to_owned()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Prompts, A::Error> {
                let (mut texts, mut tokens, mut lists) = (Vec::new(), Vec::new(), Vec::new());
                while let Some(item) = seq.next_element()? {
                    match item {
                        PromptItem::Text(text) => texts.push(text),
                        PromptItem::Token(token) => tokens.push(token),
                        PromptItem::Tokens(list) => lists.push(list),
                    }
                }
                match (texts.is_empty(), tokens.is_empty(), lists.is_empty()) {
                    (false, true, true) => Ok(Prompts::Texts(texts)),
                    (true, false, true) => Ok(Prompts::Tokens(vec![tokens])),
                    (true, true, false) => Ok(Prompts::Tokens(lists)),
                    (true, true, true) => Err(A::Error::custom("the list is empty")),
                    _ => Err(A::Error::custom("texts and tokens are mixed in one list")),
                }
            }
        }
        deserializer.deserialize_any(PromptsVisitor)
    }
}

enum PromptItem {
    Text(String),
    Token(TokenId),
    Tokens(Vec<TokenId>),
}

impl<'de> Deserialize<'de> for PromptItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;
        impl<'de> Visitor<'de> for ItemVisitor {
            type Value = PromptItem;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a token or a list of tokens")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<PromptItem, E> {
                Ok(PromptItem::Text(text.to_owned()))
            }
            fn visit_u64<E: Error>(self, token: u64) -> Result<PromptItem, E> {
                let refuse = |_| E::custom(format!("{token} is too large for a token"));
                TokenId::try_from(token).map(PromptItem::Token).map_err(refuse)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<PromptItem, A::Error> {
                let mut tokens = Vec::new();
                while let Some(token) = seq.next_element()? {
                    tokens.push(token);
                }
                Ok(PromptItem::Tokens(tokens))
            }
        }
        deserializer.deserialize_any(ItemVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::json::parse;

    #[test]
    fn a_prompt_has_four_forms() {
        let texts = |t: &[&str]| Prompts::Texts(t.iter().map(|&t| t.to_owned()).collect());
        for (json, prompts) in [
            ("\"a\"", texts(&["a"])),
            ("[\"a\", \"b\"]", texts(&["a", "b"])),
            ("[1, 2]", Prompts::Tokens(vec![vec![1, 2]])),
            ("[[1], [2, 3]]", Prompts::Tokens(vec![vec![1], vec![2, 3]])),
        ] {
            assert_eq!(parse::<Prompts>(json.as_bytes()).unwrap(), prompts, "{json}");
        }
        for (json, says) in [
            ("[]", "the list is empty"),
            ("[1, \"a\"]", "texts and tokens are mixed"),
            ("[-1]", "invalid type: integer `-1`"),
            ("[4294967296]", "4294967296 is too large"),
            ("{}", "expected a text, texts, tokens or lists of tokens"),
            ("1.5", "expected a text, texts"),
        ] {
            let message = parse::<Prompts>(json.as_bytes()).unwrap_err().body().message.clone();
            assert!(message.contains(says), "{json}: {message}");
        }
    }

    #[test]
    fn each_token_has_one_bias() {
        let biases = parse::<LogitBias>(br#"{"7": 1, "8": -2.5}"#).unwrap().0;
        assert_eq!(biases.into_iter().collect::<Vec<_>>(), [("7".into(), 1.0), ("8".into(), -2.5)]);
        for (json, param) in [
            (r#"{"7": 1, "8": 2, "7": 1}"#, "7"),
            (r#"{"7": 1, "\u0037": 1}"#, "7"),
            (r#"{"7": "much"}"#, "7"),
        ] {
            let problem = parse::<LogitBias>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.body().param.as_deref(), Some(param), "{json}: {problem:?}");
        }
        assert!(parse::<LogitBias>(b"[[7, 1]]").is_err());
    }

    #[test]
    fn text_parts_are_joined_and_other_parts_refused_by_type() {
        for (json, text) in
            [("\"a\"", "a"), (r#"[{"type":"text","text":"a"},{"text":"b","type":"text"}]"#, "a\nb")]
        {
            assert_eq!(parse::<Said>(json.as_bytes()).unwrap().0, text);
        }
        for (json, says) in [
            (
                r#"[{"type":"image_url","image_url":{"url":"x"}}]"#,
                "[0]: a part of type `image_url`",
            ),
            (r#"[{"text":"a"}]"#, "missing field `type`"),
            (r#"[{"type":"text","text":"a","size":1}]"#, "[0].size: unknown field `size`"),
            (r#"[{"type":"text","text":"a","text":"b"}]"#, "[0].text: duplicate field `text`"),
            ("1", "expected a text or a list of parts"),
            ("null", "expected a text or a list of parts"),
        ] {
            let message = parse::<Said>(json.as_bytes()).unwrap_err().body().message.clone();
            assert!(message.contains(says), "{json}: {message}");
        }
    }
}
