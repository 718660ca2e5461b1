//! One stream on its way: what was sent, and what comes next.

use super::backoff::doubled;
use super::config::LineConfig;
use crate::protocol::{Run, Stream};

/// A stream while the uplink is open. Numbers from `boundary` on are live and go first; those
/// before are backlog and go at a bounded rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    /// The number that the next message will get.
    next: u64,
    /// HQ has stored all up to this number, and the runs above.
    through: u64,
    above: Vec<Run>,
    /// The first live number, and the next live one to be sent.
    boundary: u64,
    live: u64,
    /// The next number of the backlog to be sent; where it is the boundary, all was sent.
    backlog: u64,
    /// When HQ last stored something, or sending began anew; and how often it began.
    moved_ms: u64,
    repeats: u32,
}

impl Lane {
    /// A stream that begins after what HQ has stored; what waits now is backlog.
    pub(super) fn new(
        stream: Stream,
        next: u64,
        through: u64,
        above: Vec<Run>,
        now_ms: u64,
    ) -> Self {
        let mut lane = Self {
            stream,
            next,
            through,
            above: believed(&above, next),
            boundary: next,
            live: next,
            backlog: through + 1,
            moved_ms: now_ms,
            repeats: 0,
        };
        lane.backlog = lane.skipped(lane.backlog);
        lane
    }

    /// More was written.
    pub(super) fn grow(&mut self, next: u64) {
        self.next = self.next.max(next);
    }

    /// HQ has stored more.
    pub(super) fn acknowledge(&mut self, through: u64, above: &[Run], now_ms: u64) {
        if through < self.through || through == u64::MAX {
            return; // A late ack, or one that no HQ says.
        }
        let above = believed(above, self.next.max(self.live));
        if through > self.through || above != self.above {
            (self.moved_ms, self.repeats) = (now_ms, 0);
        }
        self.through = through;
        self.above = above;
        self.backlog = self.skipped(self.backlog.max(through + 1));
        self.live = self.live.max(through + 1);
        self.next = self.next.max(self.live);
    }

    /// What is live and not sent.
    pub(super) fn live(&self, config: &LineConfig) -> Option<Run> {
        self.within(Run { first: self.live, last: self.next.saturating_sub(1) }, config)
    }

    /// What is backlog and not sent; up to the next run that HQ has.
    pub(super) fn backlog(&self, config: &LineConfig) -> Option<Run> {
        let after = self.above.iter().map(|run| run.first).find(|first| *first > self.backlog);
        let end = after.unwrap_or(u64::MAX).min(self.boundary);
        self.within(Run { first: self.backlog, last: end.saturating_sub(1) }, config)
    }

    /// As much of a run as the window leaves room for.
    fn within(&self, run: Run, config: &LineConfig) -> Option<Run> {
        // Where all was sent again for nothing, HQ is away: one message finds out whether it is back.
        let window = if self.repeats > 1 { 1 } else { config.window };
        let room = window.saturating_sub(self.outstanding());
        let last = run.last.min(run.first.saturating_add(room).saturating_sub(1));
        (room > 0 && run.first <= last).then_some(Run { first: run.first, last })
    }

    /// Messages that were sent and that HQ has not said to have.
    fn outstanding(&self) -> u64 {
        let behind = self.backlog.min(self.boundary).saturating_sub(self.through + 1);
        let live = self.live.saturating_sub(self.boundary.max(self.through + 1));
        let sent = |run: &Run| run.last < self.backlog || run.first >= self.boundary;
        let stored: u64 =
            self.above.iter().filter(|run| sent(run)).map(|run| run.last - run.first + 1).sum();
        (behind + live).saturating_sub(stored)
    }

    /// These numbers were sent.
    pub(super) fn sent(&mut self, run: Run, now_ms: u64) {
        if self.outstanding() == 0 {
            self.moved_ms = now_ms;
        }
        if run.first >= self.boundary {
            self.live = self.live.max(run.last + 1);
        } else {
            self.backlog = self.skipped(self.backlog.max(run.last + 1));
            self.live = self.live.max(self.backlog.min(run.last + 1));
        }
    }

    /// The number, or the first after the runs it is in.
    fn skipped(&self, from: u64) -> u64 {
        let holding = |at: u64| self.above.iter().find(|run| run.holds(at)).map(|run| run.last + 1);
        let mut at = from;
        while let Some(after) = holding(at) {
            at = after;
        }
        at
    }

    /// When HQ has been silent for so long that sending begins anew; `None` while nothing is owed.
    pub(super) fn repeat_at(&self, config: &LineConfig) -> Option<u64> {
        let wait = doubled(config.send_again_ms, self.repeats, config.max_retry_ms);
        (self.outstanding() > 0).then(|| self.moved_ms.saturating_add(wait))
    }

    /// Begins anew after what HQ has; all that was sent becomes backlog.
    pub(super) fn repeat(&mut self, now_ms: u64) {
        self.boundary = self.live;
        self.backlog = self.skipped(self.through + 1);
        self.moved_ms = now_ms;
        self.repeats = self.repeats.saturating_add(1);
    }
}

/// The runs that can be: of numbers that were given out, ascending, with holes between.
fn believed(above: &[Run], next: u64) -> Vec<Run> {
    let mut believed: Vec<Run> = Vec::new();
    for run in above {
        let after = believed.last().is_none_or(|last| last.last < run.first);
        if after && run.first <= run.last && run.last < next {
            believed.push(*run);
        }
    }
    believed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LineConfig {
        LineConfig { window: 4, send_again_ms: 100, ..LineConfig::default() }
    }

    fn run(first: u64, last: u64) -> Option<Run> {
        Some(Run { first, last })
    }

    #[test]
    fn live_messages_go_beside_the_backlog_and_both_within_the_window() {
        let mut lane = Lane::new(Stream::Evt, 11, 2, vec![], 0);
        assert_eq!((lane.live(&config()), lane.backlog(&config())), (None, run(3, 6)));
        lane.grow(12);
        assert_eq!(lane.live(&config()), run(11, 11));
        lane.sent(Run::of(11), 0);
        lane.sent(Run { first: 3, last: 5 }, 0);
        assert_eq!(
            (lane.live(&config()), lane.backlog(&config())),
            (None, None),
            "the window is full"
        );
        lane.acknowledge(5, &[Run::of(11)], 1);
        assert_eq!(lane.backlog(&config()), run(6, 9));
        lane.sent(Run { first: 6, last: 9 }, 1);
        lane.acknowledge(9, &[Run::of(11)], 2);
        lane.sent(Run::of(10), 2);
        lane.acknowledge(11, &[], 3);
        assert_eq!((lane.live(&config()), lane.backlog(&config())), (None, None));
        assert_eq!(lane.repeat_at(&config()), None);
    }

    #[test]
    fn what_hq_has_is_not_sent_again() {
        let mut lane = Lane::new(Stream::Evt, 9, 1, vec![Run { first: 2, last: 3 }, Run::of(6)], 0);
        assert_eq!(lane.backlog(&config()), run(4, 5));
        lane.sent(Run { first: 4, last: 5 }, 0);
        assert_eq!(lane.backlog(&config()), run(7, 8));
    }

    #[test]
    fn silence_makes_it_begin_anew_ever_more_slowly() {
        let mut lane = Lane::new(Stream::Evt, 3, 0, vec![], 0);
        lane.sent(Run { first: 1, last: 2 }, 10);
        assert_eq!(lane.repeat_at(&config()), Some(110));
        lane.repeat(110);
        assert_eq!(lane.backlog(&config()), run(1, 2));
        lane.sent(Run { first: 1, last: 2 }, 115);
        assert_eq!(lane.repeat_at(&config()), Some(315));
        lane.acknowledge(1, &[], 200);
        assert_eq!(lane.repeat_at(&config()), Some(300));
    }

    #[test]
    fn while_hq_is_away_one_message_finds_out_whether_it_is_back() {
        let mut lane = Lane::new(Stream::Evt, 4, 0, vec![], 0);
        for at in [110, 320] {
            lane.sent(Run { first: 1, last: 3 }, 0);
            lane.repeat(at);
        }
        assert_eq!(lane.backlog(&config()), run(1, 1));
        lane.sent(Run::of(1), 330);
        lane.grow(5);
        assert_eq!((lane.backlog(&config()), lane.live(&config())), (None, None));
        lane.acknowledge(1, &[], 400);
        assert_eq!((lane.backlog(&config()), lane.live(&config())), (run(2, 3), run(4, 4)));
    }

    #[test]
    fn runs_that_cannot_be_change_nothing() {
        let wrong = [Run { first: 4, last: u64::MAX }, Run { first: 3, last: 2 }, Run::of(99)];
        let mut lane = Lane::new(Stream::Evt, 5, 0, wrong.to_vec(), 0);
        assert_eq!(lane.backlog(&config()), run(1, 4));
        lane.sent(Run { first: 1, last: 4 }, 0);
        lane.acknowledge(1, &wrong, 1);
        lane.acknowledge(u64::MAX, &[], 1);
        assert_eq!((lane.backlog(&config()), lane.outstanding()), (None, 3));
        lane.acknowledge(1, &[Run::of(4), Run::of(3)], 1);
        assert_eq!(lane.outstanding(), 2, "runs that do not ascend are left out");
    }

    #[test]
    fn a_gap_over_the_boundary_carries_the_live_part_along() {
        let mut lane = Lane::new(Stream::Evt, 5, 0, vec![], 0);
        lane.grow(9);
        lane.sent(Run { first: 1, last: 7 }, 0);
        assert_eq!(lane.live(&config()), None, "seven are out, four may be");
        lane.acknowledge(7, &[], 0);
        assert_eq!(lane.live(&config()), run(8, 8));
    }
}
