use super::*;
use crate::hq::Director;
use crate::protocol::{Blob, Digest, Role, Target, UnixMillis};
use crate::state::StateConfig;
use crate::sync::{Believed, LineSettings};

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// An enrolled box and HQ's keys of before and after.
struct House {
    folder: tempfile::TempDir,
    store: Store,
    old: Director,
    new: Director,
    identity: Identity,
}

fn believed(of: &[&Director]) -> Vec<Believed> {
    let keys = of.iter().flat_map(|director| director.public());
    keys.map(|(role, key)| Believed::of(role, &key)).collect()
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let keys = |name: &str| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        Director::open(&folder).unwrap()
    };
    let (old, new) = (keys("old"), keys("new"));
    let enrolment = Enrolment {
        place: "acme/store-1/box-a".parse().unwrap(),
        broker: "mqtt://127.0.0.1:1".to_owned(),
        hq: None,
        keys: believed(&[&old]),
        groups: Vec::new(),
        catalogues: vec!["main".parse().unwrap()],
    };
    enrolment.write(folder.path()).unwrap();
    let settings = LineSettings::new(folder.path().to_owned());
    let resolved = settings.resolve().unwrap().unwrap();
    let identity = Identity::new(folder.path(), &resolved);
    let place = "acme/store-1/box-a".parse().unwrap();
    let store =
        Store::on(redb::backends::InMemoryBackend::new, place, StateConfig::default()).unwrap();
    House { folder, store, old, new, identity }
}

impl House {
    /// Records a keys document, as the line does with what it believes.
    fn record(&self, by: &Director, version: u64, bytes: &[u8]) {
        let who = crate::protocol::Identity {
            place: "acme/store-1/box-a".parse().unwrap(),
            groups: Vec::new(),
        };
        let pointer = Pointer {
            target: Target::Node(who.place.clone()),
            document: Document::Keys,
            version,
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            contents: Contents::Inline(Blob::new(bytes).unwrap()),
            issued: NOW,
            expires: None,
        };
        let signed = by.sign(&pointer).unwrap();
        let clock = Clock::Known(NOW);
        self.store.write(|w| w.record_desired(&who, clock, &signed, &pointer)).unwrap();
        self.identity.take_keys(&self.store, clock).unwrap();
    }

    fn believes(&self, director: &Director) -> bool {
        let [(_, wanted), _] = director.public();
        let keys = self.identity.keys.now();
        keys.iter().any(|key| key.role == Role::Director && key.key == wanted)
    }

    fn reported(&self) -> Reported {
        self.store.reported().unwrap().remove(0)
    }
}

#[test]
fn the_old_key_signs_the_new_one_in_and_the_new_one_signs_the_old_one_out() {
    let house = house();
    let changes = house.identity.changes();
    let both = KeysDoc { keys: believed(&[&house.old, &house.new]) }.to_bytes().unwrap();
    house.record(&house.old, 3, &both);
    assert!(house.believes(&house.old) && house.believes(&house.new));
    assert_eq!((house.reported().stage, *changes.borrow()), (Stage::Committed, 1));
    let alone = KeysDoc { keys: believed(&[&house.new]) }.to_bytes().unwrap();
    house.record(&house.new, 4, &alone);
    assert!(!house.believes(&house.old) && house.believes(&house.new));
    assert_eq!(house.reported().applied.map(|applied| applied.version), Some(4));
    // So it is after a restart.
    let kept = Enrolment::read(house.folder.path()).unwrap().unwrap();
    assert_eq!(kept.keys, believed(&[&house.new]));
}

#[test]
fn keys_that_no_key_of_before_has_signed_are_not_believed() {
    let house = house();
    let theirs = KeysDoc { keys: believed(&[&house.new]) }.to_bytes().unwrap();
    house.record(&house.new, 3, &theirs);
    assert!(house.believes(&house.old) && !house.believes(&house.new));
    assert!(house.store.reported().unwrap().is_empty());
}

#[test]
fn a_keys_document_that_would_leave_the_box_without_a_master_is_refused_once() {
    let house = house();
    house.record(&house.old, 3, b"{\"keys\":[]}");
    assert!(house.believes(&house.old));
    let told = house.reported();
    assert_eq!((told.stage, told.applied), (Stage::Refused, None));
    assert!(told.failure.unwrap().text.contains("director"));
    // The floor holds: an older document does not come back, a newer one is taken.
    let both = KeysDoc { keys: believed(&[&house.old, &house.new]) }.to_bytes().unwrap();
    house.record(&house.old, 2, &both);
    assert!(!house.believes(&house.new));
    house.record(&house.old, 4, &both);
    assert!(house.believes(&house.new));
}

#[test]
fn a_catalogue_that_hq_names_is_followed_and_kept() {
    let house = house();
    let catalogues = house.identity.catalogues();
    let new: Label = "prices".parse().unwrap();
    house.identity.take_up([new.clone(), "main".parse().unwrap()]).unwrap();
    assert_eq!(*catalogues.borrow(), ["main".parse().unwrap(), new.clone()]);
    let kept = Enrolment::read(house.folder.path()).unwrap().unwrap();
    assert_eq!(kept.catalogues, ["main".parse().unwrap(), new.clone()]);
    house.identity.take_up([new]).unwrap();
    assert_eq!(*house.identity.changes().borrow(), 1, "what is known changes nothing");
}
