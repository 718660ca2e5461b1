//! What a bundle must keep to before it stays.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::protocol::bounded::{List, Text};
use crate::protocol::error::ProtocolError;
use crate::protocol::limits::{MAX_CHECKS, MAX_LISTED, MAX_STATE_SECONDS, MAX_TEXT_BYTES};

/// How long a bundle is watched, and what makes it go. Shares are of a thousand, ratios of a
/// hundred: nothing on the line has a fraction.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct TrialRules {
    /// How long it answers beside the live one before it answers itself; 0 skips that.
    #[n(0)]
    pub shadow_s: u32,
    /// How long it answers while the old one stands by.
    #[n(1)]
    pub trial_s: u32,
    /// How long it is watched after that.
    #[n(2)]
    pub probation_s: u32,
    /// Requests that it must have answered before a share says anything.
    #[n(3)]
    pub min_requests: u32,
    /// Requests of a thousand that may fail, and how many more answers of a thousand than before checks
    /// may refuse.
    #[n(4)]
    pub max_errors_per_mille: u16,
    /// Its 95th percentile of latency, in hundredths of the old one's.
    #[n(5)]
    pub max_latency_percent: u32,
    /// What it must answer, asked before it goes on trial and again before it stays.
    #[n(6)]
    pub checks: List<Check, MAX_CHECKS>,
}

/// A question whose answer is known well enough. Asked greedily.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What is asked.
    #[n(0)]
    pub prompt: Text<MAX_TEXT_BYTES>,
    /// Tokens of the answer at most.
    #[n(1)]
    pub max_tokens: u32,
    /// Texts of which each must be in it, without regard to case.
    #[n(2)]
    #[serde(default)]
    pub contains: List<Text<MAX_TEXT_BYTES>, MAX_LISTED>,
    /// Texts of which none may be in it.
    #[n(3)]
    #[serde(default)]
    pub lacks: List<Text<MAX_TEXT_BYTES>, MAX_LISTED>,
}

impl TrialRules {
    /// Refuses times without an end and shares that mean nothing.
    pub fn check(&self) -> Result<(), ProtocolError> {
        let times = [self.shadow_s, self.trial_s, self.probation_s];
        if times.iter().any(|seconds| *seconds > MAX_STATE_SECONDS) {
            return Err(ProtocolError::Contradiction("a trial takes longer than 30 days"));
        }
        if self.max_errors_per_mille > 1000 {
            return Err(ProtocolError::Contradiction("more than all requests may fail"));
        }
        let sound = |check: &Check| check.max_tokens > 0 && !check.prompt.trim().is_empty();
        if !self.checks.iter().all(sound) {
            return Err(ProtocolError::Contradiction("a check asks nothing or wants no answer"));
        }
        Ok(())
    }
}

impl Check {
    /// Whether an answer is as it must be.
    #[must_use]
    pub fn passes(&self, answer: &str) -> bool {
        let answer = answer.to_lowercase();
        let within = |text: &Text<MAX_TEXT_BYTES>| answer.contains(&text.to_lowercase());
        self.contains.iter().all(within) && !self.lacks.iter().any(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_passes_with_all_it_must_have_and_nothing_it_must_not() {
        let texts =
            |texts: &[&str]| List::new(texts.iter().map(|text| Text::cut(text)).collect()).unwrap();
        let (contains, lacks) = (texts(&["Paris", "France"]), texts(&["sorry"]));
        let check = Check { prompt: Text::cut("?"), max_tokens: 9, contains, lacks };
        for (answer, passes) in [
            ("PARIS is in france.", true),
            ("Paris", false),
            ("Sorry, Paris, France", false),
            ("", false),
        ] {
            assert_eq!(check.passes(answer), passes, "{answer}");
        }
    }
}
