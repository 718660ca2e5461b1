//! Starts of a node's program, by what its questions say; and whether two boxes share a name.

use crate::protocol::{BootId, UnixMillis};

/// Turns in a row from which on there are two boxes. A question that is late makes two of them.
const TWO_BOXES: u32 = 3;

/// The last two starts of a node's program that were heard of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Boots {
    pub(super) last: Option<BootId>,
    pub(super) before: Option<BootId>,
    /// How often in a row the one before spoke again.
    pub(super) turns: u32,
    /// When two boxes were last seen.
    pub(super) doubled: Option<UnixMillis>,
}

impl Boots {
    /// A question came from this start of the program; whether two boxes speak.
    pub(super) fn hear(&mut self, boot: BootId, now: UnixMillis) -> bool {
        if self.last == Some(boot) {
            return false;
        }
        self.turns = if self.before == Some(boot) { self.turns.saturating_add(1) } else { 0 };
        self.before = self.last.replace(boot);
        let two = self.turns >= TWO_BOXES;
        if two {
            self.doubled = Some(now);
        }
        two
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(boots: &[u8]) -> Boots {
        let mut all = Boots::default();
        for (at, boot) in boots.iter().enumerate() {
            all.hear(BootId([*boot; 8]), UnixMillis(at as u64));
        }
        all
    }

    #[test]
    fn two_that_take_turns_are_two_boxes_and_restarts_are_one() {
        for (boots, doubled) in [
            (&[1, 1, 2, 2, 3, 4, 5][..], None),
            (&[1, 2, 1, 2], None), // One question was late.
            (&[1, 2, 1, 2, 3, 2, 3], None),
            (&[1, 2, 1, 2, 1], Some(UnixMillis(4))),
            (&[1, 2, 1, 2, 1, 1, 3, 3], Some(UnixMillis(4))),
        ] {
            assert_eq!(heard(boots).doubled, doubled, "{boots:?}");
        }
    }
}
