//! What was erased is gone, and the chain stays whole.

use serde_json::json;

use super::{giving, making};
use crate::audit::*;
use crate::shoppers::{Owner, Shoppers, ShoppersConfig};

fn kiosk() -> Owner {
    Owner { device: "k1".to_owned(), class: "kiosk".to_owned(), zone: None }
}

#[test]
fn an_erasure_takes_inputs_and_leaves_the_record_that_says_so() {
    let shoppers = Shoppers::in_memory(ShoppersConfig::default()).unwrap();
    let memory = redb::backends::InMemoryBackend::new;
    let audit = Audit::on(memory, shoppers.clone(), AuditConfig::default()).unwrap();
    let begun = shoppers.begin(kiosk(), None, None, 100).unwrap();
    let made = audit.made(making(Some(begun.subject), "For you."));
    let given = audit.given(giving(Some(begun.subject), made, "For you.")).unwrap();
    let of_another = audit.made(making(None, "For all.")).unwrap();
    assert!(audit.replayable(&given).unwrap().is_ok());
    let receipt = shoppers.end(&begun.id, 101).unwrap();
    assert_eq!((receipt.what.conversations, receipt.what.answers), (1, 2));
    assert_eq!(audit.replayable(&given).unwrap(), Err(NotReplayable::Erased));
    let shown = audit.show(&given).unwrap();
    assert_eq!((shown.opened, shown.closed), (None, Some(NotReplayable::Erased)));
    assert!(audit.replayable(&of_another).unwrap().is_ok());
    let verified = audit.verify(&[]).unwrap();
    assert_eq!((verified.last, verified.fault), (4, None));
}

#[test]
fn what_is_told_of_a_subject_after_its_erasure_is_recorded_without_inputs() {
    let shoppers = Shoppers::in_memory(ShoppersConfig::default()).unwrap();
    let memory = redb::backends::InMemoryBackend::new;
    let audit = Audit::on(memory, shoppers.clone(), AuditConfig::default()).unwrap();
    let begun = shoppers.begin(kiosk(), None, None, 100).unwrap();
    shoppers.end(&begun.id, 101).unwrap();
    let late = audit.given(giving(Some(begun.subject), None, "Too late.")).unwrap();
    let shown = audit.show(&late).unwrap();
    assert_eq!((&shown.entry["skill"], shown.closed), (&json!("ask"), Some(NotReplayable::Erased)));
}

#[test]
fn inputs_outlive_a_conversation_that_ended_by_itself_for_their_time() {
    let config = ShoppersConfig::default();
    let (idle, keep) = (config.idle.as_secs(), config.keep_sealed.as_secs());
    let shoppers = Shoppers::in_memory(config).unwrap();
    let memory = redb::backends::InMemoryBackend::new;
    let audit = Audit::on(memory, shoppers.clone(), AuditConfig::default()).unwrap();
    let begun = shoppers.begin(kiosk(), None, None, 100).unwrap();
    let made = audit.made(making(Some(begun.subject), "For you.")).unwrap();
    let over = 101 + idle;
    assert_eq!(shoppers.sweep(over).unwrap(), 1);
    assert!(audit.replayable(&made).unwrap().is_ok());
    shoppers.sweep(over + keep).unwrap();
    assert_eq!(audit.replayable(&made).unwrap(), Err(NotReplayable::KeptNoLonger));
    assert_eq!(audit.figures().unwrap().inputs_bytes, 0);
}
