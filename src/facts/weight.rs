//! What facts take in memory, by what can be told without walking through them. A test compares it
//! with what a process grows by.

use super::fact::Fact;
use super::name::{Collection, FactId, Table};

/// A row with its place in its table, besides its id and its fact.
const ROW_BYTES: usize = 192;
/// A collection with its place among them and its first member, besides its name.
const GROUP_BYTES: usize = 384;
/// A member of a collection.
const MEMBER_BYTES: usize = 56;
/// Memory of a fact for each byte of its JSON.
const JSON_FACTOR: usize = 2;

/// What a fact takes whatever is in it: each map that is not empty begins with room for eleven.
fn own_bytes(table: Table) -> usize {
    match table {
        Table::Products | Table::Promotions | Table::Recalls => 480,
        Table::Hours => 600,
        Table::Prices | Table::Stock => 0,
    }
}

/// What a row takes; without a fact, one that remembers what is gone.
pub(super) fn row(id: &FactId, fact: Option<&Fact>, json_bytes: usize) -> usize {
    let row = ROW_BYTES + id.id.len();
    let of_fact = |fact: &Fact| {
        let members = MEMBER_BYTES * fact.collections().len();
        own_bytes(id.table) + members + JSON_FACTOR * json_bytes
    };
    row + fact.map_or(0, of_fact)
}

/// What a collection takes besides its members.
pub(super) fn group(collection: &Collection) -> usize {
    GROUP_BYTES + collection.as_str().len()
}
