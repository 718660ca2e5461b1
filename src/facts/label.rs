//! Texts with rules: ids, languages, categories.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::error::Fault;

const MAX_ID_BYTES: usize = 100;
const MAX_CATEGORY_BYTES: usize = 200;
const MAX_CATEGORY_LEVELS: usize = 8;

/// Texts by language.
pub type Texts = BTreeMap<Lang, String>;

/// Text that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {rule}")]
pub struct LabelError {
    text: String,
    rule: &'static str,
}

/// Declares a text that is checked when it is made.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $check:ident, $rule:expr, $pattern:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = LabelError;

            fn from_str(text: &str) -> Result<Self, LabelError> {
                if $check(text) {
                    return Ok(Self(text.into()));
                }
                Err(LabelError { text: text.chars().take(120).collect(), rule: $rule })
            }
        }

        impl TryFrom<String> for $name {
            type Error = LabelError;

            fn try_from(text: String) -> Result<Self, LabelError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(label: $name) -> Self {
                label.0.as_ref().to_owned()
            }
        }

        impl From<$name> for Arc<str> {
            fn from(label: $name) -> Self {
                label.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $rule })
            }
        }
    };
}

label! {
    /// By which a fact is called in its table; of a product its SKU.
    Id, is_id,
    "an id: 1 to 100 letters and digits of ASCII, `.`, `_`, `-` and `~`",
    "^[A-Za-z0-9._~-]{1,100}$"
}

label! {
    /// A language, as `en` or `pt-BR`.
    Lang, is_lang,
    "a language such as en or pt-BR",
    "^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
}

label! {
    /// A path of categories from wide to narrow, as `drinks/coffee/beans`.
    Category, is_category,
    "a category such as drinks/coffee: at most 8 levels and 200 bytes, no level empty",
    "^[^/]+(/[^/]+){0,7}$"
}

impl Category {
    /// The category itself and every wider one, widest first.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        let ends = self.0.match_indices('/').map(|(at, _)| at).chain([self.0.len()]);
        ends.filter_map(|end| self.0.get(..end))
    }
}

fn is_id(text: &str) -> bool {
    let carried = |byte: u8| byte.is_ascii_alphanumeric() || b"._-~".contains(&byte);
    // These two mean something else in a path.
    let dots = text == "." || text == "..";
    (1..=MAX_ID_BYTES).contains(&text.len()) && text.bytes().all(carried) && !dots
}

fn is_lang(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let sound = matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_lowercase());
    let more = |part: &str| {
        (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    sound && parts.clone().count() <= 3 && parts.all(more)
}

fn is_category(text: &str) -> bool {
    let level = |level: &str| {
        !level.is_empty() && level.trim() == level && !level.chars().any(char::is_control)
    };
    text.len() <= MAX_CATEGORY_BYTES
        && text.split('/').count() <= MAX_CATEGORY_LEVELS
        && text.split('/').all(level)
}

/// Refuses texts that are empty, and names where there must be one and is none.
pub(super) fn check_texts(field: &str, texts: &Texts, wanted: Wanted) -> Result<(), Fault> {
    if texts.is_empty() && wanted == Wanted::AtLeastOne {
        return Err(Fault::new(field, "there must be a text in at least one language"));
    }
    match texts.iter().find(|(_, text)| text.trim().is_empty()) {
        Some((lang, _)) => Err(Fault::new(format!("{field}.{lang}"), "the text is empty")),
        None => Ok(()),
    }
}

/// Whether texts may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    AtLeastOne,
    Any,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_rules() {
        for id in ["0041", "A-1_b.c~d", &"x".repeat(100)] {
            assert!(id.parse::<Id>().is_ok(), "{id}");
        }
        for id in ["", ".", "..", "a b", "a/b", "a:b", "a#b", "ä", "a?", "%41", &"x".repeat(101)] {
            assert!(id.parse::<Id>().is_err(), "{id}");
        }
        for (lang, sound) in [
            ("en", true),
            ("pt-BR", true),
            ("zh-Hant-TW", true),
            ("EN", false),
            ("e", false),
            ("en-", false),
        ] {
            assert_eq!(lang.parse::<Lang>().is_ok(), sound, "{lang}");
        }
        for (category, sound) in [
            ("drinks", true),
            ("Frozen Food/Ice Cream", true),
            ("", false),
            ("a//b", false),
            ("/a", false),
            ("a/ b", false),
        ] {
            assert_eq!(category.parse::<Category>().is_ok(), sound, "{category}");
        }
    }

    #[test]
    fn a_category_lies_in_every_wider_one() {
        let category: Category = "drinks/coffee/beans".parse().unwrap();
        let prefixes: Vec<_> = category.prefixes().collect();
        assert_eq!(prefixes, ["drinks", "drinks/coffee", "drinks/coffee/beans"]);
    }
}
