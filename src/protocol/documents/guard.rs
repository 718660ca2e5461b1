//! A bundle's rules about what may be said. JSON, so that it is read as it was written; a field that
//! is not known is refused rather than ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{List, Text};
use crate::protocol::error::{ProtocolError, shortened};
use crate::protocol::label::Name;
use crate::protocol::limits::{
    MAX_BLOCKED_TERMS, MAX_GUARD_RULES_BYTES, MAX_LANGUAGES, MAX_LISTED,
};

/// The key of terms that count in every language.
pub const ANY_LANGUAGE: &str = "any";

const WHAT: &str = "guard rules";

/// What no generated answer may say, and what a program must check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardRules {
    /// Words and phrases, by the language in which they count, as `en`; [`ANY_LANGUAGE`] in all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocked_terms: BTreeMap<Text<35>, List<Text<128>, MAX_BLOCKED_TERMS>>,
    /// Names of checks that the program must have; one that lacks any does not run the bundle.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub required_checks: List<Name, MAX_LISTED>,
}

impl GuardRules {
    /// Its bytes, once it is consistent.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ProtocolError> {
        self.check()?;
        serde_json::to_vec(self)
            .map_err(|error| ProtocolError::Shape { what: WHAT, why: error.to_string() })
    }

    /// The rules of these bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProtocolError> {
        within("bytes of guard rules", bytes.len(), MAX_GUARD_RULES_BYTES)?;
        let rules: Self = serde_json::from_slice(bytes)
            .map_err(|error| ProtocolError::Shape { what: WHAT, why: error.to_string() })?;
        rules.check()?;
        Ok(rules)
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<(), ProtocolError> {
        within("languages of guard rules", self.blocked_terms.len(), MAX_LANGUAGES)?;
        let terms = || self.blocked_terms.values().flat_map(|terms| terms.iter());
        within("blocked terms", terms().count(), MAX_BLOCKED_TERMS)?;
        if terms().any(|term| !term.contains(char::is_alphanumeric)) {
            return Err(ProtocolError::Contradiction("a blocked term has no word in it"));
        }
        let bad = self.blocked_terms.keys().find(|code| !is_language(code));
        match bad {
            None => Ok(()),
            Some(code) => Err(ProtocolError::Name {
                what: "language of blocked terms",
                text: shortened(code),
                rule: "`any` or a language's code, as `en` or `pt-BR`",
            }),
        }
    }
}

fn is_empty(names: &List<Name, MAX_LISTED>) -> bool {
    names.is_empty()
}

fn is_language(code: &str) -> bool {
    let parts = || code.split('-');
    let sound = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric())
    };
    code == ANY_LANGUAGE
        || (parts().all(sound) && parts().next().is_some_and(|first| matches!(first.len(), 2 | 3)))
}

fn within(what: &'static str, size: usize, most: usize) -> Result<(), ProtocolError> {
    if size > most {
        return Err(ProtocolError::TooLarge { what, size, most });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_as_they_were_written() {
        let json = r#"{"blocked_terms":{"any":["Acme Mart"],"de":["Gewinnspiel","gratis"]},"required_checks":["money"]}"#;
        let rules = GuardRules::parse(json.as_bytes()).unwrap();
        assert_eq!(rules.to_bytes().unwrap(), json.as_bytes());
        assert_eq!(GuardRules::parse(b"{}").unwrap(), GuardRules::default());
    }

    #[test]
    fn what_is_not_known_or_not_meant_is_refused_by_name() {
        let many: Vec<String> = (0..=MAX_BLOCKED_TERMS).map(|n| format!("\"t{n}\"")).collect();
        let half = many.len() / 2;
        let many = format!(
            r#"{{"blocked_terms": {{"en": [{}], "de": [{}]}}}}"#,
            many[..half].join(","),
            many[half..].join(",")
        );
        let large = " ".repeat(MAX_GUARD_RULES_BYTES + 1);
        for (json, name) in [
            (r#"{"blocked": {}}"#, "blocked"),
            (r#"{"blocked_terms": {"english": ["x"]}}"#, "english"),
            (r#"{"blocked_terms": {"e": ["x"]}}"#, "`e`"),
            (r#"{"blocked_terms": {"en": ["-"]}}"#, "no word"),
            (r#"{"blocked_terms": ["x"]}"#, "map"),
            (r#"{"required_checks": [7]}"#, "string"),
            (&many, "blocked terms"),
            (&large, "bytes of guard rules"),
        ] {
            let refusal = GuardRules::parse(json.as_bytes()).unwrap_err().to_string();
            assert!(refusal.contains(name), "{name}: {refusal}");
        }
    }
}
