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
    let page = told::Page { tenant: place().tenant, place: None, before: None, limit: PAGE };
    let mut proofs = house.hq.prove_audit(&page).await.unwrap();
    assert_eq!(proofs.len(), 1, "{proofs:?}");
    proofs.remove(0)
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
