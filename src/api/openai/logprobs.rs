//! Log-probabilities in both of OpenAI's forms.

use schemars::JsonSchema;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::engine::{TokenLogprob, TokenReport};

/// Stands for a probability of zero, which has no logarithm in JSON.
const IMPOSSIBLE: f32 = -9999.0;

/// Of a chat's choice.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub(in crate::api) struct ChatLogprobs {
    content: Vec<ChatToken>,
    refusal: Option<Vec<ChatToken>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct ChatToken {
    token: String,
    logprob: f32,
    bytes: Option<Vec<u8>>,
    top_logprobs: Vec<ChatAlternative>,
}

#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
struct ChatAlternative {
    token: String,
    logprob: f32,
    bytes: Option<Vec<u8>>,
}

impl ChatLogprobs {
    pub(super) fn of(tokens: &[TokenReport]) -> Self {
        let one = |report: &TokenReport| ChatToken {
            token: token_text(&report.chosen.bytes),
            logprob: finite(report.chosen.logprob),
            bytes: Some(report.chosen.bytes.clone()),
            top_logprobs: report.top.iter().map(alternative).collect(),
        };
        Self { content: tokens.iter().map(one).collect(), refusal: None }
    }
}

fn alternative(token: &TokenLogprob) -> ChatAlternative {
    ChatAlternative {
        token: token_text(&token.bytes),
        logprob: finite(token.logprob),
        bytes: Some(token.bytes.clone()),
    }
}

/// Of a completion's choice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub(in crate::api) struct Logprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<f32>,
    top_logprobs: Option<Vec<Alternatives>>,
    /// Where each token begins, in characters of the choice's text.
    text_offset: Vec<usize>,
}

/// Texts of tokens to their log-probabilities, best first.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
#[schemars(with = "std::collections::BTreeMap<String, f32>")]
struct Alternatives(Vec<(String, f32)>);

impl Serialize for Alternatives {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (token, logprob) in &self.0 {
            map.serialize_entry(token, logprob)?;
        }
        map.end()
    }
}

impl Alternatives {
    /// The chosen token is always among them.
    fn of(report: &TokenReport) -> Self {
        let mut entries: Vec<(String, f32)> = Vec::new();
        for token in report.top.iter().chain([&report.chosen]) {
            let text = token_text(&token.bytes);
            if entries.iter().all(|(known, _)| *known != text) {
                entries.push((text, finite(token.logprob)));
            }
        }
        Self(entries)
    }
}

impl Logprobs {
    /// `offset` is where the first token begins, and afterwards where the next one will.
    pub(super) fn of(tokens: &[TokenReport], offset: &mut usize) -> Self {
        let mut logprobs = Self::default();
        let mut alternatives = Vec::new();
        for report in tokens {
            logprobs.tokens.push(token_text(&report.chosen.bytes));
            logprobs.token_logprobs.push(finite(report.chosen.logprob));
            logprobs.text_offset.push(*offset);
            alternatives.push(Alternatives::of(report));
            *offset += characters(&report.chosen.bytes);
        }
        let wanted = tokens.iter().any(|report| !report.top.is_empty());
        logprobs.top_logprobs = wanted.then_some(alternatives);
        logprobs
    }
}

/// Characters that begin in these bytes, so that parts of one add up to one.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| *byte & 0xc0 != 0x80).count()
}

/// A token's text; one that is not whole characters is written as OpenAI writes it.
fn token_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let escaped: String = bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
            format!("bytes:{escaped}")
        }
    }
}

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { IMPOSSIBLE }
}

#[cfg(test)]
pub(super) fn example(token: &[u8], logprob: f32, others: &[(&[u8], f32)]) -> TokenReport {
    let one = |bytes: &[u8], logprob| TokenLogprob { token: 1, bytes: bytes.to_vec(), logprob };
    TokenReport {
        chosen: one(token, logprob),
        top: others.iter().map(|(bytes, logprob)| one(bytes, *logprob)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_report_tokens_with_their_bytes() {
        let tokens = [example(b"Hi", -0.5, &[(b"Hi", -0.5), (b"\xe2\x80", f32::NEG_INFINITY)])];
        assert_eq!(
            serde_json::to_string(&ChatLogprobs::of(&tokens)).unwrap(),
            r#"{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],"top_logprobs":[{"token":"Hi","logprob":-0.5,"bytes":[72,105]},{"token":"bytes:\\xe2\\x80","logprob":-9999.0,"bytes":[226,128]}]}],"refusal":null}"#
        );
    }

    #[test]
    fn completions_report_where_each_token_begins() {
        let tokens = [
            example("h\u{e9}".as_bytes(), -0.1, &[(b"a", -0.05)]),
            example(b"\xe2\x82", -0.2, &[(b"b", -0.2)]),
            example(b"\xac", -0.3, &[(b"c", -0.2)]),
            example(b"!", -0.4, &[(b"!", -0.4)]),
        ];
        let mut offset = 3;
        let json = serde_json::to_value(Logprobs::of(&tokens, &mut offset)).unwrap();
        assert_eq!(json["text_offset"], serde_json::json!([3, 5, 6, 6]));
        assert_eq!(offset, 7);
        assert_eq!(json["tokens"][1], "bytes:\\xe2\\x82");
        let keys: Vec<_> = json["top_logprobs"][0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["a", "h\u{e9}"]);
        let none = Logprobs::of(&[example(b"a", -0.1, &[])], &mut offset);
        assert!(serde_json::to_value(none).unwrap()["top_logprobs"].is_null());
    }
}
