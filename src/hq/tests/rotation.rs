//! The director's key replaced, while boxes are on the line and away.

use ed25519_dalek::SigningKey;

use super::node::{Pair, of_hq};
use super::*;
use crate::sync::{Enrolment, Happening, KeysDoc};

const BOTH: KeyStage = KeyStage::Introduced;

impl Pair {
    /// What a box's identity does: it believes what a key of before has signed, says so, and begins the
    /// line anew.
    async fn follow_keys(&mut self) {
        let signed = self.store.desired(Document::Keys).unwrap().unwrap();
        let pointer = self.keys.verify(&signed, NOW).unwrap();
        let document = KeysDoc::parse(pointer.carried().unwrap().unwrap()).unwrap();
        let enrolment = Enrolment {
            place: place(),
            broker: "mqtt://127.0.0.1:1".to_owned(),
            hq: None,
            keys: document.keys,
            groups: Vec::new(),
            catalogues: Vec::new(),
        };
        self.keys.replace(enrolment.trust().unwrap().keys.now());
        let applied = Applied { version: pointer.version, digest: pointer.digest };
        let reported = Reported {
            document: Document::Keys,
            desired: Some(pointer.version),
            stage: Stage::Committed,
            applied: Some(applied),
            observed: Some(pointer.digest),
            at: NOW,
            failure: None,
            local: None,
        };
        self.store.write(|writing| writing.report(&reported)).unwrap();
        self.come_back().await;
    }

    async fn come_back(&mut self) {
        self.happens(Happening::Lost).await;
        for _ in 0..4 {
            self.tick().await;
        }
    }

    async fn want(&mut self, settings: &str) -> u64 {
        let target = Target::Node(place());
        let draft = Draft::inline(target, Document::Config, settings.into()).unwrap();
        let version = self.house.hq.publish(&Actor::local(), draft).await.unwrap();
        self.come_back().await;
        version
    }

    fn version(&self) -> u64 {
        self.store.floors().unwrap()[&Document::Config].version
    }

    /// Who has stolen a key says what is to be.
    async fn hear(&mut self, key: &SigningKey, version: u64) {
        let bytes = b"{}";
        let pointer = Pointer {
            target: Target::Node(place()),
            document: Document::Config,
            version,
            digest: Digest::of(bytes),
            size_bytes: bytes.len() as u64,
            contents: Contents::Inline(Blob::new(bytes.to_vec()).unwrap()),
            issued: NOW,
            expires: None,
        };
        let message = Message::Desired(Signed::sign(&pointer, &[key]).unwrap());
        let envelope = self.house.hq.clock.envelope(&message, NOW).unwrap();
        let topic = NodeTopic::Desired(Document::Config);
        let said = Outgoing::to_node(&place(), topic, &envelope).unwrap();
        self.happens(of_hq(said)).await;
    }
}

/// The key with which an HQ signs now.
fn stolen(house: &House) -> SigningKey {
    let text = std::fs::read_to_string(house.hq.config.data_dir.join("director.key")).unwrap();
    SigningKey::from_bytes(&text.trim().parse::<Digest>().unwrap().0)
}

#[tokio::test]
async fn a_box_follows_to_another_key_and_believes_the_old_one_no_more() {
    let (mut pair, ada) = (Pair::new().await, Actor::local());
    pair.tick().await;
    pair.want("1").await;
    let old = stolen(&pair.house);
    let state = pair.house.hq.introduce_key(&ada).await.unwrap();
    assert_eq!((state.stage, state.behind), (BOTH, 1));
    let newest = Keys::new(pair.house.hq.director().public().map(|(role, key)| Key {
        key,
        role,
        until: None,
    }));
    // The box believes the old key alone, and what is wanted reaches it.
    let version = pair.want("2").await;
    assert_eq!(pair.version(), version);
    pair.follow_keys().await;
    let state = pair.house.hq.introduce_key(&ada).await.unwrap();
    assert_eq!((state.stage, state.behind), (BOTH, 0), "asked again it changes nothing");
    // What waits at the box from before is known by the new key's signature.
    let recorded = pair.store.desired(Document::Config).unwrap().unwrap();
    assert!(newest.verify(&recorded, NOW).is_ok());
    let state = pair.house.hq.retire_key(&ada).await.unwrap();
    assert_eq!((state.stage, state.behind), (KeyStage::Retiring, 1));
    assert!(!pair.house.hq.finish_rotation().await.unwrap(), "a box believes the old key still");
    pair.come_back().await;
    pair.follow_keys().await;
    let state = pair.house.hq.keys_state().await.unwrap();
    assert_eq!((state.stage, state.leaving), (KeyStage::Single, None));
    let version = pair.want("3").await;
    assert_eq!(pair.version(), version);
    // A document of a key that was retired is refused, that of the key of now would not be.
    pair.hear(&old, version + 5).await;
    assert_eq!(pair.version(), version);
    assert!(pair.session.refused().contains_key("signature"), "{:?}", pair.session.refused());
    let new = stolen(&pair.house);
    pair.hear(&new, version + 5).await;
    assert_eq!(pair.version(), version + 5);
    let acts = pair.house.hq.acts(None, 99).await.unwrap();
    for act in ["key.rotate", "key.retire", "key.forget"] {
        assert_eq!(acts.iter().filter(|row| row.act == act).count(), 1, "{act}");
    }
}

#[tokio::test]
async fn a_box_that_was_away_all_the_time_follows_by_its_first_answer() {
    let (mut pair, ada) = (Pair::new().await, Actor::local());
    pair.tick().await;
    pair.want("1").await;
    let [(_, before), _] = pair.house.hq.director().public();
    pair.happens(Happening::Lost).await;
    pair.house.hq.introduce_key(&ada).await.unwrap();
    pair.house.hq.retire_key(&ada).await.unwrap();
    // HQ is started anew in between, and signs with both as before.
    let config = pair.house.hq.config.clone();
    pair.house.hq = Hq::open(config).await.unwrap();
    let state = pair.house.hq.keys_state().await.unwrap();
    assert_eq!((state.stage, state.named), (KeyStage::Retiring, vec![place().to_string()]));
    pair.come_back().await;
    pair.follow_keys().await;
    let keys = pair.keys.now();
    assert!(keys.iter().all(|known| known.key != before), "the old key is believed");
    assert_eq!(pair.house.hq.keys_state().await.unwrap().stage, KeyStage::Single);
    let version = pair.want("2").await;
    assert_eq!(pair.version(), version);
}

#[tokio::test]
async fn heads_and_commands_from_before_are_worth_as_much_after_the_key_is_gone() {
    let (mut pair, ada) = (Pair::new().await, Actor::local());
    for entry in 1..=3_u8 {
        pair.store.write(|writing| writing.audit(NOW, &[entry])).unwrap();
    }
    pair.tick().await;
    pair.happens(Happening::Lost).await;
    let order = Order {
        target: Target::Node(place()),
        name: "test.count".parse().unwrap(),
        arguments: Fields::default(),
        life_ms: 3_600_000,
    };
    pair.house.hq.command(&ada, &order).await.unwrap();
    pair.house.hq.introduce_key(&ada).await.unwrap();
    pair.house.hq.retire_key(&ada).await.unwrap();
    // The box's identity takes up the keys before the command comes.
    let newest = pair.house.hq.director().public();
    pair.keys.replace(newest.map(|(role, key)| Key { key, role, until: None }));
    pair.come_back().await;
    pair.follow_keys().await;
    assert_eq!(pair.house.hq.keys_state().await.unwrap().stage, KeyStage::Single);
    let rows = pair.house.hq.commands(&place().tenant, None, 9).await.unwrap();
    assert_eq!(rows[0].outcome.as_deref(), Some("accepted"));
    let page = ProofPage { tenant: place().tenant, place: None, after: String::new(), limit: 9 };
    let proofs = pair.house.hq.prove_audit(&page).await.unwrap();
    assert_eq!((proofs[0].last, proofs[0].fault.as_deref()), (3, None));
}

#[tokio::test]
async fn a_key_is_retired_where_there_is_another_and_for_boxes_that_are_ours() {
    let (mut pair, ada) = (Pair::new().await, Actor::local());
    pair.tick().await;
    let hq = &pair.house.hq;
    assert!(hq.retire_key(&ada).await.unwrap_err().to_string().contains("hq key rotate"));
    hq.introduce_key(&ada).await.unwrap();
    hq.retire_key(&ada).await.unwrap();
    let again = hq.introduce_key(&ada).await.unwrap_err().to_string();
    assert!(again.contains("still on its way out"), "{again}");
    // A box that will not come back is revoked, and nobody waits for it.
    hq.revoke_node(&ada, &place()).await.unwrap();
    assert!(hq.finish_rotation().await.unwrap());
    assert_eq!(hq.introduce_key(&ada).await.unwrap().stage, BOTH);
}
