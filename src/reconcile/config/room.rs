//! The layers on the disk, and what is in force for whoever follows it.

use std::fmt;

use redb::{ReadableTable as _, TableDefinition};
use tokio::sync::watch;

use super::honour::{Honour, Unmet};
use super::layers::{Effective, Layers, MAX_LEASE_MS, Override};
use super::origins::{InForce, in_force};
use crate::protocol::documents::ConfigDoc;
use crate::protocol::{
    Applied, Clock, Digest, Document, Event, Failure, Fields, Message, Pointer, Reported,
    Stage as State, Stream, Text, UnixMillis, Value, limits::MAX_TEXT_BYTES,
};
use crate::reconcile::error::{During, ReconcileError};
use crate::state::{Store, Writing};

/// `hq`: its version and the document's bytes; `local`: 0 and the override as JSON; `refused`: the
/// version of the newest document where it could not be read, and why.
const TABLE: TableDefinition<&str, (u64, &[u8])> = TableDefinition::new("reconcile.config");

/// The settings of this box. A clone is the same.
#[derive(Clone)]
pub struct ConfigRoom {
    store: Store,
    file: ConfigDoc,
    honour: Honour,
    effective: watch::Sender<Effective>,
}

/// How it stands with the settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Every setting that somebody has set, by name, with the layer that it is from.
    pub in_force: Vec<InForce>,
    /// The version of HQ's document that is in force.
    pub hq: Option<u64>,
    /// What of it this program cannot do.
    pub unmet: Vec<Unmet>,
    /// A newer version of it that could not be read, and why.
    pub refused: Option<(u64, String)>,
    /// What lies on top.
    pub local: Option<Override>,
}

impl fmt::Debug for ConfigRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigRoom").field("file", &self.file).finish_non_exhaustive()
    }
}

impl ConfigRoom {
    /// The layers as they were left, over what the file says. `honour` takes out of a layer what this
    /// program cannot do: of HQ's document HQ is told, and an override is refused. Blocks on the disk.
    pub fn open(
        store: Store,
        file: ConfigDoc,
        honour: Honour,
        clock: Clock,
    ) -> Result<Self, ReconcileError> {
        let (effective, _) = watch::channel(Effective::default());
        let room = Self { store, file, honour, effective };
        if stored(room.row("hq")?, None).1.is_some() {
            room.store.write(|writing| room.report(writing, at(clock)))?;
        }
        room.refresh(clock)?;
        Ok(room)
    }

    /// What is in force, now and whenever it changes.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Effective> {
        self.effective.subscribe()
    }

    /// Puts a document of HQ into force that was verified, and reports it; one that cannot be read
    /// changes nothing and is reported as refused. Blocks on the disk.
    pub fn apply(
        &self,
        pointer: &Pointer,
        bytes: &[u8],
        clock: Clock,
    ) -> Result<bool, ReconcileError> {
        let parsed = ConfigDoc::parse(bytes);
        let now = at(clock);
        let act = "writing the settings";
        self.store.write(|writing| {
            let mut table = writing.transaction().open_table(TABLE).during(act)?;
            match &parsed {
                Ok(_) => {
                    table.insert("hq", (pointer.version, bytes)).during(act)?;
                    table.remove("refused").during(act)?;
                }
                Err(error) => {
                    let why = Text::<MAX_TEXT_BYTES>::cut(&error.to_string());
                    table.insert("refused", (pointer.version, why.as_bytes())).during(act)?;
                }
            }
            drop(table);
            self.report(writing, now)
        })?;
        self.refresh(clock)?;
        Ok(parsed.is_ok())
    }

    /// Lays an override on top, in place of the one that is there. Blocks on the disk.
    pub fn lay(&self, over: &Override, clock: Clock) -> Result<(), ReconcileError> {
        let Clock::Known(now) = clock else { return Err(ReconcileError::ClockUnknown) };
        let refuse = |field: &str, why: &str| {
            Err(ReconcileError::Override { field: field.to_owned(), why: why.to_owned() })
        };
        if over.until <= now || over.until.since(now) > MAX_LEASE_MS {
            return refuse("lease", "it must end within the next 30 days");
        }
        for (field, text) in [("owner", over.owner.trim()), ("reason", over.reason.trim())] {
            if text.is_empty() {
                return refuse(field, "an override has one");
            }
        }
        if over.settings.sets().is_empty() {
            return refuse("settings", "an override sets something");
        }
        over.settings.check()?;
        if let Some(Unmet { setting, why }) = (self.honour)(&mut over.settings.clone()).first() {
            return refuse(&format!("settings.{setting}"), why);
        }
        self.change_local(Some(over), "config.override_set", &over.by, clock)
    }

    /// Takes the override away; `false` where there is none. `by` is the id of the token of whoever
    /// wants it. Blocks on the disk.
    pub fn lift(&self, by: &str, clock: Clock) -> Result<bool, ReconcileError> {
        let there = self.layers()?.local.is_some();
        if there {
            self.change_local(None, "config.override_lifted", by, clock)?;
        }
        Ok(there)
    }

    /// Takes the override away when its time is over. Blocks on the disk.
    pub fn tick(&self, clock: Clock) -> Result<(), ReconcileError> {
        if self.layers()?.local.is_some_and(|local| local.is_over(clock)) {
            return self.change_local(None, "config.override_ended", "", clock);
        }
        self.refresh(clock)
    }

    /// The newest version of HQ's document that was looked at, whether it is in force or not.
    pub fn seen(&self) -> Result<Option<u64>, ReconcileError> {
        let (hq, refused) = (self.row("hq")?, self.row("refused")?);
        Ok(hq.max(refused).map(|(version, _)| version))
    }

    /// The version of HQ's document that is in force.
    pub fn applied(&self) -> Result<Option<Applied>, ReconcileError> {
        let row = self.row("hq")?;
        Ok(row.map(|(version, bytes)| Applied { version, digest: Digest::of(&bytes) }))
    }

    /// The layers as they are on the disk, without what this program cannot do.
    pub fn layers(&self) -> Result<Layers, ReconcileError> {
        // What a newer program stored and this one cannot read counts as none: a box that went back
        // to an older program must follow on.
        let hq = self.row("hq")?.and_then(|(_, bytes)| ConfigDoc::parse(&bytes).ok());
        let hq = hq.map(|mut document| {
            (self.honour)(&mut document);
            document
        });
        let local = self.row("local")?;
        let local = local.and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok());
        Ok(Layers { file: self.file.clone(), hq, local })
    }

    /// How it stands with the settings at this time. Blocks on the disk.
    pub fn standing(&self, clock: Clock) -> Result<Standing, ReconcileError> {
        let mut layers = self.layers()?;
        layers.local = layers.local.filter(|local| !local.is_over(clock));
        let (hq, refused) = stored(self.row("hq")?, self.row("refused")?);
        let document = hq.as_ref().and_then(|(_, bytes)| ConfigDoc::parse(bytes).ok());
        let unmet = document.map(|mut document| (self.honour)(&mut document));
        Ok(Standing {
            in_force: in_force(&layers)?,
            hq: hq.map(|(version, _)| version),
            unmet: unmet.unwrap_or_default(),
            refused,
            local: layers.local,
        })
    }

    fn row(&self, key: &str) -> Result<Option<(u64, Vec<u8>)>, ReconcileError> {
        let act = "reading the settings";
        let table = match self.store.read()?.open_table(TABLE) {
            Ok(table) => table,
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(error).during(act),
        };
        let row = table.get(key).during(act)?;
        Ok(row.map(|row| (row.value().0, row.value().1.to_vec())))
    }

    /// The override, what is told of it, and what is reported are one change.
    fn change_local(
        &self,
        over: Option<&Override>,
        event: &str,
        by: &str,
        clock: Clock,
    ) -> Result<(), ReconcileError> {
        let act = "writing the settings";
        let now = at(clock);
        self.store.write(|writing| {
            let mut table = writing.transaction().open_table(TABLE).during(act)?;
            let before = table.remove("local").during(act)?.is_some();
            if let Some(over) = over {
                let what = "the override";
                let json = serde_json::to_vec(over)
                    .map_err(|error| ReconcileError::Damaged { what, why: error.to_string() })?;
                table.insert("local", (0, &*json)).during(act)?;
            }
            drop(table);
            let mut fields = vec![("replaced".parse()?, Value::from(before))];
            if !by.is_empty() {
                fields.push(("by".parse()?, Value::from(by)));
            }
            if let Some(over) = over {
                fields.push(("owner".parse()?, Value::from(&*over.owner)));
                fields.push(("reason".parse()?, Value::from(&*over.reason)));
                let until = i64::try_from(over.until.0).unwrap_or(i64::MAX);
                fields.push(("until_ms".parse()?, Value::from(until)));
                let sets = over.settings.sets().join(", ");
                fields.push(("sets".parse()?, Value::from(sets.as_str())));
            }
            let fields = Fields::new(fields.into_iter().collect())?;
            writing.audit(now, &entry(event, by, over, now)?)?;
            let event = Message::Event(Event { name: event.parse()?, fields });
            writing.append(Stream::Evt, now, &event)?;
            self.report(writing, now)
        })?;
        self.refresh(clock)
    }

    /// What is reported, read from the tables of the change that is being made.
    fn report(&self, writing: &Writing<'_>, at: UnixMillis) -> Result<(), ReconcileError> {
        let act = "reading the settings";
        let table = writing.transaction().open_table(TABLE).during(act)?;
        let row = |key| -> Result<Option<(u64, Vec<u8>)>, ReconcileError> {
            let row = table.get(key).during(act)?;
            Ok(row.map(|row| (row.value().0, row.value().1.to_vec())))
        };
        let (hq, refused) = stored(row("hq")?, row("refused")?);
        let of = |(version, bytes): &(u64, Vec<u8>)| Applied {
            version: *version,
            digest: Digest::of(bytes),
        };
        let applied = hq.as_ref().map(of);
        let local: Option<Override> =
            row("local")?.and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok());
        let stage = if refused.is_some() { State::Refused } else { State::Committed };
        let desired = refused.as_ref().map(|(version, _)| *version);
        let failure = match refused {
            Some((_, why)) => Some(failure("document", &why)),
            None => hq.and_then(|(_, bytes)| self.unmet(&bytes)),
        };
        writing.report(&Reported {
            document: Document::Config,
            desired: desired.or(applied.map(|applied| applied.version)),
            stage,
            applied,
            observed: applied.map(|applied| applied.digest),
            at,
            failure: failure.transpose()?,
            local: local.map(|local| local.told()).transpose()?,
        })?;
        Ok(())
    }

    /// What of a document this program cannot do.
    fn unmet(&self, bytes: &[u8]) -> Option<Result<Failure, ReconcileError>> {
        let unmet = (self.honour)(&mut ConfigDoc::parse(bytes).ok()?);
        let named: Vec<_> = unmet.iter().map(ToString::to_string).collect();
        (!unmet.is_empty()).then(|| failure("not_in_force", &named.join("; ")))
    }

    fn refresh(&self, clock: Clock) -> Result<(), ReconcileError> {
        let effective = self.layers()?.effective(clock);
        self.effective.send_if_modified(|held| {
            let changed = *held != effective;
            if changed {
                *held = effective;
            }
            changed
        });
        Ok(())
    }
}

/// A version and its bytes.
type Row = (u64, Vec<u8>);

/// HQ's document where this program can read it, and the version that was refused, with the reason.
/// One that a newer program stored may be none of ours after going back to an older one.
fn stored(hq: Option<Row>, refused: Option<Row>) -> (Option<Row>, Option<(u64, String)>) {
    let told = |(version, why): Row| (version, String::from_utf8_lossy(&why).into_owned());
    let refused = refused.map(told);
    match hq {
        Some((version, bytes)) => match ConfigDoc::parse(&bytes) {
            Ok(_) => (Some((version, bytes)), refused),
            Err(error) => (None, refused.or(Some((version, error.to_string())))),
        },
        None => (None, refused),
    }
}

/// Bytes of settings that an entry of the audit log has; of larger ones it has the digest alone.
const MAX_AUDITED: usize = 4096;

/// What the audit log says of an override: JSON.
fn entry(
    act: &str,
    by: &str,
    over: Option<&Override>,
    now: UnixMillis,
) -> Result<Vec<u8>, ReconcileError> {
    let mut entry = serde_json::json!({ "at_ms": now.0, "act": act, "by": by });
    if let (Some(over), Some(entry)) = (over, entry.as_object_mut()) {
        let settings = over.settings.to_bytes()?;
        entry.insert("owner".to_owned(), (&*over.owner).into());
        entry.insert("reason".to_owned(), (&*over.reason).into());
        entry.insert("until_ms".to_owned(), over.until.0.into());
        entry.insert("digest".to_owned(), Digest::of(&settings).to_string().into());
        if settings.len() <= MAX_AUDITED {
            let settings = String::from_utf8_lossy(&settings).into_owned();
            entry.insert("settings".to_owned(), settings.into());
        }
    }
    Ok(entry.to_string().into_bytes())
}

fn at(clock: Clock) -> UnixMillis {
    let (Clock::Known(at) | Clock::Unknown { at_least: at }) = clock;
    at
}

fn failure(code: &str, why: &str) -> Result<Failure, ReconcileError> {
    Ok(Failure { code: code.parse()?, text: Text::cut(why) })
}

#[cfg(test)]
mod tests;
