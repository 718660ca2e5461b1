//! Whether figures are good enough.

use super::stage::Figures;
use crate::protocol::documents::TrialRules;

/// What is wrong with a bundle's figures, as code and text.
pub(super) fn fault(
    rules: &TrialRules,
    seen: Figures,
    baseline_p95_ms: Option<u32>,
) -> Option<(&'static str, String)> {
    let Figures { requests, errors, p95_ms } = seen;
    if requests == 0 || requests < rules.min_requests.into() {
        return None;
    }
    let most = u128::from(rules.max_errors_per_mille);
    if u128::from(errors) * 1000 > most * u128::from(requests) {
        return Some(("errors", format!("{errors} of {requests} requests failed")));
    }
    let (now, before) = (p95_ms?, baseline_p95_ms?);
    // A clock of milliseconds says nothing of less than one.
    let most_ms = u64::from(before.max(1)) * u64::from(rules.max_latency_percent) / 100;
    let slow = u64::from(now) > most_ms;
    slow.then(|| ("latency", format!("95th percentile {now} ms, and {before} ms before")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::List;

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
        let seen = |requests, errors, p95_ms| Figures { requests, errors, p95_ms };
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
            let found = fault(&rules, figures, baseline).map(|(code, _)| code);
            assert_eq!(found, code, "{figures:?}");
        }
    }
}
