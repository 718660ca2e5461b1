//! The section `[desk]`.

use super::raw::Reader;
use super::sections::{number, seconds};
use crate::desk::DeskConfig;

pub(super) fn read(reader: &mut Reader<'_>) -> DeskConfig {
    let default = DeskConfig::default();
    let feedback = usize::try_from(default.max_feedback).unwrap_or(usize::MAX);
    let ring_again = seconds(reader, "desk.ring_again_s", default.ring_again, 0.5, 600.0);
    let escalate_after =
        seconds(reader, "desk.escalate_after_s", default.escalate_after, 0.5, 3_600.0);
    if escalate_after < ring_again {
        reader.refuse("desk.escalate_after_s", "it must be at least desk.ring_again_s");
    }
    DeskConfig {
        ring_again,
        escalate_after,
        max_open: number(reader, "desk.max_open", default.max_open, 1, 1_000),
        max_feedback: number(reader, "desk.max_feedback", feedback, 1, 100_000) as u64,
    }
}
