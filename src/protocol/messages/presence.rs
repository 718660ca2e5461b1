//! Whether a node is on the line, told by itself or, by its will, by the broker.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a node says of itself, or the broker in its name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    /// On the line.
    #[n(0)]
    Online,
    /// Said goodbye.
    #[n(1)]
    Left,
    /// The will: the line broke. The node may well be up: unknown is not down.
    #[n(2)]
    Lost,
}

/// Presence within one connection. Each connection has an epoch higher than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Counts the node's connections, over restarts.
    #[n(0)]
    pub epoch: u64,
    /// How it is.
    #[n(1)]
    pub state: PresenceState,
}

impl Presence {
    /// Whether this replaces what is known. A will of an earlier connection that comes late does
    /// not, nor does a word from before the will of the same connection.
    #[must_use]
    pub fn replaces(&self, known: Option<&Self>) -> bool {
        known.is_none_or(|known| (self.epoch, self.state) > (known.epoch, known.state))
    }
}

#[cfg(test)]
mod tests {
    use super::{Presence, PresenceState::*};

    #[test]
    fn a_late_will_does_not_take_a_node_off_the_line_nor_bring_it_back() {
        let said = |epoch, state| Presence { epoch, state };
        for (known, heard, replaces) in [
            (None, said(1, Online), true),
            (Some(said(1, Online)), said(1, Lost), true),
            (Some(said(2, Online)), said(1, Lost), false),
            (Some(said(2, Lost)), said(1, Online), false),
            (Some(said(2, Lost)), said(2, Online), false),
            (Some(said(2, Left)), said(2, Online), false),
            (Some(said(2, Lost)), said(3, Online), true),
            (Some(said(2, Online)), said(2, Online), false),
        ] {
            assert_eq!(heard.replaces(known.as_ref()), replaces, "{known:?} {heard:?}");
        }
    }
}
