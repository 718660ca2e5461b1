//! What was recorded is there, and what was changed shows.

use redb::{Database, ReadableTable};
use serde_json::json;

use super::{audit, giving, making};
use crate::audit::tables::ENTRIES;
use crate::audit::*;

#[test]
fn what_a_model_said_and_who_saw_it_is_in_the_chain_and_can_be_made_again() {
    let audit = audit(AuditConfig::default());
    let made = audit.made(making(None, "It is 2 % fat.")).unwrap();
    let given = audit.given(giving(None, Some(made), "It is 2 % fat.")).unwrap();
    let shown = audit.show(&given).unwrap();
    assert_eq!((shown.number, &shown.entry["seen_by"]["class"]), (2, &json!("kiosk")));
    assert_eq!(shown.made.unwrap()["model"], "m");
    assert!(shown.opened.unwrap().as_recorded);
    let again = audit.replayable(&given).unwrap().unwrap();
    assert_eq!((again.inputs["seed"].as_u64(), again.text.as_str()), (Some(7), "It is 2 % fat."));
    assert!(again.is("It is 2 % fat.") && !again.is("It is 2 % fat. Or not."));
    let verified = audit.verify(&[]).unwrap();
    assert_eq!((verified.first, verified.last, verified.fault), (1, 2, None));
    assert_eq!(verified.head, audit.head().unwrap().digest());
}

#[test]
fn what_cannot_be_made_again_says_why() {
    let audit = audit(AuditConfig::default());
    let why = |giving| audit.replayable(&audit.given(giving).unwrap()).unwrap().unwrap_err();
    let of_facts = Giving { step: "template".to_owned(), ..giving(None, None, "Open until 8.") };
    assert_eq!(why(of_facts), NotReplayable::OfFacts);
    assert_eq!(why(giving(None, None, "From a pack.")), NotReplayable::Elsewhere);
    let refused = audit.made(Making { said: None, ..making(None, "") });
    assert_eq!(why(giving(None, refused, "Ask a colleague.")), NotReplayable::Refused);
}

#[test]
fn texts_of_unequal_records_cannot_be_told_from_their_digests() {
    let audit = audit(AuditConfig::default());
    let digest = || {
        let id = audit.given(giving(None, None, "Yes.")).unwrap();
        audit.show(&id).unwrap().entry["text_digest"].as_str().unwrap().to_owned()
    };
    assert_ne!(digest(), digest());
}

#[test]
fn an_entry_that_was_changed_removed_or_added_shows() {
    type Meddle = fn(&redb::WriteTransaction);
    let meddles: [(Meddle, &str); 4] = [
        (
            |it| {
                let mut entries = it.open_table(ENTRIES).unwrap();
                let text = entries.get(2).unwrap().unwrap().value().to_vec();
                let text = String::from_utf8(text).unwrap().replace("kiosk", "other");
                entries.insert(2, text.as_bytes()).unwrap();
            },
            "changed",
        ),
        (|it| drop(it.open_table(ENTRIES).unwrap().remove(1).unwrap()), "entry 1 is missing"),
        (|it| drop(it.open_table(ENTRIES).unwrap().remove(3).unwrap()), "entry 3 is missing"),
        (
            |it| drop(it.open_table(ENTRIES).unwrap().insert(4, &b"{}"[..]).unwrap()),
            "entry 4 stands behind",
        ),
    ];
    for (meddle, told) in meddles {
        let folder = tempfile::tempdir().unwrap();
        let shoppers = crate::shoppers::Shoppers::in_memory(Default::default()).unwrap();
        let audit = Audit::open(folder.path(), shoppers, AuditConfig::default()).unwrap();
        for _ in 0..3 {
            audit.given(giving(None, None, "Yes.")).unwrap();
        }
        assert_eq!(audit.verify(&[]).unwrap().fault, None);
        drop(audit);
        let path = folder.path().join("audit.redb");
        let database = super::until_free(|| Database::open(&path));
        let transaction = database.begin_write().unwrap();
        meddle(&transaction);
        transaction.commit().unwrap();
        drop(database);
        let fault = Audit::verify_file(&path, &[]).unwrap().fault.unwrap().to_string();
        assert!(fault.contains(told), "{told}: {fault}");
    }
}

#[test]
fn the_oldest_leave_and_the_rest_still_makes_a_chain() {
    let audit = audit(AuditConfig { max_records: 10, ..AuditConfig::default() });
    let ids: Vec<_> = (0..25).map(|_| audit.given(giving(None, None, "Yes.")).unwrap()).collect();
    audit.flush();
    let last = audit.given(giving(None, None, "Yes.")).unwrap();
    let verified = audit.verify(&[]).unwrap();
    assert_eq!((verified.first, verified.last, verified.fault), (17, 26, None));
    assert!(matches!(audit.show(&ids[0]), Err(AuditError::NotFound { .. })));
    assert_eq!(audit.show(&last).unwrap().number, 26);
}

#[test]
fn inputs_have_a_limit_of_their_own() {
    let audit = audit(AuditConfig { max_inputs_bytes: 4000, ..AuditConfig::default() });
    let text = "a".repeat(900);
    let ids: Vec<_> = (0..8).map(|_| audit.made(making(None, &text)).unwrap()).collect();
    audit.flush();
    let why = |id| audit.replayable(id).unwrap().map(drop);
    assert_eq!(why(&ids[0]), Err(NotReplayable::KeptNoLonger));
    assert_eq!(why(&ids[7]), Ok(()));
    assert!(audit.figures().unwrap().inputs_bytes <= 4000);
}

#[test]
fn a_chain_on_a_file_goes_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let shoppers = crate::shoppers::Shoppers::in_memory(Default::default()).unwrap();
    let open = || Audit::open(folder.path(), shoppers.clone(), AuditConfig::default());
    let audit = open().unwrap();
    let made = audit.made(making(None, "Yes.")).unwrap();
    audit.flush();
    drop(audit);
    let audit = super::until_free(open);
    audit.given(giving(None, Some(made), "Yes.")).unwrap();
    let verified = audit.verify(&[]).unwrap();
    assert_eq!((verified.last, verified.fault), (2, None));
    assert!(audit.replayable(&made).unwrap().is_ok());
}

#[test]
fn a_chain_that_was_written_anew_or_cut_is_not_what_headquarters_was_told() {
    let noted = |audit: &Audit| {
        let head = audit.head().unwrap();
        Noted { entries: head.entries, head: head.digest() }
    };
    let told = |audit: &Audit, noted: &[Noted]| {
        let verified = audit.verify(noted).unwrap();
        (verified.compared, verified.fault.map(|fault| fault.to_string()))
    };
    let honest = audit(AuditConfig::default());
    let mut heads = vec![noted(&honest)];
    for _ in 0..3 {
        honest.given(giving(None, None, "Yes.")).unwrap();
        honest.flush();
        heads.push(noted(&honest));
    }
    assert_eq!(told(&honest, &heads), (4, None));
    // Whoever owns the box can write a chain that is sound in itself.
    let anew = audit(AuditConfig::default());
    for _ in 0..3 {
        anew.given(giving(None, None, "No.")).unwrap();
    }
    assert_eq!(told(&anew, &[]), (0, None));
    let (_, fault) = told(&anew, &heads);
    assert!(fault.unwrap().contains("up to 1 do not make"), "the first one shows it");
    let (_, fault) = told(&anew, &heads[3..]);
    assert!(fault.unwrap().contains("up to 3 do not make"), "and so does the last");
    let cut = audit(AuditConfig::default());
    let (_, fault) = told(&cut, &heads);
    assert!(fault.unwrap().contains("entry 3"), "nothing is there");
}

#[test]
fn what_left_by_its_age_is_not_missed() {
    let audit = audit(AuditConfig { max_records: 10, ..AuditConfig::default() });
    let mut heads = Vec::new();
    for _ in 0..25 {
        audit.given(giving(None, None, "Yes.")).unwrap();
        audit.flush();
        let head = audit.head().unwrap();
        heads.push(Noted { entries: head.entries, head: head.digest() });
    }
    let verified = audit.verify(&heads).unwrap();
    assert_eq!(verified.fault, None);
    assert!((10..=17).contains(&verified.compared), "{verified:?}");
}
