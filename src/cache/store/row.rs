//! A row of the table of heads.
//!
//! Names and texts are the same in thousands of rows. So reading borrows them from the file, and
//! each is made once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::{Kept, StoreError};
use crate::cache::entry::{Cost, Tally};
use crate::cache::{Head, Key, Provenance, Recipe, Scope};
use crate::facts::{Name, Record, Revision, Table, UnixSeconds};

/// What a row holds; `T` is a text.
#[derive(Serialize, Deserialize)]
pub(super) struct Row<T> {
    scope: Scope,
    provenance: Told<T>,
    seed: Option<u64>,
    record: Read<T>,
    recipe: Option<Recipe>,
    made_ms: u64,
    cost: Cost,
    body_bytes: u64,
    asked: u32,
    last_ms: u64,
    disk_bytes: u64,
    meaning: Option<Vec<u8>>,
}

/// A provenance without its seed.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Hash)]
struct Told<T> {
    route: T,
    model: T,
    model_digest: T,
    template_digest: T,
    step: Option<T>,
    language: Option<T>,
}

#[derive(Serialize, Deserialize)]
struct Read<T> {
    origin: u64,
    floor: Revision,
    at: Option<UnixSeconds>,
    read: Vec<(T, Revision)>,
    until: Option<UnixSeconds>,
    heard: Vec<(Table, Option<UnixSeconds>)>,
}

/// The row of an entry that takes so many bytes on disk.
pub(super) fn written(
    head: &Head,
    tally: &Tally,
    disk_bytes: u64,
    meaning: Option<&[u8]>,
) -> Result<Vec<u8>, StoreError> {
    let (told, record) = (&*head.provenance, &head.record);
    let row = Row {
        scope: head.scope,
        provenance: Told {
            route: told.route.clone(),
            model: told.model.clone(),
            model_digest: told.model_digest.clone(),
            template_digest: told.template_digest.clone(),
            step: told.step.clone(),
            language: told.language.clone(),
        },
        seed: head.seed,
        record: Read {
            origin: record.origin,
            floor: record.floor,
            at: record.at,
            read: record.read.iter().map(|(name, at)| (name.to_string(), *at)).collect(),
            until: record.until,
            heard: record.heard.clone(),
        },
        recipe: head.recipe.clone(),
        made_ms: head.made_ms,
        cost: head.cost,
        body_bytes: head.bytes,
        asked: tally.asked.load(Ordering::Relaxed),
        last_ms: tally.last_ms.load(Ordering::Relaxed),
        disk_bytes,
        meaning: meaning.map(<[u8]>::to_vec),
    };
    Ok(postcard::to_stdvec(&row)?)
}

/// Reads rows, and makes each name and each provenance once.
#[derive(Default)]
pub(super) struct RowReader {
    names: HashMap<Box<str>, Name>,
    provenances: Vec<Arc<Provenance>>,
}

impl RowReader {
    /// The entry of a row.
    pub(super) fn entry(&mut self, key: Key, row: &[u8]) -> Result<Kept, StoreError> {
        let row: Row<&str> = postcard::from_bytes(row)?;
        let read = row.record.read.iter();
        let read = read.map(|(name, at)| Ok((self.name(name)?, *at)));
        let record = Record {
            origin: row.record.origin,
            floor: row.record.floor,
            at: row.record.at,
            read: read.collect::<Result<_, StoreError>>()?,
            until: row.record.until,
            heard: row.record.heard,
        };
        let head = Head {
            key,
            scope: row.scope,
            provenance: self.provenance(&row.provenance),
            seed: row.seed,
            record,
            recipe: row.recipe,
            made_ms: row.made_ms,
            cost: row.cost,
            bytes: row.body_bytes,
            pack: None,
        };
        let tally = Tally::new(row.asked, row.last_ms);
        Ok(Kept { head, tally, bytes: row.disk_bytes, meaning: row.meaning })
    }

    fn name(&mut self, text: &str) -> Result<Name, StoreError> {
        if let Some(name) = self.names.get(text) {
            return Ok(name.clone());
        }
        let name: Name = text.parse().map_err(|_| StoreError::Name(text.to_owned()))?;
        self.names.insert(text.into(), name.clone());
        Ok(name)
    }

    fn provenance(&mut self, told: &Told<&str>) -> Arc<Provenance> {
        let same = |known: &&Arc<Provenance>| {
            known.route == told.route
                && known.model == told.model
                && known.model_digest == told.model_digest
                && known.template_digest == told.template_digest
                && known.step.as_deref() == told.step
                && known.language.as_deref() == told.language
        };
        if let Some(known) = self.provenances.iter().find(same) {
            return Arc::clone(known);
        }
        let made = Arc::new(Provenance {
            route: told.route.to_owned(),
            model: told.model.to_owned(),
            model_digest: told.model_digest.to_owned(),
            template_digest: told.template_digest.to_owned(),
            step: told.step.map(str::to_owned),
            language: told.language.map(str::to_owned),
            seed: None,
        });
        self.provenances.push(Arc::clone(&made));
        made
    }
}
