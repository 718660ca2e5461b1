//! What is kept has limits, and says so.

use serde_json::json;

use super::{kiosk, said, shoppers};
use crate::shoppers::*;

#[test]
fn the_oldest_turns_leave_by_number_and_by_bytes() {
    let held = shoppers(ShoppersConfig { max_turns: 4, ..ShoppersConfig::default() });
    let begun = held.begin(kiosk(), None, None, 100).unwrap();
    for at in 0..10 {
        held.append(&begun.id, said(&format!("turn {at}")), 100).unwrap();
    }
    let turns = held.conversation(&begun.id, 100).unwrap().turns;
    assert_eq!(turns.iter().map(|turn| turn.number).collect::<Vec<_>>(), [7, 8, 9, 10]);
    let held = shoppers(ShoppersConfig { max_turns: 1000, ..ShoppersConfig::default() });
    let begun = held.begin(kiosk(), None, None, 100).unwrap();
    for _ in 0..100 {
        let details = Some(json!("d".repeat(12_000)));
        held.append(&begun.id, NewTurn { details, ..said("long") }, 100).unwrap();
    }
    let kept = held.conversation(&begun.id, 100).unwrap().turns.len();
    assert!((15..=25).contains(&kept), "{kept}");
}

#[test]
fn who_has_the_most_conversations_gives_one_up_and_nobody_his_only_one() {
    let held = shoppers(ShoppersConfig { max_conversations: 3, ..ShoppersConfig::default() });
    let first = held.begin(kiosk(), None, None, 100).unwrap();
    for at in 101..103 {
        held.begin(kiosk(), None, None, at).unwrap();
    }
    held.begin(kiosk(), None, None, 103).unwrap();
    assert!(matches!(held.conversation(&first.id, 103), Err(ShoppersError::NotFound { .. })));
    let other = |name: &str| Owner { device: name.to_owned(), ..kiosk() };
    let second = held.begin(other("k2"), None, None, 104).unwrap();
    let third = held.begin(other("k3"), None, None, 105).unwrap();
    assert!(matches!(
        held.begin(other("k4"), None, None, 106),
        Err(ShoppersError::Full { what: "conversations", most: 3 })
    ));
    let own = held.begin(other("k3"), None, None, 107).unwrap();
    assert!(held.conversation(&second.id, 107).is_ok());
    assert!(held.conversation(&own.id, 107).is_ok());
    assert!(held.conversation(&third.id, 107).is_err(), "the device's own makes room for it");
}

#[test]
fn what_is_too_large_is_refused_by_its_field() {
    let held = shoppers(ShoppersConfig::default());
    let begun = held.begin(kiosk(), None, None, 100).unwrap();
    let refused = |turn| match held.append(&begun.id, turn, 100) {
        Err(ShoppersError::TooLarge { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(said(&"a".repeat(9000))), "text");
    assert_eq!(refused(NewTurn { language: "x".repeat(65), ..said("a") }), "language");
    assert_eq!(
        refused(NewTurn { details: Some(json!("d".repeat(17_000))), ..said("a") }),
        "details"
    );
    let diet = vec!["a".to_owned(); 17];
    let fields = ProfileFields { diet, ..ProfileFields::default() };
    assert!(matches!(
        held.keep_profile(fields, Consent { at: 1 }, 1),
        Err(ShoppersError::TooLarge { field: "diet", .. })
    ));
}

#[test]
fn a_card_is_not_taken_and_other_patterns_are_redacted() {
    let held = shoppers(ShoppersConfig::default());
    let begun = held.begin(kiosk(), None, None, 100).unwrap();
    let card = held.append(&begun.id, said("my card is 4111 1111 1111 1111"), 100);
    assert!(matches!(card, Err(ShoppersError::CardNumber)));
    let mail = held.append(&begun.id, said("write to jo@example.org"), 100).unwrap();
    assert_eq!(mail.text, "write to <EMAIL_ADDRESS>");
    assert_eq!(held.conversation(&begun.id, 100).unwrap().turns.len(), 1);
}

#[test]
fn keys_of_what_is_over_make_room_for_new_ones() {
    let config = ShoppersConfig { max_subjects: 20, ..ShoppersConfig::default() };
    let held = shoppers(config);
    let sealed: Vec<_> = (0..40)
        .map(|at| {
            let subject = held.keep_key(1000 + at).unwrap();
            let sealed = held.seal(&subject, b"c", b"text").unwrap();
            (subject, sealed)
        })
        .collect();
    let opens = |at: usize| held.open_sealed(&sealed[at].0, b"c", &sealed[at].1);
    assert!(matches!(opens(0), Err(ShoppersError::Erased)));
    assert_eq!(opens(39).unwrap(), b"text");
    assert!(held.open_sealed(&sealed[39].0, b"other", &sealed[39].1).is_err());
    assert_eq!(held.figures().unwrap().subjects, 20);
}
