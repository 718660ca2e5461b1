//! Signed documents that are forged, old, or for others.

use ed25519_dalek::SigningKey;

use super::samples::{NOW, director, facts_key, place, pointer};
use crate::protocol::*;

fn key(key: &SigningKey, role: Role, until: Option<UnixMillis>) -> Key {
    Key { key: key.verifying_key(), role, until }
}

fn keys() -> Keys {
    Keys::new([key(&director(), Role::Director, None), key(&facts_key(), Role::Facts, None)])
}

fn signed(keys: &[&SigningKey]) -> Signed<Pointer> {
    Signed::sign(&pointer(), keys).unwrap()
}

#[test]
fn a_document_by_a_believed_key_is_believed() {
    assert_eq!(keys().verify(&signed(&[&director()]), NOW), Ok(pointer()));
    let stranger = SigningKey::from_bytes(&[99; 32]);
    assert_eq!(keys().verify(&signed(&[&stranger, &director()]), NOW), Ok(pointer()));
}

#[test]
fn a_key_of_another_role_an_old_one_or_a_stranger_is_not() {
    let stranger = SigningKey::from_bytes(&[99; 32]);
    for other in [&facts_key(), &stranger] {
        let refusal = keys().verify(&signed(&[other]), NOW).unwrap_err();
        assert!(matches!(refusal, Untrusted::UnknownKey(_)), "{refusal}");
    }
    assert!(matches!(keys().verify(&signed(&[]), NOW), Err(Untrusted::UnknownKey(_))));
    let retired = Keys::new([key(&director(), Role::Director, Some(NOW))]);
    assert!(retired.verify(&signed(&[&director()]), UnixMillis(NOW.0 - 1)).is_ok());
    assert!(retired.verify(&signed(&[&director()]), NOW).is_err());
}

#[test]
fn no_byte_of_a_signed_document_can_be_changed() {
    let bytes = minicbor::to_vec(signed(&[&director()])).unwrap();
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        if let Ok(forged) = minicbor::decode::<Signed<Pointer>>(&forged) {
            assert!(keys().verify(&forged, NOW).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_signature_of_one_kind_is_none_of_another() {
    let time = HqTime { target: place(), answers: MessageId([1; 16]), at: NOW };
    let bytes = minicbor::to_vec(Signed::sign(&time, &[&director()]).unwrap()).unwrap();
    let as_command: Signed<Command> = minicbor::decode(&bytes).unwrap();
    let refusal = keys().verify(&as_command, NOW).unwrap_err();
    assert!(matches!(refusal, Untrusted::WrongSignature(_)), "{refusal}");
}

#[test]
fn a_weak_key_is_never_believed() {
    let weak = ed25519_dalek::VerifyingKey::from_bytes(&{
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    })
    .unwrap();
    let keys = Keys::new([Key { key: weak, role: Role::Director, until: None }]);
    let mut signature = [0; 64];
    signature[0] = 1;
    let forged = KeyedSignature { key: key_id(&weak), signature: SignatureBytes(signature) };
    let document = minicbor::to_vec(pointer()).unwrap();
    let blob: Blob<{ limits::MAX_SIGNED_BYTES }> = Blob::new(document).unwrap();
    let bytes = minicbor::to_vec((blob, [forged])).unwrap();
    assert!(keys.verify(&minicbor::decode::<Signed<Pointer>>(&bytes).unwrap(), NOW).is_err());
}

#[test]
fn only_what_is_newer_for_us_and_in_time_is_news() {
    let who = Identity { place: place(), groups: vec!["north".parse().unwrap()] };
    let recorded = |version, digest| Floors::from([(Document::Config, Floor { version, digest })]);
    let digest = pointer().digest;
    let known = Clock::Known(NOW);
    let late = NOW.plus(86_400_000);
    let judge = |floors: &Floors, clock| pointer().judge(&who, floors, clock);

    assert_eq!(judge(&Floors::new(), known), Ok(News::Newer));
    assert_eq!(judge(&recorded(40, Digest([0; 32])), known), Ok(News::Newer));
    assert_eq!(judge(&recorded(41, digest), known), Ok(News::Known));
    assert_eq!(judge(&recorded(42, digest), known), Ok(News::Older { recorded: 42 }));
    assert!(matches!(
        judge(&recorded(41, Digest([0; 32])), known),
        Err(Unfit::Contradiction { .. })
    ));
    for clock in [Clock::Known(late), Clock::Unknown { at_least: late }] {
        assert!(matches!(judge(&Floors::new(), clock), Err(Unfit::Expired(_))));
    }
    for (target, ours) in [
        ("acme/store-0042/box-b", false),
        ("evil/store-0042/box-a", false),
        ("acme/grp/south", false),
        ("evil/grp/north", false),
        ("acme/grp/north", true),
    ] {
        let other = Pointer { target: target.parse().unwrap(), ..pointer() };
        assert_eq!(other.judge(&who, &Floors::new(), known).is_ok(), ours, "{target}");
    }
    let swapped = Pointer {
        contents: Contents::Inline(Blob::new(*b"[engine]\nthreads = 9\n").unwrap()),
        ..pointer()
    };
    let refusal = swapped.judge(&who, &Floors::new(), known).unwrap_err();
    assert_eq!(refusal, Unfit::Contents(Document::Config));
}
