//! How often questions that mean something else are taken for the same, on labelled pairs.

use std::collections::BTreeMap;

use super::bound;
use super::calibration::Calibration;
pub use super::calibration::{Sample, Threshold};
pub use super::signature::Disagreement;
use super::signature::{agree, signature};
use super::{Category, category};

/// Which pairs are fitted on, and which are reported on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Half {
    /// Thresholds are fitted on it.
    Calibration,
    /// Nothing was fitted on it.
    Test,
}

/// Two questions, and whether one answer serves both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// What it is for.
    pub half: Half,
    /// In what the questions differ, such as `size`.
    pub kind: String,
    /// Whether one answer serves both.
    pub same: bool,
    /// ISO 639-1 code.
    pub language: String,
    /// One question.
    pub first: String,
    /// The other.
    pub second: String,
}

/// A line that is no pair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PairError {
    line: usize,
    what: &'static str,
}

/// Reads pairs: a line each, `half, kind, same (1 or 0), language, question, question`, separated
/// by tabs.
///
/// # Errors
/// The first line that is none.
pub fn read(text: &str) -> Result<Vec<Pair>, PairError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    lines.map(|(at, line)| pair(line).map_err(|what| PairError { line: at + 1, what })).collect()
}

fn pair(line: &str) -> Result<Pair, &'static str> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [half, kind, same, language, first, second] = fields.as_slice() else {
        return Err("a pair has six fields, separated by tabs");
    };
    let half = match *half {
        "calibration" => Half::Calibration,
        "test" => Half::Test,
        _ => return Err("the first field is `calibration` or `test`"),
    };
    let same = match *same {
        "1" => true,
        "0" => false,
        _ => return Err("the third field is 1 (same) or 0"),
    };
    let [kind, language, first, second] = [kind, language, first, second].map(|s| (*s).to_owned());
    Ok(Pair { half, kind, same, language, first, second })
}

/// Pairs counted by whether they were hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hits {
    /// Pairs that one answer serves.
    pub same: u64,
    /// Those of them that were hits.
    pub true_hits: u64,
    /// Pairs that need two answers.
    pub different: u64,
    /// Those of them that were hits.
    pub false_hits: u64,
}

impl Hits {
    fn count(&mut self, same: bool, hit: bool) {
        if same {
            self.same += 1;
            self.true_hits += u64::from(hit);
        } else {
            self.different += 1;
            self.false_hits += u64::from(hit);
        }
    }

    /// Share of hits that were false, and the ends of its interval (each one-sided, 95 %).
    pub fn false_share(&self) -> (f64, f64, f64) {
        let hits = self.true_hits + self.false_hits;
        let share = self.false_hits as f64 / hits.max(1) as f64;
        (share, bound::lower(self.false_hits, hits), bound::upper(self.false_hits, hits))
    }
}

/// What a way to decide did on the pairs of one half.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// On all of them.
    pub all: Hits,
    /// By kind.
    pub kinds: BTreeMap<String, Hits>,
    /// By what the first question of a pair is about; `None` where its language is not read.
    pub categories: BTreeMap<Option<Category>, Hits>,
}

impl Outcome {
    fn count(&mut self, pair: &Pair, category: Option<Category>, hit: bool) {
        let by_kind = self.kinds.entry(pair.kind.clone()).or_default();
        let by_category = self.categories.entry(category).or_default();
        for hits in [&mut self.all, by_kind, by_category] {
            hits.count(pair.same, hit);
        }
    }
}

/// Three ways to decide, on the same pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// A plain threshold of the cosine.
    pub plain: Outcome,
    /// The same with the guards before it.
    pub guarded: Outcome,
    /// Guards and calibrated thresholds, as the cache decides.
    pub calibrated: Outcome,
    /// Pairs that the guards kept apart, by what they saw first; `true` are pairs of one meaning.
    pub kept_apart: BTreeMap<(Option<Disagreement>, bool), u64>,
}

/// What the guards say of a pair, where its category may share answers.
fn guarded(pair: &Pair) -> Result<Category, Option<Disagreement>> {
    let (first, second) = (signature(&pair.first), signature(&pair.second));
    agree(&first, &second).map_err(Some)?;
    first.category().filter(|category| category.may_share()).ok_or(None)
}

/// The pairs of a half whose guards agree, as [`Calibration::fit`] takes them. `cosines` has a value
/// for each pair.
pub fn samples(pairs: &[Pair], cosines: &[f32], half: Half) -> Vec<Sample> {
    let pairs = pairs.iter().zip(cosines).filter(|(pair, _)| pair.half == half);
    pairs
        .filter_map(|(pair, &similarity)| {
            let category = guarded(pair).ok()?;
            Some(Sample { category, similarity, same: pair.same })
        })
        .collect()
}

/// Decides on each pair of a half in three ways. `cosines` has a value for each pair.
pub fn report(
    pairs: &[Pair],
    cosines: &[f32],
    half: Half,
    plain: f32,
    calibration: &Calibration,
) -> Report {
    let mut report = Report::default();
    for (pair, &cosine) in pairs.iter().zip(cosines).filter(|(pair, _)| pair.half == half) {
        let guards = guarded(pair);
        let near = |category| calibration.threshold(category).is_some_and(|least| cosine >= least);
        let decided = [
            (&mut report.plain, cosine >= plain),
            (&mut report.guarded, cosine >= plain && guards.is_ok()),
            (&mut report.calibrated, guards.is_ok_and(near)),
        ];
        let category = category(&pair.first);
        for (outcome, hit) in decided {
            outcome.count(pair, category, hit);
        }
        if let Err(why) = guards {
            *report.kept_apart.entry((why, pair.same)).or_default() += 1;
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIRS: &str = "test\tparaphrase\t1\ten\tCan I freeze oat milk?\tIs it possible to freeze oat milk?\n\
        test\tsize\t0\ten\tCan I freeze 1 l of oat milk?\tCan I freeze 2 l of oat milk?\n\
        calibration\tparaphrase\t1\ten\tCan I freeze bread?\tcan bread be frozen\n";

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, line) in [
            ("test\tsize\t0\ten\tone question", 1),
            ("test\tsize\t0\ten\ta\tb\n\nhalf\tsize\t0\ten\ta\tb", 3),
            ("test\tsize\tyes\ten\ta\tb", 1),
        ] {
            assert_eq!(read(text).unwrap_err().line, line, "{text}");
        }
    }

    #[test]
    fn guards_keep_apart_what_a_plain_threshold_takes_for_the_same() {
        let pairs = read(PAIRS).unwrap();
        let threshold = Threshold { similarity: 0.7, hits: 1000, false_hits: 0 };
        let calibration = Calibration {
            thresholds: [(Category::Usage, threshold)].into(),
            ..Calibration::default()
        };
        let report = report(&pairs, &[0.75, 0.99, 0.5], Half::Test, 0.8, &calibration);
        assert_eq!((report.plain.all.true_hits, report.plain.all.false_hits), (0, 1));
        assert_eq!((report.calibrated.all.true_hits, report.calibrated.all.false_hits), (1, 0));
        let usage = report.calibrated.categories[&Some(Category::Usage)];
        assert_eq!((usage.same, usage.different, usage.true_hits), (1, 1, 1));
        assert_eq!(report.kept_apart, [((Some(Disagreement::Number), false), 1)].into());
        assert_eq!(samples(&pairs, &[0.75, 0.99, 0.5], Half::Calibration).len(), 1);
    }
}
