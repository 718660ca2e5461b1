use redb::backends::InMemoryBackend;

use super::*;
use crate::api::{Act, ActError, Acts as _};
use crate::http::Role;
use crate::protocol::{Envelope, Message, Reported, Run, Stream, UnixMillis};
use crate::reconcile::Timekeeper;
use crate::state::{Bounds, StateConfig, Store};

const PLACE: &str = "acme/store-1/box-a";

fn store(config: StateConfig) -> Store {
    Store::on(InMemoryBackend::new, PLACE.parse().unwrap(), config).unwrap()
}

fn levels(store: &Store, folder: &std::path::Path) -> Levels {
    let time = Arc::new(Timekeeper::new(UnixMillis(0), UnixMillis(0)));
    Levels {
        log: Log { store: store.clone(), time },
        tokens: Arc::new(Tokens::open(&folder.join("tokens.json")).unwrap()),
        identity: folder.to_owned(),
        place: PLACE.parse().unwrap(),
    }
}

/// Entries of the log, in their order, without their times.
fn log(store: &Store) -> Vec<Value> {
    let run = Run { first: 1, last: u64::MAX };
    let items = store.waiting(Stream::Audit, run, usize::MAX).unwrap();
    let blocks =
        items.iter().map(|item| match Envelope::parse(&item.bytes).unwrap().message().unwrap() {
            Message::Audit(block) => block,
            other => panic!("{other:?}"),
        });
    let read = |bytes: &[u8]| {
        let mut entry: Value = serde_json::from_slice(bytes).unwrap();
        assert!(entry.as_object_mut().unwrap().remove("at_ms").unwrap().is_u64());
        entry
    };
    blocks.flat_map(|b| b.entries.iter().map(|entry| read(entry)).collect::<Vec<_>>()).collect()
}

fn acts(store: &Store) -> Vec<String> {
    log(store).iter().map(|entry| entry["act"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn tokens_identity_and_bundles_are_told_once_each_time_they_change() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(StateConfig::default());
    let first = levels(&store, folder.path());
    std::fs::write(folder.path().join("certificate.pem"), "one").unwrap();
    let made = first.tokens.create(Role::Feed, "till").unwrap();
    for _ in 0..2 {
        first.tell().unwrap();
    }
    assert_eq!(acts(&store), ["certificate.taken", "enrolled", "token.made"]);
    let entry = serde_json::json!({
        "act": "token.made", "by": "box", "token": made.id, "role": "feed",
    });
    assert_eq!(log(&store)[2], entry, "nothing of what opens the door");

    // After a restart the state knows; another process has revoked, and the certificate is renewed.
    let again = levels(&store, folder.path());
    Tokens::open(&folder.path().join("tokens.json")).unwrap().revoke(&made.id).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), "two").unwrap();
    let fresh = levels(&store, folder.path());
    fresh.tell().unwrap();
    assert_eq!(acts(&store)[3..], ["certificate.taken", "token.revoked"]);
    drop(again);

    let runs = Digest::of(b"a bundle");
    let report = |stage| Reported {
        document: Document::Bundle,
        desired: Some(7),
        stage,
        applied: None,
        observed: Some(runs),
        at: UnixMillis(1),
        failure: None,
        local: None,
    };
    for stage in [Stage::Fetching, Stage::Trial, Stage::Reverted, Stage::Fetching] {
        store.write(|writing| writing.report(&report(stage))).unwrap();
        fresh.tell().unwrap();
    }
    let moved: Vec<Value> = log(&store)[5..].iter().map(|entry| entry["to"].clone()).collect();
    assert_eq!(moved, ["trial", "reverted"]);
    assert_eq!(log(&store)[5]["runs"], runs.to_string());
}

#[tokio::test]
async fn an_act_for_which_the_log_has_no_room_is_refused_and_what_is_so_is_told_later() {
    let folder = tempfile::tempdir().unwrap();
    let bounds = Bounds { max_count: 2, ..StateConfig::default().audit };
    let store = store(StateConfig { audit: bounds, ..StateConfig::default() });
    let levels = levels(&store, folder.path());
    levels.tell().unwrap();
    let act = || {
        let about = Map::from_iter([("all".to_owned(), Value::from(true))]);
        levels.log.write(Act { by: "tok_1".to_owned(), name: "cache.purge", about })
    };
    act().await.unwrap();
    assert_eq!(act().await, Err(ActError::Full));
    std::fs::write(folder.path().join("certificate.pem"), "one").unwrap();
    assert!(matches!(levels.tell(), Err(StateError::Full { .. })));
    assert_eq!(acts(&store), ["enrolled", "cache.purge"]);
    assert!(!levels.told().unwrap().contains_key("certificate"), "it is told when there is room");
}

#[tokio::test]
async fn a_device_that_somebody_revokes_is_told_once_with_who_did_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(StateConfig::default());
    let levels = levels(&store, folder.path());
    let device = |name: &str| levels.tokens.create(Role::Client, name).unwrap().id;
    let (revoked, other, kept) = (device("by the door"), device("aisle 3"), device("till"));
    levels.tell().unwrap();
    let about = [("token".to_owned(), Value::from(&*revoked))].into_iter().collect();
    let act = Act { by: "tok_admin".to_owned(), name: "device.revoke", about };
    levels.log.write(act).await.unwrap();
    // The look comes between the act's entry and the act, too.
    levels.tell().unwrap();
    levels.tokens.revoke(&revoked).unwrap();
    levels.tokens.revoke(&other).unwrap();
    for _ in 0..2 {
        levels.tell().unwrap();
    }
    let told = log(&store);
    let of = |token: &str| told.iter().filter(|entry| entry["token"] == token).collect::<Vec<_>>();
    let revocations = of(&revoked);
    assert_eq!(revocations.len(), 2, "made and revoked: {revocations:?}");
    assert_eq!(
        (&revocations[1]["act"], &revocations[1]["by"]),
        (&"device.revoke".into(), &"tok_admin".into())
    );
    assert_eq!(of(&other)[1]["act"], "token.revoked", "what nobody told is found");
    assert_eq!(of(&kept).len(), 1);
    assert!(
        !levels.told().unwrap().keys().any(|key| key.contains(&revoked)),
        "and nothing is left"
    );
}
