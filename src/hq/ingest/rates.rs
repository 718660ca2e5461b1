//! How much one node may say, so that none keeps HQ from hearing the others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::hq::config::Rate;
use crate::protocol::{Place, UnixMillis};

/// Nodes that are looked after at one time; those that have said little lately leave first.
const MAX_NODES: usize = 100_000;
/// Between two warnings of one node.
const WARN_EVERY_MS: u64 = 60_000;
/// Bytes that count as much as one message.
const BYTES: u64 = 1024;

/// What each node may still say, in thousandths of a message.
#[derive(Debug)]
pub(in crate::hq) struct Rates {
    rate: Rate,
    nodes: Mutex<BTreeMap<Place, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    left: u64,
    at: UnixMillis,
    warned: UnixMillis,
}

impl Bucket {
    fn full(rate: Rate, at: UnixMillis) -> Self {
        Self { left: whole(rate), at, warned: UnixMillis(0) }
    }

    fn fill(&mut self, rate: Rate, now: UnixMillis) {
        // Messages a second are thousandths of one in a millisecond.
        let more = now.0.saturating_sub(self.at.0).saturating_mul(u64::from(rate.per_second));
        self.left = self.left.saturating_add(more).min(whole(rate));
        self.at = now;
    }
}

fn whole(rate: Rate) -> u64 {
    u64::from(rate.burst) * 1000
}

fn cost(bytes: usize) -> u64 {
    1000 + (bytes as u64).saturating_mul(1000) / BYTES
}

impl Rates {
    pub(in crate::hq) fn new(rate: Rate) -> Self {
        Self { rate, nodes: Mutex::default() }
    }

    /// Whether a node may say this much now. What it may not is left, not acknowledged, and comes again.
    pub(super) fn admit(&self, place: &Place, bytes: usize, now: UnixMillis) -> bool {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() >= MAX_NODES && !nodes.contains_key(place) {
            make_room(&mut nodes, self.rate, now);
        }
        let new = || Bucket::full(self.rate, now);
        let bucket = nodes.entry(place.clone()).or_insert_with(new);
        bucket.fill(self.rate, now);
        if let Some(left) = bucket.left.checked_sub(cost(bytes)) {
            bucket.left = left;
            return true;
        }
        if now.0.saturating_sub(bucket.warned.0) >= WARN_EVERY_MS {
            bucket.warned = now;
            let most = self.rate.per_second;
            tracing::warn!(%place, most, "a node says more than one may in a second");
        }
        false
    }

    /// Gives back what was not taken after all.
    pub(super) fn give_back(&self, place: &Place, bytes: usize) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = nodes.get_mut(place) {
            bucket.left = bucket.left.saturating_add(cost(bytes)).min(whole(self.rate));
        }
    }
}

/// Forgets those that may say all there is to say again, else everybody.
fn make_room(nodes: &mut BTreeMap<Place, Bucket>, rate: Rate, now: UnixMillis) {
    nodes.values_mut().for_each(|bucket| bucket.fill(rate, now));
    nodes.retain(|_, bucket| bucket.left < whole(rate));
    if nodes.len() >= MAX_NODES {
        nodes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_a_burst_and_then_so_much_a_second_whatever_others_say() {
        let rates = Rates::new(Rate { burst: 10, per_second: 2 });
        let [a, b]: [Place; 2] = ["acme/s/a", "acme/s/b"].map(|place| place.parse().unwrap());
        let says = |place: &Place, at_ms: u64| {
            (0..20).filter(|_| rates.admit(place, 0, UnixMillis(at_ms))).count()
        };
        assert_eq!((says(&a, 1000), says(&a, 1000), says(&b, 1000)), (10, 0, 10));
        assert_eq!((says(&a, 2000), says(&a, 500_000)), (2, 10));
        // A clock that goes back gives nothing and takes nothing.
        assert_eq!(says(&a, 0), 0);
        rates.give_back(&a, 0);
        assert_eq!(says(&a, 0), 1);
        // Large messages count more.
        assert!(rates.admit(&b, 8 * 1024, UnixMillis(900_000)));
        assert_eq!(says(&b, 900_000), 1);
    }
}
