//! Moments, hybrid logical time, and the floor below which no clock is believed.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, UTC, without leap seconds.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct UnixMillis(#[n(0)] pub u64);

impl UnixMillis {
    /// What this machine's clock says.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// So much later; the end of time at most.
    #[must_use]
    pub fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// How much later this is than `earlier`; 0 where it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Hybrid logical time (Kulkarni et al., 2014): 48 bits of milliseconds and 16 bits that count.
///
/// Orders what one node did, and what it did after hearing from another, even where clocks go back.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    Serialize,
    Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct HybridTime(#[n(0)] pub u64);

const COUNTER_BITS: u32 = 16;
const MOST_MILLIS: u64 = u64::MAX >> COUNTER_BITS;

impl HybridTime {
    /// The first time within a millisecond.
    #[must_use]
    pub fn at(moment: UnixMillis) -> Self {
        Self(moment.0.min(MOST_MILLIS) << COUNTER_BITS)
    }

    /// The millisecond it is in.
    #[must_use]
    pub fn moment(self) -> UnixMillis {
        UnixMillis(self.0 >> COUNTER_BITS)
    }

    /// The least time after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How far another's clock may be ahead and still be followed.
pub const MAX_AHEAD_MILLIS: u64 = 5 * 60 * 1000;

/// Gives out hybrid times, each later than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HybridClock {
    last: HybridTime,
}

impl HybridClock {
    /// A clock that goes on after `last`, which was stored.
    #[must_use]
    pub fn resumed(last: HybridTime) -> Self {
        Self { last }
    }

    /// The last time given out or heard.
    #[must_use]
    pub fn last(self) -> HybridTime {
        self.last
    }

    /// The time of something that happens now.
    pub fn tick(&mut self, now: UnixMillis) -> HybridTime {
        self.last = HybridTime::at(now).max(self.last.next());
        self.last
    }

    /// Takes note of a time heard from another; one too far ahead is left aside, and `false` told.
    pub fn hear(&mut self, heard: HybridTime, now: UnixMillis) -> bool {
        let believed = heard.moment().since(now) <= MAX_AHEAD_MILLIS;
        if believed {
            self.last = self.last.max(heard);
        }
        believed
    }
}

/// What is known of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time is about this.
    Known(UnixMillis),
    /// The clock contradicts what is certain: run on, install nothing, delete nothing.
    Unknown {
        /// It is at least this late.
        at_least: UnixMillis,
    },
}

/// A moment that HQ answered with, and where the steady clock stood then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    moment: UnixMillis,
    steady_millis: u64,
}

/// How far a clock may be from HQ's before it is not believed.
pub const MAX_SKEW_MILLIS: u64 = 10 * 60 * 1000;

/// The latest moment that certainly has passed: when the program was built, what HQ signed, and what
/// was stored before. Never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeFloor {
    floor: UnixMillis,
    anchor: Option<Anchor>,
}

impl TimeFloor {
    /// A floor of the moments known at the start.
    #[must_use]
    pub fn new(built: UnixMillis, stored: UnixMillis) -> Self {
        Self { floor: built.max(stored), anchor: None }
    }

    /// The floor, to be stored.
    #[must_use]
    pub fn floor(self) -> UnixMillis {
        self.floor
    }

    /// Raises the floor to a moment that HQ signed, however late it came.
    pub fn raise(&mut self, signed: UnixMillis) {
        self.floor = self.floor.max(signed);
    }

    /// Takes HQ's signed answer to a question that was asked just now as the present.
    /// `steady_millis` is a clock that only counts on while the box runs.
    pub fn anchor(&mut self, signed: UnixMillis, steady_millis: u64) {
        self.raise(signed);
        self.anchor = Some(Anchor { moment: signed, steady_millis });
    }

    /// What the box's clock is worth. Where HQ answered since the start, its time is counted on.
    pub fn judge(&mut self, wall: UnixMillis, steady_millis: u64) -> Clock {
        if let Some(anchor) = self.anchor {
            let counted = anchor.moment.plus(steady_millis.saturating_sub(anchor.steady_millis));
            self.raise(counted);
            let skew = wall.since(counted).max(counted.since(wall));
            return Clock::Known(if skew <= MAX_SKEW_MILLIS { wall } else { counted });
        }
        if self.floor.since(wall) > MAX_SKEW_MILLIS {
            return Clock::Unknown { at_least: self.floor };
        }
        Clock::Known(wall.max(self.floor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_times_ascend_while_the_clock_goes_back() {
        let mut clock = HybridClock::default();
        let times: Vec<_> =
            [50, 50, 40, 0, 60].map(|now| clock.tick(UnixMillis(now))).into_iter().collect();
        assert!(times.is_sorted_by(|a, b| a < b), "{times:?}");
        assert_eq!(times[4], HybridTime::at(UnixMillis(60)));
        assert_eq!(times[3].moment(), UnixMillis(50));
    }

    #[test]
    fn what_follows_a_message_is_later_than_it() {
        let (mut here, now) = (HybridClock::default(), UnixMillis(1000));
        let heard = HybridTime::at(UnixMillis(5000)).next();
        assert!(here.hear(heard, now));
        assert!(here.tick(now) > heard);
    }

    #[test]
    fn a_clock_far_ahead_pulls_nobody_along() {
        let mut here = HybridClock::default();
        assert!(!here.hear(HybridTime(u64::MAX), UnixMillis(1000)));
        assert_eq!(here.tick(UnixMillis(1000)), HybridTime::at(UnixMillis(1000)));
    }

    #[test]
    fn a_full_counter_goes_into_the_next_millisecond() {
        let mut clock = HybridClock::resumed(HybridTime((7 << 16) | 0xffff));
        assert_eq!(clock.tick(UnixMillis(3)).moment(), UnixMillis(8));
    }

    const BUILT: UnixMillis = UnixMillis(1_000_000_000);

    #[test]
    fn a_clock_before_the_floor_is_not_believed() {
        let mut floor = TimeFloor::new(BUILT, UnixMillis(0));
        assert_eq!(floor.judge(UnixMillis(0), 0), Clock::Unknown { at_least: BUILT });
        assert_eq!(floor.judge(BUILT.plus(5), 0), Clock::Known(BUILT.plus(5)));
        floor.raise(BUILT.plus(10 * MAX_SKEW_MILLIS));
        assert!(matches!(floor.judge(BUILT.plus(5), 0), Clock::Unknown { .. }));
        floor.raise(BUILT);
        assert_eq!(floor.floor(), BUILT.plus(10 * MAX_SKEW_MILLIS), "it went back");
    }

    #[test]
    fn hqs_answer_counts_more_than_the_boxs_clock() {
        let mut floor = TimeFloor::new(BUILT, UnixMillis(0));
        floor.anchor(BUILT.plus(1000), 70);
        let year = 365 * 24 * 3600 * 1000;
        for wall in [UnixMillis(0), BUILT.plus(year)] {
            assert_eq!(floor.judge(wall, 170), Clock::Known(BUILT.plus(1100)));
        }
        let near = BUILT.plus(1200);
        assert_eq!(floor.judge(near, 170), Clock::Known(near));
        assert_eq!(floor.floor(), BUILT.plus(1100));
    }
}
