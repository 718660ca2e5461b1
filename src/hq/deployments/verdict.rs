//! What became of one box: judged once, by what the box itself attests.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::protocol::{Digest, Reported, Stage};

/// What became of a box.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum NodeResult {
    /// It runs what it was to, and attested that after its probation.
    Ok,
    /// It refused it, went back, or runs something else.
    Bad,
    /// It was not heard of in time; that is no success.
    Silent,
}

impl NodeResult {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bad => "bad",
            Self::Silent => "silent",
        }
    }
}

/// What became of a box, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) result: NodeResult,
    /// For programs; empty where all is well.
    pub(super) code: String,
    /// For people.
    pub(super) reason: String,
    /// What was found running.
    pub(super) attested: Option<Digest>,
}

impl Verdict {
    /// A box that is not waited for any more.
    pub(super) fn silent(code: &str, reason: impl Into<String>) -> Self {
        let (code, reason) = (code.to_owned(), reason.into());
        Self { result: NodeResult::Silent, code, reason, attested: None }
    }
}

/// How a version ended, as an event of the box told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) code: String,
    pub(super) reason: String,
}

/// Judges a box by what it reports of its bundle; none where it has not come to an end. `ended` is how
/// its events say that this version failed, which counts where the box is past it already.
pub(super) fn judge(
    version: u64,
    digest: Digest,
    reported: &Reported,
    ended: Option<Ended>,
) -> Option<Verdict> {
    let attested = reported.observed;
    let applied = reported.applied.is_some_and(|at| at.version == version && at.digest == digest);
    let at_it = reported.desired == Some(version);
    let past_it = reported.desired.is_some_and(|desired| desired > version);
    let bad = |code: String, reason: String| {
        Some(Verdict { result: NodeResult::Bad, code, reason, attested })
    };
    if applied {
        return match attested {
            Some(found) if found == digest => Some(Verdict {
                result: NodeResult::Ok,
                code: String::new(),
                reason: String::new(),
                attested,
            }),
            Some(found) => bad("attestation".into(), format!("{found} is found running")),
            // It says that it stays, and not what runs: that is no attestation.
            None => None,
        };
    }
    if at_it && matches!(reported.stage, Stage::Reverted | Stage::Refused) {
        let failure = reported.failure.as_ref();
        let code = failure.map_or_else(|| "unknown".to_owned(), |why| why.code.to_string());
        return bad(code, failure.map(|why| why.text.to_string()).unwrap_or_default());
    }
    if !past_it {
        return None;
    }
    match ended {
        Some(Ended { code, reason }) => bad(code, reason),
        None => {
            let newer = reported.desired.unwrap_or_default();
            Some(Verdict {
                attested,
                ..Verdict::silent("overtaken", format!("it is at version {newer}"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Applied, Document, Failure, Text, UnixMillis};

    fn reported(
        desired: u64,
        stage: Stage,
        applied: Option<(u64, &str)>,
        observed: Option<&str>,
    ) -> Reported {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let failed = matches!(stage, Stage::Reverted | Stage::Refused);
        Reported {
            document: Document::Bundle,
            desired: Some(desired),
            stage,
            applied: applied.map(|(version, text)| Applied { version, digest: digest(text) }),
            observed: observed.map(digest),
            at: UnixMillis(1),
            failure: failed
                .then(|| Failure { code: "trial.check".parse().unwrap(), text: Text::cut("no") }),
            local: None,
        }
    }

    #[test]
    fn a_box_is_judged_by_what_it_attests_and_not_before_it_came_to_an_end() {
        let told = Ended { code: "trial.errors".into(), reason: "9 of 20".into() };
        for (report, told, expected) in [
            (reported(5, Stage::Fetching, None, None), None, None),
            (reported(5, Stage::Probation, Some((4, "old")), Some("old")), None, None),
            (reported(5, Stage::Committed, Some((5, "new")), Some("new")), None, Some(("ok", ""))),
            // Written is not running.
            (reported(5, Stage::Committed, Some((5, "new")), None), None, None),
            (
                reported(5, Stage::Committed, Some((5, "new")), Some("old")),
                None,
                Some(("bad", "attestation")),
            ),
            (reported(5, Stage::Committed, Some((5, "other")), Some("other")), None, None),
            (
                reported(5, Stage::Reverted, Some((4, "old")), Some("old")),
                None,
                Some(("bad", "trial.check")),
            ),
            (reported(5, Stage::Refused, None, None), None, Some(("bad", "trial.check"))),
            (reported(4, Stage::Reverted, None, None), None, None),
            // A box that is past it: what it says of the newer version says nothing of this one.
            (
                reported(6, Stage::Refused, Some((4, "old")), None),
                None,
                Some(("silent", "overtaken")),
            ),
            (
                reported(6, Stage::Trial, Some((4, "old")), None),
                Some(told),
                Some(("bad", "trial.errors")),
            ),
            (reported(6, Stage::Trial, Some((5, "new")), Some("new")), None, Some(("ok", ""))),
        ] {
            let verdict = judge(5, Digest::of(b"new"), &report, told);
            let found = verdict.as_ref().map(|one| (one.result.as_str(), one.code.as_str()));
            assert_eq!(found, expected, "{report:?}");
        }
    }
}
