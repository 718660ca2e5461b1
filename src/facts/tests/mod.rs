//! What holds of the facts as a whole.

mod model;
mod power_cut;
mod publication;
mod reading;
mod sealing;
mod writing;

use serde_json::{Value, json};

use super::*;

/// A Thursday, noon in the shop.
pub(super) fn noon() -> UnixSeconds {
    "2026-11-26T11:00:00Z".parse().unwrap()
}

pub(super) fn config() -> FactsConfig {
    let zone = Zone::Offset(chrono::FixedOffset::east_opt(3600).unwrap());
    FactsConfig { zone, ..FactsConfig::default() }
}

pub(super) fn shop() -> Facts {
    Facts::on(redb::backends::InMemoryBackend::new(), config(), noon()).unwrap()
}

pub(super) fn put(table: Table, id: &str, fact: Value) -> Change {
    stamped(table, id, fact, None)
}

pub(super) fn stamped(table: Table, id: &str, fact: Value, source: Option<Source>) -> Change {
    let fact = Fact::parse(table, fact.to_string().as_bytes()).unwrap();
    Change::Put { id: id.parse().unwrap(), fact, source }
}

pub(super) fn delete(table: Table, id: &str) -> Change {
    Change::Delete { id: FactId::new(table, id).unwrap(), source: None }
}

pub(super) fn price(amount: f64) -> Value {
    json!({ "amount": amount, "currency": "USD" })
}

pub(super) fn coffee(name: &str) -> Value {
    json!({
        "names": { "en": name },
        "category": "drinks/coffee",
        "allergens": { "contains": [] },
    })
}

pub(super) fn write(facts: &Facts, changes: Vec<Change>) -> Written {
    facts.write(Batch { changes, idempotency: None }, noon()).unwrap()
}

/// Everything that is held, as text.
pub(super) fn dump(facts: &Facts) -> String {
    let state = facts.snapshot();
    let mut text = format!("{} {} {:?}\n", state.revision, state.floor, state.heard);
    for table in Table::ALL {
        for (id, row) in state.rows(table).iter() {
            text.push_str(&format!("{table}:{id} {row:?}\n"));
        }
    }
    for (name, group) in state.groups() {
        let members: Vec<_> = group.members.iter().map(|(id, ())| id).collect();
        text.push_str(&format!("{name} {} {members:?}\n", group.revision));
    }
    for event in facts.changes(Revision(0), usize::MAX).unwrap() {
        text.push_str(&format!("{event:?}\n"));
    }
    text
}
