//! Nothing of the audit log is forgotten but what HQ signed, of the very log that was written.

use ed25519_dalek::SigningKey;

use super::*;

/// What HQ says to have, signed.
fn stored(store: &Store, through: u64, last: u64, head: Digest) -> (Ack, AuditStored) {
    let ledger = store.ledger().unwrap();
    signed(AuditStored { place: place(), ledger, through, last, head, at: NOW })
}

fn signed(said: AuditStored) -> (Ack, AuditStored) {
    let key = SigningKey::from_bytes(&[7; 32]);
    let audit = Some(Signed::sign(&said, &[&key]).unwrap());
    let (ledger, through) = (said.ledger, said.through);
    (Ack { ledger, stream: Stream::Audit, through, above: List::default(), audit }, said)
}

fn acknowledge(store: &Store, (ack, said): (Ack, AuditStored)) -> Acknowledged {
    store.write(|writing| writing.acknowledge_audit(&ack, &said)).unwrap()
}

fn resume(store: &Store, (ack, said): (Ack, AuditStored)) -> Acknowledged {
    store.write(|writing| writing.resume_audit(&ack, &said)).unwrap()
}

/// HQ signs that it has all up to a block of this head.
pub(super) fn say(store: &Store, last: u64, head: Digest) -> Acknowledged {
    acknowledge(store, stored(store, last, last, head))
}

/// HQ signs the first block that waits; on a disk that may fail.
pub(super) fn sign_next(store: &Store) -> Result<Acknowledged, StateError> {
    let first = store.position(Stream::Audit)?.first;
    let (ack, said) = stored(store, first, first, try_head(store, first)?);
    store.write(|writing| writing.acknowledge_audit(&ack, &said))
}

fn head(store: &Store, seq: u64) -> Digest {
    try_head(store, seq).unwrap()
}

/// The chain's head after the block that waits under a number; zeros where none does.
fn try_head(store: &Store, seq: u64) -> Result<Digest, StateError> {
    let items = store.waiting(Stream::Audit, Run::of(seq), usize::MAX)?;
    let read = |item: &Item| Envelope::parse(&item.bytes).unwrap().message().unwrap();
    Ok(match items.first().map(read) {
        Some(Message::Audit(block)) => block.after,
        _ => Digest([0; 32]),
    })
}

fn written(store: &Store, count: u8) {
    for number in 1..=count {
        store.write(|writing| writing.audit(NOW, &[number])).unwrap();
    }
}

fn waits(store: &Store) -> (u64, u64, u64) {
    let at = store.position(Stream::Audit).unwrap();
    (at.acked, at.first, at.next)
}

#[test]
fn the_log_is_forgotten_as_far_as_hq_signed_and_the_head_is_kept() {
    let store = store(StateConfig::default());
    written(&store, 5);
    assert_eq!(store.audit_head().unwrap(), None);
    let third = head(&store, 3);
    assert_eq!(say(&store, 3, third), Acknowledged::Forgotten(3));
    assert_eq!(waits(&store), (3, 4, 6));
    let kept = store.audit_head().unwrap().unwrap();
    assert_eq!((kept.entry, kept.stored.last, kept.stored.head), (3, 3, third));
    assert_eq!(say(&store, 3, third), Acknowledged::Known);
    assert_eq!(say(&store, 2, Digest([9; 32])), Acknowledged::Known, "that is long gone");
    assert_eq!(store.audit_head().unwrap().unwrap(), kept);
}

#[test]
fn unsigned_foreign_other_and_too_far_words_leave_the_log_whole() {
    let store = store(StateConfig::default());
    written(&store, 5);
    let right = stored(&store, 3, 3, head(&store, 3)).1;
    let plain = ack(&store, Stream::Audit, 3);
    assert_eq!(store.write(|w| w.acknowledge(&plain)).unwrap(), Acknowledged::Unsigned);
    assert_eq!(store.write(|w| w.resume(&plain)).unwrap(), Acknowledged::Unsigned);
    let other = "acme/store-1/box-b".parse().unwrap();
    let (foreign, log) = (Acknowledged::Foreign, Acknowledged::OtherLog);
    for (said, expected) in [
        (AuditStored { place: other, ..right.clone() }, foreign),
        (AuditStored { ledger: Ledger([0; 8]), ..right.clone() }, foreign),
        (AuditStored { through: 6, ..right.clone() }, Acknowledged::Ahead),
        (AuditStored { last: 4, ..right.clone() }, Acknowledged::Ahead),
        (AuditStored { head: Digest([9; 32]), ..right.clone() }, log),
        (AuditStored { through: 4, last: 4, ..right.clone() }, log),
        (AuditStored { last: 2, ..right }, log),
    ] {
        assert_eq!(acknowledge(&store, signed(said.clone())), expected, "{said:?}");
        assert_eq!(resume(&store, signed(said)), expected);
        assert_eq!((waits(&store), store.audit_head().unwrap()), ((0, 1, 6), None));
    }
}

#[test]
fn what_hq_counted_without_a_block_waits_for_a_later_head() {
    let store = store(StateConfig::default());
    written(&store, 5);
    let said = stored(&store, 4, 2, head(&store, 2));
    assert_eq!(acknowledge(&store, said), Acknowledged::Forgotten(2));
    assert_eq!(waits(&store), (2, 3, 6));
    assert_eq!(say(&store, 5, head(&store, 5)), Acknowledged::Forgotten(3));
    assert_eq!(waits(&store), (5, 6, 6));
}

#[test]
fn what_hq_forgot_of_the_log_is_declared_and_the_declaration_is_acknowledged() {
    let store = store(StateConfig::default());
    written(&store, 5);
    say(&store, 4, head(&store, 4));
    let nothing = stored(&store, 0, 0, Digest([0; 32]));
    assert_eq!(
        acknowledge(&store, nothing.clone()),
        Acknowledged::Known,
        "no stray word does that"
    );
    assert_eq!(waits(&store), (4, 5, 6));
    assert_eq!(resume(&store, nothing), Acknowledged::Known);
    assert_eq!(waiting(&store, Stream::Audit), [(1, 4, None), (5, 5, None)]);
    let declared = stored(&store, 4, 0, Digest([0; 32]));
    assert_eq!(acknowledge(&store, declared), Acknowledged::Forgotten(4));
    assert_eq!(waits(&store), (4, 5, 6));
}

#[test]
fn a_log_that_is_counted_anew_is_the_same_log() {
    let store = store(StateConfig::default());
    written(&store, 5);
    say(&store, 3, head(&store, 3));
    store.write(|writing| writing.begin_ledger()).unwrap();
    assert_eq!(waits(&store), (0, 1, 3));
    let last = head(&store, 2);
    assert_eq!(say(&store, 2, last), Acknowledged::Forgotten(2));
    let kept = store.audit_head().unwrap().unwrap();
    assert_eq!((kept.entry, kept.stored.last, kept.stored.head), (5, 2, last));
}
