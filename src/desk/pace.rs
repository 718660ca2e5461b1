//! How often one device may ring.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// When each device rang last, milliseconds since 1970. As many are known as rang within one pause.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<BTreeMap<String, u64>>);

impl Pace {
    /// Whether a device may ring now, having been quiet for `pause_ms`; it has rung then.
    pub(super) fn allows(&self, device: &str, pause_ms: u64, now_ms: u64) -> bool {
        let mut rang = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rang.retain(|_, at| now_ms.saturating_sub(*at) < pause_ms);
        if rang.contains_key(device) {
            return false;
        }
        rang.insert(device.to_owned(), now_ms);
        true
    }
}
