//! How the line is, for people and for metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{Label, UnixMillis};
use crate::sync::machine::Phase;

/// How the line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far the connection is.
    pub phase: Phase,
    /// Since when, by the box's clock.
    pub since: UnixMillis,
    /// When the next try is made, by the box's clock, while there is no connection.
    pub next_try: Option<UnixMillis>,
    /// Connections that a broker took, since the start.
    pub connections: u64,
    /// What ended the last connection, or kept it from being made.
    pub trouble: Option<String>,
    /// HQ's clock as it was last told.
    pub hq_time: Option<UnixMillis>,
    /// Messages that were not taken, by the reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Catalogues of our tenant that HQ named and that are not followed.
    pub offered: BTreeSet<Label>,
}

impl Status {
    /// Before the first try.
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        Self {
            phase: Phase::Waiting { until_ms: 0 },
            since: now,
            next_try: None,
            connections: 0,
            trouble: None,
            hq_time: None,
            refused: BTreeMap::new(),
            offered: BTreeSet::new(),
        }
    }
}
