//! What was read, told by what it was and not by when it last changed: so that another shop can
//! find out whether the same is there.
//!
//! Revisions are one shop's own. A [`Seal`] has a digest of each thing that a record names, absences
//! and groups included; [`Facts::unseal`] compares them with what this shop holds and gives the
//! record that a reader here would have written.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::fact::Fact;
use super::name::{Name, Revision, Table};
use super::record::{Record, Standing};
use super::state::State;
use super::store::Facts;
use super::time::UnixSeconds;
use super::zone::Zone;

/// Members from which on a group's digest is worth remembering.
const LARGE_GROUP: usize = 64;
/// Groups whose digests are remembered.
const MAX_REMEMBERED: usize = 64;
/// Days over which two clocks are compared.
const CLOCK_DAYS: i64 = 366;
const DAY_S: i64 = 24 * 3600;

/// What was read, by content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Names, and a digest of what each was.
    pub facts: Vec<(Name, [u8; 32])>,
    /// When it was read.
    pub at: UnixSeconds,
    /// The moment from which on something of it is said otherwise by itself.
    pub until: Option<UnixSeconds>,
    /// How the shop's clock runs, as a digest in hexadecimal, where what was read depends on it.
    pub clock: Option<String>,
    /// Tables whose feeds it rests on.
    pub tables: Vec<Table>,
}

/// Why what was read elsewhere is not what is here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// Something is otherwise, or is not there.
    #[error("{name} is otherwise here")]
    Fact {
        /// What.
        name: Name,
    },
    /// The shops' clocks do not show the same.
    #[error("the clock of this shop runs otherwise")]
    Clock,
    /// Its time is over, or the clock stands before the reading.
    #[error("it held until {at}")]
    Over {
        /// The moment.
        at: UnixSeconds,
    },
}

/// Digests of large groups, each at a revision.
#[derive(Debug, Default)]
pub(super) struct GroupDigests(Mutex<HashMap<Name, (Revision, [u8; 32])>>);

impl GroupDigests {
    fn get(&self, name: &Name, revision: Revision, make: impl FnOnce() -> [u8; 32]) -> [u8; 32] {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digest)) = lock().get(name).filter(|(at, _)| *at == revision) {
            return *digest;
        }
        let digest = make();
        let mut known = lock();
        if known.len() >= MAX_REMEMBERED && !known.contains_key(name) {
            known.clear();
        }
        known.insert(name.clone(), (revision, digest));
        digest
    }
}

impl Facts {
    /// What a record read, by content; none where it does not hold any more or says nothing.
    pub fn seal(&self, record: &Record, now: UnixSeconds) -> Option<Seal> {
        let state = self.snapshot();
        let at = record.at.filter(|_| !record.read.is_empty())?;
        if record.standing(&state, self.config(), now) != Standing::Current {
            return None;
        }
        let digest = |name: &Name| (name.clone(), self.digest_of(&state, name));
        let facts = record.read.iter().map(|(name, _)| digest(name)).collect();
        let clock = depends_on_clock(record.read.iter().map(|(name, _)| name), record.until);
        Some(Seal {
            facts,
            at,
            until: record.until,
            clock: clock.then(|| clock_of(self.config().zone, at)),
            tables: record.heard.iter().map(|(table, _)| *table).collect(),
        })
    }

    /// The record of a reading here that saw what a seal says.
    pub fn unseal(&self, seal: &Seal, now: UnixSeconds) -> Result<Record, Unlike> {
        if let Some(at) = seal.until.filter(|until| now >= *until || now < seal.at) {
            return Err(Unlike::Over { at });
        }
        let names = || seal.facts.iter().map(|(name, _)| name);
        if depends_on_clock(names(), seal.until)
            && seal.clock.as_ref() != Some(&clock_of(self.config().zone, seal.at))
        {
            return Err(Unlike::Clock);
        }
        let state = self.snapshot();
        let mut read = Vec::with_capacity(seal.facts.len());
        // What takes no adding up comes first: most that is otherwise is found there.
        let groups = |name: &Name| matches!(name, Name::Collection(_));
        for of_groups in [false, true] {
            for (name, sealed) in seal.facts.iter().filter(|(name, _)| groups(name) == of_groups) {
                if self.digest_of(&state, name) != *sealed {
                    return Err(Unlike::Fact { name: name.clone() });
                }
                read.push((name.clone(), state.revision_of(name)));
            }
        }
        read.sort();
        let heard = seal.tables.iter().map(|table| (*table, state.heard(*table)));
        Ok(Record {
            origin: state.origin,
            floor: state.floor,
            at: Some(seal.at),
            read,
            until: seal.until,
            heard: heard.collect(),
        })
    }

    /// The revision that something of this name has now.
    pub fn revision_of(&self, name: &Name) -> Revision {
        self.snapshot().revision_of(name)
    }

    fn digest_of(&self, state: &State, name: &Name) -> [u8; 32] {
        let Name::Collection(collection) = name else { return digest_of_one(state, name) };
        let group = || digest_of_group(state, name);
        let whole = !collection.as_str().contains(':');
        let members = state.group(collection).map_or(0, |group| group.members.len());
        if whole || members >= LARGE_GROUP {
            return self.group_digests().get(name, state.revision_of(name), group);
        }
        group()
    }
}

/// Whether what was read may be said otherwise where the shop's clock shows another time.
fn depends_on_clock<'a>(
    mut names: impl Iterator<Item = &'a Name>,
    until: Option<UnixSeconds>,
) -> bool {
    let timed = |name: &Name| match name {
        Name::Fact(id) => matches!(id.table, Table::Promotions | Table::Hours),
        Name::Safety(_) | Name::Collection(_) => false,
    };
    until.is_some() || names.any(timed)
}

/// A digest of how far the clock is from UTC on each day of a year.
fn clock_of(zone: Zone, from: UnixSeconds) -> String {
    let mut digest = Sha256::new();
    // The year begins with the day, so that two readings of one day compare.
    let first = from.0.div_euclid(DAY_S);
    for day in first..first + CLOCK_DAYS {
        let at = UnixSeconds(day * DAY_S);
        let ahead = zone.local(at).and_utc().timestamp() - at.0;
        digest.update(ahead.to_le_bytes());
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn digest_of_one(state: &State, name: &Name) -> [u8; 32] {
    let (fact, safety) = match name {
        Name::Fact(id) => (fact_of(state, id.table, id.id.as_str()), false),
        Name::Safety(sku) => (fact_of(state, Table::Products, sku.as_str()), true),
        Name::Collection(_) => (None, false),
    };
    digest(fact, safety)
}

/// Of all members, by id.
fn digest_of_group(state: &State, name: &Name) -> [u8; 32] {
    let Name::Collection(collection) = name else { return [0; 32] };
    let (table, text) = (name.table(), collection.as_str());
    let mut sum = Sha256::new();
    let mut add = |id: &Arc<str>| {
        let safety = text == "products#safety";
        let one = digest(fact_of(state, table, id), safety);
        sum.update((id.len() as u64).to_le_bytes());
        sum.update(id.as_bytes());
        sum.update(one);
    };
    if text.contains(':') {
        let members = state.group(collection).into_iter().flat_map(|group| group.members.iter());
        members.for_each(|(id, ())| add(id));
    } else {
        let there = state.rows(table).iter().filter(|(_, row)| row.fact.is_some());
        there.for_each(|(id, _)| add(id));
    }
    sum.finalize().into()
}

fn fact_of<'a>(state: &'a State, table: Table, id: &str) -> Option<&'a Fact> {
    state.row(table, id)?.fact.as_ref()
}

/// Of a fact's JSON, or of what of a product is more than words; of what is not there, of nothing.
fn digest(fact: Option<&Fact>, safety: bool) -> [u8; 32] {
    let json = match fact {
        None => Vec::new(),
        Some(Fact::Product(product)) if safety => {
            serde_json::to_vec(&(&product.allergens, &product.category)).unwrap_or_default()
        }
        Some(fact) => serde_json::to_vec(fact).unwrap_or_default(),
    };
    Sha256::digest(json).into()
}
