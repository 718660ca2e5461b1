//! More catalogues of facts than there is room for.

use ed25519_dalek::SigningKey;

use super::node::{START, store};
use super::*;

#[test]
fn a_catalogue_for_which_there_is_no_room_does_not_end_the_line() {
    let facts = SigningKey::from_bytes(&[9; 32]);
    let place: Place = "acme/store-1/box-a".parse().unwrap();
    let names: Vec<Label> =
        (0..=limits::MAX_LISTED).map(|n| format!("c-{n}").parse().unwrap()).collect();
    let trust = Trust {
        who: Identity { place: place.clone(), groups: Vec::new() },
        catalogues: names.clone(),
        keys: Keys::new([Key { key: facts.verifying_key(), role: Role::Facts, until: None }]),
    };
    let mut session = Session::new(store(9), trust, LineConfig::default(), START, 1).unwrap();
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    for catalogue in names {
        let head = FactsHead {
            tenant: place.tenant.clone(),
            catalogue: catalogue.clone(),
            epoch: 1,
            root: Digest([1; 32]),
            path: Text::cut("artefacts/"),
            issued: START,
            expires: None,
        };
        let message = Message::FactsHead(Signed::sign(&head, &[&facts]).unwrap());
        let id = MessageId([1; 16]);
        let envelope = Envelope::new(&sender, id, HybridTime::at(START), &message).unwrap();
        let topic = Topic::FactsHead { tenant: place.tenant.clone(), catalogue }.to_string();
        let happening = Happening::Message { topic, payload: envelope.to_bytes().unwrap() };
        session.handle(happening, Now { wall: START, steady_ms: 0 }).unwrap();
    }
    assert_eq!(session.refused().get("document"), Some(&1));
}
