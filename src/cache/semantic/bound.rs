//! What a count of failures says about their rate.

/// How sure a bound is: its one-sided error.
const ERROR: f64 = 0.05;

/// The highest rate that `failures` of `trials` are still plausible for (Clopper and Pearson,
/// one-sided, 95 %). 1 where nothing was tried.
pub(super) fn upper(failures: u64, trials: u64) -> f64 {
    if failures >= trials {
        return 1.0;
    }
    // The rate at which no more than this many failures would be this rare.
    bisect(|rate| at_most(failures, trials, rate) > ERROR)
}

/// The lowest rate that `failures` of `trials` are still plausible for (one-sided, 95 %).
pub(super) fn lower(failures: u64, trials: u64) -> f64 {
    if failures == 0 || trials == 0 {
        return 0.0;
    }
    bisect(|rate| 1.0 - at_most(failures - 1, trials, rate) < ERROR)
}

/// Where a condition that holds for small rates stops holding.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if holds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The chance of at most `failures` in `trials` at a rate.
fn at_most(failures: u64, trials: u64, rate: f64) -> f64 {
    let trials = trials as f64;
    let (success, failure) = ((1.0 - rate).ln(), rate.ln());
    let mut log = trials * success;
    let mut sum = log.exp();
    for k in 0..failures {
        let k = k as f64;
        log += ((trials - k) / (k + 1.0)).ln() + failure - success;
        sum += log.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_clopper_and_pearson() {
        // Found by summing the binomial distribution in exact terms.
        for (failures, trials, low, high) in [
            (0, 100, 0.0, 0.029_513),
            (0, 598, 0.0, 0.004_997),
            (1, 1000, 0.000_051, 0.004_735),
            (5, 50, 0.040_237, 0.198_833),
        ] {
            assert!((upper(failures, trials) - high).abs() < 1e-4, "{failures}/{trials}");
            assert!((lower(failures, trials) - low).abs() < 1e-4, "{failures}/{trials}");
        }
    }

    #[test]
    fn nothing_tried_says_nothing() {
        assert_eq!((lower(0, 0), upper(0, 0)), (0.0, 1.0));
        assert_eq!(upper(3, 3), 1.0);
    }
}
