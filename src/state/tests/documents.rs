//! Documents and commands as they are recorded.

use ed25519_dalek::SigningKey;

use super::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn who() -> Identity {
    Identity { place: place(), groups: Vec::new() }
}

fn pointer(version: u64, contents: &[u8]) -> Pointer {
    Pointer {
        target: Target::Node(place()),
        document: Document::Config,
        version,
        digest: Digest::of(contents),
        size_bytes: contents.len() as u64,
        contents: Contents::Inline(Blob::new(contents).unwrap()),
        issued: NOW.plus(version),
        expires: None,
    }
}

fn record(store: &Store, pointer: &Pointer) -> Result<News, StateError> {
    let signed = Signed::sign(pointer, &[&key()]).unwrap();
    store.write(|w| w.record_desired(&who(), Clock::Known(NOW), &signed, pointer))
}

#[test]
fn only_a_newer_version_is_recorded_and_it_raises_the_floor_of_time() {
    let store = store(StateConfig::default());
    assert_eq!(record(&store, &pointer(5, b"five")).unwrap(), News::Newer);
    assert_eq!(record(&store, &pointer(5, b"five")).unwrap(), News::Known);
    assert_eq!(record(&store, &pointer(4, b"four")).unwrap(), News::Older { recorded: 5 });
    assert!(matches!(record(&store, &pointer(5, b"FIVE")), Err(StateError::Unfit(_))));
    let signed = store.desired(Document::Config).unwrap().unwrap();
    assert_eq!(signed.unverified().unwrap(), pointer(5, b"five"));
    assert_eq!(store.floor().unwrap(), NOW.plus(5));
    assert_eq!(store.floors().unwrap()[&Document::Config].version, 5);
    assert!(store.desired(Document::Bundle).unwrap().is_none());
    assert_eq!(record(&store, &pointer(6, b"six")).unwrap(), News::Newer);
}

#[test]
fn only_a_newer_head_of_facts_is_recorded() {
    let store = store(StateConfig::default());
    let head = |catalogue: &str, epoch, root| FactsHead {
        tenant: "acme".parse().unwrap(),
        catalogue: catalogue.parse().unwrap(),
        epoch,
        root: Digest([root; 32]),
        path: Text::new("facts").unwrap(),
        issued: NOW,
        expires: None,
    };
    let record = |head: FactsHead| {
        let signed = Signed::sign(&head, &[&key()]).unwrap();
        store.write(|writing| writing.record_head(&signed, &head))
    };
    assert_eq!(record(head("main", 5, 1)).unwrap(), News::Newer);
    assert_eq!(record(head("main", 5, 1)).unwrap(), News::Known);
    assert_eq!(record(head("main", 4, 1)).unwrap(), News::Older { recorded: 5 });
    assert!(record(head("main", 5, 2)).is_err());
    assert_eq!(record(head("main", 6, 2)).unwrap(), News::Newer);
    assert_eq!(store.head("main").unwrap().unwrap().unverified().unwrap().epoch, 6);
    for number in 1..limits::MAX_LISTED {
        record(head(&format!("c{number}"), 1, 1)).unwrap();
    }
    assert!(matches!(record(head("more", 1, 1)), Err(StateError::TooMany { .. })));
}

#[test]
fn what_is_reported_is_replaced_by_document() {
    let store = store(StateConfig::default());
    let reported = |document, stage| Reported {
        document,
        desired: Some(1),
        stage,
        applied: None,
        observed: None,
        at: NOW,
        failure: None,
        local: None,
    };
    for stage in [Stage::Offered, Stage::Committed] {
        store.write(|writing| writing.report(&reported(Document::Bundle, stage))).unwrap();
    }
    store.write(|writing| writing.report(&reported(Document::Facts, Stage::Offered))).unwrap();
    let found: Vec<_> =
        store.reported().unwrap().iter().map(|one| (one.document, one.stage)).collect();
    assert_eq!(found, [(Document::Bundle, Stage::Committed), (Document::Facts, Stage::Offered)]);
}

#[test]
fn commands_are_kept_until_they_are_done_and_expired() {
    let store = store(StateConfig { max_commands: 2, ..StateConfig::default() });
    let command = |id: u8| Command {
        id: MessageId([id; 16]),
        target: place(),
        name: "cache.purge".parse().unwrap(),
        arguments: Fields::default(),
        issued: NOW,
        expires: NOW.plus(1000),
    };
    let record = |id, now| {
        let signed = Signed::sign(&command(id), &[&key()]).unwrap();
        store.write(|writing| writing.record_command(now, &signed, &command(id)))
    };
    let done = |id: u8| CommandState {
        id: MessageId([id; 16]),
        outcome: Outcome::Done,
        at: NOW,
        details: Fields::default(),
    };
    record(1, NOW).unwrap();
    record(2, NOW).unwrap();
    assert!(matches!(record(3, NOW), Err(StateError::TooMany { .. })));
    assert!(store.write(|writing| writing.set_outcome(&done(1))).unwrap());
    assert!(!store.write(|writing| writing.set_outcome(&done(9))).unwrap());
    assert!(record(3, NOW).is_err(), "HQ may still ask for the outcome of 1");
    record(3, NOW.plus(1000)).unwrap();
    let kept: Vec<u8> = store
        .commands()
        .unwrap()
        .iter()
        .map(|recorded| recorded.command.unverified().unwrap().id.0[0])
        .collect();
    assert_eq!(kept, [2, 3]);
    assert!(store.command(MessageId([2; 16])).unwrap().unwrap().state.is_none());
}

#[test]
fn a_file_of_another_version_is_refused() {
    let disk = Disk::default();
    let store = Store::on(disk_of(&disk), place(), StateConfig::default()).unwrap();
    store.write(|writing| writing.put("schema", 99)).unwrap();
    drop(store);
    let disk = Disk::of(disk.images(0).remove(1));
    let refusal = Store::on(disk_of(&disk), place(), StateConfig::default()).unwrap_err();
    assert!(matches!(refusal, StateError::Version { found: 99, .. }), "{refusal}");
}

#[test]
fn a_command_that_comes_again_is_not_to_be_done_again() {
    let store = store(StateConfig::default());
    let id = MessageId([1; 16]);
    let command = Command {
        id,
        target: place(),
        name: "cache.purge".parse().unwrap(),
        arguments: Fields::default(),
        issued: NOW,
        expires: NOW.plus(1000),
    };
    let record = || {
        let signed = Signed::sign(&command, &[&key()]).unwrap();
        store.write(|writing| writing.record_command(NOW, &signed, &command)).unwrap()
    };
    assert!(record());
    let done = CommandState { id, outcome: Outcome::Done, at: NOW, details: Fields::default() };
    store.write(|writing| writing.set_outcome(&done)).unwrap();
    assert!(!record(), "in another envelope, of another ledger or number, it is the same command");
    assert_eq!(store.command(id).unwrap().unwrap().state, Some(done));
}

#[test]
fn a_version_that_comes_again_signed_by_more_keys_is_recorded_with_them_and_never_with_fewer() {
    let store = store(StateConfig::default());
    let other = SigningKey::from_bytes(&[8; 32]);
    let five = pointer(5, b"five");
    let record = |keys: &[&SigningKey]| {
        let signed = Signed::sign(&five, keys).unwrap();
        store.write(|w| w.record_desired(&who(), Clock::Known(NOW), &signed, &five)).unwrap();
        store.desired(Document::Config).unwrap().unwrap().signatures()
    };
    assert_eq!(record(&[&key()]), 1);
    assert_eq!(record(&[&key(), &other]), 2);
    assert_eq!(record(&[&key()]), 2, "what a broker kept takes no signature away");
}
