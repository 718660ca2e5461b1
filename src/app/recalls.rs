//! What a recall ends beside kept answers.

use std::sync::Arc;

use crate::api::Served;
use crate::api::shelf::Shelf;
use crate::facts::{Event, EventKind, Facts, Revision, Table};

/// Changes that are looked at together.
const CHANGES: usize = 1_000;

/// Has every model in memory forget what it computed of earlier prompts whenever something is recalled,
/// until it is dropped. Pages are found by the very tokens of a prompt, so nobody could read of the
/// recalled product there who did not bring its text along; but whether no prompt does is for skills to
/// see to, and this does not rest on it.
pub(super) async fn follow(facts: Facts, shelf: Arc<dyn Shelf>) {
    let mut changed = facts.watch();
    let mut seen = *changed.borrow_and_update();
    while changed.changed().await.is_ok() {
        let last = *changed.borrow_and_update();
        if recalled(&facts, &mut seen, last) {
            let _ = forget(&*shelf);
        }
    }
}

/// Whether something was recalled since; it may have been where that is no longer known.
fn recalled(facts: &Facts, seen: &mut Revision, last: Revision) -> bool {
    let is_recall =
        |event: &Event| event.id.table == Table::Recalls && event.kind == EventKind::Put;
    let mut any = false;
    while *seen < last {
        let Ok(events) = facts.changes(*seen, CHANGES) else {
            *seen = last;
            return true;
        };
        any |= events.iter().any(is_recall);
        *seen = events.last().map_or(last, |event| event.revision);
    }
    any
}

/// Has every model in memory forget earlier prompts; gives how many there are.
pub(super) fn forget(shelf: &dyn Shelf) -> usize {
    let mut models = 0;
    for served in shelf.loaded() {
        if let Served::Language(served) = served {
            served.model.forget_prompts();
            models += 1;
        }
    }
    tracing::info!(models, "models forget earlier prompts after a recall");
    models
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Batch, Change, Fact, FactsConfig, UnixSeconds};

    fn put(facts: &Facts, table: Table, json: &str) {
        let fact = Fact::parse(table, json.as_bytes()).unwrap();
        let change = Change::Put { id: "1".parse().unwrap(), fact, source: None };
        facts.write(Batch::of(change), UnixSeconds::now()).unwrap();
    }

    #[test]
    fn only_a_recall_is_one_and_so_is_what_nobody_knows_any_more() {
        let config = FactsConfig { max_changes: 2, ..FactsConfig::default() };
        let facts = Facts::in_memory(config).unwrap();
        let now = || *facts.watch().borrow();
        let mut seen = now();
        put(&facts, Table::Prices, r#"{"amount": 1, "currency": "EUR"}"#);
        assert!(!recalled(&facts, &mut seen, now()) && seen == now());
        let recall =
            r#"{"skus": ["1"], "reasons": {"en": "glass"}, "since": "2026-11-26T08:00:00Z"}"#;
        put(&facts, Table::Recalls, recall);
        assert!(recalled(&facts, &mut seen, now()) && seen == now());
        assert!(!recalled(&facts, &mut seen, now()));
        for amount in 2..6 {
            put(&facts, Table::Prices, &format!(r#"{{"amount": {amount}, "currency": "EUR"}}"#));
        }
        assert!(recalled(&facts, &mut seen, now()) && seen == now());
    }
}
