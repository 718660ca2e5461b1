//! Whether figures are good enough.

use super::stage::Figures;
use crate::protocol::documents::TrialRules;

/// Of a thousand answers, how many may be refused where nothing is known of the bundle before.
const MOST_REFUSED_PER_MILLE: u64 = 500;

/// What the bundle before was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Baseline {
    pub(super) p95_ms: Option<u32>,
    pub(super) refused_per_mille: Option<u16>,
}

impl Baseline {
    /// What a bundle's figures say, where they are of enough requests; else what is known stays.
    pub(super) fn learn(&mut self, seen: Figures) {
        self.p95_ms = seen.p95_ms.or(self.p95_ms);
        if seen.requests >= ENOUGH {
            let share = per_mille(seen.refused, seen.requests);
            self.refused_per_mille = Some(u16::try_from(share).unwrap_or(u16::MAX));
        }
    }
}

/// Requests from which on a share is taken for how a bundle is.
const ENOUGH: u64 = 10;

fn per_mille(part: u64, of: u64) -> u64 {
    u64::try_from(u128::from(part) * 1000 / u128::from(of.max(1))).unwrap_or(u64::MAX)
}

/// Whether there were enough requests to tell anything.
pub(super) fn is_enough(rules: &TrialRules, seen: Figures) -> bool {
    seen.requests >= u64::from(rules.min_requests.max(1))
}

/// What is wrong with a bundle's figures, as code and text.
pub(super) fn fault(
    rules: &TrialRules,
    seen: Figures,
    before: Baseline,
) -> Option<(&'static str, String)> {
    if !is_enough(rules, seen) {
        return None;
    }
    let Figures { requests, errors, refused, p95_ms } = seen;
    let most = u128::from(rules.max_errors_per_mille);
    if u128::from(errors) * 1000 > most * u128::from(requests) {
        return Some(("errors", format!("{errors} of {requests} requests failed")));
    }
    // Some models have more to refuse than others, so only what is more than before counts.
    let share = per_mille(refused, requests);
    let more = |share: u16| u64::from(share) + u64::from(rules.max_errors_per_mille);
    if share > before.refused_per_mille.map_or(MOST_REFUSED_PER_MILLE, more) {
        let was = before.refused_per_mille.map(|was| format!(", and {was} of 1000 before"));
        let text =
            format!("{refused} of {requests} answers were refused{}", was.unwrap_or_default());
        return Some(("refused", text));
    }
    let (now, before) = (p95_ms?, before.p95_ms?);
    // A clock of milliseconds says nothing of less than one.
    let most_ms = u64::from(before.max(1)) * u64::from(rules.max_latency_percent) / 100;
    let slow = u64::from(now) > most_ms;
    slow.then(|| ("latency", format!("95th percentile {now} ms, and {before} ms before")))
}

/// What is wrong where not one request went well, however few there were; none where one did, or where
/// nobody asked. A model most of whose texts are refused anyhow is not told from a broken one by few.
pub(super) fn none_went_well(seen: Figures, before: Baseline) -> Option<(&'static str, String)> {
    let Figures { requests, errors, refused, .. } = seen;
    let most = MOST_REFUSED_PER_MILLE;
    let usual = before.refused_per_mille.is_some_and(|share| u64::from(share) > most);
    if requests == 0 {
        None
    } else if errors >= requests {
        Some(("errors", format!("each of {requests} requests failed")))
    } else if errors.saturating_add(refused) >= requests && !usual {
        Some(("refused", format!("none of {requests} answers could be given")))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::List;

    #[test]
    fn requests_of_which_none_went_well_tell_something_however_few() {
        let seen = |requests, errors, refused| Figures { requests, errors, refused, p95_ms: None };
        for (figures, refused_per_mille, code) in [
            (seen(0, 0, 0), None, None),
            (seen(4, 4, 0), None, Some("errors")),
            (seen(4, 0, 4), None, Some("refused")),
            (seen(4, 1, 3), Some(100), Some("refused")),
            (seen(4, 3, 0), None, None),
            (seen(4, 0, 3), None, None),
            (seen(4, 0, 4), Some(700), None),
            (seen(1, 1, 0), Some(700), Some("errors")),
        ] {
            let before = Baseline { p95_ms: None, refused_per_mille };
            let found = none_went_well(figures, before).map(|(code, _)| code);
            assert_eq!(found, code, "{figures:?}");
        }
    }

    #[test]
    fn a_baseline_is_what_was_last_known() {
        let mut before = Baseline::default();
        before.learn(Figures { requests: 9, errors: 0, refused: 9, p95_ms: Some(7) });
        assert_eq!(before, Baseline { p95_ms: Some(7), refused_per_mille: None });
        before.learn(Figures { requests: 40, errors: 0, refused: 1, p95_ms: None });
        assert_eq!(before, Baseline { p95_ms: Some(7), refused_per_mille: Some(25) });
    }

    #[test]
    fn a_share_counts_from_enough_requests_on() {
        let rules = TrialRules {
            shadow_s: 0,
            trial_s: 1,
            probation_s: 1,
            min_requests: 20,
            max_errors_per_mille: 50,
            max_latency_percent: 150,
            checks: List::default(),
        };
        let seen = |requests, errors, p95_ms| Figures { requests, errors, refused: 0, p95_ms };
        for (figures, baseline, code) in [
            (seen(0, 0, None), None, None),
            (seen(19, 19, None), None, None),
            (seen(20, 1, None), None, None),
            (seen(20, 2, None), None, Some("errors")),
            (seen(100, 5, Some(150)), Some(100), None),
            (seen(100, 5, Some(151)), Some(100), Some("latency")),
            (seen(100, 5, Some(9999)), None, None),
            (seen(100, 0, Some(1)), Some(0), None),
            (seen(u64::MAX, u64::MAX, None), None, Some("errors")),
        ] {
            let before = Baseline { p95_ms: baseline, refused_per_mille: Some(0) };
            let found = fault(&rules, figures, before).map(|(code, _)| code);
            assert_eq!(found, code, "{figures:?}");
        }
        // Only what is refused more often than before counts.
        for (refused, before, code) in [
            (5, Some(0), None),
            (6, Some(0), Some("refused")),
            (34, Some(300), None),
            (36, Some(300), Some("refused")),
            (50, None, None),
            (51, None, Some("refused")),
        ] {
            let figures = Figures { refused, ..seen(100, 0, None) };
            let known = before.is_some();
            let before = Baseline { p95_ms: None, refused_per_mille: before };
            let found = fault(&rules, figures, before);
            if let Some((_, text)) = &found {
                let counts = format!("{refused} of 100 answers were refused");
                assert!(text.starts_with(&counts) && text.contains("before") == known, "{text}");
            }
            let found = found.map(|(code, _)| code);
            assert_eq!(found, code, "{refused} of 100 refused, {before:?}");
        }
    }
}
