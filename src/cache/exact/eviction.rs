//! What leaves when there is no room: the least worth of a few that chance points at.
//!
//! An entry is worth what it takes to make it, times how often it was asked for, over what it takes
//! in bytes; half of that for each day that nobody asked. A few candidates are nearly as good as
//! all of them, and cost no order that every hit would have to keep.

use super::Room;
use super::index::{Index, Slot};
use crate::cache::Key;
use crate::cache::clock::now_ms;

/// Candidates that are looked at for each that leaves.
const CANDIDATES: usize = 16;
/// After this time without being asked for, an entry is worth half.
const HALF_LIFE_MS: f64 = 24.0 * 3_600_000.0;

/// Makes room in memory and on disk; answers with the entries that are gone.
pub(super) fn make_room(index: &mut Index, room: Room) -> Vec<Key> {
    unload(index, room);
    let mut gone = Vec::new();
    while over(index, room) {
        let Some(place) = least(index, |_| true) else { break };
        let Some(key) = index.at(place).map(|slot| slot.head().key) else { break };
        index.remove(&key);
        gone.push(key);
    }
    gone
}

/// Lets bodies that are on disk leave memory, as long as it has too many.
pub(super) fn unload(index: &mut Index, room: Room) {
    while index.kept().memory_bytes > room.memory_bytes {
        let Some(place) = least(index, Slot::can_unload) else { break };
        index.unload(place);
    }
}

fn over(index: &Index, room: Room) -> bool {
    let kept = index.kept();
    kept.memory_bytes > room.memory_bytes || kept.disk_bytes > room.disk_bytes
}

/// The least worth of some entries.
fn least(index: &mut Index, may: impl Fn(&Slot) -> bool) -> Option<u32> {
    let places = index.places() as u64;
    let now = now_ms();
    let mut best: Option<(f64, u32)> = None;
    let mut seen = 0;
    let begin = draw(&mut index.hand) % places.max(1);
    // Chance points at the first; its neighbours came at other times than it, or by chance too.
    for step in 0..places {
        let place = ((begin + step) % places) as u32;
        let Some(slot) = index.at(place).filter(|slot| may(slot)) else { continue };
        let worth = worth(slot, now);
        if best.is_none_or(|(least, _)| worth < least) {
            best = Some((worth, place));
        }
        seen += 1;
        if seen == CANDIDATES {
            break;
        }
    }
    best.map(|(_, place)| place)
}

fn worth(slot: &Slot, now_ms: u64) -> f64 {
    use std::sync::atomic::Ordering::Relaxed;
    let tally = slot.tally();
    let idle_ms = now_ms.saturating_sub(tally.last_ms.load(Relaxed)) as f64;
    let asked = f64::from(tally.asked.load(Relaxed).max(1));
    let cost = (slot.head().cost.ms + 1) as f64;
    let bytes = (slot.head().bytes + 1) as f64;
    cost * asked / bytes * (-idle_ms / HALF_LIFE_MS).exp2()
}

/// The next number of SplitMix64.
fn draw(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
