//! The layers on the disk, and what is in force for whoever follows it.

use redb::{ReadableTable as _, TableDefinition};
use tokio::sync::watch;

use super::layers::{Effective, Layers, MAX_LEASE_MS, Override};
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
#[derive(Debug, Clone)]
pub struct ConfigRoom {
    store: Store,
    file: ConfigDoc,
    honoured: &'static [&'static str],
    effective: watch::Sender<Effective>,
}

impl ConfigRoom {
    /// The layers as they were left, over what the file says. `honoured` names the settings that
    /// take effect while the program runs; HQ is told of the others. Blocks on the disk.
    pub fn open(
        store: Store,
        file: ConfigDoc,
        honoured: &'static [&'static str],
        clock: Clock,
    ) -> Result<Self, ReconcileError> {
        let (effective, _) = watch::channel(Effective::default());
        let room = Self { store, file, honoured, effective };
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
        let Clock::Known(now) = clock else {
            return Err(ReconcileError::Lease("the time is not known, so no lease can begin"));
        };
        if over.until <= now || over.until.since(now) > MAX_LEASE_MS {
            return Err(ReconcileError::Lease("`until` must be within the next 30 days"));
        }
        if over.owner.trim().is_empty() || over.reason.trim().is_empty() {
            return Err(ReconcileError::Lease("an override needs an owner and a reason"));
        }
        over.settings.check()?;
        self.change_local(Some(over), "config.override_set", clock)
    }

    /// Takes the override away; `false` where there is none. Blocks on the disk.
    pub fn lift(&self, clock: Clock) -> Result<bool, ReconcileError> {
        let there = self.layers()?.local.is_some();
        if there {
            self.change_local(None, "config.override_lifted", clock)?;
        }
        Ok(there)
    }

    /// Takes the override away when its time is over. Blocks on the disk.
    pub fn tick(&self, clock: Clock) -> Result<(), ReconcileError> {
        if self.layers()?.local.is_some_and(|local| local.is_over(clock)) {
            return self.change_local(None, "config.override_ended", clock);
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

    /// The layers as they are on the disk.
    pub fn layers(&self) -> Result<Layers, ReconcileError> {
        let hq = self.row("hq")?.map(|(_, bytes)| ConfigDoc::parse(&bytes)).transpose()?;
        let damaged = |error: serde_json::Error| ReconcileError::Damaged {
            what: "the override",
            why: error.to_string(),
        };
        let local = self.row("local")?.map(|(_, bytes)| serde_json::from_slice(&bytes));
        let local = local.transpose().map_err(damaged)?;
        Ok(Layers { file: self.file.clone(), hq, local })
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
            if let Some(over) = over {
                fields.push(("owner".parse()?, Value::from(&*over.owner)));
                fields.push(("reason".parse()?, Value::from(&*over.reason)));
                let until = i64::try_from(over.until.0).unwrap_or(i64::MAX);
                fields.push(("until_ms".parse()?, Value::from(until)));
            }
            let fields = Fields::new(fields.into_iter().collect())?;
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
        let applied =
            row("hq")?.map(|(version, bytes)| Applied { version, digest: Digest::of(&bytes) });
        let refused = row("refused")?;
        let local: Option<Override> =
            row("local")?.and_then(|(_, bytes)| serde_json::from_slice(&bytes).ok());
        let stage = if refused.is_some() { State::Refused } else { State::Committed };
        let desired = refused.as_ref().map(|(version, _)| *version);
        let failure = match refused {
            Some((_, why)) => Some(failure("document", &String::from_utf8_lossy(&why))),
            None => row("hq")?.and_then(|(_, bytes)| self.idle(&bytes)),
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

    /// What of a document takes no effect while the program runs.
    fn idle(&self, bytes: &[u8]) -> Option<Result<Failure, ReconcileError>> {
        let document = ConfigDoc::parse(bytes).ok()?;
        let sets = document.sets();
        let idle: Vec<_> =
            sets.iter().filter(|name| !self.honoured.contains(name)).copied().collect();
        let text = || format!("no effect in this program: {}", idle.join(", "));
        (!idle.is_empty()).then(|| failure("not_in_force", &text()))
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

fn at(clock: Clock) -> UnixMillis {
    let (Clock::Known(at) | Clock::Unknown { at_least: at }) = clock;
    at
}

fn failure(code: &str, why: &str) -> Result<Failure, ReconcileError> {
    Ok(Failure { code: code.parse()?, text: Text::cut(why) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Blob, Contents, Target};
    use crate::state::StateConfig;

    const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

    fn store() -> Store {
        let place = "acme/store-1/box-a".parse().unwrap();
        let backend = redb::backends::InMemoryBackend::new;
        Store::on(backend, place, StateConfig::default()).unwrap()
    }

    fn room(store: &Store) -> ConfigRoom {
        let honoured = &["wan_bytes_per_day"];
        ConfigRoom::open(store.clone(), ConfigDoc::default(), honoured, Clock::Known(NOW)).unwrap()
    }

    fn pointer(version: u64, bytes: &[u8]) -> Pointer {
        Pointer {
            target: Target::Node("acme/store-1/box-a".parse().unwrap()),
            document: Document::Config,
            version,
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            contents: Contents::Inline(Blob::new(bytes).unwrap()),
            issued: NOW,
            expires: None,
        }
    }

    fn apply(room: &ConfigRoom, version: u64, json: &str) -> bool {
        room.apply(&pointer(version, json.as_bytes()), json.as_bytes(), Clock::Known(NOW)).unwrap()
    }

    fn over(json: &str, until: u64) -> Override {
        Override {
            owner: Text::cut("manager"),
            reason: Text::cut("stocktaking"),
            until: NOW.plus(until),
            settings: ConfigDoc::parse(json.as_bytes()).unwrap(),
        }
    }

    fn budget(room: &ConfigRoom) -> Option<u64> {
        room.follow().borrow().settings.wan_bytes_per_day
    }

    fn reported(store: &Store) -> Reported {
        store.reported().unwrap().remove(0)
    }

    #[test]
    fn what_is_in_force_is_reported_and_the_same_after_a_restart() {
        let store = store();
        let first = room(&store);
        let json = r#"{"wan_bytes_per_day": 7}"#;
        assert!(apply(&first, 3, json));
        for room in [first, room(&store)] {
            assert_eq!(budget(&room), Some(7));
            let applied = Applied { version: 3, digest: Digest::of(json.as_bytes()) };
            assert_eq!(room.applied().unwrap(), Some(applied));
            let told = reported(&store);
            assert_eq!((told.applied, told.stage), (Some(applied), State::Committed));
            assert_eq!(told.observed, Some(applied.digest));
        }
    }

    #[test]
    fn a_document_that_cannot_be_read_as_a_whole_changes_nothing() {
        let store = store();
        let room = room(&store);
        apply(&room, 3, r#"{"wan_bytes_per_day": 7}"#);
        assert!(!apply(&room, 4, r#"{"wan_bytes_per_day": 8, "engine": {"threads": 1}}"#));
        assert_eq!(budget(&room), Some(7));
        let told = reported(&store);
        assert_eq!((told.desired, told.applied.unwrap().version), (Some(4), 3));
        assert_eq!(told.stage, State::Refused);
        assert!(told.failure.unwrap().text.contains("engine"));
        assert_eq!(room.seen().unwrap(), Some(4));
        // An override does not hide it.
        room.lay(&over(r#"{"log_level": "debug"}"#, 1000), Clock::Known(NOW)).unwrap();
        assert_eq!(reported(&store).stage, State::Refused);
        apply(&room, 5, "{}");
        assert_eq!((reported(&store).stage, budget(&room)), (State::Committed, None));
    }

    #[test]
    fn an_override_is_shown_to_hq_and_ends() {
        let store = store();
        let room = room(&store);
        apply(&room, 3, r#"{"wan_bytes_per_day": 7}"#);
        let mut follows = room.follow();
        follows.mark_unchanged();
        room.lay(&over(r#"{"wan_bytes_per_day": 9}"#, 1000), Clock::Known(NOW)).unwrap();
        assert!(follows.has_changed().unwrap());
        assert_eq!(budget(&room), Some(9));
        let local = reported(&store).local.unwrap();
        assert_eq!(
            (&*local.owner, &*local.reason, local.until),
            ("manager", "stocktaking", NOW.plus(1000))
        );
        // HQ's newer document goes below it.
        apply(&room, 4, r#"{"wan_bytes_per_day": 8}"#);
        assert_eq!(budget(&room), Some(9));
        room.tick(Clock::Known(NOW.plus(999))).unwrap();
        assert_eq!(budget(&room), Some(9));
        room.tick(Clock::Known(NOW.plus(1000))).unwrap();
        assert_eq!(budget(&room), Some(8));
        assert!(reported(&store).local.is_none());
        assert!(!room.lift(Clock::Known(NOW)).unwrap(), "it is gone");
    }

    #[test]
    fn what_takes_no_effect_is_told() {
        let store = store();
        let room = room(&store);
        apply(&room, 3, r#"{"wan_bytes_per_day": 7, "log_level": "debug"}"#);
        let told = reported(&store);
        assert_eq!(told.stage, State::Committed);
        let failure = told.failure.unwrap();
        assert_eq!(
            (failure.code.as_str(), &*failure.text),
            ("not_in_force", "no effect in this program: log_level")
        );
        apply(&room, 4, r#"{"wan_bytes_per_day": 7}"#);
        assert!(reported(&store).failure.is_none());
    }

    #[test]
    fn a_lease_without_end_owner_or_reason_is_none() {
        let store = store();
        let room = room(&store);
        let fine = over(r#"{"log_level": "debug"}"#, 1000);
        let known = Clock::Known(NOW);
        for (wrong, clock) in [
            (Override { until: NOW, ..fine.clone() }, known),
            (Override { until: NOW.plus(MAX_LEASE_MS + 1), ..fine.clone() }, known),
            (Override { owner: Text::cut(" "), ..fine.clone() }, known),
            (Override { reason: Text::cut(""), ..fine.clone() }, known),
            (fine.clone(), Clock::Unknown { at_least: NOW }),
        ] {
            assert!(matches!(room.lay(&wrong, clock), Err(ReconcileError::Lease(_))), "{wrong:?}");
        }
        room.lay(&fine, known).unwrap();
        assert!(room.lift(known).unwrap());
    }
}
