//! What is to be loaded and what is to leave for it. Pure.

use tokio::time::Instant;

use super::state::State;
use super::title::{Place, Title};

/// What to do next, and when to look again where nothing happens before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) moves: Vec<Move>,
    pub(super) again: Option<Instant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// There is room for it.
    Load(String),
    /// Its room is needed.
    Evict(String),
    /// It does not fit beside what may not leave.
    Refuse { name: String, needed_bytes: u64, kept_bytes: u64 },
}

/// One package is loaded at a time, in the order in which they were missed. Those used longest ago
/// leave first, and of them first those that nobody uses. What runs wait for comes before loads, as
/// who runs holds memory already.
pub(super) fn plan<T: Clone>(state: &State<T>, now: Instant) -> Plan {
    if state.closed {
        return Plan::default();
    }
    if state.lacking_bytes > 0 {
        let coming_bytes = coming_bytes(state);
        let moves = room_for_runs(state, state.lacking_bytes.saturating_sub(coming_bytes));
        if !moves.is_empty() || coming_bytes > 0 {
            return Plan { moves, again: None };
        }
    }
    if state.titles.values().any(|title| matches!(title.place, Place::Loading)) {
        return Plan::default();
    }
    let missed = state.titles.iter().filter(|(_, title)| title.is_missed());
    let (later, due): (Vec<_>, Vec<_>) = missed.partition(|(_, t)| t.failing(now).is_some());
    let again = later.iter().filter_map(|(_, t)| Some(t.failing(now)?.until)).min();
    let Some((name, title)) = due.into_iter().min_by_key(|(_, title)| title.turn) else {
        return Plan { moves: Vec::new(), again };
    };
    Plan { moves: make_room(state, name, title), again }
}

/// What models that are just ending have.
fn coming_bytes<T: Clone>(state: &State<T>) -> u64 {
    let ending = state.leaving.values().filter(|leaving| leaving.held == 0);
    ending.map(|leaving| leaving.weight_bytes).sum()
}

/// Models that nobody uses, those used longest ago first, until what they have is enough.
fn room_for_runs<T: Clone>(state: &State<T>, lacking_bytes: u64) -> Vec<Move> {
    let mut coming = 0_u64;
    let unused = |title: &Title<T>| title.loaded().is_some_and(|copy| copy.held == 0);
    let mut idle: Vec<_> =
        state.titles.iter().filter(|(_, title)| leaves(title) && unused(title)).collect();
    idle.sort_by_key(|(_, title)| title.used);
    let mut evicted = Vec::new();
    for (name, title) in idle {
        if coming >= lacking_bytes {
            break;
        }
        coming = coming.saturating_add(title.size.weight_bytes);
        evicted.push(Move::Evict(name.clone()));
    }
    evicted
}

fn make_room<T: Clone>(state: &State<T>, name: &str, wanted: &Title<T>) -> Vec<Move> {
    let needed_bytes = wanted.size.weight_bytes;
    let kept_bytes = state.kept_bytes();
    if needed_bytes.saturating_add(kept_bytes) > state.budget_bytes {
        return vec![Move::Refuse { name: name.to_owned(), needed_bytes, kept_bytes }];
    }
    let mut staying: Vec<_> =
        state.titles.iter().filter(|(_, title)| title.loaded().is_some()).collect();
    // Most recently used first, and before them those in use: victims are taken from the end.
    staying.sort_by_key(|(_, title)| {
        let held = title.loaded().is_some_and(|copy| copy.held > 0);
        std::cmp::Reverse((!leaves(title), held, title.used))
    });
    let mut evicted = Vec::new();
    while !fits(state, wanted, &staying, true)
        && let Some((victim, _)) = staying.pop_if(|(_, title)| leaves(title))
    {
        evicted.push(Move::Evict(victim.clone()));
    }
    let leaving: u64 = state.leaving.values().map(|leaving| leaving.weight_bytes).sum();
    let weights: u64 = staying.iter().map(|(_, title)| title.size.weight_bytes).sum();
    let free_now = state.budget_bytes.saturating_sub(weights + leaving);
    if evicted.is_empty() && needed_bytes <= free_now && fits(state, wanted, &staying, false) {
        return vec![Move::Load(name.to_owned())];
    }
    evicted
}

/// Whoever waits for it has not had it yet.
fn leaves<T>(title: &Title<T>) -> bool {
    title.may_leave() && title.waiting == 0
}

/// Whether a package fits beside these, with pages for whoever needs the most of them.
fn fits<T: Clone>(
    state: &State<T>,
    wanted: &Title<T>,
    staying: &[(&String, &Title<T>)],
    with_pages: bool,
) -> bool {
    let sizes = || staying.iter().map(|(_, title)| title.size).chain([wanted.size]);
    let weights: u64 = sizes().map(|size| size.weight_bytes).sum();
    let pages = sizes().map(|size| size.page_bytes).max().filter(|_| with_pages);
    weights.saturating_add(pages.unwrap_or_default()) <= state.budget_bytes
}
