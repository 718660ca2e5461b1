//! What is audited although nobody asks the server for it: tokens, the identity, the bundle that runs.
//!
//! Tokens are made by another process, and a bundle goes back whatever stands in the way. So all of it is
//! looked at and not heard: what is so is compared with what was told, whenever it may have changed and
//! after a start. Mark and entry are one change of the state: nothing is told twice, and what found no room
//! in the log is told when there is some.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use redb::{ReadableTable as _, TableDefinition};
use serde_json::{Map, Value};

use super::acts::{Log, entry};
use crate::http::{TokenInfo, Tokens};
use crate::protocol::{Digest, Document, Place, Stage};
use crate::state::{StateError, Writing};

/// What was told last: by what it is of, as `token tok_…`, `certificate` or `bundle`.
const TOLD: TableDefinition<&str, &str> = TableDefinition::new("app.audited");
const LOOK: Duration = Duration::from_secs(2);
/// Differences that are told in one change of the state.
const MAX_TOGETHER: usize = 32;

const TOKEN: &str = "token ";
/// Told of a token of which an act has said already that it goes.
const GOES: &str = "goes";

/// What is looked at.
pub(super) struct Levels {
    pub(super) log: Log,
    pub(super) tokens: Arc<Tokens>,
    /// The folder of the identity.
    pub(super) identity: PathBuf,
    pub(super) place: Place,
}

/// Something that is otherwise than it was told.
struct Differs {
    key: String,
    /// None where it is gone.
    is: Option<String>,
    /// Whether an act has told it.
    is_told: bool,
}

/// Notes that an act has told that a token goes, in the same change.
pub(super) fn told_gone(writing: &Writing<'_>, token: &str) -> Result<(), StateError> {
    let failed = |error: redb::Error| StateError::Storage {
        act: "writing what was audited",
        source: Box::new(error),
    };
    let mut table = writing.transaction().open_table(TOLD).map_err(|error| failed(error.into()))?;
    let key = format!("{TOKEN}{token}");
    table.insert(&*key, GOES).map(drop).map_err(|error| failed(error.into()))
}

impl Levels {
    /// Tells until it is dropped.
    pub(super) async fn run(self) {
        let this = Arc::new(self);
        let mut failing = false;
        loop {
            let work = Arc::clone(&this);
            match tokio::task::spawn_blocking(move || work.tell()).await {
                Ok(Ok(())) => failing = false,
                Ok(Err(error)) if !std::mem::replace(&mut failing, true) => {
                    tracing::error!(%error, "what changed on the box cannot be audited yet");
                }
                Ok(Err(_)) => {}
                Err(error) => tracing::error!(%error, "auditing the box failed"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tells what is otherwise.
    fn tell(&self) -> Result<(), StateError> {
        let (is, told) = (self.now()?, self.told()?);
        for some in differences(is, &told).chunks(MAX_TOGETHER) {
            let now = self.log.now();
            let failed = |error: redb::Error| StateError::Storage {
                act: "writing what was audited",
                source: Box::new(error),
            };
            self.log.store.write(|writing| {
                for differs in some {
                    if !differs.is_told {
                        let (act, by, about) = said(differs);
                        writing.audit(now, &entry(now, act, by, about))?;
                    }
                    let table = writing.transaction().open_table(TOLD);
                    let mut table = table.map_err(|error| failed(error.into()))?;
                    let key = differs.key.as_str();
                    match &differs.is {
                        Some(is) => table.insert(key, is.as_str()).map(drop),
                        None => table.remove(key).map(drop),
                    }
                    .map_err(|error| failed(error.into()))?;
                }
                Ok::<(), StateError>(())
            })?;
        }
        Ok(())
    }

    /// What is so, as far as it is known.
    fn now(&self) -> Result<BTreeMap<String, String>, StateError> {
        let of_file = self.tokens.list().into_iter().filter(|token| token.id.starts_with("tok_"));
        let tokens = of_file.map(|token| (format!("{TOKEN}{}", token.id), what(&token)));
        let place = ("place".to_owned(), self.place.to_string());
        let mut is: BTreeMap<_, _> = tokens.chain([place]).collect();
        if let Ok(certificate) = std::fs::read(self.identity.join("certificate.pem")) {
            is.insert("certificate".to_owned(), Digest::of(&certificate).to_string());
        }
        let bundle = self.log.store.reported()?.into_iter().find_map(|reported| {
            let stage = word(reported.stage).filter(|_| reported.document == Document::Bundle)?;
            Some(format!("{stage} {} {}", reported.desired?, reported.observed?))
        });
        is.extend(bundle.map(|bundle| ("bundle".to_owned(), bundle)));
        Ok(is)
    }

    fn told(&self) -> Result<BTreeMap<String, String>, StateError> {
        let failed = |error: redb::Error| StateError::Storage {
            act: "reading what was audited",
            source: Box::new(error),
        };
        let table = match self.log.store.read()?.open_table(TOLD) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
            Err(error) => return Err(failed(error.into())),
        };
        let rows = table.iter().map_err(|error| failed(error.into()))?;
        let row = |row: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &str>), _>| {
            let (key, is) = row.map_err(|error: redb::StorageError| failed(error.into()))?;
            Ok((key.value().to_owned(), is.value().to_owned()))
        };
        rows.map(row).collect()
    }
}

/// What a token is good for: its role, and of a device its class and zone. Their words have no spaces.
fn what(token: &TokenInfo) -> String {
    let device = token.device.as_ref();
    let zone = device.and_then(|device| device.zone.as_deref());
    let parts = [Some(token.role.name()), device.map(|device| device.class.as_str()), zone];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What is not known just now stays as it was told; of tokens all are known.
fn differences(is: BTreeMap<String, String>, told: &BTreeMap<String, String>) -> Vec<Differs> {
    let is_gone = |key: &&String| key.starts_with(TOKEN) && !is.contains_key(*key);
    let goes = |key: &str| told.get(key).is_some_and(|told| told == GOES);
    let gone = told.keys().filter(is_gone);
    let gone = gone.map(|key| Differs { key: key.clone(), is: None, is_told: goes(key) });
    let gone: Vec<Differs> = gone.collect();
    let is = is.into_iter().filter(|(key, is)| told.get(key) != Some(is) && !goes(key));
    let is = is.map(|(key, is)| Differs { key, is: Some(is), is_told: false });
    is.chain(gone).collect()
}

/// The act, by whom as far as is known, and to what.
fn said(differs: &Differs) -> (&'static str, &'static str, Map<String, Value>) {
    let is = differs.is.as_deref();
    let about = |fields: &[(&str, &str)]| {
        fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    };
    let mut parts = is.unwrap_or_default().splitn(3, ' ');
    let mut part = || parts.next().unwrap_or_default();
    match (differs.key.strip_prefix(TOKEN), differs.key.as_str()) {
        (Some(token), _) => match is {
            // Most are no device's and have a role alone.
            Some(_) => {
                let (role, class, zone) = (part(), part(), part());
                let said = [("token", token), ("role", role), ("class", class), ("zone", zone)];
                let said: Vec<_> = said.into_iter().filter(|(_, is)| !is.is_empty()).collect();
                ("token.made", "box", about(&said))
            }
            None => ("token.revoked", "box", about(&[("token", token)])),
        },
        (_, "place") => ("enrolled", "box", about(&[("place", part())])),
        (_, "certificate") => ("certificate.taken", "box", about(&[("sha256", part())])),
        _ => {
            let (stage, version, runs) = (part(), part(), part());
            ("bundle.moved", "hq", about(&[("to", stage), ("version", version), ("runs", runs)]))
        }
    }
}

/// How what runs came to run; none where a bundle is not there yet.
fn word(stage: Stage) -> Option<&'static str> {
    match stage {
        Stage::Trial => Some("trial"),
        Stage::Probation => Some("probation"),
        Stage::Committed => Some("committed"),
        Stage::Reverted => Some("reverted"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
