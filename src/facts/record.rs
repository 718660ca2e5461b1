//! What was read, and whether it still holds.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::name::{Name, Revision, Table};
use super::time::UnixSeconds;

/// What an answer stands on: everything that was read, absences included.
///
/// The default one stands on nothing and always holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The store that was read; another one's revisions mean nothing.
    pub origin: u64,
    /// When it was read.
    pub at: Option<UnixSeconds>,
    /// Names and their revisions at that time, sorted by name.
    pub read: Vec<(Name, Revision)>,
    /// The moment from which on something that was read is said otherwise by itself: a promotion
    /// begins or ends, a door opens or closes, a day is over.
    pub until: Option<UnixSeconds>,
    /// When each table that was read was last heard of from its feed.
    pub heard: Vec<(Table, Option<UnixSeconds>)>,
}

impl Record {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.until.is_none()
    }
}

/// Whether what was made of facts may still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Everything is as it was read.
    Current,
    /// It must not be told: this has changed since, or is of another store.
    Dead {
        /// What has changed; none where the store is another one.
        name: Option<Name>,
    },
    /// It must not be told: a time-bound fact reads otherwise since this moment.
    Expired {
        /// The moment.
        at: UnixSeconds,
    },
    /// It is as it was read, but the feed was not heard of for too long: hedge or refuse.
    TooOld {
        /// Whose feed.
        table: Table,
        /// How long it is silent; none where it never spoke.
        age: Option<Duration>,
        /// How long it may be.
        limit: Duration,
    },
    /// Only words have changed: it may be told once more while it is made anew.
    Soft {
        /// What has changed.
        name: Name,
    },
}
