use std::collections::BTreeSet;

use super::prefixes::Block;
use super::*;
use crate::engine::{Budget, Scope, TokenId};

const LAYOUT: Layout = Layout { layers: 2, heads: 3, head_size: 16, kind: KvType::F16 };

fn store(pages: u64) -> KvStore {
    KvStore::new(LAYOUT, Budget::new(LAYOUT.page_bytes() * pages + 5).open(), None)
}

#[test]
fn a_page_holds_keys_and_values_of_all_layers_and_heads() {
    assert_eq!(LAYOUT.page_bytes(), 2 * 3 * 2 * 16 * 16 * 2);
    let eight_bit = Layout { kind: KvType::Int8, ..LAYOUT };
    assert_eq!(eight_bit.page_bytes(), 2 * 3 * 2 * (16 * 16 + 16 * 4));
    assert_eq!(LAYOUT.strips_at(1, 2) + 2 * LAYOUT.strip_bytes(), LAYOUT.page_len());
}

#[test]
fn the_budget_is_never_exceeded_and_pages_come_back() {
    let mut kv = store(3);
    let (a, b) = (kv.open(Scope::Alone), kv.open(Scope::Alone));
    assert!(kv.reserve(a, 17) && kv.reserve(b, 16));
    assert!(!kv.reserve(b, 17), "a fourth page");
    assert_eq!(kv.used_bytes(), kv.limit_bytes());
    kv.close(a);
    assert_eq!(kv.used_bytes(), LAYOUT.page_bytes());
    assert!(kv.reserve(b, 48));
    kv.close(b);
    assert_eq!((kv.used_bytes(), kv.pages.len()), (0, 3));
}

#[test]
fn a_cap_holds_where_the_budget_is_larger() {
    let budget = Budget::new(LAYOUT.page_bytes() * 100);
    let mut kv = KvStore::new(LAYOUT, budget.open(), Some(LAYOUT.page_bytes() * 2));
    let a = kv.open(Scope::Alone);
    assert!(kv.reserve(a, 32) && !kv.reserve(a, 33));
    assert_eq!(kv.limit_tokens(), 32);
}

#[test]
fn pages_are_written_by_one_sequence_at_a_time_and_not_once_they_are_shared() {
    let mut kv = store(8);
    let (a, b) = (kv.open(Scope::Public), kv.open(Scope::Public));
    assert!(kv.reserve(a, 40) && kv.reserve(b, 40));
    for (mark, pages) in [(1, kv.writing([(b, 33), (a, 0), (b, 3)].into_iter()))] {
        for (at, page) in pages.unwrap().into_iter().enumerate() {
            assert_eq!(page.len(), LAYOUT.page_len());
            page.fill(mark + at as u8);
        }
    }
    let first = |kv: &KvStore, sequence, page| kv.pages(sequence).get(page)[0];
    assert_eq!((first(&kv, b, 2), first(&kv, a, 0), first(&kv, b, 0)), (1, 2, 3));
    assert!(kv.writing([(a, 0), (a, 5)].into_iter()).is_none(), "one page twice");
    assert!(kv.writing([(a, 48)].into_iter()).is_none(), "a page it does not have");
    kv.publish(a, &[7; 20]);
    assert!(kv.writing([(a, 15)].into_iter()).is_none(), "a shared page");
    assert!(kv.writing([(a, 16)].into_iter()).is_some());
}

#[test]
fn what_begins_the_same_shares_pages_within_its_scope() {
    let mut kv = store(20);
    let tokens: Vec<TokenId> = (0..50).collect();
    let first = kv.open(Scope::Public);
    assert_eq!(kv.adopt(first, &tokens), 0);
    assert!(kv.reserve(first, 50));
    kv.publish(first, &tokens);
    let mut other = tokens.clone();
    other[40] = 99;
    for (scope, tokens, shared) in [
        (Scope::Public, &tokens, 48),
        (Scope::Public, &other, 32),
        (Scope::Public, &tokens[..33].to_vec(), 32),
        (Scope::Public, &tokens[1..].to_vec(), 0),
        (Scope::Named(1), &tokens, 0),
        (Scope::Alone, &tokens, 0),
    ] {
        let sequence = kv.open(scope);
        assert_eq!(kv.adopt(sequence, tokens), shared, "{scope:?}");
        kv.close(sequence);
    }
    // Who computed the same at the same time ends up with the same pages.
    let used = kv.used_bytes();
    let twin = kv.open(Scope::Public);
    assert!(kv.reserve(twin, 50));
    assert_eq!(kv.used_bytes(), used + 4 * LAYOUT.page_bytes());
    kv.publish(twin, &tokens);
    assert_eq!(kv.used_bytes(), used + LAYOUT.page_bytes());
}

#[test]
fn the_least_recently_used_leaf_goes_first() {
    let mut kv = store(4);
    let path = |first: TokenId| -> Vec<TokenId> { (0..32).map(|i| i + first).collect() };
    for first in [100, 200] {
        let sequence = kv.open(Scope::Public);
        assert!(kv.reserve(sequence, 32));
        kv.publish(sequence, &path(first));
        kv.close(sequence);
    }
    assert_eq!(kv.used_bytes(), 0);
    let known = |kv: &mut KvStore, first: TokenId| {
        let sequence = kv.open(Scope::Public);
        let tokens = kv.adopt(sequence, &path(first));
        kv.close(sequence);
        tokens
    };
    assert_eq!(known(&mut kv, 100), 32, "now 200 is the older one");
    let wants = kv.open(Scope::Alone);
    assert!(kv.reserve(wants, 16));
    assert_eq!((known(&mut kv, 200), known(&mut kv, 100)), (16, 32));
}

#[test]
fn what_is_forgotten_is_found_by_nobody_and_who_has_it_goes_on() {
    let mut kv = store(8);
    let known = |kv: &mut KvStore| {
        let probe = kv.open(Scope::Public);
        let known = kv.adopt(probe, &[7; 48]);
        kv.close(probe);
        known
    };
    let (idle, held) = (kv.open(Scope::Public), kv.open(Scope::Public));
    assert!(kv.reserve(idle, 48));
    kv.publish(idle, &[7; 48]);
    assert_eq!(kv.adopt(held, &[7; 32]), 32);
    kv.close(idle);
    assert_eq!(known(&mut kv), 48);
    kv.forget();
    check_pages(&kv);
    assert_eq!((known(&mut kv), kv.pages(held).len(), kv.free.len()), (0, 2, 1));
    assert!(kv.reserve(held, 48));
    kv.publish(held, &[7; 48]);
    assert_eq!(known(&mut kv), 0, "nor by what follows on it");
    kv.close(held);
    check_pages(&kv);
    let fresh = kv.open(Scope::Public);
    assert!(kv.reserve(fresh, 8 * 16), "its pages are to be had again");
    kv.publish(fresh, &[7; 48]);
    assert_eq!(known(&mut kv), 48);
}

#[test]
fn idle_pages_go_to_a_model_that_wants_them_and_held_ones_do_not() {
    let budget = Budget::new(LAYOUT.page_bytes() * 4);
    let mut a = KvStore::new(LAYOUT, budget.open(), None);
    let mut b = KvStore::new(LAYOUT, budget.open(), None);
    let (held, idle) = (a.open(Scope::Public), a.open(Scope::Public));
    assert!(a.reserve(held, 16) && a.reserve(idle, 48));
    a.publish(idle, &[3; 48]);
    a.close(idle);
    let wants = b.open(Scope::Public);
    assert!(!b.reserve(wants, 16));
    a.give_to_others();
    assert_eq!(budget.free_bytes(), LAYOUT.page_bytes());
    assert!(!b.reserve(wants, 64));
    a.give_to_others();
    assert!(!b.reserve(wants, 64));
    assert_eq!(b.used_bytes(), 3 * LAYOUT.page_bytes());
    assert_eq!(a.used_bytes(), LAYOUT.page_bytes());
    assert_eq!(budget.free_bytes(), 0);
}

/// A sequence as it should be.
struct Expected {
    id: SequenceId,
    scope: Scope,
    tokens: Vec<TokenId>,
    computed: usize,
}

/// What a page holds of these tokens, for whoever may read it.
fn mark(scope: Scope, tokens: &[TokenId]) -> [u8; 8] {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (scope, tokens).hash(&mut hasher);
    hasher.finish().to_le_bytes()
}

/// Every page is free, one sequence's own, or in the tree, and counted there as often as it is held.
fn check_pages(kv: &KvStore) {
    let mut seen = BTreeSet::new();
    let mut once = |page| assert!(seen.insert(page), "{page:?} has two owners");
    kv.free.iter().copied().for_each(&mut once);
    let tables: Vec<_> = kv.tables.iter().flatten().collect();
    for table in &tables {
        table.pages.iter().skip(table.shared.len()).copied().for_each(&mut once);
    }
    for (node, page, holders) in kv.prefixes.all() {
        once(page);
        let held = tables.iter().filter(|table| table.shared.contains(&node)).count();
        assert_eq!(holders, held, "{node:?}");
    }
    let there = kv.pages.iter().filter(|page| page.is_some()).count();
    assert_eq!(seen.len(), there, "a page has no owner");
}

/// Computes the next tokens of a sequence, as a step does.
fn compute(kv: &mut KvStore, sequence: &mut Expected, count: usize) {
    let end = (sequence.computed + count).min(sequence.tokens.len());
    while sequence.computed < end {
        let at = sequence.computed;
        sequence.computed += 1;
        if sequence.computed.is_multiple_of(PAGE_TOKENS) {
            let mark = mark(sequence.scope, &sequence.tokens[..sequence.computed]);
            let mut pages = kv.writing([(sequence.id, at)].into_iter()).unwrap();
            pages[0][..8].copy_from_slice(&mark);
        }
    }
    kv.publish(sequence.id, &sequence.tokens[..sequence.computed]);
}

fn check_contents(kv: &KvStore, sequence: &Expected) {
    let pages = kv.pages(sequence.id);
    for page in 0..sequence.computed / PAGE_TOKENS {
        let want = mark(sequence.scope, &sequence.tokens[..(page + 1) * PAGE_TOKENS]);
        assert_eq!(pages.get(page)[..8], want, "page {page} is not of these tokens and scope");
    }
}

#[test]
fn no_page_leaks_is_lost_or_is_read_by_another_scope_whatever_happens() {
    bolero::check!().with_type::<(u64, Vec<(u8, u8, u8)>)>().for_each(|(seed, steps)| {
        let pages = 4 + seed % 24;
        let budget = Budget::new(LAYOUT.page_bytes() * pages);
        let mut kv = KvStore::new(LAYOUT, budget.open(), None);
        let mut other = budget.open();
        let mut taken = 0;
        let mut open: Vec<Expected> = Vec::new();
        for &(what, which, how) in steps {
            let at = usize::from(which) % open.len().max(1);
            match what % 9 {
                0 | 1 => {
                    let scope = [Scope::Public, Scope::Named(1), Scope::Named(2), Scope::Alone];
                    let scope = scope[usize::from(which) % 4];
                    // Few different blocks, so that many begin the same.
                    let blocks = [how & 1, how >> 1 & 1, how >> 2 & 1, how >> 3 & 1];
                    let tokens = blocks.map(|b| Block::from([u32::from(b) + 1; PAGE_TOKENS]));
                    let length = 1 + usize::from(how >> 2);
                    let tokens = tokens.as_flattened()[..length.min(64)].to_vec();
                    let id = kv.open(scope);
                    let computed = kv.adopt(id, &tokens[..tokens.len() - 1]);
                    let sequence = Expected { id, scope, tokens, computed };
                    check_contents(&kv, &sequence);
                    match kv.reserve(id, sequence.tokens.len()) {
                        true => open.push(sequence),
                        false => kv.close(id),
                    }
                }
                2..=4 => {
                    if let Some(sequence) = open.get_mut(at) {
                        compute(&mut kv, sequence, usize::from(how) % 40);
                    }
                }
                5 => {
                    if let Some(sequence) = open.get_mut(at) {
                        sequence.tokens.push(u32::from(how & 1) + 1);
                        if !kv.reserve(sequence.id, sequence.tokens.len()) {
                            sequence.tokens.pop();
                        }
                    }
                }
                6 if !open.is_empty() => kv.close(open.swap_remove(at).id),
                7 => {
                    let bytes = LAYOUT.page_bytes() * u64::from(how % 4);
                    taken += if other.take_pages(bytes, bytes) { bytes } else { 0 };
                    kv.give_to_others();
                    if which % 2 == 0 {
                        other.give_pages(std::mem::take(&mut taken));
                    }
                }
                8 => {
                    kv.forget();
                    let probe = kv.open(Scope::Public);
                    assert_eq!(
                        kv.adopt(probe, &[1; PAGE_TOKENS]),
                        0,
                        "what was forgotten is found"
                    );
                    kv.close(probe);
                }
                _ => {}
            }
            check_pages(&kv);
            let there = kv.pages.iter().flatten().count() as u64;
            assert_eq!(kv.account().pages(), there * LAYOUT.page_bytes());
            assert!(kv.account().pages() + taken <= budget.total_bytes());
            open.iter().for_each(|sequence| check_contents(&kv, sequence));
        }
        open.into_iter().for_each(|sequence| kv.close(sequence.id));
        check_pages(&kv);
        assert_eq!(kv.used_bytes(), 0);
    });
}
