//! Audit logs at HQ, as they were told and as somebody would like to have them.

use super::node::Pair;
use super::*;

const PAGE: u32 = 9;

async fn told() -> Pair {
    let mut pair = Pair::new().await;
    for number in 1..=5 {
        let entry = format!("{{\"act\":\"test.act\",\"number\":{number}}}");
        pair.store.write(|writing| writing.audit(NOW, entry.as_bytes())).unwrap();
    }
    pair.tick().await;
    pair
}

async fn proof(house: &House) -> AuditProof {
    let mut proofs = proofs(house).await;
    assert_eq!(proofs.len(), 1, "{proofs:?}");
    proofs.remove(0)
}

async fn proofs(house: &House) -> Vec<AuditProof> {
    let page = ProofPage { tenant: place().tenant, place: None, after: String::new(), limit: PAGE };
    house.hq.prove_audit(&page).await.unwrap()
}

#[tokio::test]
async fn a_log_that_is_as_it_was_told_is_proved_from_its_first_entry_to_its_signed_head() {
    let pair = told().await;
    let proof = proof(&pair.house).await;
    assert_eq!((proof.fault, proof.entries, proof.first, proof.last), (None, 5, 1, 5));
}

#[tokio::test]
async fn an_entry_that_was_removed_or_changed_at_hq_is_found() {
    let body = "(SELECT body FROM audit WHERE first = 4)";
    for (what, fault) in [
        ("DELETE FROM audit WHERE first = 1".to_owned(), "entries 1 to 1 are missing"),
        ("DELETE FROM audit WHERE first = 3".to_owned(), "entries 3 to 3 are missing"),
        ("DELETE FROM audit WHERE first = 5".to_owned(), "ends with entry 4"),
        ("DELETE FROM audit WHERE first >= 1".to_owned(), "ends with entry 0"),
        (format!("UPDATE audit SET body = {body} WHERE first = 3"), "what stands beside it"),
        ("UPDATE audit SET body = x'00' WHERE first = 3".to_owned(), "cannot be read"),
        ("UPDATE audit SET first = 9 WHERE first = 3".to_owned(), "entries 3 to 3 are missing"),
        ("UPDATE audit_heads SET signed = replace(signed, 'a', 'b')".to_owned(), "signature"),
        ("DELETE FROM audit_heads".to_owned(), "signed head is gone"),
    ] {
        let pair = told().await;
        let mut change = pair.house.hq.database.begin().await.unwrap();
        sqlx::query(&what).execute(&mut *change).await.unwrap();
        change.commit().await.unwrap();
        let found = proof(&pair.house).await.fault.unwrap_or_default();
        assert!(found.contains(fault), "{what}: {found}");
    }
}

#[tokio::test]
async fn an_entry_that_was_written_anew_with_its_heads_is_found_by_the_signature() {
    let pair = told().await;
    let mut change = pair.house.hq.database.begin().await.unwrap();
    // Whoever has the database, but not HQ's key, makes a log that fits together.
    let mut before = Digest([0; 32]);
    for first in 1..=5_u64 {
        let text = format!("forged {first}");
        let entries = List::new(vec![Blob::new(text.as_bytes()).unwrap()]).unwrap();
        let after = AuditBlock::head_after(before, &entries);
        let block = Message::Audit(AuditBlock { first, before, after, entries });
        sqlx::query("UPDATE audit SET body = $2, before = $3, after = $4 WHERE first = $1")
            .bind(first as i64)
            .bind(block.body().unwrap())
            .bind(before.to_string())
            .bind(after.to_string())
            .execute(&mut *change)
            .await
            .unwrap();
        before = after;
    }
    sqlx::query("UPDATE audit_heads SET head = $1")
        .bind(before.to_string())
        .execute(&mut *change)
        .await
        .unwrap();
    change.commit().await.unwrap();
    let fault = proof(&pair.house).await.fault.unwrap();
    assert!(fault.contains("another head than the one that HQ signed"), "{fault}");
}

#[tokio::test]
async fn a_log_that_was_taken_away_with_its_head_is_missed_by_what_hq_acknowledged() {
    let pair = told().await;
    let mut change = pair.house.hq.database.begin().await.unwrap();
    for delete in ["DELETE FROM audit", "DELETE FROM audit_heads"] {
        sqlx::query(delete).execute(&mut *change).await.unwrap();
    }
    change.commit().await.unwrap();
    let proof = proof(&pair.house).await;
    let fault = proof.fault.unwrap();
    assert!(
        fault.contains("HQ acknowledged 5 messages") && fault.contains("none is here"),
        "{fault}"
    );
    assert_eq!((proof.entries, proof.signed_ms), (0, 0));
}

/// The box lost its disk: its log begins anew, and other things are told in it.
async fn with_another_disk(pair: &mut Pair, entries: std::ops::Range<u8>) {
    pair.begin_with_an_empty_disk();
    for number in entries {
        pair.store.write(|writing| writing.audit(NOW, &[number])).unwrap();
    }
    for _ in 0..4 {
        pair.tick().await;
    }
}

#[tokio::test]
async fn a_box_with_another_disk_is_an_alarm_until_somebody_begins_another_chain() {
    let (mut pair, actor) = (told().await, Actor::local());
    let refused = pair.house.hq.begin_audit_chain(&actor, &place(), "why not").await;
    assert!(refused.unwrap_err().to_string().contains("nothing to begin"));
    with_another_disk(&mut pair, 1..4).await;
    let alarm = proof(&pair.house).await;
    assert_eq!((alarm.last, alarm.loose_blocks), (5, 3));
    assert!(alarm.fault.unwrap().contains("endcap hq audit begin"));
    assert!(pair.house.hq.begin_audit_chain(&actor, &place(), " ").await.is_err());
    let begun = pair.house.hq.begin_audit_chain(&actor, &place(), "new disk").await.unwrap();
    assert_eq!(begun, 2);
    pair.store.write(|writing| writing.audit(NOW, b"after it")).unwrap();
    pair.tick().await;
    let chains = |proofs: &[AuditProof]| {
        let one = |proof: &AuditProof| {
            (proof.chain, proof.entries, proof.loose_blocks, proof.fault.clone())
        };
        proofs.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(chains(&proofs(&pair.house).await), [(1, 5, 0, None), (2, 4, 0, None)]);
    let act = pair.house.hq.acts(None, 1).await.unwrap().remove(0);
    assert_eq!((act.act.as_str(), act.who.as_str()), ("audit.begin", "local"));
    assert!(act.details.contains("new disk"), "{act:?}");
    // A third disk is another alarm and another act.
    with_another_disk(&mut pair, 7..9).await;
    assert!(proofs(&pair.house).await[1].fault.is_some());
    assert_eq!(pair.house.hq.begin_audit_chain(&actor, &place(), "again").await.unwrap(), 3);
    assert_eq!(chains(&proofs(&pair.house).await).len(), 3);
}

#[tokio::test]
async fn a_chain_that_is_over_is_verified_as_before() {
    for (what, fault) in [
        ("DELETE FROM audit WHERE chained = 1 AND first = 3", "entries 3 to 3 are missing"),
        ("DELETE FROM audit WHERE chained = 1 AND first = 1", "entries 1 to 1 are missing"),
        ("UPDATE audit_chains SET signed = NULL", "signed head is gone"),
        ("UPDATE audit_chains SET signed = replace(signed, 'a', 'b')", "signature"),
        (
            "DELETE FROM audit WHERE chained = 1; DELETE FROM audit_chains; UPDATE audit SET chained = 1",
            "none is here",
        ),
    ] {
        let mut pair = told().await;
        with_another_disk(&mut pair, 1..3).await;
        pair.house.hq.begin_audit_chain(&Actor::local(), &place(), "new disk").await.unwrap();
        let mut change = pair.house.hq.database.begin().await.unwrap();
        for one in what.split("; ") {
            sqlx::query(one).execute(&mut *change).await.unwrap();
        }
        change.commit().await.unwrap();
        let faults: Vec<_> =
            proofs(&pair.house).await.into_iter().filter_map(|proof| proof.fault).collect();
        assert!(faults.iter().any(|found| found.contains(fault)), "{what}: {faults:?}");
    }
}

#[tokio::test]
async fn the_heads_of_a_boxs_answers_are_read_out_of_its_signed_log() {
    let mut pair = told().await;
    for entries in 1..=3_u64 {
        let entry = format!(
            "{{\"act\":\"answers.head\",\"at_ms\":{},\"by\":\"box\",\"entries\":{entries},\"head\":\"h{entries}\"}}",
            entries * 1000
        );
        pair.store.write(|writing| writing.audit(NOW, entry.as_bytes())).unwrap();
    }
    pair.tick().await;
    let heads = pair.house.hq.answers_heads(&place(), 500).await.unwrap();
    let told: Vec<_> = heads.iter().map(|head| (head.entries, &*head.head, head.told_ms)).collect();
    assert_eq!(told, [(1, "h1", 1000), (2, "h2", 2000), (3, "h3", 3000)]);
    assert_eq!(heads[2].entry, 8);
    let newest = pair.house.hq.answers_heads(&place(), 2).await.unwrap();
    assert_eq!(newest, heads[1..]);
    let other = "acme/store-9/box-a".parse().unwrap();
    assert!(pair.house.hq.answers_heads(&other, 2).await.is_err());
}
