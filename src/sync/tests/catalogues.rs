//! Catalogues of facts: new ones, and more than there is room for.

use ed25519_dalek::SigningKey;

use super::node::{START, store};
use super::*;

/// A session that follows these catalogues, and who signs heads for it.
fn session(catalogues: Vec<Label>) -> (Session, SigningKey) {
    let facts = SigningKey::from_bytes(&[9; 32]);
    let place: Place = "acme/store-1/box-a".parse().unwrap();
    let trust = Trust {
        who: Identity { place, groups: Vec::new() },
        catalogues,
        keys: Keys::new([Key { key: facts.verifying_key(), role: Role::Facts, until: None }]),
    };
    (Session::new(store(9), trust, LineConfig::default(), START, 1).unwrap(), facts)
}

/// The session hears of a catalogue's first epoch.
fn told(session: &mut Session, facts: &SigningKey, catalogue: Label) {
    let tenant: Label = "acme".parse().unwrap();
    let head = FactsHead {
        tenant: tenant.clone(),
        catalogue: catalogue.clone(),
        epoch: 1,
        root: Digest([1; 32]),
        path: Text::cut("artefacts/"),
        issued: START,
        expires: None,
    };
    let message = Message::FactsHead(Signed::sign(&head, &[facts]).unwrap());
    let sender = Sender { source: Source::Hq, boot: BootId([1; 8]) };
    let id = MessageId([1; 16]);
    let envelope = Envelope::new(&sender, id, HybridTime::at(START), &message).unwrap();
    let topic = Topic::FactsHead { tenant, catalogue }.to_string();
    let happening = Happening::Message { topic, payload: envelope.to_bytes().unwrap() };
    session.handle(happening, Now { wall: START, steady_ms: 0 }).unwrap();
}

#[test]
fn a_catalogue_that_enrolment_did_not_know_of_is_noted_as_soon_as_it_is_told() {
    let (mut session, facts) = session(Vec::new());
    told(&mut session, &facts, "main".parse().unwrap());
    assert_eq!(session.offered().iter().map(ToString::to_string).collect::<Vec<_>>(), ["main"]);
}

#[test]
fn a_catalogue_for_which_there_is_no_room_does_not_end_the_line() {
    let names: Vec<Label> =
        (0..=limits::MAX_LISTED).map(|n| format!("c-{n}").parse().unwrap()).collect();
    let (mut session, facts) = session(names.clone());
    for catalogue in names {
        told(&mut session, &facts, catalogue);
    }
    assert_eq!(session.refused().get("document"), Some(&1));
}
