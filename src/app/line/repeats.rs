//! Warnings that come again and again, told to HQ now and then.
//!
//! A warning that is told is written down, and whoever follows what is written may warn again: without
//! this, one document that is not believed would keep the disk and the line busy for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::telemetry::Warned;

/// After which the same sentence is told again.
const PAUSE: Duration = Duration::from_secs(600);
/// Sentences that are remembered; the one that was told first goes.
const MAX_KNOWN: usize = 64;

/// What was told lately, by module and sentence.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<(&'static str, String), Told>);

#[derive(Debug)]
struct Told {
    at: Instant,
    since: u32,
}

impl Repeats {
    /// How often the warning came since it was last told, where it is to be told now.
    pub(super) fn pass(&mut self, warned: &Warned, now: Instant) -> Option<u32> {
        let key = (warned.target, warned.sentence.clone());
        if let Some(told) = self.0.get_mut(&key) {
            if now.duration_since(told.at) < PAUSE {
                told.since = told.since.saturating_add(1);
                return None;
            }
            let Told { since, .. } = std::mem::replace(told, Told { at: now, since: 0 });
            return Some(since);
        }
        if self.0.len() >= MAX_KNOWN {
            let first = self.0.iter().min_by_key(|(_, told)| told.at).map(|(key, _)| key.clone());
            first.map(|key| self.0.remove(&key));
        }
        self.0.insert(key, Told { at: now, since: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(sentence: &str) -> Warned {
        let fields = Vec::new();
        Warned { error: false, target: "endcap_sync", sentence: sentence.to_owned(), fields }
    }

    #[test]
    fn what_is_warned_of_again_and_again_is_told_once_in_ten_minutes_with_its_number() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let mut told = Vec::new();
        for second in 0..1500 {
            told.extend(repeats.pass(&warned("again"), start + Duration::from_secs(second)));
        }
        assert_eq!(told, [0, 599, 599]);
        assert_eq!(repeats.pass(&warned("another"), start), Some(0), "held up by a repeated one");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        for number in 0..1000 {
            let at = start + Duration::from_millis(number);
            assert_eq!(repeats.pass(&warned(&number.to_string()), at), Some(0));
            assert!(repeats.0.len() <= MAX_KNOWN);
        }
    }
}
