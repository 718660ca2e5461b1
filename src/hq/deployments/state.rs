//! How far a deployment is, and what ends it.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a deployment is. Those after `Running` are over and change no more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Asked for; an approver has to let it go.
    Draft,
    /// May begin.
    Approved,
    /// Its boxes are told, and those that came to an end are judged.
    Running,
    /// Every box was judged, and no more were bad than may be.
    Complete,
    /// More boxes were bad than may be; the others were set back.
    Halted,
    /// Somebody took it back; boxes that were not judged were set back.
    Cancelled,
    /// Another one took over the boxes that were not judged.
    Superseded,
    /// Its time was over before every box was judged, or before it was approved.
    Expired,
}

impl State {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Draft,
        Self::Approved,
        Self::Running,
        Self::Complete,
        Self::Halted,
        Self::Cancelled,
        Self::Superseded,
        Self::Expired,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Halted => "halted",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more becomes of it.
    #[must_use]
    pub fn is_over(self) -> bool {
        self > Self::Running
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is no state of a deployment"))
    }
}

/// How many boxes a deployment has, by what became of them; `ok + bad + silent + open` is `boxes`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tally {
    /// All of them.
    pub boxes: u64,
    /// Run what they were to, and said so after probation.
    pub ok: u64,
    /// Refused it or went back.
    pub bad: u64,
    /// Were not heard of in time; never counted as ok.
    pub silent: u64,
    /// Not judged yet.
    pub open: u64,
}

/// What a running deployment is to be now, and why; none where it goes on.
pub(super) fn end(
    tally: Tally,
    max_bad: u64,
    deadline_ms: u64,
    now_ms: u64,
) -> Option<(State, String)> {
    let Tally { boxes, ok, bad, silent, open } = tally;
    if bad > max_bad {
        return Some((
            State::Halted,
            format!("{bad} of {boxes} were bad, at most {max_bad} may be"),
        ));
    }
    if open == 0 && silent == 0 {
        return Some((State::Complete, format!("{ok} of {boxes} run it")));
    }
    // Before the deadline a box ends silent only where another deployment took it.
    if open == 0 {
        return Some((State::Superseded, "others took over what was left of it".to_owned()));
    }
    (now_ms >= deadline_ms)
        .then(|| (State::Expired, format!("{open} of {boxes} were not heard of in time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_ends_by_the_first_rule_that_holds() {
        let tally = |ok, bad, silent, open| Tally {
            boxes: ok + bad + silent + open,
            ok,
            bad,
            silent,
            open,
        };
        for (tally, max_bad, now, ends) in [
            (tally(0, 0, 0, 2), 0, 9, None),
            (tally(1, 0, 0, 1), 0, 9, None),
            (tally(2, 0, 0, 0), 0, 9, Some(State::Complete)),
            (tally(1, 1, 0, 0), 1, 9, Some(State::Complete)),
            // A group that ends early is halted all the same.
            (tally(1, 1, 0, 0), 0, 9, Some(State::Halted)),
            (tally(0, 1, 0, 5), 0, 9, Some(State::Halted)),
            (tally(0, 1, 0, 5), 1, 9, None),
            (tally(1, 0, 1, 0), 0, 9, Some(State::Superseded)),
            (tally(1, 0, 0, 1), 0, 10, Some(State::Expired)),
            (tally(2, 0, 0, 0), 0, 10, Some(State::Complete)),
        ] {
            assert_eq!(end(tally, max_bad, 10, now).map(|(state, _)| state), ends, "{tally:?}");
        }
    }

    #[test]
    fn states_are_written_as_they_are_read() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            assert_eq!(
                state.is_over(),
                !matches!(state, State::Draft | State::Approved | State::Running)
            );
        }
        assert!("done".parse::<State>().is_err());
    }
}
