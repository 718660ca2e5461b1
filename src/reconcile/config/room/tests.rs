use std::sync::Arc;

use super::*;
use crate::protocol::{AuditBlock, Blob, Contents, Envelope, Run, Target};
use crate::reconcile::config::Layer;
use crate::state::StateConfig;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

fn store() -> Store {
    let place = "acme/store-1/box-a".parse().unwrap();
    let backend = redb::backends::InMemoryBackend::new;
    Store::on(backend, place, StateConfig::default()).unwrap()
}

/// A room of a program that knows no language but English.
fn room(store: &Store) -> ConfigRoom {
    let honour: Honour = Arc::new(|document| {
        let unmet = document.default_language.take_if(|language| &**language != "en");
        let setting = "default_language".to_owned();
        unmet
            .into_iter()
            .map(|l| Unmet { setting: setting.clone(), why: format!("`{l}`") })
            .collect()
    });
    let file = ConfigDoc::parse(br#"{"default_language":"en"}"#).unwrap();
    ConfigRoom::open(store.clone(), file, honour, Clock::Known(NOW)).unwrap()
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
        by: Text::cut("tok_1"),
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
    assert!(!room.lift("tok_1", Clock::Known(NOW)).unwrap(), "it is gone");
}

#[test]
fn what_a_newer_program_stored_counts_as_refused_and_keeps_nothing_from_following() {
    let store = store();
    let put = |json: &str| {
        let written = store.write(|writing| {
            let mut table = writing.transaction().open_table(TABLE).during("testing")?;
            table.insert("hq", (7, json.as_bytes())).during("testing")?;
            Ok::<_, ReconcileError>(())
        });
        written.unwrap();
    };
    put(r#"{"wan_bytes_per_day": 7, "of_tomorrow": true}"#);
    let room = room(&store);
    assert_eq!(budget(&room), None);
    let told = reported(&store);
    assert_eq!((told.stage, told.desired, told.applied), (State::Refused, Some(7), None));
    assert!(told.failure.unwrap().text.contains("of_tomorrow"));
    let found = room.standing(Clock::Known(NOW)).unwrap();
    assert_eq!((found.hq, found.refused.map(|(version, _)| version)), (None, Some(7)));
    assert!(apply(&room, 8, r#"{"wan_bytes_per_day": 8}"#));
    assert_eq!((budget(&room), reported(&store).stage), (Some(8), State::Committed));
}

#[test]
fn an_override_and_its_end_are_entries_of_the_audit_log() {
    let store = store();
    let room = room(&store);
    room.lay(&over(r#"{"log_level": "debug"}"#, 1000), Clock::Known(NOW)).unwrap();
    room.tick(Clock::Known(NOW.plus(1000))).unwrap();
    let items = store.waiting(Stream::Audit, Run { first: 1, last: 9 }, 1 << 20).unwrap();
    let blocks: Vec<AuditBlock> = items
        .iter()
        .map(|item| {
            let envelope = Envelope::parse(&item.bytes).unwrap();
            match Message::parse(envelope.schema, &envelope.body).unwrap() {
                Message::Audit(block) => block,
                other => panic!("{other:?}"),
            }
        })
        .collect();
    let [laid, ended] = &blocks[..] else { panic!("{blocks:?}") };
    assert!(laid.is_sound() && ended.is_sound());
    assert_eq!((laid.first, ended.first, ended.before), (1, 2, laid.after));
    let entry: serde_json::Value = serde_json::from_slice(&laid.entries[0]).unwrap();
    assert_eq!((&entry["owner"], &entry["by"]), (&"manager".into(), &"tok_1".into()));
    assert_eq!(entry["settings"], r#"{"log_level":"debug"}"#);
    let entry: serde_json::Value = serde_json::from_slice(&ended.entries[0]).unwrap();
    assert_eq!(entry["act"], "config.override_ended");
}

#[test]
fn what_the_program_cannot_do_is_told_and_hides_nothing_below() {
    let store = store();
    let room = room(&store);
    apply(&room, 3, r#"{"wan_bytes_per_day": 7, "default_language": "pt"}"#);
    let told = reported(&store);
    assert_eq!(told.stage, State::Committed);
    let failure = told.failure.unwrap();
    assert_eq!((failure.code.as_str(), &*failure.text), ("not_in_force", "default_language: `pt`"));
    let settings = room.follow().borrow().settings.clone();
    assert_eq!(settings.default_language.as_deref(), Some("en"));
    assert_eq!(settings.wan_bytes_per_day, Some(7));
    apply(&room, 4, r#"{"wan_bytes_per_day": 7}"#);
    assert!(reported(&store).failure.is_none());
}

#[test]
fn standing_tells_each_setting_its_layer_version_and_lease() {
    let store = store();
    let room = room(&store);
    apply(&room, 3, r#"{"wan_bytes_per_day": 7, "default_language": "pt"}"#);
    apply(&room, 4, r#"{"engine": 1}"#);
    let laid = over(r#"{"log_level": "debug"}"#, 1000);
    room.lay(&laid, Clock::Known(NOW)).unwrap();
    let found = room.standing(Clock::Known(NOW.plus(999))).unwrap();
    let layers: Vec<_> = found.in_force.iter().map(|s| (s.name.as_str(), s.layer)).collect();
    let (file, hq) = (("default_language", Layer::File), ("wan_bytes_per_day", Layer::Hq));
    assert_eq!(layers, [file, ("log_level", Layer::Override), hq]);
    assert_eq!((found.hq, found.unmet.len(), found.local), (Some(3), 1, Some(laid)));
    let (version, why) = found.refused.unwrap();
    assert!(version == 4 && why.contains("engine"), "{why}");
    let ended = room.standing(Clock::Known(NOW.plus(1000))).unwrap();
    assert!(ended.local.is_none() && ended.in_force.len() == 2, "{ended:?}");
}

#[test]
fn a_lease_without_end_owner_or_reason_is_none() {
    let store = store();
    let room = room(&store);
    let fine = over(r#"{"log_level": "debug"}"#, 1000);
    let known = Clock::Known(NOW);
    let settings = |json: &str| over(json, 1000).settings;
    for (wrong, named) in [
        (Override { until: NOW, ..fine.clone() }, "lease"),
        (Override { until: NOW.plus(MAX_LEASE_MS + 1), ..fine.clone() }, "lease"),
        (Override { owner: Text::cut(" "), ..fine.clone() }, "owner"),
        (Override { reason: Text::cut(""), ..fine.clone() }, "reason"),
        (Override { settings: settings("{}"), ..fine.clone() }, "settings"),
        (
            Override { settings: settings(r#"{"default_language": "pt"}"#), ..fine.clone() },
            "settings.default_language",
        ),
    ] {
        let refused = room.lay(&wrong, known).unwrap_err();
        let ReconcileError::Override { field, .. } = &refused else { panic!("{refused}") };
        assert_eq!(field, named);
    }
    let unknown = room.lay(&fine, Clock::Unknown { at_least: NOW });
    assert!(matches!(unknown, Err(ReconcileError::ClockUnknown)));
    assert!(room.layers().unwrap().local.is_none(), "nothing of it was laid");
    room.lay(&fine, known).unwrap();
    assert!(room.lift("tok_1", known).unwrap());
}
